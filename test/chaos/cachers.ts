import { setTimeout as sleep } from 'node:timers/promises'
import { command } from '../helpers/raw-client.js'
import { type Node, textOf } from '../helpers/raw-reply.js'
import type { ChaosRing } from './chaos-ring.js'
import { type Reading, viaOf } from './client.js'
import { outcomeOf } from './commands.js'
import { Connection } from './connection.js'
import { OTHER_DB } from './databases.js'
import { type History, nowMs, type Value } from './history.js'
import { Random } from './random.js'
import { CACHED_KEYS, keyOfSlot, SLOTS } from './workloads.js'

/*
 * Clients with caches of their own. They believe what they are told, as simple ones do: what a GET gives is kept until an invalidation of
 * its key comes, which may be before the reply does on another connection, and not on the same one. After a PING on the connection on which
 * these come it is written down what is in the cache (`cached`).
 */

export const WORKLOAD = 'caching'

const LOOK_MS = [3, 25] as const
const RETRY_MS = 30
/** The share of times in which all keys are asked for again, though they are in the cache. */
const AGAIN_SHARE = 0.02
/** Of those that are seldom written so many are written down each time. */
const LOOKED_AT = 3

const KEYS: readonly string[] = Array.from({ length: CACHED_KEYS }, (_, slot) => keyOfSlot(WORKLOAD, slot, 0))

const WAYS = [
  { name: 'default', words: [] },
  { name: 'opt-in', words: ['OPTIN'] },
  { name: 'broadcast', words: ['BCAST', 'PREFIX', 'caching:'] },
  { name: 'redirected', words: [] },
] as const

class Cacher {
  private stopped = false
  private connections: readonly Connection[] = []
  private readonly cache = new Map<string, Value>()
  /** Of keys that are asked for over another connection: invalidated meanwhile. */
  private readonly asked = new Map<string, boolean>()

  constructor(
    private readonly index: number,
    private readonly db: number,
    private readonly way: (typeof WAYS)[number],
    private readonly random: Random,
    private readonly ring: ChaosRing,
    private readonly history: History,
    private readonly reading: Reading,
  ) {}

  async run(): Promise<void> {
    while (!this.stopped) {
      await this.work().catch(() => {})
      this.close('done')
      if (!this.stopped) await sleep(RETRY_MS)
    }
  }

  stop(): void {
    this.stopped = true
  }

  close(reason: string): void {
    for (const connection of this.connections) connection.close(reason)
  }

  /** Reads and looks as long as its connections last, with which the cache ends. */
  private async work(): Promise<void> {
    const { cache, random, ring, index } = this
    cache.clear()
    this.asked.clear()
    const via = ring.proxyOf(index)
    const told = await Connection.open(via.port, (node) => this.told(node))
    this.connections = [told]
    const data = await this.begin(told, via.port)
    while (!this.stopped) {
      if (!this.reading.isPaused) await this.reading.during(this.ask(data))
      await sleep(random.between(...LOOK_MS))
      await this.look(told, viaOf(via))
    }
  }

  /** Gives the connection over which keys are read. */
  private async begin(told: Connection, port: number): Promise<Connection> {
    const { way } = this
    const isRedirected = way.name === 'redirected'
    const tracking = ['CLIENT', 'TRACKING', 'ON', ...way.words]
    const ask = async (connection: Connection, ...words: string[]) => {
      const [reply] = await Promise.all(connection.send(command(...words), 1))
      if (reply.type === '-') throw new Error(textOf(reply))
      return reply
    }
    if (!isRedirected) {
      await ask(told, 'HELLO', '3')
      await ask(told, 'SELECT', String(this.db))
      await ask(told, ...tracking)
      return told
    }
    const id = textOf(await ask(told, 'CLIENT', 'ID'))
    await ask(told, 'SUBSCRIBE', '__redis__:invalidate')
    const data = await Connection.open(port)
    this.connections = [told, data]
    await ask(data, 'SELECT', String(this.db))
    await ask(data, ...tracking, 'REDIRECT', id)
    return data
  }

