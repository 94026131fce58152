import { othersTurn } from '../../base/others-turn.js'
import { fieldOf, textOf } from '../../resp/decode.js'
import { type Frame, frameOf } from '../../resp/frame.js'
import { bulkEnd, lineAt } from './bulks.js'
import { HIDDEN_NAME } from './hidden-name.js'
import type { Page, Value } from './page.js'
import { COMMANDS_MAX } from './page-filler.js'
import { StreamGone, type Trimmed } from './stream-gone.js'
import { StreamGroups } from './stream-groups.js'
import { compareIds, orderOf } from './stream-ids.js'

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

/** So many ids are asked for at a time, each by a command. */
const IDS_AT_A_TIME = 200

interface Entry {
  readonly id: string
  /** Fields and values, one bulk string behind the other, and how many they are. */
  readonly fields: Buffer
  readonly count: number
}

/** What stands in each XADD behind its number of arguments: a stream has a million of them. */
const XADD_HIDDEN = `\r\n$4\r\nXADD\r\n$${HIDDEN_NAME.length}\r\n${HIDDEN_NAME.latin1Slice()}\r\n$`

/** In place of an entry that was deleted and is pending. */
const NO_FIELDS = Buffer.from('$0\r\n\r\n$0\r\n\r\n')

export async function* streamPages(value: Value): AsyncGenerator<Page> {
  const stream = new StreamPages(value)
  while (!stream.isRead) yield* stream.entries(true)
  yield* stream.rest()
}

/** A stream that is read piece by piece, from its first entry to its last one. */
export class StreamPages {
  /** Nothing more has come behind what was read. */
  isRead = false
  /** How many entries were read last. */
  readLast = 0
  /** The last entry that was read. */
  private last: string | undefined
  /** It may have been trimmed since it was begun. */
  private isWritten = false
  /** Something was written. */
  private isThere = false
  /** What is written and not on the source: it is pending there. */
  private readonly gone: string[] = []
  private readonly groups: StreamGroups
  private readonly mayBeGone: StreamGone

  constructor(private readonly value: Value) {
    this.groups = new StreamGroups(value)
    this.mayBeGone = new StreamGone(value, this.groups)
  }

  /**
   * It is written while it is read, by a write that may delete these ids, and may trim it. To be told of it before it is emitted.
   *
   * @returns false when they are too many
   */
  wrote(deleted: readonly string[]): boolean {
    this.isWritten = true
    const { last, mayBeGone } = this
    return deleted.every((id) => (last !== undefined && compareIds(id, last) <= 0) || mayBeGone.mayBeDeleted(id))
  }

  /**
   * The next entries.
   *
   * @param isWhole the stream does not change any more: when nothing more comes, nothing will
   */
  async *entries(isWhole: boolean): AsyncGenerator<Page> {
    const { source } = this.value
    const before = this.last
    const from = before === undefined ? '-' : `(${before}`
    const { count, areAll } = await source.fittingEntries(from, COMMANDS_MAX)
    const entries = count === 0 ? [] : entriesIn(await source.piece('XRANGE', from, '+', 'COUNT', String(count)))
    this.isRead = areAll
    this.readLast = entries.length
    this.last = entries.at(-1)?.id ?? before
    const to = this.isRead && isWhole ? '+' : entries.at(-1)?.id
    let written = 0
    if (to !== undefined) {
      const there = new Set(entries.map(({ id }) => id))
      for await (const gone of this.mayBeGone.upTo(to, there, await this.trimmed(before))) {
        this.deleteLater(gone)
        const some = withThose(gone, entries, written)
        written += some.length - gone.length
        yield this.written(some)
      }
    }
    yield this.written(entries.slice(written))
  }

  private written(entries: readonly Entry[]): Page {
    if (entries.length > 0) this.isThere = true
    return entries.map(add)
  }

  /** Between what was read before and the first entry there is, when that has been trimmed. */
  private async trimmed(before: string | undefined): Promise<Trimmed | undefined> {
    if (!this.isWritten || before === undefined) return undefined
    const first = await this.first()
    if (first === undefined) return { after: `(${before}`, before: '+' }
    return compareIds(first, before) <= 0 ? undefined : { after: `(${before}`, before: `(${first}` }
  }

  /** Where the stream begins; undefined when it has no entries. */
  async first(): Promise<string | undefined> {
    return entriesIn(await this.value.source.piece('XRANGE', '-', '+', 'COUNT', '1'))[0]?.id
  }

  /** Which of these are in the stream. */
  async thoseThere(ids: readonly string[]): Promise<Set<string>> {
    const there = new Set<string>()
    for (let i = 0; i < ids.length; i += IDS_AT_A_TIME) {
      const some = ids.slice(i, i + IDS_AT_A_TIME)
      const found = await Promise.all(some.map((id) => this.value.source.piece('XRANGE', id, id)))
      for (const [k, id] of some.entries()) if (entriesIn(found[k]).length > 0) there.add(id)
    }
    return there
  }

  /** In how many groups something was pending when that was looked at: each of them is asked what `thosePending` is. */
  get pendingGroups(): number {
    return this.groups.pendingThen
  }

  /** Which of these are pending. */
  async thosePending(ids: readonly string[]): Promise<Set<string>> {
    return this.groups.thosePending(await this.groups.all(), [...ids].sort(compareIds))
  }

  /** These have been deleted, and may be pending still: they are deleted when that has been claimed. */
  deleteLater(ids: Iterable<string>): void {
    for (const id of ids) this.gone.push(id)
  }

  /** All but the entries, when all of them have been written. The stream must not change meanwhile. */
  async *rest(): AsyncGenerator<Page> {
    const { source } = this.value
    const info = await source.reply(['XINFO', 'STREAM'])
    const number = (field: string) => String(fieldOf(info, field))
    const id = (field: string) => textOf(fieldOf(info, field) ?? null) ?? ''
    const groups = await this.groups.all()
    yield* this.groups.creations(groups)
    yield* this.groups.consumers(groups)
    // A stream without entries and groups is one all the same.
    if (!this.isThere && groups.length === 0) yield [add({ id: '0-1', fields: NO_FIELDS, count: 2 })]
    yield* this.groups.claims(groups)
    yield* this.removal(await this.first())
    const counters = ['ENTRIESADDED', number('entries-added'), 'MAXDELETEDID', id('max-deleted-entry-id')]
    yield [on('XSETID', id('last-generated-id'), ...counters)]
  }

  /** Takes away what is not on the source, which begins with `first`. */
  private async *removal(first: string | undefined): AsyncGenerator<Page> {
    if (first === undefined) {
      yield [on('XTRIM', 'MAXLEN', '0')]
      return
    }
    yield [on('XTRIM', 'MINID', first)]
    const order = orderOf(first)
    for (let i = 0; i < this.gone.length; i += COMMANDS_MAX) {
      yield this.deletion(this.gone.slice(i, i + COMMANDS_MAX).filter((id) => orderOf(id) > order))
      await othersTurn()
    }
  }

  /** What deletes these on the hidden stream. */
  deletion(ids: readonly string[]): Page {
    return ids.length === 0 ? [] : [on('XDEL', ...ids)]
  }
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

/** Deleted ones in their places among the entries from this one on, as far as the last of them. */
function withThose(gone: readonly string[], entries: readonly Entry[], from: number): Entry[] {
  const all: Entry[] = []
  let at = from
  for (const id of gone) {
    const order = orderOf(id)
    while (at < entries.length && orderOf(entries[at].id) < order) all.push(entries[at++])
    all.push({ id, fields: NO_FIELDS, count: 2 })
  }
  return all
}
