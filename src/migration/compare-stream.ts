import { createHash } from 'node:crypto'
import { WORD_BYTES_MAX } from '../base/ascii.js'
import { fieldOf } from '../resp/decode.js'
import type { Reply } from '../resp/encode.js'
import { Differing, decoded, elementsAPiece, integerIn, itemsOf, stringOf } from './differing.js'
import { type InStep, KEY } from './in-step.js'

const PENDING_A_PIECE = 1000

/** What a stream knows of itself beside its entries; how its nodes are laid out is none of it. */
const ESSENTIAL = ['length', 'last-generated-id', 'max-deleted-entry-id', 'entries-added', 'recorded-first-entry-id']

/**
 * Which of the replicas hold another stream than the first one: its entries, counters, groups, consumers and pending
 * entries; not the times at which a consumer was seen or an entry delivered, which are each server's own.
 *
 * @param bytes about how much memory it takes
 */
export async function differingStreams(replicas: InStep, bytes: number): Promise<boolean[]> {
  const differing = new Differing(replicas.links.length)
  const essence = (reply: Reply) => ESSENTIAL.map((field) => text(fieldOf(reply, field)))
  differing.compareEssence(await replicas.all('XINFO', 'STREAM', KEY), essence)
  await compareEntries(replicas, differing, bytes)
  if (differing.all) return differing.flags
  const groups = await replicas.all('XINFO', 'GROUPS', KEY)
  differing.compare(groups)
  for (const group of itemsOf(decoded(groups[0]))) {
    await compareGroup(replicas, differing, stringOf(fieldOf(group, 'name')))
    if (differing.all) break
  }
  return differing.flags
}

async function compareEntries(replicas: InStep, differing: Differing, bytes: number): Promise<void> {
  const [length] = await replicas.all('XLEN', KEY)
  const step = elementsAPiece(bytes, integerIn(length))
  for (let after = '-'; !differing.all; ) {
    const entries = await replicas.all('XRANGE', KEY, after, '+', 'COUNT', String(step))
    differing.compare(entries)
    const own = itemsOf(decoded(entries[0]))
    if (own.length < step) return
    after = `(${stringOf(itemsOf(own[own.length - 1])[0])}`
  }
}

async function compareGroup(replicas: InStep, differing: Differing, group: Buffer): Promise<void> {
  differing.compareEssence(await replicas.all('XINFO', 'CONSUMERS', KEY, group), (reply) =>
    itemsOf(reply).map((consumer) => [text(fieldOf(consumer, 'name')), text(fieldOf(consumer, 'pending'))]),
  )
  for (let after = '-'; !differing.all; ) {
    const pending = await replicas.all('XPENDING', KEY, group, after, '+', String(PENDING_A_PIECE))
    // [id, consumer, ms since the delivery, deliveries]
    differing.compareEssence(pending, (reply) =>
      itemsOf(reply).map((entry) => itemsOf(entry).flatMap((value, i) => (i === 2 ? [] : [text(value)]))),
    )
    const own = itemsOf(decoded(pending[0]))
    if (own.length < PENDING_A_PIECE) return
    after = `(${stringOf(itemsOf(own[own.length - 1])[0])}`
  }
}

/** A value as text that is the same for the same bytes only. */
function text(value: Reply | undefined): string {
  if (!Buffer.isBuffer(value)) return String(value)
  return value.length <= WORD_BYTES_MAX ? value.latin1Slice() : createHash('sha256').update(value).digest('hex')
}
