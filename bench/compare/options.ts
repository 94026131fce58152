import { parseArgs } from 'node:util'
import { UserError } from '../../src/base/user-error.js'
import { FURTHER_NAMES, type FurtherName } from './further.js'
import { chooseRows, ROWS, type Row } from './rows.js'

export const USAGE = `Usage: npm run bench -- [options]

Drives Redis, twemproxy and DT with redis-benchmark in turn, and compares what a command costs them.
Without --quick, --rows or --soak: all rows, about half an hour, and writes bench/results.md, .svg and .json.

  --quick       a few rows, once and short: only for trying, in under a minute
  --rows a,b    only these rows, or groups of rows, such as main,incr,set-p16,start
  --rounds N    how often every row is measured on every system (default 5)
  --seconds S   how long each time (default 1.5)
  --soak        instead, 100 million commands to DT: does its memory grow? Adds to the results
  --commands N  with --soak: so many
  --render      instead, write results.md and the figures again from results.json
  --json        print JSON instead of tables
  --list        name the rows
`

export interface Options {
  readonly rows: readonly Row[]
  readonly further: readonly FurtherName[]
  readonly rounds: number
  readonly seconds: number
  readonly quick: boolean
  /** Whether everything is measured, so that it may be written as the results. */
  readonly complete: boolean
  /** How many commands, when it is to soak. */
  readonly soak: number | undefined
  readonly json: boolean
  /** What to do instead of measuring. */
  readonly instead: 'usage' | 'list' | 'render' | undefined
}

/** One of each kind. */
const QUICK_ROWS = ['main', 'incr-p16', 'mget-p1', 'mset-p1', 'set-16kb', 'get-1mb', 'get-c1', 'mixed-p16']
const QUICK_ROUNDS = '1'
const QUICK_SECONDS = '0.3'

/** @throws UserError with a sentence that says what is wrong */
export function parseOptions(args: readonly string[]): Options {
  const { quick, soak, rows, json, list, render, help, ...given } = parse(args)
  const numbers = {
    rounds: numberOf('--rounds', given.rounds ?? (quick ? QUICK_ROUNDS : '5')),
    seconds: numberOf('--seconds', given.seconds ?? (quick ? QUICK_SECONDS : '1.5')),
    commands: numberOf('--commands', given.commands ?? '100000000'),
  }
  if (!Number.isInteger(numbers.rounds)) throw new UserError('--rounds takes a whole number')
  const names = rows?.split(',') ?? (quick ? [...QUICK_ROWS, ...FURTHER_NAMES] : undefined)
  const isFurther = (name: string): name is FurtherName => (FURTHER_NAMES as readonly string[]).includes(name)
  return {
    rows: names === undefined ? ROWS : chooseRows(names.filter((name) => !isFurther(name))),
    further: names === undefined ? FURTHER_NAMES : names.filter(isFurther),
    ...{ rounds: numbers.rounds, seconds: numbers.seconds, quick, json },
    complete: names === undefined,
    soak: soak ? numbers.commands : undefined,
    instead: help ? 'usage' : list ? 'list' : render ? 'render' : undefined,
  }
}

function parse(args: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const
  const text = { type: 'string' } as const
  const options = {
    ...{ quick: flag, soak: flag, json: flag, list: flag, render: flag, help: flag },
    ...{ rows: text, rounds: text, seconds: text, commands: text },
  }
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new UserError((error as Error).message)
  }
}

function numberOf(name: string, text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value > 0 && Number.isFinite(value)))
    throw new UserError(`${name} takes a number above 0`)
  return value
}
