import type { Frame } from '../resp/frame.js'
import { isKnownForm, isOption, naturalNumber } from './options.js'
import type { CommandRow } from './row.js'

/** The command cannot be right: no server would do anything but answer an error. */
export const INVALID_ARGUMENTS = -1
/** There is a word in it that the table does not know: a server of its version refuses it, and a newer one may find any keys. */
export const UNCERTAIN_KEYS = -2

/**
 * Writes the argument indexes of the command's keys to the front of `out` (which is reused and not shortened) and returns
 * how many they are: 0 when the command has none, INVALID_ARGUMENTS when its arguments do not tell, and then it is
 * certain that Redis answers an error whatever server it is sent to, UNCERTAIN_KEYS when that is not certain. A destination comes before its sources. The number
 * of arguments must have been checked against the row's arity.
 *
 * The keys are those that the command itself would use [Redis t_zset.c, sort.c, geo.c, t_stream.c], which is more exact
 * than COMMAND GETKEYS in corners (see introspection-keys.ts): `SORT k STORE get STORE x` stores at x.
 */
export function findKeys(row: CommandRow, frame: Frame, out: number[]): number {
  switch (row.keyFinder) {
    case 'range':
      if (row.firstKey === row.lastKey) {
        out[0] = row.firstKey
        return row.firstKey < frame.argc ? 1 : INVALID_ARGUMENTS
      }
      return rangeKeys(row, frame, out)
    case 'none':
      return 0
    case 'numkeys':
      return numkeysKeys(row, frame, out)
    case 'streams':
      return streamsKeys(frame, out)
    case 'sort':
      return isKnownForm(row, frame) ? sortKeys(frame, out) : UNCERTAIN_KEYS
    case 'store':
      return isKnownForm(row, frame) ? storeKeys(frame, out) : UNCERTAIN_KEYS
    case 'migrate':
      return migrateKeys(frame, out)
  }
}

function rangeKeys(row: CommandRow, frame: Frame, out: number[]): number {
  const last = row.lastKey < 0 ? frame.argc + row.lastKey : row.lastKey
  if (last >= frame.argc || last < row.firstKey) return INVALID_ARGUMENTS
  let count = 0
  for (let i = row.firstKey; i <= last; i += row.keyStep) out[count++] = i
  return count
}

/** Whether it is MSETNX with a key that has no value, which fails wherever its keys are. */
export function lacksValue(row: CommandRow, frame: Frame): boolean {
  return row.plan === 'set-all' && frame.argc % 2 === 0
}

/** `[destination] numkeys key …`: LMPOP, ZUNION, ZUNIONSTORE, EVAL, or `numkeys key value …`: MSETEX [Redis db.c genericGetKeys]. */
function numkeysKeys(row: CommandRow, frame: Frame, out: number[]): number {
  const first = row.numkeysAt + 1
  const numkeys = naturalNumber(frame, row.numkeysAt)
  if (numkeys < 0 || numkeys * row.keyStep > frame.argc - first) return INVALID_ARGUMENTS
  if (numkeys === 0 && !row.flags.includes('no_mandatory_keys')) return INVALID_ARGUMENTS
  let count = 0
  if (row.firstKey > 0) out[count++] = row.firstKey
  for (let i = 0; i < numkeys; i++) out[count++] = first + i * row.keyStep
  return count
}

/** XREAD and XREADGROUP: the first half of what follows STREAMS [Redis db.c xreadGetKeys]. */
function streamsKeys(frame: Frame, out: number[]): number {
  const streams = streamsWord(frame)
  if (streams < 0) return UNCERTAIN_KEYS
  const rest = frame.argc - streams - 1
  if (rest <= 0 || rest % 2 !== 0) return INVALID_ARGUMENTS
  const count = rest / 2
  for (let i = 0; i < count; i++) out[i] = streams + 1 + i
  return count
}

/** The place of STREAMS in XREAD and XREADGROUP, behind the end if there is none; -1 when an unknown word comes before it. */
function streamsWord(frame: Frame): number {
  for (let i = 1; i < frame.argc; i += 1 + streamsOptionLength(frame, i)) {
    if (isOption(frame, i, 'streams')) return i
    if (streamsOptionLength(frame, i) < 0) return -1
  }
  return frame.argc
}

/** The number of arguments that belong to the option of XREAD or XREADGROUP at `i`; -1 when it is none. */
function streamsOptionLength(frame: Frame, i: number): number {
  // CLAIM is of Redis 8.6.
  if (isOption(frame, i, 'block') || isOption(frame, i, 'count') || isOption(frame, i, 'claim')) return 1
  if (isOption(frame, i, 'group')) return 2
  return isOption(frame, i, 'noack') ? 0 : -1
}

