import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { RawClient } from '../../test/helpers/raw-client.js'
import { type Asked, Asker, clockMs } from '../support/asker.js'
import { cpuSeconds, rssBytes } from '../support/process-figures.js'
import { type Spread, spreadOf } from './results.js'
import type { System, SystemName } from './systems.js'

/*
 * What those cost who wait, listen, and have caches: beside one Redis server, whose figure is measured in the same rounds.
 */

export const LISTENING_NAMES = [
  ...(['publish-1', 'publish-100', 'publish-1000'] as const),
  ...([
    'publish-nobody',
    'subscribers',
    'hand-over',
    'waiters',
    'waiters-idle',
    'woken-at-once',
    'tracking-get',
  ] as const),
] as const
export type ListeningName = (typeof LISTENING_NAMES)[number]

export const LISTENING_TITLES: Readonly<Record<ListeningName, string>> = {
  'publish-1': 'PUBLISH to 1 who listens: messages a second to those of Redis',
  'publish-100': 'PUBLISH to 100 who listen: messages a second to those of Redis',
  'publish-1000': 'PUBLISH to 1,000 who listen: messages a second to those of Redis',
  'publish-nobody': 'PUBLISH to nobody beside 10,000 patterns, P=16: CPU to that of PING',
  subscribers: 'memory of 10,000 who listen to 10 patterns each',
  'hand-over': 'RPUSH to who waits with BLPOP: p50 to that of Redis',
  waiters: 'memory of 10,000 who wait at 10,000 keys, beside that of their connections',
  'waiters-idle': 'CPU of 10,000 who wait at 10,000 keys, beside that without clients, of one core',
  'woken-at-once': 'EXEC that wakes 10,000 who wait at one key: p99 of others to that without',
  'tracking-get': 'GET of a client with a cache, P=16: CPU to that of a plain GET',
}

export interface ListeningFigure {
  readonly name: ListeningName
  readonly system: SystemName
  readonly unit: 'ratio' | 'bytes'
  readonly value: Spread
}

const PATTERNS = 10
/** So many have 10,000 patterns together. */
const FEW_LISTENERS = 1000
const MANY = 10_000
const AT_ONCE = 50
const MESSAGE = 'x'.repeat(100)

interface Options {
  readonly quick: boolean
  readonly signal: AbortSignal
}

