import { lowerWord } from '../../base/ascii.js'
import type { KeyId } from '../../base/key-id.js'
import { keyId } from '../../base/key-id.js'
import { findKeys } from '../../command/keys.js'
import type { CommandRow } from '../../command/row.js'
import { rowNamed } from '../../command/table.js'
import type { Left } from '../../order/awaited.js'
import { error, type Reply } from '../../resp/encode.js'
import { argumentsOf, type Frame, frameOf, ownFrame } from '../../resp/frame.js'
import type { Kind } from './lines.js'
import { timeoutOf } from './timeout.js'

type Words = readonly (Buffer | string)[]

/** A command that waits for one of its keys to hold something, and the one that does the same without waiting. */
export interface BlockedCommand {
  /** The command that does not wait, on all keys. */
  readonly frame: Frame
  readonly row: CommandRow
  readonly kind: Kind
  /** What a write has to leave that one of its keys may be ready. */
  readonly left: Left
  /** It reads as one of a group, and is told when there is no such group any more. */
  readonly isGroup: boolean
  /** Its keys, and those of them for which it waits. */
  readonly keys: readonly Buffer[]
  readonly ids: readonly KeyId[]
  readonly awaited: readonly KeyId[]
  /** How long, in ms; 0: for ever. */
  readonly timeoutMs: number
  /** Whether the reply of that command lists what was popped, and this one's has it without. */
  readonly isFlat: boolean
  /** Whether it puts the element under another key. */
  readonly moves: boolean
  /** The command that does not wait, on one of the keys. */
  readonly onKey: (key: Buffer) => Frame
}

const SYNTAX_ERROR = error('ERR syntax error')

/** What a command waits for whose row says `waits`, or what is answered to one with wrong words [Redis t_list.c, t_zset.c]. */
export function blockedCommandOf(row: CommandRow, frame: Frame, db: number): BlockedCommand | Reply {
  // It is needed for as long as its client waits.
  const own = ownFrame(frame)
  const args = argumentsOf(own)
  switch (row.waits) {
    case 'pop-left':
      return popping(args, 'LMPOP', 'LEFT', 'list', db)
    case 'pop-right':
      return popping(args, 'LMPOP', 'RIGHT', 'list', db)
    case 'pop-least':
      return popping(args, 'ZMPOP', 'MIN', 'sorted-set', db)
    case 'pop-most':
      return popping(args, 'ZMPOP', 'MAX', 'sorted-set', db)
    case 'pop-elements':
      return poppingSeveral(args, 'LMPOP', 'list', db)
    case 'pop-members':
      return poppingSeveral(args, 'ZMPOP', 'sorted-set', db)
    default:
      return moving(args, db)
  }
}

export function isBlocked(command: BlockedCommand | Reply): command is BlockedCommand {
  return typeof command === 'object' && command !== null && 'onKey' in command
}

/** BLPOP key … timeout. */
function popping(
  args: readonly Buffer[],
  name: string,
  where: string,
  kind: 'list' | 'sorted-set',
  db: number,
): BlockedCommand | Reply {
  const timeoutMs = timeoutOf(args[args.length - 1])
  if (typeof timeoutMs !== 'number') return timeoutMs
  const keys = args.slice(1, -1)
  const twin = (on: readonly Buffer[]): Words => [name, String(on.length), ...on, where]
  return blocked(twin(keys), keys, kind, timeoutMs, true, (key) => frameOf(twin([key])), db)
}

/** BLMPOP timeout numkeys key … where [COUNT count]. */
function poppingSeveral(
  args: readonly Buffer[],
  name: string,
  kind: 'list' | 'sorted-set',
  db: number,
): BlockedCommand | Reply {
  const words: Words = [name, ...args.slice(2)]
  const frame = frameOf(words)
  const row = rowNamed(name.toLowerCase())!
  const places: number[] = []
  const count = Math.max(0, findKeys(row, frame, places))
  const keys = args.slice(3, 3 + count)
  const rest = args.slice(3 + count)
  const asked = timeoutOf(args[1])
  if (typeof asked !== 'number' && count > 0 && areFit(rest, name)) return asked
  // What else is wrong comes before the time: the server says it at once.
  const timeoutMs = typeof asked === 'number' ? asked : 0
  return blocked(words, keys, kind, timeoutMs, false, (key) => frameOf([name, '1', key, ...rest]), db)
}

/** Whether nothing is wrong with what stands behind the keys of LMPOP or ZMPOP. */
function areFit([where, option, count, ...more]: readonly (Buffer | undefined)[], name: string): boolean {
  const ends = name === 'LMPOP' ? /^(left|right)$/i : /^(min|max)$/i
  if (where === undefined || !ends.test(where.toString('latin1'))) return false
  if (option === undefined) return true
  return lowerWord(option) === 'count' && /^[1-9]\d*$/.test(String(count)) && more.length === 0
}

/** BLMOVE source destination from to timeout, BRPOPLPUSH source destination timeout. */
function moving(args: readonly Buffer[], db: number): BlockedCommand | Reply {
  const words = args.slice(3, -1)
  if (words.some((word) => !/^(left|right)$/i.test(word.toString('latin1')))) return SYNTAX_ERROR
  const timeoutMs = timeoutOf(args[args.length - 1])
  if (typeof timeoutMs !== 'number') return timeoutMs
  const twin: Words = ['LMOVE', args[1], args[2], ...(words.length > 0 ? words : ['RIGHT', 'LEFT'])]
  return blocked(twin, [args[1], args[2]], 'list', timeoutMs, false, () => frameOf(twin), db)
}

function blocked(
  words: Words,
  keys: readonly Buffer[],
  kind: 'list' | 'sorted-set',
  timeoutMs: number,
  isFlat: boolean,
  onKey: (key: Buffer) => Frame,
  db: number,
): BlockedCommand {
  const row = rowNamed(String(words[0]).toLowerCase())!
  const ids = keys.map((key) => keyId(db, key, 0, key.length))
  const moves = row.plan === 'move-element'
  const awaited = moves ? ids.slice(0, 1) : ids
  return {
    ...{ frame: frameOf(words), row, kind, left: kind, isGroup: false, keys, ids, awaited },
    ...{ timeoutMs, isFlat, moves, onKey },
  }
}
