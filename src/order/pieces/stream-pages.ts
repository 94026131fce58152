import { bytesOf, elementsOf, fieldOf } from '../../resp/decode.js'
import type { Reply } from '../../resp/encode.js'
import { type Frame, frameOf } from '../../resp/frame.js'
import { RefusedError, type Source } from './asking.js'
import { bulkEnd, lineAt } from './bulks.js'
import { HIDDEN_NAME } from './hidden-name.js'
import type { Page, Value } from './page.js'

/*
 * A stream is built with everything that it knows of itself: entries, groups with where they are, consumers, pending
 * entries with times and numbers of deliveries, the last id, and what was added and deleted. When a consumer was last
 * seen is each server's own [redis-facts DUMP, RESTORE].
 *
 * An entry may have been deleted that is still pending; XCLAIM makes none pending that is not there. So it is put in its
 * place among the entries, and deleted again when all that is pending has been claimed:
 *
 *     entries 1 _ 3 4 _, 2 and 5 pending and deleted      XADD 1 2' 3 4 5' · XGROUP CREATE · XCLAIM 2 5 … · XDEL 2 5
 *
 * XDEL notes the highest id that it deleted, which XSETID can set to another one, but not to none. So what is older than the
 * first entry is left to XTRIM, which notes nothing; where there is a gap behind it the source has noted one, too.
 */

/** At most so many entries, or pending ones, at a time: each is a command. */
const ENTRIES_MAX = 2000
/** About what a pending entry takes. */
const PENDING_BYTES = 100

interface Group {
  readonly name: Buffer
  readonly hasPending: boolean
  /** What makes it on the hidden stream. */
  readonly create: Frame
}

interface Entry {
  readonly id: string
  /** Fields and values, one bulk string behind the other, and how many they are. */
  readonly fields: Buffer
  readonly count: number
}

interface Pending {
  readonly id: string
  readonly consumer: Buffer
  readonly deliveredMs: number
  readonly deliveries: number
}

/** What stands in each XADD behind its number of arguments: a stream has a million of them. */
const XADD_HIDDEN = `\r\n$4\r\nXADD\r\n$${HIDDEN_NAME.length}\r\n${HIDDEN_NAME.latin1Slice()}\r\n$`

/** In place of an entry that was deleted and is pending. */
const NO_FIELDS = Buffer.from('$0\r\n\r\n$0\r\n\r\n')

export async function* streamPages(value: Value): AsyncGenerator<Page> {
  const stream = new StreamPages(value)
  while (!stream.isRead) yield await stream.entries(true)
  yield* stream.rest()
}

/** A stream that is read piece by piece, from its first entry to its last one. */
export class StreamPages {
  /** Nothing more has come behind what was read. */
  isRead = false
  /** How many entries were read last. */
  readLast = 0
  /** Up to where it was read: a start of XRANGE. */
  private after = '-'
  /** Something was written. */
  private isThere = false
  /** What is written and not on the source: it is pending there. */
  private readonly gone: string[] = []
  private bytesEach: number | undefined

  constructor(private readonly value: Value) {}

  /**
   * The next entries.
   *
   * @param isWhole the stream does not change any more: when nothing more comes, nothing will
   */
  async entries(isWhole: boolean): Promise<Page> {
    const { source, budget, bytes } = this.value
    this.bytesEach ??= bytes / Math.max(1, Number(await source.reply('XLEN')))
    const { after } = this
    const count = Math.min(ENTRIES_MAX, budget.elementsOf(this.bytesEach))
    const entries = entriesIn(await source.piece('XRANGE', after, '+', 'COUNT', String(count)))
    this.isRead = entries.length < count
    this.readLast = entries.length
    const last = entries.at(-1)?.id
    if (last !== undefined) this.after = `(${last}`
    const to = this.isRead && isWhole ? '+' : last
    // Nothing that is not there becomes pending later.
    const gone = to === undefined ? [] : await this.goneOf(entries, after, to)
    this.gone.push(...gone)
    const all = [...entries, ...gone.map((id): Entry => ({ id, fields: NO_FIELDS, count: 2 }))]
    if (gone.length > 0) all.sort((one, other) => compareIds(one.id, other.id))
    if (all.length > 0) this.isThere = true
    return all.map(add)
  }