/** Measures of DT what is a ratio to Redis, to its own, or its memory. */
export async function measureListening(
  redis: Pick<System, 'port' | 'pid'>,
  { port, pid, name: system }: System,
  names: readonly string[],
  { quick, signal }: Options,
): Promise<ListeningFigure[]> {
  const figures: ListeningFigure[] = []
  const rounds = quick ? 1 : 5
  const wants = (name: ListeningName) => names.includes(name) && !signal.aborted
  const figure = (name: ListeningName, values: readonly number[], unit: ListeningFigure['unit'] = 'ratio') =>
    figures.push({ name, system, unit, value: spreadOf(values) })
  /** The first round warms up. */
  const ratios = async (own: () => Promise<number>, other: () => Promise<number>): Promise<number[]> => {
    const found: number[] = []
    for (let round = 0; round <= rounds && !signal.aborted; round++) {
      const ratio = (await own()) / (await other())
      if (round > 0) found.push(ratio)
    }
    return found
  }
  for (const count of [1, 100, 1000] as const) {
    if (!wants(`publish-${count}`)) continue
    const messages = Math.max(50, Math.ceil((quick ? 20_000 : 200_000) / count))
    const [ours, theirs] = await Promise.all([Audience.gather(port, count), Audience.gather(redis.port, count)])
    figure(
      `publish-${count}`,
      await ratios(
        () => ours.delivered(messages),
        () => theirs.delivered(messages),
      ),
    )
    ours.leave()
    theirs.leave()
  }
  if (wants('publish-nobody')) {
    const others = await opened(port, FEW_LISTENERS)
    for (const [i, other] of others.entries()) other.say(patternsOf(i))
    const clients = await connected(port, 50)
    const cost = (words: readonly string[]) => () =>
      cpuOf(pid, () => all(clients, quick ? 20 : 300, () => Array.from({ length: 16 }, () => words)))
    figure('publish-nobody', await ratios(cost(['PUBLISH', 'nobody:is:there', MESSAGE]), cost(['PING'])))
    close([...clients, ...others])
  }
  if (wants('subscribers')) {
    await sleep(1000)
    const before = rssBytes(pid)
    const others = await opened(port, MANY)
    for (const [i, other] of others.entries()) other.say(patternsOf(i))
    await sleep(2000)
    figure('subscribers', [rssBytes(pid) - before], 'bytes')
    close(others)
  }
  if (wants('hand-over')) {
    const count = quick ? 200 : 1000
    figure(
      'hand-over',
      await ratios(
        () => handOver(port, count),
        () => handOver(redis.port, count),
      ),
    )
  }
  if (wants('waiters') || wants('waiters-idle')) {
    const idleCpu = async () => {
      if (!wants('waiters-idle')) return 0
      const seconds = quick ? 3 : 20
      return (await cpuOf(pid, () => sleep(seconds * 1000))) / seconds
    }
    // Also a proxy that nobody asks for anything looks after its members.
    const cpuBefore = await idleCpu()
    const others = await opened(port, MANY)
    await sleep(1000)
    const before = rssBytes(pid)
    for (const [i, other] of others.entries()) other.say(['BLPOP', `waited:${i}`, '0'])
    await sleep(2000)
    if (wants('waiters')) figure('waiters', [rssBytes(pid) - before], 'bytes')
    if (wants('waiters-idle')) figure('waiters-idle', [(await idleCpu()) - cpuBefore])
    close(others)
  }
  if (wants('woken-at-once')) figure('woken-at-once', await wokenAtOnce(port, quick ? 1 : 3))
  if (wants('tracking-get')) {
    const [plain, caching] = await Promise.all([connected(port, 50), connected(port, 50)])
    for (const client of caching) await client.ask('HELLO', '3')
    for (const client of caching) await client.ask('CLIENT', 'TRACKING', 'ON')
    const get = (clients: readonly RawClient[]) => () =>
      cpuOf(pid, () =>
        all(clients, quick ? 20 : 300, (i) =>
          Array.from({ length: 16 }, (_, k) => ['GET', `key:${(16 * i + k) % 1000}`]),
        ),
      )
    figure('tracking-get', await ratios(get(caching), get(plain)))
    close([...plain, ...caching])
  }
  return figures
}

function close(clients: readonly { close(): void }[]): void {
  for (const client of clients) client.close()
}

function patternsOf(i: number): readonly string[] {
  return ['PSUBSCRIBE', ...Array.from({ length: PATTERNS }, (_, k) => `user:${i}:topic:${k}:*`)]
}

async function connected(port: number, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = []
  while (clients.length < count) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - clients.length) }, () => RawClient.connect(port))
    clients.push(...(await Promise.all(some)))
  }
  return clients
}

async function opened(port: number, count: number): Promise<Bare[]> {
  const clients: Bare[] = []
  while (clients.length < count) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - clients.length) }, () => Bare.open(port))
    clients.push(...(await Promise.all(some)))
  }
  return clients
}

async function cpuOf(pid: number, work: () => Promise<unknown>): Promise<number> {
  const before = cpuSeconds(pid)
  await work()
  return cpuSeconds(pid) - before
}

/** Each client sends so many pipelines, one after the other. */
async function all(
  clients: readonly RawClient[],
  count: number,
  words: (i: number) => readonly (readonly string[])[],
): Promise<void> {
  await Promise.all(
    clients.map(async (client, c) => {
      for (let i = 0; i < count; i++) await client.pipeline(words(c * count + i))
    }),
  )
}

/** A connection of which nothing is looked at but how many bytes come. */
class Bare {
  bytes = 0
  onBytes: () => void = () => {}

  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.bytes += chunk.length
      this.onBytes()
    })
    socket.on('error', () => {})
  }

  /** Resolves when it has been answered once. */
  static open(port: number): Promise<Bare> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      socket.once('error', reject)
      socket.once('connect', () => {
        const bare = new Bare(socket)
        bare.onBytes = () => resolve(bare)
        bare.say(['PING'])
      })
    })
  }

  say(words: readonly string[]): void {
    this.socket.write(`*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`)
  }

  close(): void {
    this.socket.destroy()
  }
}

