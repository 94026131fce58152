import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, createSecureContext, type TLSSocket } from 'node:tls'
import { freePorts } from '../../src/local/ports.js'
import { Authority } from '../../test/helpers/authority.js'
import { BenchRing } from '../support/bench-ring.js'
import { cpuSeconds, rssBytes } from '../support/process-figures.js'
import { HANDSHAKE_NAMES, HANDSHAKE_TITLES, isOfOthers, measureHandshakes } from './handshakes.js'
import { runRedisBenchmark } from './redis-benchmark.js'
import { type Spread, spreadOf } from './results.js'
import { CLIENTS_MAX, IDLE_CONNECTIONS, IN_MEMORY, NODES } from './systems.js'

/*
 * What TLS costs: clients by TLS at DT, beside the same clients at stunnel before it, by turns. It is CPU time of all
 * processes that do it: DT, or DT and stunnel.
 */

export const TLS_NAMES = [
  ...(['tls-get-p1', 'tls-get-p16', 'tls-get-p64', 'tls-get-16kb', 'tls-set-16kb'] as const),
  'tls-idle',
  ...HANDSHAKE_NAMES,
] as const
export type TlsName = (typeof TLS_NAMES)[number]

export const TLS_TITLES: Record<TlsName, string> = {
  'tls-get-p1': 'GET by TLS, P=1: CPU to that of DT behind stunnel',
  'tls-get-p16': 'GET by TLS, P=16: CPU to that of DT behind stunnel',
  'tls-get-p64': 'GET by TLS, P=64: CPU to that of DT behind stunnel',
  'tls-get-16kb': 'GET of 16 KB by TLS: CPU to that of DT behind stunnel',
  'tls-set-16kb': 'SET of 16 KB by TLS: CPU to that of DT behind stunnel',
  'tls-idle': 'memory that 10,000 idle connections by TLS take',
  ...HANDSHAKE_TITLES,
}

/** As it stands among the figures of all: some of these are of other servers, and say so. */
export function tlsTitle(name: TlsName): string {
  return isOfOthers(name) ? TLS_TITLES[name] : `DT, 3 copies: ${TLS_TITLES[name]}`
}

export interface TlsFigure {
  readonly name: TlsName
  readonly unit: 'ms' | 'bytes' | 'ratio'
  readonly value: Spread
}

interface Options {
  readonly names: readonly string[]
  readonly quick: boolean
  readonly signal: AbortSignal
  onMissing(why: string): void
}

const AT_ONCE = 20

const LOADS = [
  { name: 'tls-get-p1', pipeline: 1, requests: 60_000, command: ['GET', 'small'] },
  { name: 'tls-get-p16', pipeline: 16, requests: 400_000, command: ['GET', 'small'] },
  { name: 'tls-get-p64', pipeline: 64, requests: 800_000, command: ['GET', 'small'] },
  { name: 'tls-get-16kb', pipeline: 1, requests: 30_000, command: ['GET', 'large'] },
  { name: 'tls-set-16kb', pipeline: 1, requests: 15_000, command: ['SET', 'large'], valueBytes: 16 * 1024 },
] as const

