import type { Link } from '../../backend/link.js'
import { lowerCase, wordOf } from '../../base/ascii.js'
import { readableInTime } from '../../order/readable.js'
import type { Router } from '../../order/router.js'
import { error, isError, type Reply } from '../../resp/encode.js'
import { type Keyspace, UnavailableError } from './keyspace.js'
import { GENERATION_SIZE, type Walk } from './walks.js'

/**
 * SCAN over all members, and HSCAN, SSCAN and ZSCAN [design §6]. A backend's cursor is only valid on the member that
 * gave it, so ours carry the member and a generation in their low bits:
 *
 *     | backend's cursor, 30 bits | generation, 15 bits | member + 1, 8 bits |      whole < 2^53
 *
 * The generation stands for everything the cursor depends on, see `Walks`; when it is another one the iteration starts
 * again from the beginning: elements may come twice, none is missed.
 */
const MEMBER_SIZE = 2 ** 8
const LOW_SIZE = MEMBER_SIZE * GENERATION_SIZE
const BACKEND_CURSOR_SIZE = 2 ** 30
const COUNT_MAX = 1_000_000
/** Redis's own. */
const COUNT_DEFAULT = 10

export interface Cursor {
  /** Place of the member in its list. */
  readonly member: number
  readonly generation: number
  /** The cursor on that member, below 2^30. */
  readonly backend: number
}

export function encodeCursor(cursor: Cursor): string {
  return String(cursor.backend * LOW_SIZE + (cursor.generation % GENERATION_SIZE) * MEMBER_SIZE + cursor.member + 1)
}

/**
 * The cursor that a client sent: undefined for the beginning, which is also what stands for a number that is none of
 * ours; `invalid` for what Redis would not take as a number [Redis db.c parseScanCursorOrReply: strtoul].
 */
export function decodeCursor(argument: Buffer): Cursor | undefined | 'invalid' {
  const nul = argument.indexOf(0)
  const text = wordOf(nul === -1 ? argument : argument.subarray(0, nul))
  if (!/^([+-]?[0-9]+)?$/.test(text)) return 'invalid'
  const digits = text.replace(/^[+-]/, '')
  if (digits.length > 20 && BigInt(digits) >= 2n ** 64n) return 'invalid'
  if (BigInt(digits || '0') >= 2n ** 64n) return 'invalid'
  const value = Number(text)
  if (!(value > 0) || value > Number.MAX_SAFE_INTEGER) return undefined
  const member = (value % MEMBER_SIZE) - 1
  if (member === -1) return undefined
  return {
    member,
    generation: Math.floor(value / MEMBER_SIZE) % GENERATION_SIZE,
    backend: Math.floor(value / LOW_SIZE),
  }
}

const INVALID_CURSOR = error('ERR invalid cursor')

/** For so long a walk waits for keys that are in doubt on the member that it has to ask, which nearly always takes an instant. */
const SETTLE_MS = 1000

/**
 * SCAN cursor [MATCH p] [COUNT n] [TYPE t]: member after member, each giving the keys that it has to tell of, see `Walks`. One
 * that has been walked to its end is followed by the next in the same call while COUNT keys are not found: a small keyspace
 * comes in one reply, as from one Redis.
 */
export async function scan(keyspace: Keyspace, args: readonly Buffer[], db: number): Promise<Reply> {
  const cursor = decodeCursor(args[1])
  if (cursor === 'invalid') return INVALID_CURSOR
  await keyspace.serving()
  const { order, walks } = keyspace
  const { router } = order
  const { links } = router
  const isOurs = cursor !== undefined && cursor.member < links.length
  const found = isOurs ? walks.find(router, cursor.generation) : undefined
  const walk = found ?? walks.of(router, unreachable(router))
  const telling = router.serving(({ name }) => !walk.away.includes(name))
  // Rather an error than a walk that leaves out what nobody is there to tell of.
  if (!telling.isWhole) throw new UnavailableError()
  const nextTelling = (from: number) => {
    for (let i = from; i < links.length; i++) if (telling.links.includes(links[i])) return i
    return links.length
  }
  let member = nextTelling(found === undefined ? 0 : cursor!.member)
  let backend = found !== undefined && member === cursor!.member ? cursor!.backend : 0
  const { count, options } = scaledCount(args.slice(2), Math.min(router.view.replicas + 1, links.length))
  const keys: Buffer[] = []
  while (member < links.length) {
    const link = links[member]
    if (!(await canTell(keyspace, walk, link))) return [beginOther(keyspace, walk), keys]
    const reply = await link.call([args[0], String(backend), ...options], db)
    if (!isScanReply(reply)) return reply
    for (const key of reply[1]) if (telling.by(link, key)) keys.push(key)
    const next = Number(reply[0].toString())
    const walked = next === 0 || next >= BACKEND_CURSOR_SIZE
    backend = walked ? 0 : next
    if (walked) member = nextTelling(member + 1)
    if (!walked || keys.length >= count || !walks.isCurrent(order.router, walk)) break
  }
  // When the ring has changed meanwhile, the old generation makes the next call start again, whatever it says here.
  const finished = member === links.length && walks.isCurrent(order.router, walk)
  const after: Cursor = { member: Math.min(member, links.length - 1), generation: walk.generation, backend }
  return [Buffer.from(finished ? '0' : encodeCursor(after)), keys]
}