  private async ask(data: Connection): Promise<void> {
    const { cache, random, way } = this
    const isAll = random.chance(AGAIN_SHARE)
    const wanted = KEYS.filter((key) => isAll || !cache.has(key))
    if (wanted.length === 0) return
    const words = wanted.flatMap((key) => {
      const get = command('GET', Buffer.from(key, 'latin1'))
      return way.name === 'opt-in' ? [command('CLIENT', 'CACHING', 'YES'), get] : [get]
    })
    for (const key of wanted) this.asked.set(key, false)
    const each = words.length / wanted.length
    const replies = data.send(Buffer.concat(words), words.length)
    // Each is in the cache when its reply has come, whatever the others do.
    await Promise.all(replies.map((reply, i) => reply.then((node) => this.came(wanted, i, each, node))))
  }

  private came(wanted: readonly string[], i: number, each: number, node: Node): void {
    if (i % each !== each - 1) return
    const key = wanted[(i + 1) / each - 1]
    const outcome = outcomeOf({ workload: WORKLOAD, key, name: 'get', args: [] }, node)
    const isOld = this.asked.get(key) === true && this.way.name === 'redirected'
    this.asked.delete(key)
    if (outcome.kind === 'ok' && !isOld) this.cache.set(key, outcome.value)
    else this.cache.delete(key)
  }

  private async look(told: Connection, via: ReturnType<typeof viaOf>): Promise<void> {
    const { history, index, db, way, cache, random } = this
    const invokedMs = nowMs()
    await told.send(command('PING'), 1)[0]
    const returnedMs = nowMs()
    for (const key of [...KEYS.slice(0, SLOTS), ...random.sample(KEYS.slice(SLOTS), LOOKED_AT)]) {
      const value = cache.get(key)
      if (value === undefined) continue
      const common = { id: history.nextId(), client: index, workload: WORKLOAD, key: `${db}/${key}`, ...via }
      const outcome = { kind: 'ok', value } as const
      history.add({ ...common, name: 'cached', args: [way.name], invokedMs, returnedMs, outcome })
    }
  }

  /** An invalidation, as a push or as a message of the channel to which it is subscribed. */
  private told(node: Node): (() => void) | undefined {
    if (!('items' in node)) return undefined
    const { items } = node
    const [kind, second] = items.map((item) => ('text' in item ? item.text : undefined))
    const isMessage = kind === 'message' && second === '__redis__:invalidate'
    if (kind !== 'invalidate' && !isMessage) return undefined
    const keys = items[items.length - 1]
    const names = 'items' in keys ? keys.items.map(textOf) : KEYS
    return () => {
      for (const name of names) {
        this.cache.delete(name)
        if (this.asked.has(name)) this.asked.set(name, true)
      }
    }
  }
}

export class Cachers {
  private readonly cachers: readonly Cacher[]
  private running: Promise<unknown> = Promise.resolve()

  /** @param first the number of the first of them */
  constructor(ring: ChaosRing, history: History, seed: number, first: number, reading: Reading) {
    this.cachers = WAYS.flatMap((way, i) =>
      [0, OTHER_DB].map((db, j) => {
        const index = first + 2 * i + ((i + j) % 2)
        return new Cacher(index, db, way, new Random(seed, `cacher ${index}`), ring, history, reading)
      }),
    )
  }

  start(): void {
    this.running = Promise.all(this.cachers.map((each) => each.run()))
  }

  /** Those of one half find the proxy that serves now. */
  move(): void {
    for (const [i, each] of this.cachers.entries()) if (i % 2 === 1) each.close('it was told to use another proxy')
  }

  async stop(): Promise<void> {
    for (const each of this.cachers) each.stop()
    await this.running
  }

  close(): void {
    for (const each of this.cachers) {
      each.stop()
      each.close('the run is over')
    }
  }
}
