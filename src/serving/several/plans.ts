import { lowerCase, lowerWord, wordOf } from '../../base/ascii.js'
import { findKeys } from '../../command/keys.js'
import { isKnownForm } from '../../command/options.js'
import type { CommandRow, Plan } from '../../command/row.js'
import { error, isError, nullArray, type Reply } from '../../resp/encode.js'
import { argumentsOf, type Frame } from '../../resp/frame.js'
import { parseLongLong } from '../../resp/long-long.js'
import { streamParts } from './streams.js'

/** A command with its arguments. */
export type Words = readonly (Buffer | string)[]

/** What is to be done, once it is known what the keys hold. */
export type Decision =
  /** Nothing: this is the answer. */
  | { readonly reply: Reply }
  /**
   * These writes, one after the other: what adds comes before what takes away, so that nothing is lost whatever happens in
   * between. The answer is `answer`, or that of the last one.
   */
  | { readonly writes: readonly Words[]; readonly answer?: Reply }
  /** These parts of the command, all in one turn: the answer is made of theirs, or, when all of these writes are done, `answer`. */
  | { readonly parts: readonly Words[]; readonly answer?: Reply }

/** How a command on single elements is served when its keys are on several servers [design §7 Several keys]. */
export interface Planned {
  /** What is asked first. */
  readonly looks: readonly Words[]
  /** @param found the answers to the looks */
  readonly decide: (found: readonly Reply[]) => Decision
  /**
   * What is written takes the place of what the looks have found nothing of. Else each write finds what there is, or is not, as with
   * a single key: what the master alone has lost is not lost on others by a look at it.
   */
  readonly overwrites?: boolean
}

const SYNTAX_ERROR = error('ERR syntax error')
const NOT_AN_INTEGER = error('ERR value is not an integer or out of range')
const WRONG_COUNT = error('ERR count should be greater than 0')

/** The plan of a command, or the error that it is answered with whatever its keys hold [Redis t_list.c, t_set.c, t_zset.c, t_string.c]. */
export function planOf(row: CommandRow, plan: Plan, frame: Frame): Planned | Reply {
  const args = argumentsOf(frame)
  const isPop = plan === 'pop-elements' || plan === 'pop-members'
  if (!isPop && !isKnownForm(row, frame)) return SYNTAX_ERROR
  switch (plan) {
    case 'move-element':
      return moveElement(args)
    case 'move-member':
      return moveMember(args)
    case 'pop-elements':
      return pop(row, frame, args, 'LLEN', /^(left|right)$/i)
    case 'pop-members':
      return pop(row, frame, args, 'ZCARD', /^(min|max)$/i)
    case 'set-all':
      return setAll(args)
    case 'set-until':
      return setUntil(row, frame, args)
    case 'read-streams':
      return readGroups(row, frame, args)
  }
}

export function isPlanned(planned: Planned | Reply): planned is Planned {
  return typeof planned === 'object' && planned !== null && 'looks' in planned
}

/** Without words it goes from the right to the left. A missing source is asked about before the type of the destination. */
function moveElement([, source, destination, from, to]: Buffer[]): Planned {
  const isLeft = (where: Buffer | undefined, otherwise: boolean) =>
    where === undefined ? otherwise : lowerCase(where) === 'left'
  const fromLeft = isLeft(from, false)
  const toLeft = isLeft(to, true)
  return {
    looks: [
      ['LINDEX', source, fromLeft ? '0' : '-1'],
      ['LLEN', destination],
    ],
    decide: ([element, length]) => {
      if (!Buffer.isBuffer(element)) return { reply: element }
      if (isError(length)) return { reply: length }
      const writes = [
        [toLeft ? 'LPUSH' : 'RPUSH', destination, element],
        [fromLeft ? 'LPOP' : 'RPOP', source],
      ]
      return { writes, answer: element }
    },
  }
}

function moveMember([, source, destination, member]: Buffer[]): Planned {
  return {
    looks: [
      ['SCARD', source],
      ['SCARD', destination],
      ['SISMEMBER', source, member],
    ],
    decide: ([size, sizeOfDestination, isMember]) => {
      // A source that is not there is asked about before the types.
      if (size === 0 || isError(size)) return { reply: size }
      if (isError(sizeOfDestination)) return { reply: sizeOfDestination }
      if (isMember !== 1) return { reply: isMember }
      const writes = [
        ['SADD', destination, member],
        ['SREM', source, member],
      ]
      return { writes, answer: 1 }
    },
  }
}

/** The same command on the first key that has something. */
function pop(row: CommandRow, frame: Frame, args: readonly Buffer[], size: string, ends: RegExp): Planned | Reply {
  const places: number[] = []
  const keys = args.slice(row.numkeysAt + 1, row.numkeysAt + 1 + findKeys(row, frame, places))
  const words = args.slice(row.numkeysAt + 1 + keys.length)
  const wrong = wrongPop(words, ends)
  if (wrong !== undefined) return wrong
  return {
    looks: keys.map((key) => [size, key]),
    decide: (sizes) => {
      const at = sizes.findIndex((found) => found !== 0)
      if (at < 0) return { reply: nullArray }
      const found = sizes[at]
      return isError(found) ? { reply: found } : { writes: [[args[0], '1', keys[at], ...words]] }
    },
  }
}

/** What is wrong with the words behind the keys, of which Redis looks at one after the other [Redis t_list.c lmpopGenericCommand]. */
function wrongPop([end, option, count, ...more]: readonly Buffer[], ends: RegExp): Reply | undefined {
  if (end === undefined || !ends.test(wordOf(end))) return SYNTAX_ERROR
  if (option === undefined) return undefined
  if (count === undefined || !/^count$/i.test(wordOf(option))) return SYNTAX_ERROR
  if (!isCount(count)) return WRONG_COUNT
  return more.length > 0 ? SYNTAX_ERROR : undefined
}

