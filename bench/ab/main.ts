import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { UserError } from '../../src/base/user-error.js'
import { Progress, table } from '../../src/cli/terminal.js'
import { freePorts } from '../../src/local/ports.js'
import { runRedisBenchmark, together } from '../compare/redis-benchmark.js'
import { type Spread, spreadOf } from '../compare/results.js'
import { fill, send } from '../compare/rounds.js'
import type { Row } from '../compare/rows.js'
import { IN_MEMORY, NODES } from '../compare/systems.js'
import { BenchRing } from '../support/bench-ring.js'
import { cpuSeconds } from '../support/process-figures.js'
import { describeMachine } from '../support/run-bench.js'
import { type Options, parseOptions, USAGE } from './options.js'
import { scrape, withCopyWithout } from './without.js'

/*
 * `npm run bench:ab`: what a change does to the CPU time per command. Both builds serve a ring of their own, alike, and
 * are driven in turn for short times, so that whatever else the machine does meets both: only ratios are told. In every
 * second round the other one begins.
 */

/** What one build did in one row and round. */
interface Sample {
  readonly cpuMicros: number
  readonly perSecond: number
}

interface Line {
  readonly row: Row
  readonly copies: number
  /** Of this build, and the ratios of the two in each round. */
  readonly cpuMicros: Spread
  readonly cpuRatio: Spread
  /** Of the least of each: what others did in the same rounds only adds to it. */
  readonly leastRatio: number
  readonly rateRatio: Spread
}

const LARGE = Buffer.alloc(1_000_000, 'x')
const progress = new Progress(process.stderr)
const interrupt = new AbortController()
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => interrupt.abort(new UserError('interrupted')))
}

async function compareBuilds(options: Options): Promise<Line[]> {
  const { base } = options
  if (typeof base !== 'string') {
    return withCopyWithout(base.without, (program) => compareWith(program, options, base.without === 'metrics'))
  }
  const program = resolve(base)
  if (!existsSync(join(program, 'dist/src/main.js')))
    throw new UserError(`there is no build in ${base}: node scripts/build.mjs makes one`)
  return compareWith(program, options, false)
}

/** @param isScraped this build is asked for its metrics */
async function compareWith(program: string, options: Options, isScraped: boolean): Promise<Line[]> {
  const lines: Line[] = []
  const [port] = isScraped ? await freePorts(1) : []
  const endScraping = port === undefined ? () => {} : scrape(port)
  const settings = port === undefined ? {} : { admin: { port } }
  for (const copies of options.copies) {
    const ring = { nodes: NODES, replicas: copies - 1, memberConfig: IN_MEMORY }
    await BenchRing.with({ ...ring, settings }, (own) =>
      BenchRing.with({ ...ring, program }, async (base) => {
        await fill(
          options.rows,
          [own, base].map(({ port }) => ({ port, flushPorts: [port] })),
        )
        for (const row of options.rows) {
          lines.push(await compareRow(row, copies, own, base, options))
        }
      }),
    )
  }
  endScraping()
  return lines
}

async function compareRow(row: Row, copies: number, own: BenchRing, base: BenchRing, options: Options): Promise<Line> {
  const { rounds, seconds } = options
  let commands = row.trial
  // The first runs warm up both, and tell how many commands fill the time.
  for (const seconds of [0.2, 0.4]) {
    for (const ring of [base, own]) commands = Math.ceil((await measure(row, ring, commands)).perSecond * seconds)
  }
  commands = Math.ceil((commands / 0.4) * seconds)
  const pairs: { readonly own: Sample; readonly base: Sample }[] = []
  for (let round = 1; round <= rounds; round++) {
    progress.show([`${row.title}, P=${row.pipeline}, copies: ${copies}; round ${round} of ${rounds}`])
    const samples = new Map<BenchRing, Sample>()
    for (const ring of round % 2 === 0 ? [own, base] : [base, own]) {
      if (options.large) await send(ring.port, [['SET', 'large', LARGE]])
      samples.set(ring, await measure(row, ring, commands))
    }
    pairs.push({ own: samples.get(own)!, base: samples.get(base)! })
  }
  progress.clear()
  const leastOf = (build: 'own' | 'base') => Math.min(...pairs.map((pair) => pair[build].cpuMicros))
  return {
    ...{ row, copies },
    leastRatio: leastOf('own') / leastOf('base'),
    cpuMicros: spreadOf(pairs.map((pair) => pair.own.cpuMicros)),
    cpuRatio: spreadOf(pairs.map((pair) => pair.own.cpuMicros / pair.base.cpuMicros)),
    rateRatio: spreadOf(pairs.map((pair) => pair.own.perSecond / pair.base.perSecond)),
  }
}

async function measure({ drivers, pipeline, keys }: Row, ring: BenchRing, commands: number): Promise<Sample> {
  const runs = drivers.map((driver) => {
    // redis-benchmark sends whole pipelines of each client.
    const requests = Math.max(pipeline * driver.clients, Math.ceil(commands * driver.share))
    return { port: ring.port, driver, pipeline, keys, requests }
  })
  const before = cpuSeconds(ring.proxyPid)
  const found = await Promise.all(runs.map((run) => runRedisBenchmark(run, interrupt.signal)))
  const cpu = cpuSeconds(ring.proxyPid) - before
  const sent = runs.reduce((sum, { requests }) => sum + requests, 0)
  const shares = drivers.map(({ share }) => share)
  return { cpuMicros: (cpu / sent) * 1e6, perSecond: together(found, shares).perSecond }
}

function tableOf(lines: readonly Line[]): string {
  const right = { align: 'right' } as const
  const columns = [
    ...[{ head: 'command' }, { head: 'P', ...right }, { head: 'copies', ...right }, { head: 'µs', ...right }],
    ...[
      { head: 'CPU, ratio', ...right },
      { head: 'from', ...right },
      { head: 'to', ...right },
      { head: 'of the least', ...right },
    ],
    { head: 'commands/s, ratio', ...right },
  ]
  const rows = lines.map(({ row, copies, cpuMicros, cpuRatio, leastRatio, rateRatio }) => [
    ...[row.title, String(row.pipeline), String(copies)],
    ...[cpuMicros, cpuRatio].map(({ median }) => median.toFixed(2)),
    ...[cpuRatio.min, cpuRatio.max, leastRatio, rateRatio.median].map((value) => value.toFixed(2)),
  ])
  return table(process.stdout, columns, rows)
}

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2))
  if (options === undefined) {
    process.stdout.write(USAGE)
    return
  }
  const machine = describeMachine()
  const lines = await compareBuilds(options)
  const plain = lines.map(({ row, ...figures }) => ({ row: row.id, ...figures }))
  const text = `${tableOf(lines)}\n${machine.model}, Node ${machine.node}, load ${machine.loadAtStart.toFixed(1)} before\n`
  process.stdout.write(options.json ? `${JSON.stringify({ machine, lines: plain }, null, 1)}\n` : text)
}

try {
  await main()
} catch (error) {
  progress.clear()
  if (!(error instanceof UserError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = 1
}
