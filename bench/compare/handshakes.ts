import { type ChildProcess, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect, createSecureContext, type SecureVersion, type TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../../src/local/ports.js'
import type { Issued } from '../../test/helpers/authority.js'
import { cpuSeconds } from '../support/process-figures.js'
import { type Spread, spreadOf } from './results.js'

/*
 * What a client costs that connects by TLS, says PING and goes, with a whole handshake and with a resumed one: at DT, and beside it at
 * a server of node:tls and at openssl's own (in C), which do nothing else. These show what of it is TLS.
 */

export const HANDSHAKE_NAMES = [
  ...(['tls-full', 'tls-resumed', 'tls-full-1.2', 'tls-resumed-1.2'] as const),
  ...(['tls-resumed-node', 'tls-resumed-1.2-node', 'tls-resumed-openssl', 'tls-resumed-1.2-openssl'] as const),
] as const
export type HandshakeName = (typeof HANDSHAKE_NAMES)[number]

const RESUMED = 'CPU of a resumed handshake, to that of a full one'
const NODE = 'A server of node:tls that does nothing else'
const OPENSSL = 'The program openssl s_server'

export const HANDSHAKE_TITLES: Record<HandshakeName, string> = {
  'tls-full': 'CPU of a full handshake (RSA 2048, TLS 1.3), with connection and PING',
  'tls-resumed': `${RESUMED} (TLS 1.3)`,
  'tls-full-1.2': 'CPU of a full handshake (RSA 2048, TLS 1.2), with connection and PING',
  'tls-resumed-1.2': `${RESUMED} (TLS 1.2)`,
  'tls-resumed-node': `${NODE}: ${RESUMED} (TLS 1.3)`,
  'tls-resumed-1.2-node': `${NODE}: ${RESUMED} (TLS 1.2)`,
  'tls-resumed-openssl': `${OPENSSL}: ${RESUMED} (TLS 1.3)`,
  'tls-resumed-1.2-openssl': `${OPENSSL}: ${RESUMED} (TLS 1.2)`,
}

/** Whether it is not a figure of DT. */
export function isOfOthers(name: string): boolean {
  return name.endsWith('-node') || name.endsWith('-openssl')
}

export interface HandshakeFigure {
  readonly name: HandshakeName
  readonly unit: 'ms' | 'ratio'
  readonly value: Spread
}

interface Options {
  readonly names: readonly string[]
  readonly quick: boolean
  readonly signal: AbortSignal
}

interface Measured {
  readonly suffix: '' | '-node' | '-openssl'
  readonly port: number
  readonly pid: number
  readonly atOnce: number
}

const AT_ONCE = 20
const VERSIONS: readonly (readonly [version: SecureVersion, infix: '' | '-1.2'])[] = [
  ['TLSv1.3', ''],
  ['TLSv1.2', '-1.2'],
]

/** Measures those of them that are wanted; `dt` is the proxy, which has the same certificate. */
export async function measureHandshakes(
  dt: { readonly port: number; readonly pid: number },
  certificate: Issued,
  ca: string,
  options: Options,
): Promise<HandshakeFigure[]> {
  const { names, signal } = options
  const isWanted = (suffix: string) =>
    names.some((name) => HANDSHAKE_NAMES.includes(name as HandshakeName) && name.endsWith(suffix))
  if (!isWanted('') || signal.aborted) return []
  const started: ChildProcess[] = []
  const kill = () => {
    for (const child of started) child.kill('SIGKILL')
  }
  process.once('exit', kill)
  try {
    const servers: Measured[] = [{ suffix: '', ...dt, atOnce: AT_ONCE }]
    if (isWanted('-node')) servers.push(await bareServer(certificate, started))
    if (isWanted('-openssl')) servers.push(await opensslServer(certificate, started))
    const figures: HandshakeFigure[] = []
    for (const [version, infix] of VERSIONS) {
      if (!signal.aborted) figures.push(...(await ofVersion(version, infix, servers, ca, options.quick)))
    }
    return figures.filter(({ name }) => names.includes(name))
  } finally {
    kill()
    process.removeListener('exit', kill)
  }
}

async function ofVersion(
  version: SecureVersion,
  infix: '' | '-1.2',
  servers: readonly Measured[],
  ca: string,
  quick: boolean,
): Promise<HandshakeFigure[]> {
  const secureContext = createSecureContext({ ca: readFileSync(ca), minVersion: version, maxVersion: version })
  const open = (port: number, session?: Buffer) => opened({ port, secureContext, session })
  const count = quick ? 200 : 1000
  const cpu = async ({ port, pid, atOnce }: Measured, session?: Buffer) => {
    const from = cpuSeconds(pid)
    for (let i = 0; i < count; i += atOnce) {
      await Promise.all(Array.from({ length: atOnce }, () => open(port, session)))
    }
    return ((cpuSeconds(pid) - from) * 1000) / count
  }
  const all = servers.map((server) => ({ server, full: [] as number[], resumed: [] as number[] }))
  const sessions: Buffer[] = []
  for (const { server } of all) {
    sessions.push(await open(server.port))
    await cpu(server)
  }
  for (let round = 0; round < (quick ? 1 : 5); round++) {
    for (const [i, { server, full, resumed }] of all.entries()) {
      full.push(await cpu(server))
      resumed.push((await cpu(server, sessions[i])) / full[round])
    }
  }
  return all.flatMap(({ server, full, resumed }): HandshakeFigure[] => [
    ...(server.suffix === ''
      ? [{ name: `tls-full${infix}` as const, unit: 'ms' as const, value: spreadOf(full) }]
      : []),
    { name: `tls-resumed${infix}${server.suffix}`, unit: 'ratio', value: spreadOf(resumed) },
  ])
}

/** Connects, says PING, and goes when that was answered; gives the session. Rejects when one that was given is not resumed. */
function opened(options: {
  readonly port: number
  readonly secureContext: ReturnType<typeof createSecureContext>
  readonly session: Buffer | undefined
}): Promise<Buffer> {
  const { port, secureContext, session } = options
  return new Promise((resolve, reject) => {
    let ticket: Buffer = Buffer.alloc(0)
    const socket: TLSSocket = connect(
      { port, host: '127.0.0.1', secureContext, ...(session === undefined ? {} : { session }) },
      () => socket.write('PING\r\n'),
    )
    socket.on('error', reject)
    socket.once('session', (given: Buffer) => (ticket = given))
    socket.once('data', () => {
      if (session === undefined || socket.isSessionReused()) resolve(ticket)
      else reject(new Error(`a session was not resumed at port ${port}`))
      socket.destroy()
    })
  })
}

async function bareServer({ cert, key }: Issued, started: ChildProcess[]): Promise<Measured> {
  const [port] = await freePorts(1)
  const program = fileURLToPath(new URL('../support/bare-tls-server.js', import.meta.url))
  const child = fork(program, [String(port), cert, key])
  started.push(child)
  await once(child, 'message')
  return { suffix: '-node', port, pid: child.pid as number, atOnce: AT_ONCE }
}

/** It answers what it reads backwards, and one client after the other. */
async function opensslServer({ cert, key }: Issued, started: ChildProcess[]): Promise<Measured> {
  const [port] = await freePorts(1)
  const words = ['s_server', '-accept', `127.0.0.1:${port}`, '-cert', cert, '-key', key, '-quiet', '-rev']
  const child = spawn('openssl', words, { stdio: 'ignore' })
  started.push(child)
  await sleep(500)
  return { suffix: '-openssl', port, pid: child.pid as number, atOnce: 1 }
}
