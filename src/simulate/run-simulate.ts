import { writeFile } from 'node:fs/promises'
import { parseOptions } from '../base/parse-options.js'
import { UsageError, UserError } from '../base/user-error.js'
import { FIGURE_SERIES_MAX, joinFigure } from './join-figure.js'
import { joinTable } from './join-table.js'
import { LOSS_SERIES_MAX, lossFigure } from './loss-figure.js'
import { lossTable } from './loss-table.js'
import { simulateJoin } from './simulate-join.js'
import { simulateLoss } from './simulate-loss.js'

const LIST_LENGTH_MAX = 1000

/** What a simulation found, in each of its forms; a form is made when it is asked for. */
interface Findings {
  json(): object
  table(): string
  figure(): string
}

/**
 * Runs `dt simulate` with the arguments that follow these two words, writes the results to `out`, and gives the exit code
 * of the process.
 *
 * @throws UsageError for wrong arguments, UserError when the figure cannot be written
 */
export async function runSimulate(argv: string[], out: { write(text: string): unknown }): Promise<number> {
  const { json, svgFile, simulate } = parseCommand(argv)
  const findings = simulate()
  out.write(json ? `${JSON.stringify(findings.json(), null, 2)}\n` : findings.table())
  if (svgFile === undefined) return 0
  try {
    await writeFile(svgFile, findings.figure())
  } catch (error) {
    throw new UserError(`the figure cannot be written: ${(error as Error).message}`)
  }
  return 0
}

interface Command {
  readonly json: boolean
  readonly svgFile: string | undefined
  simulate(): Findings
}

type Values = ReturnType<typeof parse>['values']

/** What can be simulated: the options that are of use only there, and how the others become findings. */
const SIMULATIONS: Readonly<Record<string, { own: keyof Values; prepare(values: Values): () => Findings }>> = {
  join: { own: 'keys', prepare: prepareJoin },
  loss: { own: 'orders', prepare: prepareLoss },
}

function parseCommand(argv: string[]): Command {
  const { values, positionals } = parse(argv)
  const [what] = positionals
  if (positionals.length !== 1 || !Object.hasOwn(SIMULATIONS, what)) {
    throw new UsageError(`there is ${what === undefined ? 'nothing' : `no '${positionals.join(' ')}'`} to simulate`)
  }
  for (const [other, { own }] of Object.entries(SIMULATIONS)) {
    if (other !== what && values[own] !== undefined) throw new UsageError(`--${own} is for '${other}', not '${what}'`)
  }
  return { json: values.json === true, svgFile: values.svg, simulate: SIMULATIONS[what].prepare(values) }
}

function prepareJoin(values: Values): () => Findings {
  const options = {
    nodes: numbers('--nodes', values.nodes ?? '10,20,30,40', 1, 10_000),
    keys: numbers('--keys', values.keys ?? '1000..10000', 1, 10_000_000),
    virtualNodes: numbersOfVirtualNodes(values.vnodes ?? '64', FIGURE_SERIES_MAX),
    replicas: number('--replicas', values.replicas ?? '2', 0, 100),
    seeds: seedsUpTo(values.seeds),
  }
  return () => {
    const results = simulateJoin(options)
    return {
      json: () => ({ ...options, seeds: options.seeds.length, results }),
      table: () => joinTable(options, results),
      figure: () => joinFigure(options, results),
    }
  }
}

function prepareLoss(values: Values): () => Findings {
  const replicas = number('--replicas', values.replicas ?? '2', 0, 100)
  // Beyond that the numbers of ways to fail are too large for exact arithmetic.
  const nodes = numbers('--nodes', values.nodes ?? '9,30', replicas + 1, 500)
  for (const count of nodes) {
    if (count % (replicas + 1) === 0) continue
    throw new UsageError(`no Redis Cluster with ${replicas} replicas of each master has ${count} servers`)
  }
  const options = {
    nodes,
    virtualNodes: numbersOfVirtualNodes(values.vnodes ?? '1,64', LOSS_SERIES_MAX),
    replicas,
    seeds: seedsUpTo(values.seeds),
    orders: number('--orders', values.orders ?? '100', 1, 1_000_000),
  }
  return () => {
    const results = simulateLoss(options)
    return {
      json: () => ({ ...options, seeds: options.seeds.length, results }),
      table: () => lossTable(options, results),
      figure: () => lossFigure(options, results),
    }
  }
}

function numbersOfVirtualNodes(list: string, lengthMax: number): number[] {
  const found = numbers('--vnodes', list, 1, 4096)
  if (found.length > lengthMax) throw new UsageError(`--vnodes takes at most ${lengthMax} numbers`)
  return found
}

function seedsUpTo(count = '100'): number[] {
  return Array.from({ length: number('--seeds', count, 1, 1_000_000) }, (_, i) => i + 1)
}

function parse(argv: string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = {
    nodes: text,
    keys: text,
    vnodes: text,
    replicas: text,
    seeds: text,
    orders: text,
    svg: text,
    json: flag,
  }
  return parseOptions({ args: argv, options, allowPositionals: true })
}

/** A list such as `10,20,1000..10000,10..40/5`, without doubles and in ascending order. */
function numbers(option: string, list: string, min: number, max: number): number[] {
  const found = new Set<number>()
  for (const item of list.split(',')) {
    const range = /^(\d+)\.\.(\d+)(?:\/(\d+))?$/.exec(item)
    if (range === null) {
      found.add(number(option, item, min, max))
      continue
    }
    const from = number(option, range[1], min, max)
    const to = number(option, range[2], from, max)
    const step = number(option, range[3] ?? range[1], 1, max)
    for (let value = from; value <= to && found.size <= LIST_LENGTH_MAX; value += step) found.add(value)
  }
  if (found.size > LIST_LENGTH_MAX) throw new UsageError(`${option} takes at most ${LIST_LENGTH_MAX} numbers`)
  return [...found].sort((a, b) => a - b)
}

function number(option: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= min && value <= max))
    throw new UsageError(`${option} takes numbers from ${min} to ${max}, not '${text}'`)
  return value
}
