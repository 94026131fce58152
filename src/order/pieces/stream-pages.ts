import { bytesOf, elementsOf, fieldOf } from '../../resp/decode.js'
import type { Reply } from '../../resp/encode.js'
import { type Frame, frameOf } from '../../resp/frame.js'
import type { Source } from './asking.js'
import { bulkEnd, lineAt } from './bulks.js'
import { HIDDEN_NAME } from './hidden-name.js'
import type { Page, Value } from './page.js'

/*
 * A stream is built with everything that it knows of itself: entries, groups with where they are, consumers, pending
 * entries with times and numbers of deliveries, the last id, and what was added and deleted. When a consumer was last
 * seen is each server's own [redis-facts DUMP, RESTORE].
 *
 * An entry may have been deleted that is still pending; XCLAIM makes none pending that is not there. So it is put in its
 * place, claimed, and deleted again:
 *
 *     entries 1 _ 3 4 _, 2 and 5 pending and deleted      XADD 1 2' 3 4 5' · XCLAIM 2 5 … · XDEL 2 5
 *
 * XDEL notes the highest id that it deleted, which XSETID can set to another one, but not to none. Of a stream from which
 * XDEL has deleted nothing only the oldest entries can be gone, and XTRIM, which notes nothing, takes them.
 */

/** At most so many entries, or pending ones, at a time: each is a command. */
const ENTRIES_MAX = 2000
const NO_ID = '0-0'

interface Group {
  readonly name: Buffer
  readonly hasPending: boolean
}

interface Entry {
  readonly id: string
  /** Fields and values, one bulk string behind the other, and how many they are. */
  readonly fields: Buffer
  readonly count: number
}

interface Pending {
  readonly id: string
  readonly group: Buffer
  readonly consumer: Buffer
  readonly deliveredMs: number
  readonly deliveries: number
}

/** What stands in each XADD behind its number of arguments: a stream has a million of them. */
const XADD_HIDDEN = `\r\n$4\r\nXADD\r\n$${HIDDEN_NAME.length}\r\n${HIDDEN_NAME.latin1Slice()}\r\n$`

/** In place of an entry that was deleted and is pending. */
const NO_FIELDS = Buffer.from('$0\r\n\r\n$0\r\n\r\n')

export async function* streamPages(value: Value): AsyncGenerator<Page> {
  const { source } = value
  const info = await source.reply(['XINFO', 'STREAM'])
  const number = (field: string) => String(fieldOf(info, field))
  const id = (field: string) => textIn(fieldOf(info, field))
  const groups: Group[] = []
  for (const group of itemsIn(await source.reply(['XINFO', 'GROUPS']))) {
    const name = bytesIn(fieldOf(group, 'name'))
    groups.push({ name, hasPending: Number(fieldOf(group, 'pending')) > 0 })
    yield [createGroup(name, group), ...(await consumersOf(source, name))]
  }
  // A stream without entries and groups is one all the same.
  if (groups.length === 0 && number('length') === '0') {
    yield [add({ id: '0-1', fields: NO_FIELDS, count: 2 }), on('XTRIM', 'MAXLEN', '0')]
  }
  const isTrimmedOnly = id('max-deleted-entry-id') === NO_ID
  yield* entryPages(value, Number(number('length')), groups, isTrimmedOnly)
  const counters = ['ENTRIESADDED', number('entries-added'), 'MAXDELETEDID', id('max-deleted-entry-id')]
  yield [on('XSETID', id('last-generated-id'), ...counters)]
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

async function* entryPages(
  { source, bytes, budget }: Value,
  length: number,
  groups: readonly Group[],
  isTrimmedOnly: boolean,
): AsyncGenerator<Page> {
  const bytesEach = bytes / Math.max(1, length)
  for (let after = '-', isLast = false; !isLast; ) {
    const count = Math.min(ENTRIES_MAX, budget.elementsOf(bytesEach))
    const entries = entriesIn(await source.piece('XRANGE', after, '+', 'COUNT', String(count)))
    isLast = entries.length < count
    const to = isLast ? '+' : entries[entries.length - 1].id
    const pending: Pending[] = []
    for (const group of groups) if (group.hasPending) pending.push(...(await pendingOf(source, group.name, after, to)))
    yield entryPage(entries, pending, isTrimmedOnly)
    if (!isLast) after = `(${to}`
  }
}

function entryPage(entries: readonly Entry[], pending: readonly Pending[], isTrimmedOnly: boolean): Page {
  const there = new Set(entries.map(({ id }) => id))
  const gone = [...new Set(pending.map(({ id }) => id))].filter((id) => !there.has(id))
  const all = [...entries, ...gone.map((id): Entry => ({ id, fields: NO_FIELDS, count: 2 }))]
  if (gone.length > 0) all.sort((one, other) => compareIds(one.id, other.id))
  const page = all.map(add)
  for (const { id, group, consumer, deliveredMs, deliveries } of pending) {
    const delivered = ['TIME', String(deliveredMs), 'RETRYCOUNT', String(deliveries)]
    page.push(on('XCLAIM', group, consumer, '0', id, ...delivered, 'FORCE', 'JUSTID'))
  }
  if (gone.length === 0) return page
  if (!isTrimmedOnly) page.push(on('XDEL', ...gone))
  else if (entries.length > 0) page.push(on('XTRIM', 'MINID', entries[0].id))
  else page.push(on('XTRIM', 'MAXLEN', '0'))
  return page
}

/** What is pending in a group from `after` (a start of XRANGE) up to `to`. */
async function pendingOf(source: Source, group: Buffer, after: string, to: string): Promise<Pending[]> {
  const all: Pending[] = []
  for (let from = after; ; ) {
    // At once, so that the server's time is that of its answer.
    const clock = source.serverMs()
    const reply = await source.reply('XPENDING', group, from, to, String(ENTRIES_MAX))
    const nowMs = await clock
    const items = itemsIn(reply).map(itemsIn)
    for (const [id, consumer, idleMs, deliveries] of items) {
      const deliveredMs = nowMs - Number(idleMs)
      all.push({ id: textIn(id), group, consumer: bytesIn(consumer), deliveredMs, deliveries: Number(deliveries) })
    }
    if (items.length < ENTRIES_MAX) return all
    from = `(${all[all.length - 1].id}`
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
