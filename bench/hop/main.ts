import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { table } from '../../src/cli/terminal.js'
import { freePorts } from '../../src/local/ports.js'
import { ProxyProcess } from '../../test/chaos/proxy-process.js'
import { runRedisBenchmark } from '../compare/redis-benchmark.js'
import { spreadOf } from '../compare/results.js'
import { IN_MEMORY, NODES } from '../compare/systems.js'
import { BenchRing } from '../support/bench-ring.js'
import { cpuSeconds } from '../support/process-figures.js'

/*
 * `npm run bench:hop`: what it costs to be sent on by a front. The same commands go to the owner and to a front, in turn and for short
 * times; told is the CPU time per command of both proxies together as a ratio to that of the owner alone, less one, and that of the
 * owner alone: what it saves.
 *
 *     npm run bench:hop -- --rounds 6 --seconds 3
 */

const KEYS = 100_000
const PASSWORD = 'for the time of one measurement'
const ROWS = [
  { command: ['GET', 'key:__rand_int__'], replicas: 0 },
  { command: ['SET', 'key:__rand_int__', 'xxxxxxxxxxxxxxxx'], replicas: 2 },
] as const
const PIPELINES = [1, 16, 64]
/** What was asked for: extra CPU time at each of these. */
const TARGETS: Readonly<Record<string, readonly number[]>> = { GET: [0.1, 0.35, 0.65], SET: [0.12, 0.45, 0.45] }

interface Sample {
  readonly ownerMicros: number
  readonly frontMicros: number
  readonly p50Ms: number
}

const abort = new AbortController()
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => abort.abort(new Error('interrupted')))

function option(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : Number(process.argv[at + 1])
}

async function withFront(ring: BenchRing, port: number, task: (front: ProxyProcess) => Promise<void>): Promise<void> {
  const settings = {
    listen: { port },
    ring: { id: 'bench', replicas: ring.replicas },
    sentinel: { addresses: ring.sentinelAddresses, masterPattern: 'dt-*' },
    log: { format: 'json' },
    peers: { port: 0, password: PASSWORD },
  }
  const configFile = join(ring.dir, 'front.yaml')
  writeFileSync(configFile, JSON.stringify(settings))
  const files = { configFile, logFile: join(ring.dir, 'front.log'), cwd: ring.dir }
  const front = new ProxyProcess({ port, ...files, args: ['--standby'], ownSession: true }, () => {})
  try {
    await front.start()
    await task(front)
  } finally {
    await front.kill('SIGTERM')
  }
}

async function measure(
  ring: BenchRing,
  front: ProxyProcess,
  port: number,
  row: (typeof ROWS)[number],
  pipeline: number,
  clients: number,
  requests: number,
): Promise<Sample & { readonly perSecond: number }> {
  const before = [cpuSeconds(ring.proxyPid), cpuSeconds(front.pid)]
  const driver = { clients, command: row.command, share: 1 }
  const { p50Ms, perSecond } = await runRedisBenchmark({ port, driver, pipeline, keys: KEYS, requests }, abort.signal)
  const micros = (pid: number | undefined, since: number) => ((cpuSeconds(pid) - since) / requests) * 1e6
  return { ownerMicros: micros(ring.proxyPid, before[0]), frontMicros: micros(front.pid, before[1]), p50Ms, perSecond }
}

async function measureRow(row: (typeof ROWS)[number]): Promise<string[][]> {
  const [rounds, seconds] = [option('rounds', 6), option('seconds', 3)]
  const lines: string[][] = []
  const settings = { peers: { port: 0, password: PASSWORD } }
  const options = { nodes: NODES, replicas: row.replicas, memberConfig: IN_MEMORY, settings }
  await BenchRing.with(options, async (ring) => {
    const [port] = await freePorts(1)
    await withFront(ring, port, async (front) => {
      for (const [i, pipeline] of PIPELINES.entries()) {
        const [name] = row.command
        const trial = await measure(ring, front, port, row, pipeline, 50, 20_000 * pipeline)
        const requests = Math.ceil(trial.perSecond * seconds)
        const [extra, ofOwner, later]: number[][] = [[], [], []]
        for (let round = 0; round < rounds; round++) {
          const order = round % 2 === 0 ? [ring.port, port] : [port, ring.port]
          const found = new Map<number, Sample>()
          for (const to of order) found.set(to, await measure(ring, front, to, row, pipeline, 50, requests))
          const [direct, hop] = [found.get(ring.port)!, found.get(port)!]
          extra.push((hop.ownerMicros + hop.frontMicros) / direct.ownerMicros - 1)
          ofOwner.push(hop.ownerMicros / direct.ownerMicros)
          const alone = new Map<number, Sample>()
          for (const to of order)
            alone.set(to, await measure(ring, front, to, row, pipeline, 1, Math.ceil(requests / 20)))
          later.push(alone.get(port)!.p50Ms / alone.get(ring.port)!.p50Ms)
        }
        const shown = (values: readonly number[]) => {
          const { median, min, max } = spreadOf(values)
          return `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`
        }
        lines.push([name, String(pipeline), shown(extra), TARGETS[name][i].toFixed(2), shown(ofOwner), shown(later)])
        process.stderr.write(`${lines.at(-1)?.join('  ')}\n`)
      }
    })
  })
  return lines
}

const lines: string[][] = []
for (const row of ROWS) lines.push(...(await measureRow(row)))
const heads = ['command', 'P', 'extra CPU', 'target', 'CPU of the owner', 'p50 of one connection']
process.stdout.write(
  table(
    process.stdout,
    heads.map((head) => ({ head })),
    lines,
  ),
)