  /** Where the stream begins; undefined when it has no entries. */
  async first(): Promise<string | undefined> {
    return entriesIn(await this.value.source.piece('XRANGE', '-', '+', 'COUNT', '1'))[0]?.id
  }

  /** Which of these are in the stream. */
  async thoseThere(ids: readonly string[]): Promise<string[]> {
    const found = await Promise.all(ids.map((id) => this.value.source.piece('XRANGE', id, id)))
    return ids.filter((_, i) => entriesIn(found[i]).length > 0)
  }

  /** Which of these are pending. */
  async thosePending(ids: readonly string[]): Promise<Set<string>> {
    const { source } = this.value
    const found = new Set<string>()
    for (const group of await this.groups()) {
      if (!group.hasPending) continue
      const pending = await Promise.all(
        ids.map((id) => source.reply('XPENDING', group.name, id, id, '1').catch(ofNoGroup)),
      )
      for (const [i, reply] of pending.entries()) if (itemsIn(reply).length > 0) found.add(ids[i])
    }
    return found
  }

  /** These have been deleted, and may be pending still: they are deleted when that has been claimed. */
  deleteLater(ids: readonly string[]): void {
    this.gone.push(...ids)
  }

  /** All but the entries, when all of them have been written. The stream must not change meanwhile. */
  async *rest(): AsyncGenerator<Page> {
    const { source } = this.value
    const info = await source.reply(['XINFO', 'STREAM'])
    const number = (field: string) => String(fieldOf(info, field))
    const id = (field: string) => textIn(fieldOf(info, field))
    const groups = await this.groups()
    for (const { name, create } of groups) {
      yield [create]
      yield* this.inPieces(await consumersOf(source, name))
    }
    // A stream without entries and groups is one all the same.
    if (!this.isThere && groups.length === 0) yield [add({ id: '0-1', fields: NO_FIELDS, count: 2 })]
    for (const group of groups) if (group.hasPending) yield* this.claims(group.name)
    yield* this.removal(await this.first())
    const counters = ['ENTRIESADDED', number('entries-added'), 'MAXDELETEDID', id('max-deleted-entry-id')]
    yield [on('XSETID', id('last-generated-id'), ...counters)]
  }

  private *inPieces(frames: readonly Frame[]): Generator<Page> {
    const bytesEach = frames.reduce((sum, { buf }) => sum + buf.length, 0) / frames.length
    for (let at = 0; at < frames.length; ) {
      const next = at + Math.min(ENTRIES_MAX, this.value.budget.elementsOf(bytesEach))
      yield frames.slice(at, next)
      at = next
    }
  }

  private async groups(): Promise<Group[]> {
    return itemsIn(await this.value.source.reply(['XINFO', 'GROUPS'])).map((group) => {
      const name = bytesIn(fieldOf(group, 'name'))
      return { name, hasPending: Number(fieldOf(group, 'pending')) > 0, create: createGroup(name, group) }
    })
  }

  /** What is pending from `after` up to `to`, and not among the entries there. */
  private async goneOf(entries: readonly Entry[], after: string, to: string): Promise<string[]> {
    const gone = new Set<string>()
    const there = new Set(entries.map(({ id }) => id))
    for (const { name, hasPending } of await this.groups()) {
      if (!hasPending) continue
      for await (const pending of this.pending(name, after, to)) {
        for (const { id } of pending) if (!there.has(id)) gone.add(id)
      }
    }
    return [...gone]
  }

  private async *claims(group: Buffer): AsyncGenerator<Page> {
    for await (const pending of this.pending(group, '-', '+')) {
      yield pending.map(({ id, consumer, deliveredMs, deliveries }) => {
        const delivered = ['TIME', String(deliveredMs), 'RETRYCOUNT', String(deliveries)]
        return on('XCLAIM', group, consumer, '0', id, ...delivered, 'FORCE', 'JUSTID')
      })
    }
  }

