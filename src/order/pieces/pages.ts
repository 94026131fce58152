import { elementsOf } from '../../resp/decode.js'
import { type Frame, frameOf } from '../../resp/frame.js'
import { RefusedError, type Source } from './asking.js'
import { bulkEnd, type Elements, elementsAt, lineAt, partitionPairs, scanned, swappedPairs } from './bulks.js'
import { HIDDEN_NAME } from './hidden-name.js'
import type { Page, Value } from './page.js'
import { streamPages } from './stream-pages.js'

/** Values of this type cannot be taken apart; `DUMP` and `RESTORE` can move them, as a whole. */
export class IndivisibleError extends Error {
  override name = 'IndivisibleError'
}

/**
 * Reads a value piece by piece, and gives for each the commands that build it under the hidden name. The value must not
 * change in between. Nothing at all comes of a key that is not there.
 *
 * @param type as TYPE says
 * @throws IndivisibleError, RefusedError, LinkLostError
 */
export function pagesOf(type: string, value: Value): AsyncGenerator<Page> {
  switch (type) {
    case 'string':
      return stringPages(value)
    case 'list':
      return listPages(value)
    case 'set':
      return scanPages(value, 'SCARD', 'SSCAN', (elements) => [command('SADD', elements)])
    case 'zset':
      return sortedSetPages(value)
    case 'hash':
      return hashPages(value)
    case 'stream':
      return streamPages(value)
    case 'none':
      return nothing()
    default:
      throw new IndivisibleError(type)
  }
}

async function* nothing(): AsyncGenerator<Page> {}

/** A command on the hidden name, with elements as they stood in a reply. */
export function command(name: string, { count, bytes }: Elements): Frame {
  const head = `*${count + 2}\r\n$${name.length}\r\n${name}\r\n$${HIDDEN_NAME.length}\r\n`
  const start = head.length + HIDDEN_NAME.length + 2
  const buf = Buffer.allocUnsafe(start + bytes.length)
  buf.latin1Write(head, 0)
  HIDDEN_NAME.copy(buf, head.length)
  buf.latin1Write('\r\n', start - 2)
  bytes.copy(buf, start)
  // Only what is emitted: nobody looks for its arguments.
  return { buf, start: 0, end: buf.length, argc: count + 2, argStart: [], argEnd: [], owned: true }
}

/**
 * The string has its whole length from the beginning. Growing with every piece it would be copied as a whole again and again, by
 * the server's allocator: 530 MB some twenty times, each time for as long as the whole room takes now, once.
 */
async function* stringPages({ source, budget }: Value): AsyncGenerator<Page> {
  const length = Number(await source.reply('STRLEN'))
  if (length > budget.bytes) yield roomFor(length)
  for (let from = 0; from < length; ) {
    const to = Math.min(length, from + budget.bytes)
    const bytes = await source.piece('GETRANGE', String(from), String(to - 1))
    yield [rangeSet(from, bytes)]
    from = to
  }
}

/** What gives the hidden string its length. */
export function roomFor(length: number): Page {
  const room = frameOf(['SETRANGE', HIDDEN_NAME, String(length - 1), '\0'])
  return Object.assign([room], { prepares: length })
}

/** What writes a bulk string, as it stood in a reply, into the hidden string. */
export function rangeSet(from: number, bytes: Buffer): Frame {
  const offset = String(from)
  const head = `*4\r\n$8\r\nSETRANGE\r\n$${HIDDEN_NAME.length}\r\n`
  const rest = `\r\n$${offset.length}\r\n${offset}\r\n`
  const buf = Buffer.concat([Buffer.from(head), HIDDEN_NAME, Buffer.from(rest), bytes])
  // Only what is emitted: nobody looks for its arguments.
  return { buf, start: 0, end: buf.length, argc: 4, argStart: [], argEnd: [], owned: true }
}

async function* listPages({ source }: Value): AsyncGenerator<Page> {
  const length = Number(await source.reply('LLEN'))
  for (let from = 0; from < length; ) {
    const to = Math.min(length, from + (await source.fitting(from, 1)))
    yield [command('RPUSH', elementsAt(await source.piece('LRANGE', String(from), String(to - 1))))]
    from = to
  }
}