function unreachable({ links }: Router): string[] {
  return links.filter(({ ready }) => !ready).map(({ name }) => name)
}

/**
 * Waits for a member whose turn it is: for an instant when something is in doubt on it, and for a connection when nobody else
 * is left that could tell what it has. False when others can.
 */
async function canTell(keyspace: Keyspace, walk: Walk, link: Link): Promise<boolean> {
  const { order, walks } = keyspace
  const { waiting } = order
  const settledMs = performance.now() + SETTLE_MS
  while (link.ready && !link.serving) if (!(await waiting.change(settledMs))) break
  const deadlineMs = waiting.deadline()
  while (!link.ready && walks.isCurrent(order.router, walk) && withoutMore(keyspace, walk) === undefined) {
    if (!(await waiting.change(deadlineMs))) throw new UnavailableError()
  }
  return link.ready
}

/**
 * The walk without those, too, that cannot be reached now; undefined when nobody would tell of some keys then. Those that were
 * left out before are left out again, so that a walk begins anew at most once for each member.
 */
function withoutMore({ order, walks }: Keyspace, { away }: Walk): Walk | undefined {
  const { router } = order
  const all = [...away, ...unreachable(router)]
  return router.serving(({ name }) => !all.includes(name)).isWhole ? walks.of(router, all) : undefined
}

/**
 * The cursor of the beginning of another walk: what a member would have told whose turn it is others have to tell, and these
 * may have been walked already. After a change of the ring there is no such walk, and the next call finds one.
 */
function beginOther(keyspace: Keyspace, walk: Walk): Buffer {
  const { generation } = withoutMore(keyspace, walk) ?? walk
  return Buffer.from(encodeCursor({ member: 0, generation, backend: 0 }))
}

/**
 * HSCAN, SSCAN and ZSCAN key cursor …: the iteration stays on the member where it began, as long as that one is a
 * natural replica of the key and the same process; then the reply's cursor is rewritten.
 */
export async function scanKey(keyspace: Keyspace, args: readonly Buffer[], db: number): Promise<Reply> {
  const key = args[1]
  const cursor = decodeCursor(args[2])
  if (cursor === 'invalid') return INVALID_CURSOR
  const { order, walks } = keyspace
  const began = cursor === undefined ? undefined : order.router.links[cursor.member]
  const isSame = began !== undefined && walks.ofProcess(began) === cursor?.generation
  // A key that is in doubt for an instant is waited for: the iteration need not begin again for that.
  const link = await readableInTime(order, key, db, isSame ? began : undefined)
  if (link === undefined) return order.unavailable()
  const resumed = isSame && link === began && walks.ofProcess(link) === cursor?.generation

  const generation = walks.ofProcess(link)
  const reply = await link.call([args[0], key, String(resumed ? cursor?.backend : 0), ...args.slice(3)], db)
  if (!isScanReply(reply)) return reply
  const backendNext = Number(reply[0].toString())
  const member = order.router.links.indexOf(link)
  const next = backendNext === 0 ? '0' : encodeCursor({ member, generation, backend: backendNext })
  return [Buffer.from(next), reply[1]]
}

/**
 * How many keys are wanted, and the options for a member: only one in `copies` of the keys that it reports is its own to
 * report, so it is asked for as many more. What Redis refuses is passed on as it is.
 */
function scaledCount(options: readonly Buffer[], copies: number): { count: number; options: (Buffer | string)[] } {
  let count = COUNT_DEFAULT
  // Of several counts the last one holds, so the default stands first.
  const scaled: (Buffer | string)[] = ['COUNT', String(COUNT_DEFAULT * copies), ...options]
  for (let i = 0; i + 1 < options.length; i += 2) {
    if (lowerCase(options[i]) !== 'count') continue
    count = /^[1-9][0-9]{0,6}$/.test(wordOf(options[i + 1])) ? Number(options[i + 1]) : 0
    if (count > 0 && count <= COUNT_MAX) scaled[i + 3] = String(count * copies)
  }
  return { count, options: scaled }
}

/** A cursor and its elements; anything else is an error, or something the client should see as it is. */
function isScanReply(reply: Reply): reply is [Buffer, Buffer[]] {
  return (
    !isError(reply) &&
    Array.isArray(reply) &&
    reply.length === 2 &&
    Buffer.isBuffer(reply[0]) &&
    Array.isArray(reply[1])
  )
}
