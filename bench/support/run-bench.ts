import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus, loadavg } from 'node:os'
import { parseArgs } from 'node:util'

export interface BenchOptions {
  /** A small run that shows whether the script works; its figures tell nothing. */
  readonly quick: boolean
  /** For whoever waits: what goes on now. To standard error, so that the results can be piped. */
  say(text: string): void
}

/** What a benchmark found, in each of its forms. */
export interface BenchResults {
  readonly json: object
  readonly table: string
  readonly figure?: string
}

/**
 * Runs one of the scripts of bench/ with the arguments of the process, all of which know --quick, --json and --svg FILE.
 * Prints the results and the machine on which they were found.
 */
export async function runBench(
  summary: string,
  measure: (options: BenchOptions) => Promise<BenchResults>,
): Promise<void> {
  const flag = { type: 'boolean', default: false } as const
  const { values } = parseArgs({ options: { quick: flag, json: flag, help: flag, svg: { type: 'string' } } })
  if (values.help) {
    const options = '  --quick     less of everything: only for trying\n  --json      print JSON instead of tables\n'
    process.stdout.write(`${summary}\n\n${options}  --svg FILE  also draw a figure\n`)
    return
  }
  const machine = describeMachine()
  const say = (text: string) => process.stderr.write(`${text}\n`)
  const { json, table, figure } = await measure({ quick: values.quick, say })
  const about = { machine, loadAtEnd: loadavg()[0], quick: values.quick }
  process.stdout.write(
    values.json ? `${JSON.stringify({ ...about, ...json }, null, 2)}\n` : `${table}\n${describe(about)}\n`,
  )
  if (values.svg !== undefined && figure !== undefined) writeFileSync(values.svg, figure)
}

export interface Machine {
  readonly cpus: number
  readonly model: string
  readonly node: string
  readonly redis: string
  /** Of the last minute before: above 0.5 others have taken part. */
  readonly loadAtStart: number
}

/** The machine that we run on, now. */
export function describeMachine(): Machine {
  const redis = / v=([0-9.]+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))
  const { length, 0: first } = cpus()
  return {
    ...{ cpus: length, model: first?.model ?? 'unknown', node: process.version, redis: redis?.[1] ?? 'unknown' },
    loadAtStart: loadavg()[0],
  }
}

function describe(about: { machine: Machine; loadAtEnd: number; quick: boolean }): string {
  const { cpus: count, model, node, redis, loadAtStart } = about.machine
  const load = `load ${loadAtStart.toFixed(1)} before and ${about.loadAtEnd.toFixed(1)} after`
  const quick = about.quick ? ' A quick run: these are no measurements.' : ''
  return `${count} × ${model}, Node ${node}, Redis ${redis}, ${load}.${quick}`
}
