import { lowerCase } from '../../base/ascii.js'
import type { KeyId } from '../../base/key-id.js'
import { keyId } from '../../base/key-id.js'
import { nameOf } from '../../base/name-of.js'
import { findKeys } from '../../command/keys.js'
import type { CommandRow } from '../../command/row.js'
import { decodeReply } from '../../resp/decode.js'
import { type ErrorReply, error, isError, MapReply, type Reply } from '../../resp/encode.js'
import { argumentsOf, type Frame, frameOf, ownFrame } from '../../resp/frame.js'
import { parseLongLong } from '../../resp/long-long.js'
import type { BlockedCommand } from './blocked-command.js'

const NO_INTEGER = error('ERR timeout is not an integer or out of range')
const NEGATIVE = error('ERR timeout is negative')
const LAST = Buffer.from('$')
const NEW = Buffer.from('>')
const NO_SUCH_KEY = 'ERR no such key'
const FIRST_ID = Buffer.from('0-0')

/** How many arguments belong to a word of XREAD and XREADGROUP. */
const ARGUMENTS: Readonly<Record<string, number>> = { count: 1, group: 2, noack: 0, claim: 1 }

/** XREAD reads of each stream by itself: nobody takes anything from others, so each has a line of its own. */
let readers = 0

/**
 * XREAD or XREADGROUP without its BLOCK; the time is undefined when it has none, or when a word before a wrong one is wrong as well,
 * of which the server tells.
 */
export function withoutBlock(frame: Frame): { readonly frame: Frame; readonly timeoutMs: number | Reply | undefined } {
  const own = ownFrame(frame)
  const args = argumentsOf(own)
  const words: Buffer[] = [args[0]]
  let timeoutMs: number | Reply | undefined
  let isWrong = false
  let i = 1
  for (; i < args.length; i++) {
    const word = args[i].length > 8 ? '' : args[i].toString('latin1').toLowerCase()
    if (word === 'block' && i + 1 < args.length) {
      timeoutMs = timeoutOf(args[++i])
      if (typeof timeoutMs === 'number') continue
      if (isWrong) timeoutMs = undefined
      break
    }
    isWrong ||= isWrongWord(args, i, word)
    words.push(args[i])
    if (word === 'streams') break
    for (let more = ARGUMENTS[word] ?? 0; more > 0 && i + 1 < args.length; more--) words.push(args[++i])
  }
  words.push(...args.slice(i + 1))
  return { frame: frameOf(words), timeoutMs }
}

/** Whether a server refuses a word that stands before BLOCK [Redis t_stream.c xreadCommand]. */
function isWrongWord(args: readonly Buffer[], i: number, word: string): boolean {
  if (word === 'count' && i + 1 < args.length) return Number.isNaN(parseLongLong(args[i + 1], 0, args[i + 1].length))
  const isOfGroup = (word === 'group' || word === 'noack') && /^xread$/i.test(args[0].toString('latin1'))
  return isOfGroup || ARGUMENTS[word] === undefined
}

/** The form that waits for nothing: without BLOCK, or with another word in its place where it is wrong and would have too few. */
export function plainForm(row: CommandRow, frame: Frame): Frame {
  const { frame: twin } = withoutBlock(frame)
  const places: number[] = []
  if (findKeys(row, twin, places) > 0) return twin
  const args = argumentsOf(twin)
  return frameOf([args[0], 'COUNT', '1', ...args.slice(1)])
}

function timeoutOf(arg: Buffer): number | Reply {
  const ms = parseLongLong(arg, 0, arg.length)
  if (Number.isNaN(ms)) return NO_INTEGER
  return ms < 0 ? NEGATIVE : ms
}

/**
 * What XREAD or XREADGROUP with BLOCK waits for: of `$` the id is asked for, since it means the end of the stream as it is now. What
 * is answered to a wrong time; or undefined when it waits for nothing, as it reads what it has read before, or is not right.
 */
export function blockedStreamsOf(row: CommandRow, frame: Frame, db: number): BlockedStreams | Reply | undefined {
  const { frame: twin, timeoutMs } = withoutBlock(frame)
  if (timeoutMs === undefined) return undefined
  if (typeof timeoutMs !== 'number') return timeoutMs
  const places: number[] = []
  const count = findKeys(row, twin, places)
  if (count <= 0) return undefined
  const args = argumentsOf(twin)
  const [first] = places
  const head = args.slice(0, first)
  const keys = args.slice(first, first + count)
  const after = args.slice(first + count)
  const isGroup = row.replicate !== 'none'
  if (isGroup && after.some((id) => !id.equals(NEW))) return undefined
  const ids = keys.map((key) => keyId(db, key, 0, key.length))
  const from = new Map<KeyId, Buffer>()
  for (const [i, id] of ids.entries()) if (!from.has(id)) from.set(id, after[i])
  const lasts = ids.filter((id) => from.get(id)?.equals(LAST))
  return {
    ...{ frame: twin, row, kind: isGroup ? kindOfGroup(groupIn(head)) : `reader ${++readers}` },
    ...{ keys, ids, awaited: ids, timeoutMs, isFlat: false, moves: false, isGroup, from: undefined },
    onKey: (key) => frameOf([...head, key, from.get(keyId(db, key, 0, key.length))!]),
    lasts: [...new Set(lasts)],
    ends: (id, reply) => {
      const last = lastIdIn(reply)
      if (isError(last)) return last
      from.set(id, last)
      return undefined
    },
  }
}

export interface BlockedStreams extends BlockedCommand {
  /** The streams whose end has to be asked for. */
  readonly lasts: readonly KeyId[]
  /** What was answered to that; gives the error when it is not known. */
  readonly ends: (id: KeyId, reply: Buffer) => ErrorReply | undefined
}

export function isStreams(command: BlockedStreams | Reply): command is BlockedStreams {
  return typeof command === 'object' && command !== null && 'lasts' in command
}

function groupIn(words: readonly Buffer[]): Buffer | undefined {
  const at = words.findIndex((word) => lowerCase(word) === 'group')
  return at < 0 ? undefined : words[at + 1]
}

/** What those wait for who read as one of this group. */
export function kindOfGroup(name: Buffer = Buffer.alloc(0)): string {
  return `group ${nameOf(name)}`
}

/** The last id of a stream by XINFO STREAM, of one that is not there, too. */
function lastIdIn(reply: Buffer): Buffer | ErrorReply {
  const info = decodeReply(reply, 0, reply.length)
  if (isError(info) && info.message !== NO_SUCH_KEY) return info
  if (!(info instanceof MapReply)) return FIRST_ID
  const entry = info.entries.find(([name]) => String(name) === 'last-generated-id')
  return entry === undefined ? FIRST_ID : Buffer.from(String(entry[1]))
}