  /** What is pending in a group from `after` (a start of XRANGE) up to `to`. */
  private async *pending(group: Buffer, after: string, to: string): AsyncGenerator<Pending[]> {
    const { source, budget } = this.value
    for (let from = after; ; ) {
      const count = Math.min(ENTRIES_MAX, budget.elementsOf(PENDING_BYTES))
      // At once, so that the server's time is that of its answer.
      const clock = source.serverMs()
      const found = source.reply('XPENDING', group, from, to, String(count)).catch(ofNoGroup)
      const [nowMs, reply] = await Promise.all([clock, found])
      const pending = itemsIn(reply).map((item): Pending => {
        const [id, consumer, idleMs, deliveries] = itemsIn(item)
        const deliveredMs = nowMs - Number(idleMs)
        return { id: textIn(id), consumer: bytesIn(consumer), deliveredMs, deliveries: Number(deliveries) }
      })
      if (pending.length > 0) yield pending
      if (pending.length < count) return
      from = `(${pending[pending.length - 1].id}`
    }
  }

  /** Takes away what is not on the source, which begins with `first`. */
  private *removal(first: string | undefined): Generator<Page> {
    if (first === undefined) {
      yield [on('XTRIM', 'MAXLEN', '0')]
      return
    }
    yield [on('XTRIM', 'MINID', first)]
    const behind = this.gone.filter((id) => compareIds(id, first) > 0)
    for (let i = 0; i < behind.length; i += ENTRIES_MAX) yield this.deletion(behind.slice(i, i + ENTRIES_MAX))
  }

  /** What deletes these on the hidden stream. */
  deletion(ids: readonly string[]): Page {
    return ids.length === 0 ? [] : [on('XDEL', ...ids)]
  }
}

/** Nothing is pending in a group that has been destroyed since it was named. */
function ofNoGroup(error: unknown): Reply {
  if (error instanceof RefusedError && error.message.startsWith('-NOGROUP')) return []
  throw error
}

function createGroup(name: Buffer, group: Reply): Frame {
  const read = fieldOf(group, 'entries-read') ?? null
  const entriesRead = read === null ? [] : ['ENTRIESREAD', String(read)]
  return frameOf([
    ...['XGROUP', 'CREATE', HIDDEN_NAME, name, textIn(fieldOf(group, 'last-delivered-id')), 'MKSTREAM'],
    ...entriesRead,
  ])
}

async function consumersOf(source: Source, group: Buffer): Promise<Frame[]> {
  return itemsIn(await source.reply(['XINFO', 'CONSUMERS'], group)).map((consumer) =>
    frameOf(['XGROUP', 'CREATECONSUMER', HIDDEN_NAME, group, bytesIn(fieldOf(consumer, 'name'))]),
  )
}

/** The entries of a reply to XRANGE. */
function entriesIn(reply: Buffer): Entry[] {
  const entries: Entry[] = []
  let { next: at } = lineAt(reply, 0)
  while (at < reply.length) {
    const id = lineAt(reply, lineAt(reply, at).next)
    const idEnd = id.next + id.value
    const { value: count, next } = lineAt(reply, idEnd + 2)
    at = next
    for (let i = 0; i < count; i++) at = bulkEnd(reply, at)
    entries.push({ id: reply.latin1Slice(id.next, idEnd), fields: reply.subarray(next, at), count })
  }
  return entries
}

function add({ id, fields, count }: Entry): Frame {
  const head = `*${count + 3}${XADD_HIDDEN}${id.length}\r\n${id}\r\n`
  const buf = Buffer.allocUnsafe(head.length + fields.length)
  buf.latin1Write(head, 0)
  fields.copy(buf, head.length)
  return { buf, start: 0, end: buf.length, argc: count + 3, argStart: [], argEnd: [], owned: true }
}

function on(command: string, ...args: readonly (Buffer | string)[]): Frame {
  return frameOf([command, HIDDEN_NAME, ...args])
}

/** Which of two ids, `<ms>-<number>`, is the lower one: as `sort` wants it. */
export function compareIds(one: string, other: string): number {
  const [ms, seq] = one.split('-').map(BigInt)
  const [otherMs, otherSeq] = other.split('-').map(BigInt)
  if (ms !== otherMs) return ms < otherMs ? -1 : 1
  return seq < otherSeq ? -1 : seq > otherSeq ? 1 : 0
}

function itemsIn(reply: Reply): readonly Reply[] {
  return elementsOf(reply) ?? []
}

function bytesIn(reply: Reply | undefined): Buffer {
  return bytesOf(reply ?? null) ?? Buffer.alloc(0)
}

function textIn(reply: Reply | undefined): string {
  return bytesIn(reply).toString()
}
