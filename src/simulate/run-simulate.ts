import { writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { FIGURE_SERIES_MAX, joinFigure } from './join-figure.js'
import { joinTable } from './join-table.js'
import { type JoinOptions, simulateJoin } from './simulate-join.js'

const USAGE = `Usage: dt simulate join [options]

Lets a node join simulated rings and counts the keys that change hands, beside the ideal K/N.

  --nodes LIST     sizes N of the ring before the join (default 10,20,30,40)
  --keys LIST      numbers K of keys (default 1000..10000)
  --vnodes LIST    virtual nodes of each node, at most ${FIGURE_SERIES_MAX} numbers (default 64)
  --replicas R     backups of each key (default 2)
  --seeds COUNT    rings made for each combination, from the seeds 1 to COUNT (default 100)
  --json           print the results as JSON instead of a table
  --svg FILE       also draw them as a box plot

A LIST is made of numbers and ranges: 10,20 or 1000..10000 (in steps of its beginning) or 10..40/5 (in steps of 5).
`

const LIST_LENGTH_MAX = 1000

/** A mistake in what the user has typed; the message is a whole sentence for them. */
class UsageError extends Error {}

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
    out.write(`${error.message}\n\n${USAGE}`)
    return 2
  }
  if (command.help) {
    out.write(USAGE)
    return 0
  }
  const { options, json, svgFile } = command
  const results = simulateJoin(options)
  out.write(
    json
      ? `${JSON.stringify({ ...options, seeds: options.seeds.length, results }, null, 2)}\n`
      : joinTable(options, results),
  )
  if (svgFile === undefined) return 0
  try {
    await writeFile(svgFile, joinFigure(options, results))
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
  readonly options: JoinOptions
}

function parseCommand(argv: string[]): Command {
  const { values, positionals } = parse(argv)
  const help = values.help === true
  if (!help && (positionals.length !== 1 || positionals[0] !== 'join')) {
    throw new UsageError(
      `There is ${positionals[0] === undefined ? 'nothing' : `no '${positionals.join(' ')}'`} to simulate.`,
    )
  }
  const virtualNodes = numbers('--vnodes', values.vnodes ?? '64', 1, 4096)
  if (virtualNodes.length > FIGURE_SERIES_MAX)
    throw new UsageError(`--vnodes takes at most ${FIGURE_SERIES_MAX} numbers.`)
  const seeds = number('--seeds', values.seeds ?? '100', 1, 1_000_000)
  return {
    help,
    json: values.json === true,
    svgFile: values.svg,
    options: {
      nodes: numbers('--nodes', values.nodes ?? '10,20,30,40', 1, 10_000),
      keys: numbers('--keys', values.keys ?? '1000..10000', 1, 10_000_000),
      virtualNodes,
      replicas: number('--replicas', values.replicas ?? '2', 0, 100),
      seeds: Array.from({ length: seeds }, (_, i) => i + 1),
    },
  }
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
