import type { KeyId } from '../base/key-id.js'
import type { Frame } from '../resp/frame.js'
import { isOption } from './options.js'
import type { CommandRow } from './row.js'

/*
 * Which keys a write has changed, as far as that can be seen from outside: for who is told of changes. In doubt it has.
 */

/** With `:0` they say that they have changed nothing. */
const ZERO_IS_NOTHING: ReadonlySet<string> = new Set(
  `del unlink expire pexpire expireat pexpireat persist move copy renamenx setnx msetnx hsetnx hdel sadd srem smove zrem
  zremrangebyrank zremrangebyscore zremrangebylex lrem lpushx rpushx pfadd xdel xack xtrim linsert`.split(/\s+/),
)
/** They count what they found, or what they have made because it was not there. */
const COUNT_FOUND: ReadonlySet<string> = new Set('hdel del unlink expire pexpire expireat pexpireat persist'.split(' '))
const COUNT_MADE: ReadonlySet<string> = new Set(['hset', 'hsetnx', 'setnx'])
const ZERO = Buffer.from(':0\r\n')
const NULLS: ReadonlySet<string> = new Set(['_\r\n', '$-1\r\n', '*-1\r\n', '*0\r\n'])
const MINUS_ONE = ':-1\r\n'
/** A server refuses it as a whole. */
const REFUSED =
  /^-(WRONGTYPE|NOGROUP|BUSYGROUP|BUSYKEY|EXECABORT|ERR (value is not|syntax|no such key|index out|hash value|wrong number|DB index|source and dest|increment))/

/** Of the keys of a write, in the order of `findKeys`, those that it may change. */
export function writtenOf({ gather }: CommandRow, ids: readonly KeyId[]): readonly KeyId[] {
  switch (gather) {
    case 'store-first':
    case 'update-first':
      return ids.slice(0, 1)
    case 'store-last':
    case 'sort':
    case 'copy':
      return ids.slice(1)
    default:
      return ids
  }
}

/** Whether a write answers what the key held before, so that null says nothing of what it has done. */
export function answersOld({ name }: CommandRow, frame: Frame): boolean {
  if (name !== 'set') return name === 'getset'
  for (let i = 3; i < frame.argc; i++) if (isOption(frame, i, 'get')) return true
  return false
}

/**
 * Whether the reply to a write, which does not say what the key held before, says that nothing has changed; `row` is undefined when it
 * is that of several commands.
 */
export function findsNothing(row: CommandRow | undefined, buf: Buffer, start: number, end: number): boolean {
  if (end - start === ZERO.length && row !== undefined && ZERO_IS_NOTHING.has(row.name)) {
    return buf.compare(ZERO, 0, ZERO.length, start, end) === 0
  }
  const begin = buf.latin1Slice(start, Math.min(end, start + 64))
  if (begin === MINUS_ONE) return row?.name === 'linsert'
  return NULLS.has(begin) || REFUSED.test(begin)
}

/** Whether a write was answered `one` where it found more than where it was answered `other`. False where that cannot be told. */
export function foundMore({ name }: CommandRow, one: Buffer, other: Buffer): boolean {
  const [first, second] = [one, other].map((reply) => Number(reply.latin1Slice(1)))
  return (COUNT_FOUND.has(name) && first > second) || (COUNT_MADE.has(name) && first < second)
}
