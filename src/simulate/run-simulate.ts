import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { FIGURE_SERIES_MAX, joinFigure } from './join-figure.js'
import { joinTable } from './join-table.js'
import { LOSS_SERIES_MAX, lossFigure } from './loss-figure.js'
import { lossTable } from './loss-table.js'
import { simulateJoin } from './simulate-join.js'
import { simulateLoss } from './simulate-loss.js'

const USAGE = `Usage: dt simulate join [options]
       dt simulate loss [options]

join: lets a node join simulated rings and counts the keys that change hands, beside the ideal K/N.
loss: lets some of N servers fail at once and tells how likely a key has lost all its copies, on simulated rings and in a
Redis Cluster of as many servers.

  --nodes LIST     sizes N of the ring: before the join (default 10,20,30,40), or in all (default 9,30)
  --keys LIST      join: numbers K of keys (default 1000..10000)
  --vnodes LIST    virtual nodes of each node (default 64, for loss 1,64); at most ${FIGURE_SERIES_MAX} numbers, for loss ${LOSS_SERIES_MAX}
  --replicas R     backups of each key (default 2); for loss N must be a multiple of R+1
  --seeds COUNT    rings made for each combination, from the seeds 1 to COUNT (default 100)
  --orders COUNT   loss: orders in which the servers of each ring are let fail (default 100)
  --json           print the results as JSON instead of a table
  --svg FILE       also draw them`

const LIST_LENGTH_MAX = 1000

/** A mistake in what the user has typed; the message is a whole sentence for them. */
class UsageError extends Error {}

/** What a simulation found, in each of its forms; a form is made when it is asked for. */
interface Findings {
  json(): object
  table(): string
  figure(): string
}

/**
 * Runs `dt simulate` with the arguments that follow these two words. Writes the results, or one sentence about what is
 * wrong, to `out` and gives the exit code of the process: 0, 1 when a file cannot be written, 2 for wrong arguments.
 */
export async function runSimulate(argv: string[], out: { write(text: string): unknown }): Promise<number> {
  let command: Command
  try {
    command = parseCommand(argv)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    out.write(`${error.message}\n\n${USAGE}\n`)
    return 2
  }
  if (command.help) {
    out.write(`${USAGE}\n`)
    return 0
  }
  const findings = command.simulate()
  out.write(command.json ? `${JSON.stringify(findings.json(), null, 2)}\n` : findings.table())
  if (command.svgFile === undefined) return 0
  try {
    await writeFile(command.svgFile, findings.figure())
  } catch (error) {
    out.write(`The figure cannot be written: ${(error as Error).message}.\n`)
    return 1
  }
  return 0
}

interface Command {
  readonly help: boolean
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
  const common = { json: values.json === true, svgFile: values.svg }
  if (values.help === true) return { ...common, help: true, simulate: prepareJoin({}) }
  const [what] = positionals
  if (positionals.length !== 1 || !Object.hasOwn(SIMULATIONS, what)) {
    throw new UsageError(`There is ${what === undefined ? 'nothing' : `no '${positionals.join(' ')}'`} to simulate.`)
  }
  for (const [other, { own }] of Object.entries(SIMULATIONS)) {
    if (other !== what && values[own] !== undefined) throw new UsageError(`--${own} is for '${other}', not '${what}'.`)
  }
  return { ...common, help: false, simulate: SIMULATIONS[what].prepare(values) }
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
    throw new UsageError(`No Redis Cluster with ${replicas} replicas of each master has ${count} servers.`)
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
  if (found.length > lengthMax) throw new UsageError(`--vnodes takes at most ${lengthMax} numbers.`)
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
    help: flag,
  }
  try {
    return parseArgs({ args: argv, options, allowPositionals: true })
  } catch (error) {
    // Node's message goes on with advice that does not fit here.
    throw new UsageError(`${(error as Error).message.split(/\.(?:\s|$)/)[0]}.`)
  }
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
  if (found.size > LIST_LENGTH_MAX) throw new UsageError(`${option} takes at most ${LIST_LENGTH_MAX} numbers.`)
  return [...found].sort((a, b) => a - b)
}

function number(option: string, text: string, min: number, max: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= min && value <= max))
    throw new UsageError(`${option} takes numbers from ${min} to ${max}, not '${text}'.`)
  return value
}
