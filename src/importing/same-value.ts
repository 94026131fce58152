import { createHash } from 'node:crypto'
import { bytesOf, elementsOf, integerOf, textOf } from '../resp/decode.js'
import { encodeReply, isError, type Reply } from '../resp/encode.js'
import type { Command, Conversation } from './conversation.js'
import { readPatiently } from './patience.js'
import type { Value } from './values.js'

/** A version of two bytes and a checksum of eight [Redis cluster.c createDumpPayload]. */
const FOOTER_BYTES = 10
/** A vector may have thousands of numbers. */
const VECTORS_AT_ONCE = 100

export type Difference = 'missing' | 'value' | 'deadline' | 'extra'

/**
 * How what the ring has of a key differs from what its source has, as far as the dumps say: `value` may be the same value all the
 * same, written down in another way.
 */
export function differenceOf(source: Value, ring: Value, deadlineSlackMs: number): Difference | undefined {
  if (source.dump === undefined) return ring.dump === undefined ? undefined : 'extra'
  if (ring.dump === undefined) return 'missing'
  if (!bodyOf(source.dump).equals(bodyOf(ring.dump))) return 'value'
  return hasOtherDeadline(source, ring, deadlineSlackMs) ? 'deadline' : undefined
}

export function hasOtherDeadline(source: Value, ring: Value, slackMs: number): boolean {
  if ((source.deadlineMs === 0) !== (ring.deadlineMs === 0)) return true
  return Math.abs(source.deadlineMs - ring.deadlineMs) > slackMs
}

function bodyOf(dump: Buffer): Buffer {
  return dump.subarray(0, Math.max(0, dump.length - FOOTER_BYTES))
}

/**
 * A digest of what a value means, however it is encoded and in whatever order a server keeps its elements; undefined for types of
 * modules, of which nobody else knows that.
 */
export async function meaningOf(server: Conversation, db: number, key: Buffer): Promise<string | undefined> {
  const [typeReply] = await readPatiently(server, db, [['TYPE', key]])
  const type = textOf(typeReply) ?? ''
  if (type === 'vectorset') return meaningOfVectors(server, db, key)
  const questions = QUESTIONS[type]?.(key)
  if (questions === undefined) return undefined
  const replies = await readPatiently(server, db, questions)
  const hash = createHash('sha1').update(type)
  for (const reply of replies) hash.update(encodeReply(ORDERED[type]?.(reply) ?? reply, 2))
  if (type === 'hash') hash.update(await fieldDeadlines(server, db, key, replies[0]))
  return hash.digest('hex')
}

const QUESTIONS: Readonly<Record<string, (key: Buffer) => Command[]>> = {
  none: () => [],
  string: (key) => [['GET', key]],
  list: (key) => [['LRANGE', key, '0', '-1']],
  set: (key) => [['SMEMBERS', key]],
  zset: (key) => [['ZRANGE', key, '0', '-1', 'WITHSCORES']],
  hash: (key) => [['HGETALL', key]],
  stream: (key) => [['XINFO', 'STREAM', key, 'FULL', 'COUNT', '0']],
}

/** For types whose replies have no order that means anything. */
const ORDERED: Readonly<Record<string, (reply: Reply) => Reply>> = {
  set: (reply) => [...buffersIn(reply)].sort(Buffer.compare),
  hash: (reply) => {
    const items = buffersIn(reply)
    const pairs = items.flatMap((name, i) => (i % 2 === 0 ? [[name, items[i + 1]]] : []))
    return pairs.sort(([a], [b]) => Buffer.compare(a, b)).flat()
  },
  // Redis writes 0.1 as 0.10000000000000001 before 7.2, and as 0.1 since.
  zset: (reply) => buffersIn(reply).map((item, i) => (i % 2 === 0 ? item : numberIn(item))),
  stream: (reply) => withoutChance(reply),
}

/** A number as it is, however it is written down. */
function numberIn(text: Buffer): Buffer {
  const bytes = Buffer.alloc(8)
  const said = String(text)
  bytes.writeDoubleBE(
    /^[+-]?inf/i.test(said) ? (said.startsWith('-') ? -1 : 1) * Number.POSITIVE_INFINITY : Number(said),
  )
  return bytes
}

/**
 * Vector sets of Redis 8: their elements with vectors and attributes. How these are linked each server draws at random, so that the dump of
 * a copy is never that of its original. Undefined when a server does not tell.
 */
async function meaningOfVectors(server: Conversation, db: number, key: Buffer): Promise<string | undefined> {
  const [count, size] = await readPatiently(server, db, [
    ['VCARD', key],
    ['VDIM', key],
  ])
  const [found] = await readPatiently(server, db, [['VRANDMEMBER', key, String(integerOf(count) ?? 0)]])
  const names = buffersIn(found).sort(Buffer.compare)
  if (isError(found) || names.length !== integerOf(count)) return undefined
  const hash = createHash('sha1').update(`vectorset ${names.length} ${integerOf(size)}`)
  for (let from = 0; from < names.length; from += VECTORS_AT_ONCE) {
    const questions = names.slice(from, from + VECTORS_AT_ONCE).flatMap((name): Command[] => [
      ['VEMB', key, name],
      ['VGETATTR', key, name],
    ])
    const replies = await readPatiently(server, db, questions)
    if (replies.some(isError)) return undefined
    for (const [i, reply] of replies.entries()) {
      const isVector = i % 2 === 0
      if (isVector) hash.update(encodeReply(names[from + i / 2], 2))
      hash.update(encodeReply(isVector ? buffersIn(reply).map(numberIn) : reply, 2))
    }
  }
  return hash.digest('hex')
}

function buffersIn(reply: Reply): Buffer[] {
  return (elementsOf(reply) ?? []).map((item) => bytesOf(item) ?? Buffer.alloc(0))
}

/** Fields of XINFO that tell how a server keeps a stream, when somebody was seen there, or what older servers do not know. */
const BY_CHANCE = new Set([
  ...['radix-tree-keys', 'radix-tree-nodes', 'seen-time', 'active-time'],
  ...['max-deleted-entry-id', 'entries-added', 'recorded-first-entry-id', 'entries-read', 'lag'],
])

/** The reply of XINFO STREAM FULL, maps with maps in lists, without these fields; what clients have written is left as it is. */
function withoutChance(reply: Reply): Reply {
  const items = elementsOf(reply) ?? []
  const kept: Reply[] = []
  for (let i = 0; i + 1 < items.length; i += 2) {
    const name = textOf(items[i]) ?? ''
    if (BY_CHANCE.has(name)) continue
    const isListOfMaps = name === 'groups' || name === 'consumers'
    kept.push(name, isListOfMaps ? (elementsOf(items[i + 1]) ?? []).map(withoutChance) : items[i + 1])
  }
  return kept
}

/** From Redis 7.4 and Valkey 9 on fields may have deadlines of their own. */
async function fieldDeadlines(server: Conversation, db: number, key: Buffer, reply: Reply): Promise<string> {
  const names = buffersIn(reply)
    .filter((_, i) => i % 2 === 0)
    .sort(Buffer.compare)
  if (names.length === 0) return ''
  const [deadlines] = await readPatiently(server, db, [['HPEXPIRETIME', key, 'FIELDS', String(names.length), ...names]])
  const all = isError(deadlines) ? [] : (elementsOf(deadlines) ?? [])
  return all.every((deadline) => deadline === -1) ? '' : all.join(' ')
}
