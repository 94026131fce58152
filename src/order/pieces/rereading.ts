import { elementsOf } from '../../resp/decode.js'
import type { DoubleReply, Reply } from '../../resp/encode.js'
import { type Frame, frameOf } from '../../resp/frame.js'
import type { Source } from './asking.js'
import { elementsAt } from './bulks.js'
import { HIDDEN_NAME } from './hidden-name.js'
import type { Page } from './page.js'
import { hasFieldDeadlines, withDeadlines } from './pages.js'

/** How single elements of a value are read again, and set on the hidden name to what they are, or removed there. */
export interface Rereading {
  /** The command that counts the elements. */
  readonly count: string
  /** @throws RefusedError, LinkLostError */
  page(names: readonly Buffer[]): Promise<Page>
}

/** Undefined for values whose elements have no names. */
export async function rereadingOf(type: string, source: Source): Promise<Rereading | undefined> {
  switch (type) {
    case 'hash': {
      const hasDeadlines = await hasFieldDeadlines(source)
      return { count: 'HLEN', page: (names) => fields(source, names, hasDeadlines) }
    }
    case 'set':
      return { count: 'SCARD', page: (names) => members(source, names) }
    case 'zset':
      return { count: 'ZCARD', page: (names) => scores(source, names) }
    default:
      return undefined
  }
}

async function fields(source: Source, names: readonly Buffer[], hasDeadlines: boolean): Promise<Page> {
  const values = await askFor(source, 'HMGET', names)
  const pairs = names.flatMap((name, i) => (values[i] === null ? [] : [name, values[i] as Buffer]))
  // A field that expires before its deadline is asked for is left out then.
  const gone = hasDeadlines ? names : names.filter((_, i) => values[i] === null)
  const page = removal('HDEL', gone)
  if (pairs.length === 0) return page
  if (!hasDeadlines) return [...page, frameOf(['HSET', HIDDEN_NAME, ...pairs])]
  return [...page, ...(await withDeadlines(source, elementsAt(frameOf(pairs).buf)))]
}

async function members(source: Source, names: readonly Buffer[]): Promise<Page> {
  const isThere = await askFor(source, 'SMISMEMBER', names)
  const there = names.filter((_, i) => isThere[i] === 1)
  const page = removal(
    'SREM',
    names.filter((_, i) => isThere[i] !== 1),
  )
  return there.length === 0 ? page : [...page, frameOf(['SADD', HIDDEN_NAME, ...there])]
}

async function scores(source: Source, names: readonly Buffer[]): Promise<Page> {
  const found = await askFor(source, 'ZMSCORE', names)
  const pairs = names.flatMap((name, i) => (found[i] === null ? [] : [(found[i] as DoubleReply).text, name]))
  const page = removal(
    'ZREM',
    names.filter((_, i) => found[i] === null),
  )
  return pairs.length === 0 ? page : [...page, frameOf(['ZADD', HIDDEN_NAME, ...pairs])]
}

async function askFor(source: Source, command: string, names: readonly Buffer[]): Promise<readonly Reply[]> {
  return elementsOf(await source.reply(command, ...names)) ?? []
}

function removal(command: string, names: readonly Buffer[]): Frame[] {
  return names.length === 0 ? [] : [frameOf([command, HIDDEN_NAME, ...names])]
}
