import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeSettings, drawSettings } from './settings.js'

const USAGE = `Usage: npm run chaos:many -- [options] [-- options of every run]

Runs the harness with one seed after the other, each with the ring that its seed chooses, and tells of each run in a line.
What failed is kept: its report, history, logs and data.

  --runs N      how many (default 60)
  --seconds S   how long things go wrong in each (default 60)
  --from SEED   the first seed (default 1)
  --jobs J      runs at the same time (default 1)
  --keep DIR    where the evidence of failures is kept (default: a temporary directory)

Exits with 0 when every run passed.
`

const MAIN = fileURLToPath(new URL('main.js', import.meta.url))

interface Run {
  readonly seed: number
  readonly passed: boolean
  readonly operations: string
  readonly faults: number
  readonly verdict: string
  readonly seconds: number
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '60' },
      seconds: { type: 'string', default: '60' },
      from: { type: 'string', default: '1' },
      jobs: { type: 'string', default: '1' },
      keep: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const keep = resolve(values.keep ?? mkdtempSync(join(tmpdir(), 'dt-chaos-many-')))
  mkdirSync(keep, { recursive: true })
  const from = Number(values.from)
  const seeds = Array.from({ length: Number(values.runs) }, (_, i) => from + i)
  const failed: number[] = []
  say(line('seed', 'settings', 'operations', 'faults', 'time', 'verdict'))
  const work = async () => {
    for (let seed = seeds.shift(); seed !== undefined; seed = seeds.shift()) {
      const run = await runOne(seed, values.seconds, join(keep, String(seed)), positionals)
      if (!run.passed) failed.push(seed)
      const settings = drawSettings(seed)
      const what = `${describeSettings(settings)}${settings.flushAll ? ', FLUSHALL' : ''}`
      say(line(String(seed), what, run.operations, String(run.faults), `${run.seconds.toFixed(0)} s`, run.verdict))
    }
  }
  await Promise.all(Array.from({ length: Number(values.jobs) }, work))
  if (failed.length === 0) {
    say(`\n${values.runs} runs, no violation.\n`)
    return 0
  }
  say(`\n${failed.length} of ${values.runs} runs failed, with the seeds ${failed.join(', ')}: see ${keep}\n`)
  return 1
}

/** One run in a process of its own. */
async function runOne(seed: number, seconds: string, dir: string, more: readonly string[]): Promise<Run> {
  const startedMs = performance.now()
  const child = spawn(process.execPath, [MAIN, '--seed', String(seed), '--seconds', seconds, '--dir', dir, ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child.pid!)
  let told = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (told += text))
  const code = await new Promise<number | null>((done) => child.once('close', done))
  running.delete(child.pid!)
  const passed = code === 0
  if (passed) rmSync(dir, { recursive: true, force: true })
  else {
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'report.txt'), told)
  }
  const operations = /^all +(\d+)/m.exec(told)?.[1] ?? '?'
  return {
    seed,
    passed,
    operations,
    faults: faultsIn(told),
    verdict: verdictIn(told, passed),
    seconds: (performance.now() - startedMs) / 1000,
  }
}

/** The sum of the table of faults in a report. */
export function faultsIn(report: string): number {
  const [, table = ''] = /^fault +times +members\n((?:.+\n)*)/m.exec(report) ?? []
  return [...table.matchAll(/^\S+ +(\d+) +\d+$/gm)].reduce((sum, [, times]) => sum + Number(times), 0)
}

/** `passed`, or which checks found something. */
export function verdictIn(report: string, passed: boolean): string {
  if (passed) return 'passed'
  const checks = [...report.matchAll(/^- ([^:,]+(?:: (?:missing|extra|differs))?)[:,]/gm)].map(([, check]) => check)
  const undecided = /^undecided/m.test(report) ? ['undecided'] : []
  const found = [...new Set([...checks, ...undecided])]
  return `FAILED: ${found.join(', ') || report.trimEnd().split('\n').at(-1)}`
}

function line(...[seed, settings, operations, faults, time, verdict]: string[]): string {
  const numbers = `${operations.padStart(10)}${faults.padStart(8)}${time.padStart(8)}`
  return `${seed.padEnd(10)}${settings.padEnd(52)}${numbers}   ${verdict}\n`
}

function say(text: string): void {
  process.stdout.write(text)
}

const running = new Set<number>()

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    for (const pid of running) process.kill(pid, name)
    process.exit(130)
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.exit(
    await main().catch((error: Error) => {
      process.stderr.write(`chaos:many: ${error.stack}\n`)
      return 2
    }),
  )
}
