import { createHash } from 'node:crypto'
import { WORD_BYTES_MAX } from '../base/ascii.js'
import { othersTurn, STEPS_A_TURN } from '../base/others-turn.js'
import { fittingInStream } from '../order/pieces/fitting.js'
import { fieldOf } from '../resp/decode.js'
import type { Reply } from '../resp/encode.js'
import { digitsIn, type RecordIn, recordsIn, stringIn } from '../resp/records.js'
import { Differing, decoded, itemsOf, PIECE_BYTES, PIECE_ELEMENTS_MAX, stringOf } from './differing.js'
import { type InStep, KEY } from './in-step.js'

const PENDING_A_PIECE = 1000
/** Groups are asked about at a time when they have so many consumers and pending entries together, or are so many. */
const A_TIME = 1000
const GROUPS_A_TIME = 100

/** What a stream knows of itself beside its entries; how its nodes are laid out is none of it. */
const ESSENTIAL = ['length', 'last-generated-id', 'max-deleted-entry-id', 'entries-added', 'recorded-first-entry-id']

/**
 * Which of the replicas hold another stream than the first one: its entries, counters, groups, consumers and pending
 * entries; not the times at which a consumer was seen or an entry delivered, which are each server's own.
 */
export async function differingStreams(replicas: InStep): Promise<boolean[]> {
  const differing = new Differing(replicas.links.length)
  const essence = (reply: Reply) => ESSENTIAL.map((field) => text(fieldOf(reply, field)))
  differing.compareEssence(await replicas.all('XINFO', 'STREAM', KEY), essence)
  await compareEntries(replicas, differing)
  if (differing.all) return differing.flags
  const groups = await replicas.all('XINFO', 'GROUPS', KEY)
  differing.compare(groups)
  await compareGroups(replicas, differing, groups[0])
  return differing.flags
}

async function compareEntries(replicas: InStep, differing: Differing): Promise<void> {
  for (let after = '-'; !differing.all; ) {
    const asked = { after, most: PIECE_ELEMENTS_MAX, bytes: PIECE_BYTES }
    const { count, areAll } = await fittingInStream((...words) => replicas.first(...words), KEY, asked)
    // Of replicas that have others none is to be missed.
    const most = areAll ? PIECE_ELEMENTS_MAX : count
    const entries = await replicas.all('XRANGE', KEY, after, '+', 'COUNT', String(most))
    differing.compare(entries)
    const own = itemsOf(decoded(entries[0]))
    if (own.length < most) return
    after = `(${stringOf(itemsOf(own[own.length - 1])[0])}`
  }
}

/** Each group is asked about once, and only when it has something; many at a time, because there may be very many. */
async function compareGroups(replicas: InStep, differing: Differing, groups: Buffer): Promise<void> {
  let names: Buffer[] = []
  let size = 0
  let seen = 0
  for (const group of recordsIn(groups)) {
    if (++seen % STEPS_A_TURN === 0) await othersTurn()
    const consumers = Number(digitsIn(group.field('consumers')))
    if (consumers === 0) continue
    names.push(stringIn(group.field('name')))
    size += consumers + Math.min(PENDING_A_PIECE, Number(digitsIn(group.field('pending'))))
    if (size < A_TIME && names.length < GROUPS_A_TIME) continue
    await compareSome(replicas, differing, names)
    if (differing.all) return
    names = []
    size = 0
  }
  if (names.length > 0) await compareSome(replicas, differing, names)
}

/** The consumers of these groups, and what is pending there. */
async function compareSome(replicas: InStep, differing: Differing, groups: readonly Buffer[]): Promise<void> {
  const replies = await replicas.both(
    ...groups.flatMap((group) => [['XINFO', 'CONSUMERS', KEY, group], pendingOf(group, '-')]),
  )
  for (const [i, group] of groups.entries()) {
    // A server tells of consumers in the order of their names.
    await differing.compareRecords(replies[2 * i], (consumer) => [consumer.field('name'), consumer.field('pending')])
    for (let pending = replies[2 * i + 1]; ; ) {
      const after = await comparePending(differing, pending)
      if (after === undefined || differing.all) break
      pending = await replicas.all(...pendingOf(group, `(${after}`))
    }
    if (differing.all) return
  }
}

function pendingOf(group: Buffer, after: string): readonly (Buffer | string)[] {
  return ['XPENDING', KEY, group, after, '+', String(PENDING_A_PIECE)]
}

/** Gives the last id when more may follow. */
async function comparePending(differing: Differing, replies: readonly Buffer[]): Promise<string | undefined> {
  // [id, consumer, ms since the delivery, deliveries]
  await differing.compareRecords(replies, (entry) => entry.values().filter((_, i) => i !== 2))
  let count = 0
  let last: RecordIn | undefined
  for (const entry of recordsIn(replies[0])) {
    count++
    last = entry
  }
  return count < PENDING_A_PIECE ? undefined : stringIn(last!.values()[0]).latin1Slice()
}

/** A value as text that is the same for the same bytes only. */
function text(value: Reply | undefined): string {
  if (!Buffer.isBuffer(value)) return String(value)
  return value.length <= WORD_BYTES_MAX ? value.latin1Slice() : createHash('sha256').update(value).digest('hex')
}
