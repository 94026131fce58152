import { findKeys } from '../../command/keys.js'
import { isKnownForm } from '../../command/options.js'
import type { CommandRow, Plan } from '../../command/row.js'
import { error, isError, nullArray, type Reply } from '../../resp/encode.js'
import { argumentOf, type Frame } from '../../resp/frame.js'

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

/** How a command on single elements is served when its keys are on several servers [design §7 Several keys]. */
export interface Planned {
  /** What is asked first. */
  readonly looks: readonly Words[]
  /** @param found the answers to the looks */
  readonly decide: (found: readonly Reply[]) => Decision
}

const SYNTAX_ERROR = error('ERR syntax error')
const WRONG_COUNT = error('ERR count should be greater than 0')
const COUNT_MAX = 2n ** 63n - 1n

/** The plan of a command, or the error that it is answered with whatever its keys hold [Redis t_list.c, t_set.c, t_zset.c, t_string.c]. */
export function planOf(row: CommandRow, plan: Plan, frame: Frame): Planned | Reply {
  const args = Array.from({ length: frame.argc }, (_, i) => argumentOf(frame, i))
  if (!isKnownForm(row, frame)) return SYNTAX_ERROR
  switch (plan) {
    case 'move-element':
      return moveElement(args)
    case 'move-member':
      return moveMember(args)
    case 'pop-elements':
      return pop(row, frame, args, 'LLEN')
    case 'pop-members':
      return pop(row, frame, args, 'ZCARD')
    case 'set-all':
      return setAll(args)
  }
}

export function isPlanned(planned: Planned | Reply): planned is Planned {
  return typeof planned === 'object' && planned !== null && 'looks' in planned
}

/** Without words it goes from the right to the left. A missing source is asked about before the type of the destination. */
function moveElement([, source, destination, from, to]: Buffer[]): Planned {
  const isLeft = (where: Buffer | undefined, otherwise: boolean) =>
    where === undefined ? otherwise : where.toString().toLowerCase() === 'left'
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
function pop(row: CommandRow, frame: Frame, args: readonly Buffer[], size: string): Planned | Reply {
  const places: number[] = []
  const keys = args.slice(row.numkeysAt + 1, row.numkeysAt + 1 + findKeys(row, frame, places))
  const words = args.slice(row.numkeysAt + 1 + keys.length)
  if (words.length !== 1 && words.length !== 3) return SYNTAX_ERROR
  if (/^count$/i.test(String(words[0])) || (words.length === 3 && !/^count$/i.test(String(words[1]))))
    return SYNTAX_ERROR
  if (words.length === 3 && !isCount(words[2])) return WRONG_COUNT
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

function isCount(arg: Buffer): boolean {
  return /^[1-9]\d{0,18}$/.test(arg.toString('latin1')) && BigInt(arg.toString('latin1')) <= COUNT_MAX
}

function setAll(args: readonly Buffer[]): Planned {
  const keys = args.slice(1).filter((_, i) => i % 2 === 0)
  return {
    looks: [['EXISTS', ...keys]],
    decide: ([existing]) => {
      if (isError(existing)) return { reply: existing }
      return existing === 0 ? { writes: [['MSET', ...args.slice(1)]], answer: 1 } : { reply: 0 }
    },
  }
}