/** Some who listen to one channel, and one who publishes there. */
class Audience {
  private constructor(
    private readonly listeners: readonly Bare[],
    private readonly publisher: RawClient,
  ) {}

  static async gather(port: number, count: number): Promise<Audience> {
    const listeners = await opened(port, count)
    for (const listener of listeners) listener.say(['SUBSCRIBE', 'channel'])
    const publisher = await RawClient.connect(port)
    while (String(await publisher.ask('PUBLISH', 'channel', 'x')).trim() !== `:${count}`) await sleep(10)
    return new Audience(listeners, publisher)
  }

  /** How many messages a second are there with all, when they are published in pipelines of 16. */
  async delivered(messages: number): Promise<number> {
    const { listeners, publisher } = this
    await sleep(100)
    const message = `*3\r\n$7\r\nmessage\r\n$7\r\nchannel\r\n$${MESSAGE.length}\r\n${MESSAGE}\r\n`
    const trips = Math.ceil(messages / 16)
    const wanted = trips * 16 * message.length
    const began = performance.now()
    let left = listeners.length
    const there = new Promise<void>((resolve) => {
      for (const listener of listeners) {
        listener.bytes = 0
        listener.onBytes = () => {
          if (listener.bytes >= wanted && --left === 0) resolve()
        }
      }
    })
    const pipeline = Array.from({ length: 16 }, () => ['PUBLISH', 'channel', MESSAGE])
    for (let i = 0; i < trips; i++) await publisher.pipeline(pipeline)
    await there
    return (trips * 16 * listeners.length) / (performance.now() - began)
  }

  leave(): void {
    close([...this.listeners, this.publisher])
  }
}

/** From the push to the element, in the middle of many. */
async function handOver(port: number, count: number): Promise<number> {
  const [waiter, pusher] = await connected(port, 2)
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    waiter.send('BLPOP handed 0\r\n')
    await sleep(1)
    const began = performance.now()
    pusher.send('RPUSH handed x\r\n')
    await waiter.reply()
    times.push(performance.now() - began)
    await pusher.reply()
  }
  close([waiter, pusher])
  return times.sort((one, other) => one - other)[Math.floor(count / 2)]
}

/**
 * The p99 of one who says GET all the while: of what he had asked for while all who waited were served, to that of what he had asked for
 * before, when they waited. The first round warms up.
 */
async function wokenAtOnce(port: number, rounds: number): Promise<number[]> {
  const pusher = await RawClient.connect(port)
  const ratios: number[] = []
  const p99 = (asked: readonly Asked[]) => {
    const times = asked.map(({ tookMs }) => tookMs).sort((one, another) => one - another)
    return times[Math.floor(times.length * 0.99)]
  }
  const elements = Array.from({ length: MANY }, (_, i) => `e${i}`)
  for (let round = 0; round <= rounds; round++) {
    const waiters = await opened(port, MANY)
    for (const waiter of waiters) waiter.say(['BLPOP', 'woken', '0'])
    await sleep(1000)
    const other = await Asker.begin(port)
    await sleep(2000)
    let left = waiters.length
    const woken = new Promise<void>((resolve) => {
      for (const waiter of waiters) {
        waiter.onBytes = () => {
          if (--left === 0) resolve()
        }
      }
    })
    const beganMs = clockMs()
    void pusher.pipeline([['MULTI'], ['RPUSH', 'woken', ...elements], ['EXEC']])
    await woken
    const endedMs = clockMs()
    const asked = await other.end()
    const before = asked.filter(({ atMs, tookMs }) => atMs + tookMs < beganMs)
    const meanwhile = asked.filter(({ atMs, tookMs }) => atMs + tookMs >= beganMs && atMs <= endedMs)
    if (round > 0) ratios.push(p99(meanwhile) / p99(before))
    close(waiters)
  }
  pusher.close()
  return ratios
}