/** Measures those of them that are wanted, on a ring of its own with three copies. */
export async function measureTls(options: Options): Promise<TlsFigure[]> {
  const dir = mkdtempSync(join(tmpdir(), 'dt-bench-tls-'))
  try {
    const authority = new Authority(dir, 'authority', 'rsa:2048')
    const { cert, key } = authority.issue('dt')
    const [port, stunnelPort] = await freePorts(2)
    const settings = { tls: { port, certFile: cert, keyFile: key, authClients: 'no' as const } }
    return await BenchRing.with(
      { nodes: NODES, replicas: 2, memberConfig: IN_MEMORY, maxClients: CLIENTS_MAX, settings },
      async (ring) => {
        const figures = [
          ...(await atPort(port, authority.cert, ring, options)),
          ...(await measureHandshakes({ port, pid: ring.proxyPid }, { cert, key }, authority.cert, options)),
        ]
        if (!LOADS.some(({ name }) => options.names.includes(name))) return figures
        if (spawnSync('stunnel4', ['-version']).status !== 0) {
          options.onMissing('TLS was not compared: the program stunnel4 is not installed')
          return figures
        }
        const config = join(dir, 'stunnel.conf')
        const lines = ['foreground = yes', 'pid =', 'debug = 3', '[dt]', `accept = 127.0.0.1:${stunnelPort}`]
        writeFileSync(
          config,
          [...lines, `connect = 127.0.0.1:${ring.port}`, `cert = ${cert}`, `key = ${key}`, ''].join('\n'),
        )
        const stunnel = spawn('stunnel4', [config], { stdio: 'ignore' })
        const gone = once(stunnel, 'exit')
        const kill = () => stunnel.kill('SIGKILL')
        process.once('exit', kill)
        try {
          await sleep(500)
          const pids = { dt: ring.proxyPid, stunnel: stunnel.pid as number }
          return [...figures, ...(await underLoad(port, stunnelPort, authority.cert, pids, options))]
        } finally {
          kill()
          await gone
          process.removeListener('exit', kill)
        }
      },
    )
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

async function underLoad(
  port: number,
  stunnelPort: number,
  ca: string,
  pids: { readonly dt: number; readonly stunnel: number },
  { names, quick, signal }: Options,
): Promise<TlsFigure[]> {
  const figures: TlsFigure[] = []
  const all = () => cpuSeconds(pids.dt) + cpuSeconds(pids.stunnel)
  const run = async (to: number, load: (typeof LOADS)[number], valueBytes?: number) => {
    const driver = { clients: 50, command: load.command, share: 1, ...(valueBytes === undefined ? {} : { valueBytes }) }
    const requests = quick ? load.requests / 10 : load.requests
    const from = all()
    await runRedisBenchmark(
      { port: to, driver, pipeline: load.pipeline, keys: 1, requests, tls: ['--cacert', ca] },
      signal,
    )
    return (all() - from) / requests
  }
  for (const load of LOADS) {
    if (!names.includes(load.name) || signal.aborted) continue
    const valueBytes = 'valueBytes' in load ? load.valueBytes : undefined
    const ratios: number[] = []
    for (let i = 0; i < (quick ? 1 : 5); i++) {
      const direct = await run(port, load, valueBytes)
      ratios.push(direct / (await run(stunnelPort, load, valueBytes)))
    }
    figures.push({ name: load.name, unit: 'ratio', value: spreadOf(ratios) })
  }
  return figures
}

/** What connections take. */
async function atPort(
  port: number,
  ca: string,
  ring: BenchRing,
  { names, quick, signal }: Options,
): Promise<TlsFigure[]> {
  const secureContext = createSecureContext({ ca: readFileSync(ca) })
  const open = () =>
    new Promise<TLSSocket>((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', secureContext }, () => socket.write('PING\r\n'))
      socket.on('error', reject)
      socket.once('data', () => resolve(socket))
    })
  const figures: TlsFigure[] = []
  const setUp = await open()
  await setUp.write('*3\r\n$3\r\nSET\r\n$5\r\nsmall\r\n$16\r\nxxxxxxxxxxxxxxxx\r\n')
  await setUp.write(`*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$16384\r\n${'x'.repeat(16_384)}\r\n`)
  if (names.includes('tls-idle') && !signal.aborted) {
    const count = quick ? 500 : IDLE_CONNECTIONS
    const before = rssBytes(ring.proxyPid)
    const idle: TLSSocket[] = []
    while (idle.length < count) {
      const some = await Promise.all(Array.from({ length: AT_ONCE }, () => open()))
      idle.push(...some)
    }
    await sleep(1000)
    figures.push({
      name: 'tls-idle',
      unit: 'bytes',
      value: spreadOf([((rssBytes(ring.proxyPid) - before) / count) * IDLE_CONNECTIONS]),
    })
    for (const socket of idle) socket.destroy()
  }
  setUp.destroy()
  return figures
}
