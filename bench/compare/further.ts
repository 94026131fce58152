import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { rssBytes } from '../support/process-figures.js'
import { GATHER_NAMES, GATHER_TITLES, measureGather } from './gathers.js'
import { LISTENING_NAMES, LISTENING_TITLES, measureListening } from './listening.js'
import { measureQueues, QUEUE_NAMES, QUEUE_TITLES } from './queues.js'
import { runRedisBenchmark } from './redis-benchmark.js'
import { type Spread, spreadOf } from './results.js'
import { chooseRows } from './rows.js'
import { measureScripts, SCRIPT_NAMES, SCRIPT_TITLES } from './scripts.js'
import { CLIENTS_MAX, IDLE_CONNECTIONS, SYSTEM_TITLES, type System, type Systems } from './systems.js'
import { measureTls, TLS_NAMES, tlsTitle } from './tls.js'
import { measureTransactions, TRANSACTION_NAMES } from './transactions.js'

/*
 * What is no ratio of two rows: what commands on several servers, transactions and scripts cost, how soon the proxy is there, what connections
 * cost that do nothing, and how long it takes to become a client while others keep the proxy busy.
 */

export const FURTHER_NAMES = [
  ...(['start', 'accept', 'refuse', 'idle', 'refuse-full'] as const),
  ...GATHER_NAMES,
  ...TRANSACTION_NAMES,
  ...SCRIPT_NAMES,
  ...QUEUE_NAMES,
  ...LISTENING_NAMES,
  ...TLS_NAMES,
] as const
export type FurtherName = (typeof FURTHER_NAMES)[number]

/** One such figure of DT (with three copies) or, to compare, of another system. */
export interface FurtherFigure {
  readonly name: FurtherName
  readonly system: System['name']
  readonly title: string
  readonly unit: 'ms' | 'bytes' | 'ratio'
  readonly value: Spread
  /** Of the times. */
  readonly p99?: number
}

export interface FurtherOptions {
  readonly names: readonly FurtherName[]
  readonly quick: boolean
  readonly signal: AbortSignal
  onStep(what: string): void
  onFigure(figure: FurtherFigure): void
  /** Told why something cannot be measured here. */
  onMissing(why: string): void
}

/** Files that we and the proxy need besides. */
const FILES_SPARE = 500
const PING = '*1\r\n$4\r\nPING\r\n'
const PONG = '+PONG\r\n'
const REFUSAL = '-ERR max number of clients reached\r\n'
/** Clients that are accepted to see how one too many is refused: those that load the proxy, and some more. */
const FEW_CLIENTS = 100
/** Connections that are begun at the same time. */
const AT_ONCE = 50

export async function measureFurther({ all, ring }: Systems, options: FurtherOptions): Promise<void> {
  const { names, quick, signal, onStep, onFigure } = options
  const begin = (name: FurtherName, what: string): boolean => {
    if (!names.includes(name) || signal.aborted) return false
    onStep(what)
    return true
  }
  if (begin('accept', 'how long a new connection waits under load')) {
    for (const system of all.filter(({ name }) => name !== 'dt-r0')) {
      const times = await underLoad(system.port, signal, () => timesOf(system.port, quick ? 100 : 500, PING, PONG))
      const title = `${SYSTEM_TITLES[system.name]}: connected and PING answered, while 50 clients load it`
      onFigure({ name: 'accept', system: system.name, title, unit: 'ms', ...timesFigure(times) })
    }
  }
  if (begin('start', 'how long dt serve takes to start')) {
    const times: number[] = []
    for (let i = 0; i < (quick ? 2 : 5); i++) times.push(await ring.restartProxy())
    const title = 'DT, 3 copies: from the start of dt serve to the reply of a GET'
    onFigure({ name: 'start', system: 'dt-r2', title, unit: 'ms', value: spreadOf(times) })
  }
  for (const name of GATHER_NAMES) {
    if (!begin(name, GATHER_TITLES[name])) continue
    const value = await measureGather(name, { port: ring.port, proxyPid: ring.proxyPid, quick, signal })
    onFigure({ name, system: 'dt-r2', title: `DT, 3 copies: ${GATHER_TITLES[name]}`, unit: 'ratio', value })
  }
  const refused = 'refused with an error, while 50 clients load it'
  if (begin('refuse', 'how long one connection too many waits for its refusal')) {
    await ring.restartProxy(FEW_CLIENTS)
    const { times, others } = await refusals(ring.port, signal, quick)
    for (const socket of others) socket.destroy()
    const title = `DT, 3 copies: ${refused}`
    onFigure({ name: 'refuse', system: 'dt-r2', title, unit: 'ms', ...timesFigure(times) })
    await ring.restartProxy()
  }
  if (TRANSACTION_NAMES.some((name) => names.includes(name)) && !signal.aborted) {
    onStep('what transactions cost')
    for (const figure of await measureTransactions({ port: ring.port, pid: ring.proxyPid }, options)) {
      if (names.includes(figure.name)) onFigure({ system: 'dt-r2', unit: 'ratio', ...figure })
    }
  }
  if (SCRIPT_NAMES.some((name) => names.includes(name)) && !signal.aborted) {
    onStep('what scripts cost')
    // The ring with three copies was started again.
    const now = all.map((system) =>
      system.name === 'dt-r2' ? { ...system, port: ring.port, pid: ring.proxyPid } : system,
    )
    for (const figure of await measureScripts(now, names, options)) {
      onFigure({ ...figure, title: `${SYSTEM_TITLES[figure.system]}: ${SCRIPT_TITLES[figure.name]}`, unit: 'ratio' })
    }
  }
  for (const name of QUEUE_NAMES) {
    if (!begin(name, QUEUE_TITLES[name])) continue
    const redisPort = all.find((system) => system.name === 'redis')!.port
    const value = await measureQueues(name, { redisPort, quick, signal })
    onFigure({ name, system: 'dt-r2', title: `DT, 3 copies: ${QUEUE_TITLES[name]}`, unit: 'ratio', value })
  }
  if (TLS_NAMES.some((name) => names.includes(name)) && !signal.aborted) {
    onStep('what TLS costs')
    for (const figure of await measureTls(options)) {
      onFigure({ ...figure, system: 'dt-r2', title: tlsTitle(figure.name) })
    }
  }
  const redis = all.find(({ name }) => name === 'redis')
  if (LISTENING_NAMES.some((name) => names.includes(name)) && redis !== undefined && !signal.aborted) {
    onStep('what those cost who wait, listen and have caches')
    const system = { name: 'dt-r2' as const, port: ring.port, pid: ring.proxyPid, flushPorts: [] }
    for (const figure of await measureListening(redis, system, names, options)) {
      onFigure({ ...figure, title: `DT, 3 copies: ${LISTENING_TITLES[figure.name]}` })
    }
  }
  if (!names.includes('idle') && !names.includes('refuse-full')) return
  const filesMax = Number(/^Max open files +([0-9]+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])
  if (filesMax < CLIENTS_MAX + FILES_SPARE) {
    return options.onMissing(`10,000 connections were not tried: a process may open ${filesMax} files (ulimit -n)`)
  }
  onStep('10,000 idle connections')
  const idle = await openMany(ring.port, IDLE_CONNECTIONS)
  if (begin('idle', 'what idle connections take')) {
    await sleep(1000)
    const value = spreadOf([rssBytes(ring.proxyPid)])
    const title = 'DT, 3 copies: memory with 10,000 idle connections, each of which has asked once'
    onFigure({ name: 'idle', system: 'dt-r2', title, unit: 'bytes', value })
  }
  if (begin('refuse-full', 'the same with 10,000 connections')) {
    const { times, others } = await refusals(ring.port, signal, quick)
    idle.push(...others)
    const title = `DT, 3 copies: ${refused} and 10,000 are connected`
    onFigure({ name: 'refuse-full', system: 'dt-r2', title, unit: 'ms', ...timesFigure(times) })
  }
  for (const socket of idle) socket.destroy()
}

