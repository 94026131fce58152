import { equalsIgnoreCase } from '../base/ascii.js'
import { assert } from '../base/assert.js'
import type { Frame } from '../resp/frame.js'
import { smallNumber } from '../resp/long-long.js'

/*
 * The words that may stand among the arguments of a command, beside its keys and values. Every server version brings new
 * ones, and what a word does that the table does not know nobody can tell from its place: such a write is not applied by all
 * replicas on their own, but copied from the master, and one whose keys depend on it is refused.
 */

export interface Options {
  /** The place of the first word; with a count of keys, `BEHIND_KEYS`. */
  readonly from: number
  /** The place of the last one, when words stand in fixed places. */
  readonly to: number
  readonly words: readonly Word[]
  /** Whether there is a sign before what belongs to one of them. */
  readonly signed: boolean
  /** What begins where the words end. */
  readonly rest: Rest
  /** For `numbers`: how many arguments belong together, of which the first is a number. */
  readonly size: number
}

/** What of a command's row says where its words are. */
export interface Worded {
  readonly options: Options | undefined
  /** The place of the number of its keys, if it has one. */
  readonly numkeysAt: number
}

type Rest = 'nothing' | 'numbers' | 'id' | 'streams'

interface Word {
  /** In lower case. */
  readonly text: string
  /** How many arguments belong to it. */
  readonly args: number
  /** `=` or `~` may stand before them. */
  readonly signed: boolean
  /** Beside a `~` nobody can tell what it does. */
  readonly exact: boolean
  /** Redis 7.0 does not have it. */
  readonly newer: boolean
}

/** Of `from`: where the keys end. Of `to`: words stand in no fixed places. Of the number of a word's arguments: as many as there are keys. */
export const BEHIND_KEYS = 0
export const ANYWHERE = -1
export const AS_KEYS = -1
const NOWHERE = -1
const STAR = 0x2a
/** Two numbers of 64 bits. */
const ID_BYTES_MAX = 41

/**
 * Reads a cell of the overlay, see overlay-row.ts:
 *
 *     3 NX XX EX+1          from argument 3 on; EX takes one argument
 *     keys WEIGHTS+keys     behind the keys; WEIGHTS takes one for each key
 *     2 MAXLEN~1 …id        MAXLEN takes one, perhaps with a sign before it; an id follows the words
 *     2 MAXLEN~1 ACKED!     ACKED does not stand beside the sign `~`
 *     3 NX IFEQ+1^          IFEQ is newer than Redis 7.0
 *     2 NX XX …2            the words are followed by twos, of which the first is a number
 *     3-4 LEFT RIGHT        arguments 3 and 4 are words
 */
export function optionsOf(cell: string): Options {
  const [first, ...rest] = cell.split(' ')
  const [from, to] = first.split('-')
  const end = rest.find((word) => word.startsWith('…'))?.slice(1)
  const size = Number(end)
  const words = rest.filter((word) => !word.startsWith('…')).map(wordOf)
  return {
    from: from === 'keys' ? BEHIND_KEYS : Number(from),
    to: to === undefined ? ANYWHERE : Number(to),
    words,
    signed: words.some(({ signed }) => signed),
    rest: end === undefined ? 'nothing' : size > 0 ? 'numbers' : (end as Rest),
    size: size > 0 ? size : 1,
  }
}

function wordOf(cell: string): Word {
  const [, text, sign, args] = /^([A-Z0-9]+)(?:([+~])(\d+|keys))?!?\^?$/.exec(cell) ?? []
  assert(text !== undefined, `${cell} is a word of a command`)
  return {
    text: text.toLowerCase(),
    args: args === 'keys' ? AS_KEYS : Number(args ?? 0),
    signed: sign === '~',
    exact: cell.includes('!'),
    newer: cell.endsWith('^'),
  }
}

/**
 * Whether the table knows all words of the command: what its server does with it is what the table says, also when that is
 * to refuse it.
 */
export function isKnownForm(row: Worded, frame: Frame): boolean {
  const { options } = row
  if (options === undefined || frame.argc <= options.from) return true
  const { argc } = frame
  const { from, to, rest, size } = options
  if (to !== ANYWHERE) {
    for (let i = from; i <= to && i < argc; i++) if (wordAt(options, frame, i) === undefined) return false
    return true
  }
  if (rest === 'numbers' && isNumber(frame, from)) return (argc - from) % size === 0
  const end = endOfOptions(row, options, frame)
  if (approximateAt(row, frame) !== NOWHERE && hasExactWord(row, options, frame)) return false
  if (end >= argc) return true
  switch (rest) {
    case 'nothing':
      return false
    case 'numbers':
      return isNumber(frame, end) && (argc - end) % size === 0
    case 'id':
      return isStreamId(frame, end)
    case 'streams':
      return isOption(frame, end, 'streams')
  }
}

