import { othersTurn, STEPS_A_TURN } from '../../base/others-turn.js'
import { type Frame, frameOf } from '../../resp/frame.js'
import { digitsIn, type RecordIn, recordsIn, stringIn } from '../../resp/records.js'
import { RefusedError } from './asking.js'
import { HIDDEN_NAME } from './hidden-name.js'
import type { Page, Value } from './page.js'
import { COMMANDS_MAX, PageFiller } from './page-filler.js'
import { ABOVE_ALL, BELOW_ALL, orderOf } from './stream-ids.js'

/*
 * A stream may have very many groups, or a group very many consumers. A server tells of all groups at once, and of all consumers of a
 * group, and there is no way to ask for some of them; so these questions are asked as rarely as can be, and the answers are worked on in
 * pieces. What is asked for each group is asked for many groups at a time, and only where there is something.
 */

/** So many groups are asked about at a time. */
const GROUPS_AT_A_TIME = 200
/** About what a pending entry takes. */
const PENDING_BYTES = 100

export interface Group {
  readonly name: Buffer
  /** How many there were when it was asked. */
  readonly consumers: number
  readonly pending: number
  /** What makes it on the hidden stream. */
  readonly create: readonly string[]
}

/** Where one is in what is pending in a group. */
export class PendingPlace {
  /** Of the last one that was read, see `orderOf`; above all when no more come. */
  readTo = BELOW_ALL
  /** A start of XPENDING. */
  from: string

  constructor(
    readonly group: Group,
    after = '-',
  ) {
    this.from = after
  }

  /** These came, of at most so many. */
  read(ids: readonly string[], most: number): void {
    const last = ids.at(-1)
    this.readTo = ids.length < most ? ABOVE_ALL : orderOf(last!)
    if (last !== undefined) this.from = `(${last}`
  }

  get isRead(): boolean {
    return this.readTo === ABOVE_ALL
  }
}

/** The groups of a stream on its source. */
export class StreamGroups {
  /** In how many something was pending when they were asked for last. */
  pendingThen = 0

  constructor(private readonly value: Value) {}

  /** All of them. It takes the server a while when they are very many. */
  async all(): Promise<Group[]> {
    const groups: Group[] = []
    for (const record of recordsIn(await this.value.source.bytes(['XINFO', 'GROUPS']))) {
      groups.push(groupIn(record))
      if (groups.length % STEPS_A_TURN === 0) await othersTurn()
    }
    this.pendingThen = groups.filter(({ pending }) => pending > 0).length
    return groups
  }

  /** What makes the groups on the hidden stream. */
  *creations(groups: readonly Group[]): Generator<Page> {
    const filler = new PageFiller(this.value.budget)
    for (const { name, create } of groups)
      yield* filler.add(frameOf(['XGROUP', 'CREATE', HIDDEN_NAME, name, ...create]))
    yield* filler.rest()
  }

  /** What makes their consumers. It takes the server a while when a group has very many. */
  async *consumers(groups: readonly Group[]): AsyncGenerator<Page> {
    const { source, budget } = this.value
    const filler = new PageFiller(budget)
    const some = groups.filter(({ consumers }) => consumers > 0)
    for (const batch of batches(some, ({ consumers }) => consumers, budget.elementsOf(PENDING_BYTES))) {
      const replies = await Promise.all(batch.map(({ name }) => source.bytes(['XINFO', 'CONSUMERS'], name)))
      for (const [i, { name }] of batch.entries()) {
        for (const record of recordsIn(replies[i])) {
          yield* filler.add(frameOf(['XGROUP', 'CREATECONSUMER', HIDDEN_NAME, name, stringIn(record.field('name'))]))
        }
      }
    }
    yield* filler.rest()
  }

  /** What makes pending there what is pending in them. */
  async *claims(groups: readonly Group[]): AsyncGenerator<Page> {
    const { source, budget } = this.value
    const filler = new PageFiller(budget)
    const most = this.mostPending
    // At once, so that the server's time is that of its answer.
    const ask = ({ group, from }: PendingPlace) =>
      Promise.all([source.serverMs(), this.askPending(group, from, '+', most)])
    for (let places = placesIn(groups); places.length > 0; places = places.filter(({ isRead }) => !isRead)) {
      for (const batch of this.pendingBatches(places, most)) {
        const replies = await Promise.all(batch.map(ask))
        for (const [i, [nowMs, reply]] of replies.entries()) {
          for (const claim of claimsIn(reply, batch[i].group, nowMs)) yield* filler.add(claim)
          batch[i].read(pendingIdsIn(reply), most)
        }
      }
    }
    yield* filler.rest()
  }

