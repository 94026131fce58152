import { fittingInOrder } from '../order/pieces/fitting.js'
import { differingHashes } from './compare-hash.js'
import { differingStreams } from './compare-stream.js'
import {
  Differing,
  elementsAPiece,
  integerIn,
  itemsOf,
  PIECE_BYTES,
  PIECE_ELEMENTS_MAX,
  stringOf,
} from './differing.js'
import { type InStep, KEY } from './in-step.js'

/** What is known of a value before it is read. */
export interface ValueHint {
  /** As TYPE says. */
  readonly type: string
  /** About how much memory it takes, on one replica. */
  readonly bytes: number
}

/**
 * Which of the replicas hold another value than the first one, by what the value means and not by how it is encoded
 * [redis-facts DUMP, RESTORE]. It is read in pieces, each of them on all replicas in step: equal replicas give equal
 * pieces, also when the value changes between two of them.
 *
 * @throws UnsettledError when the replicas cannot be compared now
 */
export function differingValues(replicas: InStep, hint: ValueHint): Promise<boolean[]> {
  switch (hint.type) {
    case 'string':
      return differingStrings(replicas)
    case 'list':
      return differingSequences(replicas, 'LLEN', ['LRANGE'])
    case 'zset':
      return differingSequences(replicas, 'ZCARD', ['ZRANGE', 'WITHSCORES'])
    case 'hash':
      return differingHashes(replicas, hint.bytes)
    case 'set':
      return differingSets(replicas, hint)
    case 'stream':
      return differingStreams(replicas)
    case 'vectorset':
      return differingVectors(replicas)
    default:
      // A module's: nobody but the module knows what it means.
      return differingDumps(replicas)
  }
}

/** A HyperLogLog's bytes 8 to 15 are its cached count, which reads change [Redis hyperloglog.c]. */
const HLL_CACHE_START = 8
const HLL_CACHE_END = 16

async function differingStrings(replicas: InStep): Promise<boolean[]> {
  const differing = new Differing(replicas.links.length)
  const lengths = await replicas.all('STRLEN', KEY)
  differing.compare(lengths)
  const length = Math.max(...lengths.map(integerIn))
  for (let from = 0; from < length && !differing.all; from += PIECE_BYTES) {
    const pieces = await replicas.all('GETRANGE', KEY, String(from), String(from + PIECE_BYTES - 1))
    if (from === 0) for (const piece of pieces) maskHyperLogLog(piece)
    differing.compare(pieces)
  }
  return differing.flags
}

/** @param reply a bulk string with the beginning of a value */
function maskHyperLogLog(reply: Buffer): void {
  const start = reply.indexOf(10) + 1
  if (reply.length < start + HLL_CACHE_END) return
  // `HYLL`, the encoding (dense or sparse), three bytes that are not used.
  const isHeader =
    reply.toString('latin1', start, start + 4) === 'HYLL' &&
    reply[start + 4] <= 1 &&
    reply.readUIntBE(start + 5, 3) === 0
  if (isHeader) reply.fill(0, start + HLL_CACHE_START, start + HLL_CACHE_END)
}

/** Types whose elements have places: by slices. */
async function differingSequences(
  replicas: InStep,
  count: string,
  slice: readonly [command: 'LRANGE' | 'ZRANGE', ...words: string[]],
): Promise<boolean[]> {
  const differing = new Differing(replicas.links.length)
  const counts = await replicas.all(count, KEY)
  differing.compare(counts)
  const length = Math.max(...counts.map(integerIn))
  const [command, ...words] = slice
  for (let from = 0; from < length && !differing.all; ) {
    const asked = { command, place: from, step: 1, most: PIECE_ELEMENTS_MAX, bytes: PIECE_BYTES } as const
    const to = from + (await fittingInOrder((...asking) => replicas.first(...asking), KEY, asked))
    differing.compare(await replicas.all(command, KEY, String(from), String(to - 1), ...words))
    from = to
  }
  return differing.flags
}

/** Equal numbers of members, which have no order, and each one of the first replica's. */
async function differingSets(replicas: InStep, hint: ValueHint): Promise<boolean[]> {
  const differing = new Differing(replicas.links.length)
  const counts = await replicas.all('SCARD', KEY)
  differing.compare(counts)
  const step = elementsAPiece(hint.bytes, integerIn(counts[0]))
  let cursor = '0'
  do {
    const [next, found] = itemsOf(await replicas.first('SSCAN', KEY, cursor, 'COUNT', String(step)))
    cursor = String(stringOf(next))
    const members = itemsOf(found).map(stringOf)
    for (let from = 0; from < members.length && !differing.all; from += step) {
      differing.compare(await replicas.all('SMISMEMBER', KEY, ...members.slice(from, from + step)))
    }
  } while (cursor !== '0' && !differing.all)
  return differing.flags
}

/**
 * Vector sets of Redis 8: their elements, with vectors and attributes. How these are linked is drawn at random by each server, so
 * that the payload of a copy is never that of its original.
 */
async function differingVectors(replicas: InStep): Promise<boolean[]> {
  const differing = new Differing(replicas.links.length)
  const counts = await replicas.all('VCARD', KEY)
  differing.compare(counts)
  differing.compare(await replicas.all('VDIM', KEY))
  if (differing.all) return differing.flags
  const names = itemsOf(await replicas.first('VRANDMEMBER', KEY, String(integerIn(counts[0]))))
  for (const name of names.map(stringOf)) {
    const [vectors, attributes] = await replicas.both(['VEMB', KEY, name], ['VGETATTR', KEY, name])
    differing.compare(vectors)
    differing.compare(attributes)
    if (differing.all) break
  }
  return differing.flags
}

async function differingDumps(replicas: InStep): Promise<boolean[]> {
  const differing = new Differing(replicas.links.length)
  differing.compare(await replicas.all('DUMP', KEY))
  return differing.flags
}