/** The same for a Redis 7.0. */
export function isOldForm(row: Worded, frame: Frame): boolean {
  return isKnownForm(row, frame) && !hasWord(row, frame, ({ newer }) => newer)
}

/** The place behind the words that are known, which may be behind the end when one of them lacks arguments. */
export function endOfOptions({ numkeysAt }: Worded, options: Options, frame: Frame): number {
  const keys = options.from === BEHIND_KEYS ? Math.max(0, naturalNumber(frame, numkeysAt)) : 0
  let i = options.from === BEHIND_KEYS ? numkeysAt + 1 + keys : options.from
  for (let word = wordAt(options, frame, i); word !== undefined; word = wordAt(options, frame, i)) {
    i = behindWord(word, frame, i, keys)
  }
  return i
}

/** The place of a `~` before what belongs to a word: how it is meant the server decides; -1 when there is none. */
export function approximateAt({ options }: Worded, frame: Frame): number {
  if (options === undefined || !options.signed) return NOWHERE
  let i = options.from
  for (let word = wordAt(options, frame, i); word !== undefined; word = wordAt(options, frame, i)) {
    if (word.signed && i + 1 < frame.argc && isOption(frame, i + 1, '~')) return i + 1
    i = behindWord(word, frame, i, 0)
  }
  return NOWHERE
}

/** Whether one of these words, in lower case, is among those of the command. */
export function hasWordOf(row: Worded, frame: Frame, texts: ReadonlySet<string>): boolean {
  return hasWord(row, frame, ({ text }) => texts.has(text))
}

function hasWord({ options }: Worded, frame: Frame, is: (word: Word) => boolean): boolean {
  if (options === undefined) return false
  let i = options.from
  for (let word = wordAt(options, frame, i); word !== undefined; word = wordAt(options, frame, i)) {
    if (is(word)) return true
    i = behindWord(word, frame, i, 0)
    if (options.to !== ANYWHERE && i > options.to) return false
  }
  return false
}

/** How many arguments belong to the word at `i`, which is a known one. */
export function argsOfWord({ options }: Worded, frame: Frame, i: number): number {
  return (options === undefined ? undefined : wordAt(options, frame, i))?.args ?? 0
}

/** Whether argument `i` is this lower-case word, in any case. */
export function isOption(frame: Frame, i: number, word: string): boolean {
  return equalsIgnoreCase(frame.buf, frame.argStart[i], frame.argEnd[i], word)
}

/** Argument `i` as a natural number written as Redis's string2ll wants it (no sign, no leading zero); else -1. */
export function naturalNumber(frame: Frame, i: number): number {
  return smallNumber(frame.buf, frame.argStart[i], frame.argEnd[i]) ?? -1
}

function hasExactWord(row: Worded, options: Options, frame: Frame): boolean {
  const end = Math.min(endOfOptions(row, options, frame), frame.argc)
  for (let i = options.from; i < end; i++) if (wordAt(options, frame, i)?.exact) return true
  return false
}

/** @param keys how many the command has, where that matters */
function behindWord({ signed, args }: Word, frame: Frame, i: number, keys: number): number {
  const hasSign = signed && i + 1 < frame.argc && (isOption(frame, i + 1, '=') || isOption(frame, i + 1, '~'))
  return i + (hasSign ? 2 : 1) + (args === AS_KEYS ? keys : args)
}

function wordAt({ words }: Options, frame: Frame, i: number): Word | undefined {
  if (i >= frame.argc) return undefined
  for (const word of words) if (isOption(frame, i, word.text)) return word
  return undefined
}

/** Whether argument `i` can be a number to anybody: it begins like one, or is one in letters. */
function isNumber(frame: Frame, i: number): boolean {
  const byte = frame.buf[frame.argStart[i]]
  if (frame.argStart[i] === frame.argEnd[i]) return false
  if ((byte >= 0x30 && byte <= 0x39) || byte === 0x2b || byte === 0x2d || byte === 0x2e) return true
  return isOption(frame, i, 'inf') || isOption(frame, i, 'infinity') || isOption(frame, i, 'nan')
}

/** Whether argument `i` is `*`, `<ms>`, `<ms>-<number>` or `<ms>-*`. */
function isStreamId(frame: Frame, i: number): boolean {
  const start = frame.argStart[i]
  const length = frame.argEnd[i] - start
  if (length === 1 && frame.buf[start] === STAR) return true
  return length <= ID_BYTES_MAX && /^\d+(-(\*|\d+))?$/.test(frame.buf.latin1Slice(start, start + length))
}
