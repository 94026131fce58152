import { parseArgs } from 'node:util'
import { UserError } from '../../src/base/user-error.js'
import { chooseRows, type Row } from '../compare/rows.js'
import { PARTS, type Part } from './without.js'

export const USAGE = `Usage: npm run bench:ab -- --base DIR | --without metrics|traces|acl [options]

Compares the CPU time per command of this build's proxy with that of another build, in turn, in one run.

  --base DIR   another checkout of this repository, built (node scripts/build.mjs)
  --without P  instead of --base: this build without the metrics, the traces, or what asks whether a user may do
               something; with metrics it is this one that is asked for them every 15 seconds
  --rows a,b   these rows of \`npm run bench -- --list\`, or groups of rows (default main)
  --copies 1,3 with so many copies of each key (default both)
  --rounds N   how often each build is measured in each row (default 10)
  --seconds S  how long each time (default 0.7)
  --large      both have seen a value of 1 MB before each time, so that every reply may be a large one
  --json       print JSON instead of a table
`

export interface Options {
  /** The directory of the other build, or what this one is to be without. */
  readonly base: string | { readonly without: Part }
  readonly rows: readonly Row[]
  readonly copies: readonly number[]
  readonly rounds: number
  readonly seconds: number
  readonly large: boolean
  readonly json: boolean
}

/**
 * @returns undefined when help is asked for
 * @throws UserError with a sentence that says what is wrong
 */
export function parseOptions(args: readonly string[]): Options | undefined {
  const { help, json, large, base, without, ...given } = parse(args)
  if (help) return undefined
  if ((base === undefined) === (without === undefined)) {
    throw new UserError('--base says which other build this one is compared with, or --without what it is to lack')
  }
  return {
    base: base ?? { without: partOf(without) },
    rows: chooseRows((given.rows ?? 'main').split(',')),
    copies: (given.copies ?? '1,3').split(',').map((text) => countOf('--copies', text)),
    rounds: countOf('--rounds', given.rounds ?? '10'),
    seconds: numberOf('--seconds', given.seconds ?? '0.7'),
    ...{ large, json },
  }
}

function parse(args: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const
  const text = { type: 'string' } as const
  const options = {
    ...{ base: text, without: text, rows: text, copies: text, rounds: text, seconds: text },
    ...{ large: flag, json: flag, help: flag },
  }
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new UserError((error as Error).message)
  }
}

function partOf(text: string | undefined): Part {
  const part = PARTS.find((name) => name === text)
  if (part === undefined) throw new UserError(`--without takes one of ${PARTS.join(', ')}`)
  return part
}

function countOf(name: string, text: string): number {
  const value = numberOf(name, text)
  if (!Number.isInteger(value)) throw new UserError(`${name} takes whole numbers`)
  return value
}

function numberOf(name: string, text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value > 0 && Number.isFinite(value))) throw new UserError(`${name} takes numbers above 0`)
  return value
}