/** Types whose elements have names: one may come twice, which does no harm, and none is left out [Redis SCAN guarantees]. */
async function* scanPages(
  { source, bytes, budget }: Value,
  count: string,
  scan: string,
  toCommands: (elements: Elements) => Page | Promise<Page>,
): AsyncGenerator<Page> {
  const usual = bytes / Math.max(1, Number(await source.reply(count)))
  let bytesEach = usual
  let cursor = '0'
  do {
    const found = scanned(await source.piece(scan, cursor, 'COUNT', String(budget.elementsOf(bytesEach))))
    cursor = found.cursor
    const { elements } = found
    if (elements.count === 0) continue
    bytesEach = Math.max(usual, elements.bytes.length / elements.count)
    yield await toCommands(elements)
  } while (cursor !== '0')
}

/**
 * A small sorted set makes 0 of a score of -0, which a large one knows, and every one is small at first. So these come last.
 */
async function* sortedSetPages(value: Value): AsyncGenerator<Page> {
  const last: Elements[] = []
  yield* scanPages(value, 'ZCARD', 'ZSCAN', (elements) => {
    if (!elements.bytes.includes(NEGATIVE_ZERO)) return [command('ZADD', swappedPairs(elements))]
    const [negativeZeros, others] = partitionPairs(elements, (pair) =>
      pair.subarray(-NEGATIVE_ZERO.length).equals(NEGATIVE_ZERO),
    )
    last.push(negativeZeros)
    return others.count === 0 ? [] : [command('ZADD', swappedPairs(others))]
  })
  for (const elements of last) if (elements.count > 0) yield [command('ZADD', swappedPairs(elements))]
}

const NEGATIVE_ZERO = Buffer.from('$2\r\n-0\r\n')

/** From Redis 7.4 and Valkey 9 on fields of hashes may have deadlines of their own. */
export function hasFieldDeadlines(source: Source): Promise<boolean> {
  return source.reply('HPEXPIRETIME', 'FIELDS', '1', '').then(
    () => true,
    (error) => {
      if (error instanceof RefusedError && /unknown command/i.test(error.message)) return false
      throw error
    },
  )
}

async function* hashPages(value: Value): AsyncGenerator<Page> {
  const { source } = value
  const hasDeadlines = await hasFieldDeadlines(source)
  const plain = (elements: Elements) => [command('HSET', elements)]
  const toCommands = hasDeadlines ? (elements: Elements) => withDeadlines(source, elements) : plain
  yield* scanPages(value, 'HLEN', 'HSCAN', toCommands)
}

const NO_FIELD = -2
const NO_DEADLINE = -1

/** What sets fields, which are given with their values, with the deadlines that they have on the source. */
export async function withDeadlines(source: Source, { count, bytes }: Elements): Promise<Page> {
  const fields = count / 2
  const names: Buffer[] = []
  const pairs: Buffer[] = []
  for (let at = 0, i = 0; i < fields; i++) {
    const nameEnd = bulkEnd(bytes, at)
    const end = bulkEnd(bytes, nameEnd)
    names.push(bytes.subarray(lineAt(bytes, at).next, nameEnd - 2))
    pairs.push(bytes.subarray(at, end))
    at = end
  }
  const deadlines = elementsOf(await source.reply('HPEXPIRETIME', 'FIELDS', String(fields), ...names)) ?? []
  // One that has expired since it was read is left out.
  const there = pairs.filter((_, i) => deadlines[i] !== NO_FIELD)
  if (there.length === 0) return []
  const page = [command('HSET', { count: there.length * 2, bytes: Buffer.concat(there) })]
  for (const [i, name] of names.entries()) {
    const deadline = Number(deadlines[i])
    if (deadline !== NO_FIELD && deadline !== NO_DEADLINE) {
      page.push(frameOf(['HPEXPIREAT', HIDDEN_NAME, String(deadline), 'FIELDS', '1', name]))
    }
  }
  return page
}
