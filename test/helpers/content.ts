import { decodeReply, elementsOf, fieldOf, textOf } from '../../src/resp/decode.js'
import type { Reply } from '../../src/resp/encode.js'
import type { RawConnection } from './real-redis.js'

/** What a key means, its deadline included, as text that is the same for equal keys only [redis-facts DUMP, RESTORE]. */
export async function contentOf(connection: RawConnection, key: string): Promise<string> {
  const ask = async (...args: string[]) => {
    const bytes = await connection.ask(...args)
    return decodeReply(bytes, 0, bytes.length)
  }
  const type = textOf(await ask('TYPE', key))
  const deadline = await ask('PEXPIRETIME', key)
  return JSON.stringify([type, deadline, await read(String(type), key, ask)])
}

type Ask = (...args: string[]) => Promise<Reply>

async function read(type: string, key: string, ask: Ask): Promise<unknown> {
  switch (type) {
    case 'string':
      return shown(await ask('GET', key))
    case 'list':
      return shown(await ask('LRANGE', key, '0', '-1'))
    case 'set':
      return (shown(await ask('SMEMBERS', key)) as string[]).sort()
    case 'hash':
      return pairs(await ask('HGETALL', key)).sort()
    case 'zset':
      return shown(await ask('ZRANGE', key, '0', '-1', 'WITHSCORES'))
    case 'stream':
      return stream(await ask('XINFO', 'STREAM', key, 'FULL', 'COUNT', '0'))
    default:
      return null
  }
}

/** Without how it is laid out, and when consumers were last seen. */
function stream(info: Reply): unknown {
  const fields = ['length', 'last-generated-id', 'max-deleted-entry-id', 'entries-added', 'recorded-first-entry-id']
  const all = elementsOf(fieldOf(info, 'groups') ?? null) ?? []
  const groups = all.map((group) => {
    const of = ['name', 'last-delivered-id', 'entries-read', 'lag', 'pel-count'].map((field) => fieldOf(group, field))
    const pending = elementsOf(fieldOf(group, 'pending') ?? fieldOf(group, 'pel') ?? null) ?? []
    const consumers = elementsOf(fieldOf(group, 'consumers') ?? null) ?? []
    // Times of delivery may be a little off.
    const delivered = pending.map((each) => (elementsOf(each) ?? []).map((v, i) => (i === 2 ? near(v) : shown(v))))
    return [
      of.map(shown),
      delivered,
      consumers.map((each) => [shown(fieldOf(each, 'name')), shown(fieldOf(each, 'pel-count'))]),
    ]
  })
  return [fields.map((field) => shown(fieldOf(info, field))), shown(fieldOf(info, 'entries')), groups]
}

const RECENT_MS = 600_000

/**
 * A server tells how long ago an entry was delivered, not when, and what time it is with another command: so a copy may have it a
 * millisecond later, or some on a busy machine [order/pieces/stream-pages].
 */
function near(time: Reply): unknown {
  return Math.abs(Date.now() - Number(time)) < RECENT_MS ? 'a short while ago' : Math.round(Number(time) / 1000)
}

function pairs(reply: Reply): unknown[] {
  const items = shown(reply) as string[]
  return items
    .filter((_, i) => i % 2 === 0)
    .map((name, i) => `${JSON.stringify(name)} ${JSON.stringify(items[i * 2 + 1])}`)
}

function shown(reply: Reply | undefined): unknown {
  if (reply === undefined || reply === null) return null
  if (Buffer.isBuffer(reply)) return reply.latin1Slice()
  const items = elementsOf(reply)
  return items === undefined ? (textOf(reply) ?? String(reply)) : items.map(shown)
}