/** Whether an XREAD or XREADGROUP has the option BLOCK, so that a server might keep its answer (and its link) waiting. */
export function hasBlockOption(frame: Frame): boolean {
  const streams = streamsWord(frame)
  for (let i = 1; i < streams; i += 1 + streamsOptionLength(frame, i)) if (isOption(frame, i, 'block')) return true
  return false
}

/** SORT: the key, and what follows the last STORE [Redis sort.c sortCommandGeneric]. */
function sortKeys(frame: Frame, out: number[]): number {
  out[0] = 1
  let count = 1
  for (let i = 2; i < frame.argc; i += 1 + sortOptionLength(frame, i)) {
    if (isOption(frame, i, 'store') && i + 1 < frame.argc) {
      out[1] = i + 1
      count = 2
    }
  }
  return count
}

/** Whether the command has one key, in the place of `firstKey`, and reads no others: the patterns of a SORT_RO may name any. */
export function hasOneKey({ keyFinder, firstKey, lastKey, gather }: CommandRow): boolean {
  return keyFinder === 'range' && firstKey === lastKey && gather !== 'sort'
}

/**
 * Whether a SORT or SORT_RO reads keys that are not among its arguments: BY with a `*`, or GET with one. They can be
 * anywhere on the ring. (`BY nosort`, `GET #` and a GET without `*` read nothing.)
 */
export function sortReadsPatterns(frame: Frame): boolean {
  return sortPatterns(frame).length > 0
}

/** The places of such patterns. */
export function sortPatterns(frame: Frame): number[] {
  const places: number[] = []
  for (let i = 2; i < frame.argc; i += 1 + sortOptionLength(frame, i)) {
    if (i + 1 < frame.argc && (isOption(frame, i, 'by') || isOption(frame, i, 'get')) && hasStar(frame, i + 1)) {
      places.push(i + 1)
    }
  }
  return places
}

/** Which elements are wanted, in their order: `count` of them, or all behind `offset` when that is negative. */
export interface SortRange {
  readonly offset: number
  readonly count: number
  /** Perhaps counted from the end. */
  readonly isBackward: boolean
}

/**
 * Which elements a SORT or SORT_RO takes that does not sort, as a BY has no star; undefined when it sorts. With numbers that are
 * none it is refused, and this does not matter [Redis sort.c sortCommandGeneric].
 */
export function unsortedRange(frame: Frame): SortRange | undefined {
  let sorts = true
  let offset = 0
  let count = -1
  let isBackward = false
  for (let i = 2; i < frame.argc; i += 1 + sortOptionLength(frame, i)) {
    if (isOption(frame, i, 'desc')) isBackward = true
    else if (isOption(frame, i, 'by') && i + 1 < frame.argc) sorts &&= hasStar(frame, i + 1)
    else if (isOption(frame, i, 'limit') && i + 2 < frame.argc) {
      offset = Math.max(0, naturalNumber(frame, i + 1))
      count = naturalNumber(frame, i + 2)
    }
  }
  return sorts ? undefined : { offset, count, isBackward }
}

/** The number of arguments that belong to the option of SORT at `i`. */
function sortOptionLength(frame: Frame, i: number): number {
  if (isOption(frame, i, 'limit')) return 2
  return isOption(frame, i, 'store') || isOption(frame, i, 'by') || isOption(frame, i, 'get') ? 1 : 0
}

/** GEORADIUS and GEORADIUSBYMEMBER: the key, and what follows the last STORE or STOREDIST [Redis db.c georadiusGetKeys]. */
function storeKeys(frame: Frame, out: number[]): number {
  out[0] = 1
  let count = 1
  for (let i = 5; i + 1 < frame.argc; i++) {
    if (isOption(frame, i, 'store') || isOption(frame, i, 'storedist')) {
      out[1] = ++i
      count = 2
    }
  }
  return count
}

/** MIGRATE: the third argument, or all after KEYS [Redis db.c migrateGetKeys]. */
function migrateKeys(frame: Frame, out: number[]): number {
  for (let i = 6; i < frame.argc; i++) {
    if (isOption(frame, i, 'keys')) {
      if (frame.argEnd[3] > frame.argStart[3]) return INVALID_ARGUMENTS
      for (let key = i + 1; key < frame.argc; key++) out[key - i - 1] = key
      return frame.argc - i - 1
    }
    if (isOption(frame, i, 'auth')) i++
    else if (isOption(frame, i, 'auth2')) i += 2
  }
  out[0] = 3
  return 1
}

/** Whether argument `i` has a `*` before its first NUL, as C's strchr sees it. */
function hasStar(frame: Frame, i: number): boolean {
  for (let at = frame.argStart[i]; at < frame.argEnd[i] && frame.buf[at] !== 0; at++) {
    if (frame.buf[at] === 0x2a) return true
  }
  return false
}