/** How long refusals take under load, and the connections that were accepted before. */
function refusals(port: number, signal: AbortSignal, quick: boolean): Promise<{ times: number[]; others: Socket[] }> {
  return underLoad(port, signal, async () => {
    const others: Socket[] = []
    for (let full = false; !full; ) {
      const { socket, reply } = await open(port, PING)
      others.push(socket)
      full = reply !== PONG
    }
    return { times: await timesOf(port, quick ? 100 : 500, '', REFUSAL), others }
  })
}

function timesFigure(times: readonly number[]) {
  return { value: spreadOf(times), p99: percentileOf(times, 0.99) }
}

function percentileOf(times: readonly number[], part: number): number {
  const sorted = [...times].sort((a, b) => a - b)
  return sorted[Math.ceil(part * sorted.length) - 1]
}

/** Runs `task` while 50 clients read, each with one command at a time. */
async function underLoad<T>(port: number, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
  const [{ drivers, keys, pipeline }] = chooseRows(['get-p1'])
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const load = runRedisBenchmark({ port, driver: drivers[0], pipeline, keys, requests: 1_000_000_000 }, either)
  const ended = load.catch((error) => {
    if (!either.aborted) throw error
  })
  await sleep(300)
  try {
    return await Promise.race([task(), ended.then(() => Promise.reject(new Error('the load has ended')))])
  } finally {
    stop.abort()
    await ended
  }
}

interface Opened {
  readonly socket: Socket
  /** What came first, empty when the connection was closed without a word. */
  readonly reply: string
  /** From the beginning of the connection to the reply. */
  readonly ms: number
}

function open(port: number, request: string): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const beganAtMs = performance.now()
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const answered = (reply: string) => resolve({ socket, reply, ms: performance.now() - beganAtMs })
    socket.once('connect', () => socket.write(request))
    socket.once('data', (bytes) => answered(bytes.toString('latin1')))
    socket.once('close', () => answered(''))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') reject(error)
    })
  })
}

/** Connections that have been answered once. */
async function openMany(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - sockets.length) }, () => open(port, PING))
    for (const { socket, reply } of await Promise.all(some)) {
      if (reply !== PONG) throw new Error(`connection ${sockets.length + 1} was refused: ${reply}`)
      sockets.push(socket)
    }
  }
  return sockets
}

/** How long each of `count` connections, one after the other, waits for its first reply. */
async function timesOf(port: number, count: number, request: string, expected: string): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const { socket, reply, ms } = await open(port, request)
    socket.destroy()
    if (reply !== expected) throw new Error(`a new connection was answered ${JSON.stringify(reply)}`)
    times.push(ms)
  }
  return times
}