function isCount(arg: Buffer): boolean {
  return parseLongLong(arg, 0, arg.length) > 0
}

function setAll(args: readonly Buffer[]): Planned {
  const keys = args.slice(1).filter((_, i) => i % 2 === 0)
  return {
    looks: [['EXISTS', ...keys]],
    decide: ([existing]) => {
      if (isError(existing)) return { reply: existing }
      return existing === 0 ? { writes: [['MSET', ...args.slice(1)]], answer: 1 } : { reply: 0 }
    },
    overwrites: true,
  }
}

/** The words behind the pairs; an error where servers have one [Redis t_string.c parseExtendedStringArgumentsOrReply]. */
function wordsOfSetUntil(
  words: readonly Buffer[],
  name: string,
): { onlyIf: string | undefined; until: Buffer[] } | Reply {
  let onlyIf: string | undefined
  let until: Buffer[] = []
  for (let i = 0; i < words.length; i++) {
    const word = lowerWord(words[i])
    const hasTime = word === 'ex' || word === 'px' || word === 'exat' || word === 'pxat'
    if ((word === 'nx' || word === 'xx') && (onlyIf ?? word) === word) onlyIf = word
    else if (until.length > 0 && lowerWord(until[0]) !== word) return SYNTAX_ERROR
    else if (word === 'keepttl') until = [words[i]]
    else if (hasTime && i + 1 < words.length) until = [words[i], words[++i]]
    else return SYNTAX_ERROR
  }
  const [, time] = until
  if (time === undefined) return { onlyIf, until }
  const number = parseLongLong(time, 0, time.length)
  if (Number.isNaN(number)) return NOT_AN_INTEGER
  return number > 0 ? { onlyIf, until } : error(`ERR invalid expire time in '${name}' command`)
}

/** MSETEX: each key for itself where they get a deadline, or keep theirs. */
function setUntil(row: CommandRow, frame: Frame, args: readonly Buffer[]): Planned | Reply {
  const places: number[] = []
  const count = findKeys(row, frame, places)
  const [first] = places
  const words = wordsOfSetUntil(args.slice(first + 2 * count), row.name)
  if (!(typeof words === 'object' && words !== null && 'until' in words)) return words
  const { onlyIf, until } = words
  const pairs = args.slice(first, first + 2 * count)
  const keys = places.slice(0, count).map((place) => args[place])
  const sets = places.slice(0, count).map((place): Words => ['SET', args[place], args[place + 1], ...until])
  return {
    looks: onlyIf === undefined ? [] : [['EXISTS', ...keys]],
    decide: ([existing]) => {
      if (isError(existing)) return { reply: existing }
      if (onlyIf !== undefined && existing !== (onlyIf === 'nx' ? 0 : count)) return { reply: 0 }
      return until.length === 0 ? { writes: [['MSET', ...pairs]], answer: 1 } : { parts: sets, answer: 1 }
    },
    overwrites: onlyIf === 'nx',
  }
}

/**
 * Nothing is read of any stream unless all of them can be. What stands against it is told by the server itself: it reads nothing
 * for the id `$`, but says what is wrong before that.
 */
function readGroups(row: CommandRow, frame: Frame, args: readonly Buffer[]): Planned {
  const places: number[] = []
  const count = findKeys(row, frame, places)
  const [first] = places
  const parts = streamParts(args, first, count)
  // The stream twice: with one the command may have too few arguments.
  const why = (part: readonly Buffer[]): Decision => {
    const key = part[part.length - 2]
    return { writes: [[...part.slice(0, -1), key, '$', '$']] }
  }
  const group = groupIn(args.slice(1, first - 1))
  if (group === undefined) return { looks: [], decide: () => why(parts[0]) }
  // Whether there is such a group, and, where an id is not certainly one, whether it is.
  const looks = parts.map((part): Words[] => {
    const [key, id] = part.slice(-2)
    const isGroup = ['XPENDING', key, group, '-', '-', '1']
    return CERTAIN_ID.test(wordOf(id)) ? [isGroup] : [isGroup, ['XREAD', 'COUNT', '1', 'STREAMS', key, id]]
  })
  return {
    looks: looks.flat(),
    decide: (found) => {
      let next = 0
      for (const [i, part] of parts.entries()) {
        const [isGroup, isId] = found.slice(next, (next += looks[i].length))
        if (isError(isGroup) || part[part.length - 1].equals(DOLLAR)) return why(part)
        if (isError(isId)) return { reply: isId }
      }
      return { parts }
    },
  }
}

/** `>`, or an id that everybody takes for one. */
const CERTAIN_ID = /^(?:>|\d{1,19}(?:-\d{1,19})?)$/
const DOLLAR = Buffer.from('$')

/** The group among the words before STREAMS; undefined when they are not right. */
function groupIn(words: readonly Buffer[]): Buffer | undefined {
  let group: Buffer | undefined
  for (let i = 0; i < words.length; i++) {
    const word = lowerCase(words[i])
    if (word === 'group' && i + 2 < words.length) {
      group = words[i + 1]
      i += 2
    } else if (word === 'count' && i + 1 < words.length) {
      if (!isInteger(words[++i])) return undefined
    } else if (word !== 'noack') return undefined
  }
  return group
}

function isInteger(word: Buffer): boolean {
  return !Number.isNaN(parseLongLong(word, 0, word.length))
}
