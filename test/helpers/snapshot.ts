import { replicaSetOfKey } from '../../src/view/build-view.js'
import type { TestProxy } from './proxy.js'
import type { RawClient } from './raw-client.js'
import { itemsOf, type Node, readReply, textOf } from './raw-reply.js'

/** What a server holds under one key: its logical value as text, however it is encoded, and its deadline. */
export interface Held {
  readonly type: string
  readonly value: string
  /** ms since 1970; -1: it never expires. */
  readonly expiresAtMs: number
}

/** All keys of a server, as `<database> <key in latin1>`. */
export type Snapshot = Map<string, Held>

const BATCH = 500

/** How the whole logical value of a type is read. */
const READERS: Record<string, (key: Buffer) => (Buffer | string)[]> = {
  string: (key) => ['GET', key],
  list: (key) => ['LRANGE', key, '0', '-1'],
  hash: (key) => ['HGETALL', key],
  set: (key) => ['SMEMBERS', key],
  zset: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
  stream: (key) => ['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'],
}

/** Everything that one server holds, in these databases or in all. `client` is left in database 0; it must speak RESP3. */
export async function snapshot(client: RawClient, only?: readonly string[]): Promise<Snapshot> {
  const all: Snapshot = new Map()
  for (const db of only ?? (await databases(client))) {
    await client.ask('SELECT', db)
    const keys = await keysOf(client)
    for (let from = 0; from < keys.length; from += BATCH) {
      for (const [key, held] of await read(client, keys.slice(from, from + BATCH))) all.set(`${db} ${key}`, held)
    }
  }
  await client.ask('SELECT', '0')
  return all
}

async function databases(client: RawClient): Promise<string[]> {
  const info = (await client.ask('INFO', 'keyspace')).toString('latin1')
  return [...info.matchAll(/^db([0-9]+):/gm)].map((match) => match[1])
}

async function keysOf(client: RawClient): Promise<Buffer[]> {
  const keys: Buffer[] = []
  let cursor = '0'
  do {
    const [next, found] = itemsOf(readReply(await client.ask('SCAN', cursor, 'COUNT', '1000')))
    keys.push(...itemsOf(found).map((key) => Buffer.from(textOf(key), 'latin1')))
    cursor = textOf(next)
  } while (cursor !== '0')
  // SCAN may give a key twice while a table grows.
  return [...new Map(keys.map((key) => [key.toString('latin1'), key])).values()]
}

async function read(client: RawClient, keys: readonly Buffer[]): Promise<[string, Held][]> {
  const about = await client.pipeline(
    keys.flatMap((key) => [
      ['TYPE', key],
      ['PEXPIRETIME', key],
    ]),
  )
  const types = keys.map((_, i) => textOf(readReply(about[2 * i])))
  // A key that has expired since SCAN has no type any more, and nobody holds it.
  const there = keys.flatMap((key, i) => (types[i] === 'none' ? [] : [{ key, i }]))
  const values = await client.pipeline(there.map(({ key, i }) => READERS[types[i]](key)))
  return there.map(({ key, i }, at) => {
    const value = canonical(types[i], readReply(values[at]))
    return [key.toString('latin1'), { type: types[i], value, expiresAtMs: Number(textOf(readReply(about[2 * i + 1]))) }]
  })
}

/** The same text for equal values: without orders that mean nothing, and without what a read or a clock changes. */
function canonical(type: string, value: Node): string {
  switch (type) {
    case 'string': {
      const text = textOf(value)
      // The bytes 8 to 15 of a HyperLogLog are its cached count [Redis hyperloglog.c].
      return text.startsWith('HYLL') ? text.slice(0, 8) + text.slice(16) : text
    }
    case 'set':
      return JSON.stringify(itemsOf(value).map(textOf).sort())
    case 'hash':
      return JSON.stringify(
        pairs(itemsOf(value))
          .map(([field, of]) => [textOf(field), textOf(of)])
          .sort(),
      )
    case 'stream':
      return JSON.stringify(withoutTimes(value))
    default:
      return JSON.stringify(value)
  }
}

/** Times at which a consumer was seen or an entry delivered differ by ms between replicas; the layout of nodes may too. */
const TIMES = new Set(['seen-time', 'active-time', 'radix-tree-keys', 'radix-tree-nodes'])

function withoutTimes(node: Node): unknown {
  if (!('items' in node)) return node.text
  if (node.type !== '%') return node.items.map(withoutTimes)
  return pairs(node.items).flatMap(([name, value]) => {
    const field = textOf(name)
    if (TIMES.has(field)) return []
    if (field !== 'pending' && field !== 'pel') return [[field, withoutTimes(value)]]
    // [id, consumer, delivery time, deliveries] in the group's list, [id, delivery time, deliveries] in a consumer's.
    const entries = 'items' in value ? value.items.map(itemsOf) : []
    return [[field, entries.map((entry) => entry.filter((_, i) => i !== entry.length - 2).map(withoutTimes))]]
  })
}

function pairs(items: readonly Node[]): [Node, Node][] {
  return Array.from({ length: items.length / 2 }, (_, i) => [items[2 * i], items[2 * i + 1]])
}

/** What the ring holds: for each key the value of its master. Also what is wrong with the placement, in words. */
export interface RingSnapshot {
  readonly keys: Snapshot
  /** A line for each key that is missing on a replica, differs there, or is where it does not belong. */
  readonly faults: string[]
}

/** Reads all members, which must be quiet, and compares what they hold. */
export async function ringSnapshot(proxy: TestProxy): Promise<RingSnapshot> {
  const holdings = await Promise.all(
    proxy.view.members.map(async ({ name }) => {
      const client = await proxy.connectTo(name, 3)
      const held = await snapshot(client)
      client.close()
      return [name, held] as const
    }),
  )
  const byMember = new Map(holdings)
  const keys: Snapshot = new Map()
  const faults: string[] = []
  for (const id of new Set(holdings.flatMap(([, held]) => [...held.keys()]))) {
    const key = Buffer.from(id.slice(id.indexOf(' ') + 1), 'latin1')
    const natural = replicaSetOfKey(proxy.view, key, 0, key.length).natural.map(({ name }) => name)
    const holders = holdings.filter(([, held]) => held.has(id)).map(([name]) => name)
    const shown = JSON.stringify(id)
    if (holders.slice().sort().join() !== natural.slice().sort().join()) {
      faults.push(`${shown} belongs to ${natural.join(' ')} and is held by ${holders.join(' ')}`)
    }
    const master = byMember.get(natural[0])?.get(id)
    if (master === undefined) continue
    keys.set(id, master)
    for (const name of holders) {
      const held = byMember.get(name)!.get(id)!
      if (held.value !== master.value || held.expiresAtMs !== master.expiresAtMs) {
        faults.push(`${shown} is ${describe(held)} on ${name} and ${describe(master)} on its master ${natural[0]}`)
      }
    }
  }
  return { keys, faults }
}

function describe({ type, value, expiresAtMs }: Held): string {
  return `a ${type} ${value.length > 200 ? `${value.slice(0, 200)}…` : value} (expires at ${expiresAtMs})`
}
