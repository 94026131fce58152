import { lowerWord, wordOf } from '../../base/ascii.js'
import { type KeyId, keyId, keyOfId } from '../../base/key-id.js'
import { findKeys } from '../../command/keys.js'
import type { CommandRow } from '../../command/row.js'
import { rowNamed } from '../../command/table.js'
import { error, type Reply } from '../../resp/encode.js'
import { argumentsOf, type Frame, frameOf } from '../../resp/frame.js'
import { parseLongLong } from '../../resp/long-long.js'
import type { Kind } from './lines.js'
import { timeoutOf } from './timeout.js'

type Words = readonly (Buffer | string)[]

/**
 * A command that waits for one of its keys to hold something, and the one that does the same without waiting. There may be ten thousand
 * who wait: what is needed once is made when it is asked for.
 */
export interface BlockedCommand {
  /** The command that does not wait, on all keys. */
  readonly frame: Frame
  readonly row: CommandRow
  readonly kind: Kind
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
  /** From which end of what a key holds it pops for its client; undefined for what does nothing else than that. */
  readonly from: Side | undefined
  /** The command that does not wait, on one of the keys. */
  onKey(key: Buffer): Frame
}

/** As LMPOP and ZMPOP have it. */
export type Side = 'LEFT' | 'RIGHT' | 'MIN' | 'MAX'

/** What commands that wait for lists or sorted sets have in common. */
interface Form {
  readonly row: CommandRow
  readonly kind: Kind
  readonly isFlat: boolean
  /** Where the keys stand there is a number of them before. */
  readonly isCounted: boolean
}

/** Its keys are kept by their names, which stand in lines, and the rest as it is for all: so it holds no bytes of its client. */
class Popping implements BlockedCommand {
  constructor(
    private readonly form: Form,
    readonly ids: readonly KeyId[],
    /** What stands behind the keys. */
    private readonly rest: Words,
    readonly timeoutMs: number,
    /** Of one that may be wrong: as its client gave it, since a server has to say what is wrong. */
    private readonly given?: Frame,
  ) {}

  get frame(): Frame {
    return this.given ?? this.on(this.keys)
  }

  get row(): CommandRow {
    return this.form.row
  }

  get kind(): Kind {
    return this.form.kind
  }

  get isGroup(): boolean {
    return false
  }

  get keys(): readonly Buffer[] {
    return this.ids.map((id) => keyOfId(id).key)
  }

  get awaited(): readonly KeyId[] {
    return this.moves ? this.ids.slice(0, 1) : this.ids
  }

  get isFlat(): boolean {
    return this.form.isFlat
  }

  get moves(): boolean {
    return !this.form.isCounted
  }

  get from(): Side | undefined {
    return this.moves || this.given !== undefined ? undefined : (String(this.rest[0]).toUpperCase() as Side)
  }

  onKey(key: Buffer): Frame {
    return this.moves || this.given !== undefined ? this.frame : this.on([key])
  }

  private on(keys: readonly Buffer[]): Frame {
    const { row, isCounted } = this.form
    return frameOf([row.name.toUpperCase(), ...(isCounted ? [String(keys.length)] : []), ...keys, ...this.rest])
  }
}

const SYNTAX_ERROR = error('ERR syntax error')
const LMPOP = rowNamed('lmpop')!
const ZMPOP = rowNamed('zmpop')!
const POP: Form = { row: LMPOP, kind: 'list', isFlat: true, isCounted: true }
const POP_MEMBER: Form = { ...POP, row: ZMPOP, kind: 'sorted-set' }
const POP_SEVERAL: Form = { ...POP, isFlat: false }
const POP_MEMBERS: Form = { ...POP_MEMBER, isFlat: false }
const MOVE: Form = { row: rowNamed('lmove')!, kind: 'list', isFlat: false, isCounted: false }
const [LEFT, RIGHT, LEAST, MOST]: readonly Words[] = [['LEFT'], ['RIGHT'], ['MIN'], ['MAX']]
const FROM_RIGHT_TO_LEFT: Words = ['RIGHT', 'LEFT']

/** What a command waits for whose row says `waits`, or what is answered to one with wrong words [Redis t_list.c, t_zset.c]. */
export function blockedCommandOf(row: CommandRow, frame: Frame, db: number): BlockedCommand | Reply {
  const args = argumentsOf(frame)
  switch (row.waits) {
    case 'pop-left':
      return popping(args, POP, LEFT, db)
    case 'pop-right':
      return popping(args, POP, RIGHT, db)
    case 'pop-least':
      return popping(args, POP_MEMBER, LEAST, db)
    case 'pop-most':
      return popping(args, POP_MEMBER, MOST, db)
    case 'pop-elements':
      return poppingSeveral(args, POP_SEVERAL, db)
    case 'pop-members':
      return poppingSeveral(args, POP_MEMBERS, db)
    default:
      return moving(args, db)
  }
}

export function isBlocked(command: BlockedCommand | Reply): command is BlockedCommand {
  return typeof command === 'object' && command !== null && 'onKey' in command
}

/** BLPOP key … timeout. */
function popping(args: readonly Buffer[], form: Form, where: Words, db: number): BlockedCommand | Reply {
  const timeoutMs = timeoutOf(args[args.length - 1])
  if (typeof timeoutMs !== 'number') return timeoutMs
  return new Popping(form, namesOf(args.slice(1, -1), db), where, timeoutMs)
}

/** BLMPOP timeout numkeys key … where [COUNT count]. */
function poppingSeveral(args: readonly Buffer[], form: Form, db: number): BlockedCommand | Reply {
  const frame = frameOf([form.row.name.toUpperCase(), ...args.slice(2)])
  const places: number[] = []
  const count = Math.max(0, findKeys(form.row, frame, places))
  const rest = args.slice(3 + count)
  // What is wrong there comes before the time: a server says it at once, and nobody waits for keys.
  if (count === 0 || !areFit(rest, form.row)) return new Popping(form, [], [], 0, frame)
  const timeoutMs = timeoutOf(args[1])
  if (typeof timeoutMs !== 'number') return timeoutMs
  const ids = namesOf(args.slice(3, 3 + count), db)
  return new Popping(form, ids, rest.map(wordOf), timeoutMs)
}

/** Whether nothing is wrong with what stands behind the keys of LMPOP or ZMPOP. */
function areFit([where, option, count, ...more]: readonly (Buffer | undefined)[], row: CommandRow): boolean {
  const ends = row === LMPOP ? /^(left|right)$/i : /^(min|max)$/i
  if (where === undefined || !ends.test(wordOf(where))) return false
  if (option === undefined) return true
  return (
    lowerWord(option) === 'count' &&
    count !== undefined &&
    parseLongLong(count, 0, count.length) > 0 &&
    more.length === 0
  )
}

/** BLMOVE source destination from to timeout, BRPOPLPUSH source destination timeout. */
function moving(args: readonly Buffer[], db: number): BlockedCommand | Reply {
  const words = args.slice(3, -1).map(wordOf)
  if (words.some((word) => !/^(left|right)$/i.test(word))) return SYNTAX_ERROR
  const timeoutMs = timeoutOf(args[args.length - 1])
  if (typeof timeoutMs !== 'number') return timeoutMs
  return new Popping(MOVE, namesOf(args.slice(1, 3), db), words.length > 0 ? words : FROM_RIGHT_TO_LEFT, timeoutMs)
}

function namesOf(keys: readonly Buffer[], db: number): readonly KeyId[] {
  return keys.map((key) => keyId(db, key, 0, key.length))
}