  /**
   * Goes on at these places, as far as `to`; gives the ids for each.
   *
   * @param most so many of a group at a time
   */
  async *pendingIds(places: readonly PendingPlace[], to: string, most: number): AsyncGenerator<string[]> {
    for (const batch of this.pendingBatches(places, most)) {
      const replies = await Promise.all(batch.map(({ group, from }) => this.askPending(group, from, to, most)))
      for (const [i, reply] of replies.entries()) {
        const ids = pendingIdsIn(reply)
        batch[i].read(ids, most)
        if (ids.length > 0) yield ids
      }
    }
  }

  /**
   * Which of these ids, which are in rising order, are pending in any group: of each group so much is asked that follows on one that
   * is sought.
   */
  async thosePending(groups: readonly Group[], ids: readonly string[]): Promise<Set<string>> {
    const found = new Set<string>()
    if (ids.length === 0) return found
    const sought = new Set(ids)
    const orders = ids.map(orderOf)
    let places = placesIn(groups, ids[0])
    while (places.length > 0) {
      for await (const there of this.pendingIds(places, ids[ids.length - 1], SOUGHT_AT_A_TIME))
        for (const id of there) if (sought.has(id)) found.add(id)
      places = places.filter(({ isRead }) => !isRead)
      for (const place of places) {
        const next = firstAbove(orders, place.readTo)
        if (next === ids.length) place.readTo = ABOVE_ALL
        else place.from = ids[next]
      }
      places = places.filter(({ isRead }) => !isRead)
    }
    return found
  }

  /** So many pending entries of a group are asked for at a time. */
  get mostPending(): number {
    return Math.min(COMMANDS_MAX, this.value.budget.elementsOf(PENDING_BYTES))
  }

  private pendingBatches(places: readonly PendingPlace[], most: number): Generator<PendingPlace[]> {
    return batches(places, ({ group }) => Math.min(most, group.pending), this.mostPending)
  }

  private askPending(group: Group, from: string, to: string, most: number): Promise<Buffer> {
    return this.value.source.bytes('XPENDING', group.name, from, to, String(most)).catch(ofNoGroup)
  }
}

const SOUGHT_AT_A_TIME = 100

/** From `after` on, in those of the groups where something is pending. */
export function placesIn(groups: readonly Group[], after?: string): PendingPlace[] {
  return groups.filter(({ pending }) => pending > 0).map((group) => new PendingPlace(group, after))
}

/** Some of them after the other, in batches that are not heavier than `most`, unless one alone is. */
function* batches<T>(all: readonly T[], weightOf: (one: T) => number, most: number): Generator<T[]> {
  let batch: T[] = []
  let weight = 0
  for (const one of all) {
    const more = weightOf(one)
    if (batch.length === GROUPS_AT_A_TIME || (batch.length > 0 && weight + more > most)) {
      yield batch
      batch = []
      weight = 0
    }
    batch.push(one)
    weight += more
  }
  if (batch.length > 0) yield batch
}

/** Nothing is pending in a group that has been destroyed since it was named. */
function ofNoGroup(error: unknown): Buffer {
  if (error instanceof RefusedError && error.message.startsWith('-NOGROUP')) return Buffer.from('*0\r\n')
  throw error
}

function groupIn(record: RecordIn): Group {
  const number = (field: string) => Number(digitsIn(record.field(field)))
  const read = digitsIn(record.field('entries-read'))
  const lastId = stringIn(record.field('last-delivered-id')).latin1Slice()
  return {
    name: stringIn(record.field('name')),
    consumers: number('consumers'),
    pending: number('pending'),
    create: [lastId, 'MKSTREAM', ...(read === undefined ? [] : ['ENTRIESREAD', read])],
  }
}

function* claimsIn(reply: Buffer, group: Group, nowMs: number): Generator<Frame> {
  for (const record of recordsIn(reply)) {
    const [id, consumer, idleMs, deliveries] = record.values()
    const times = ['TIME', String(nowMs - Number(digitsIn(idleMs))), 'RETRYCOUNT', digitsIn(deliveries)!]
    const options = ['0', stringIn(id), ...times, 'FORCE', 'JUSTID']
    yield frameOf(['XCLAIM', HIDDEN_NAME, group.name, stringIn(consumer), ...options])
  }
}

function pendingIdsIn(reply: Buffer): string[] {
  const ids: string[] = []
  for (const record of recordsIn(reply)) ids.push(stringIn(record.values()[0]).latin1Slice())
  return ids
}

/** The first of them that is above this one. */
function firstAbove(orders: readonly string[], order: string): number {
  let low = 0
  let high = orders.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (orders[middle] > order) high = middle
    else low = middle + 1
  }
  return low
}
