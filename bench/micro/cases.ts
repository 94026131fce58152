import { lookupCommand } from '../../src/command/table.js'
import { frameOf } from '../../src/resp/frame.js'
import { ReplyFramer } from '../../src/resp/reply-framer.js'
import { FRAME, RequestFramer } from '../../src/resp/request-framer.js'
import { identifierOfKey } from '../../src/ring/identifier.js'
import { Ring } from '../../src/ring/ring.js'
import type { Micro } from './measure.js'

/* What the data path does with bytes, without any connection. */

const BATCH = 64
const KEYS = Array.from({ length: BATCH }, (_, i) => `key:${String(i * 1543).padStart(12, '0')}`)
const VALUE = 'x'.repeat(16)

/** What the compiler must not take for useless. */
export const kept = { sum: 0 }

/** Runs `batch`, which does it `size` times, as often as it takes. */
function batches(name: string, size: number, batch: () => void): Micro {
  return {
    name,
    run: (times) => {
      const count = Math.ceil(times / size)
      for (let i = 0; i < count; i++) batch()
      return count * size
    },
  }
}

function requests(name: string, chunks: readonly Buffer[]): Micro {
  const framer = new RequestFramer({ maxBulkBytes: 512 * 1024 * 1024 })
  return batches(`request framer: ${name}`, BATCH, () => {
    for (const chunk of chunks) {
      framer.feed(chunk)
      while (framer.next() === FRAME) kept.sum += framer.argEnd[0]
    }
  })
}

function replies(name: string, chunks: readonly Buffer[]): Micro {
  const framer = new ReplyFramer({
    onReply: (_buf, start, end) => {
      kept.sum += end - start
    },
    onPush: () => {},
  })
  return batches(`reply framer: ${name}`, BATCH, () => {
    for (const chunk of chunks) framer.feed(chunk)
  })
}

function repeated(reply: string): Buffer {
  return Buffer.from(reply.repeat(BATCH))
}

/** The same bytes in pieces, as they come when a command does not end where a read ends. */
function cut(bytes: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
}

function lookup(): Micro {
  const names = ['GET', 'SET', 'get', 'INCR', 'LPUSH', 'zadd', 'HSET', 'MGET'].map((name) => Buffer.from(name))
  return batches('command table: lookup', names.length, () => {
    for (const name of names) kept.sum += lookupCommand(name, 0, name.length)!.arity
  })
}

function ringLookup(): Micro {
  const ring = Ring.of(['dt-1', 'dt-2', 'dt-3', 'dt-4'], 64)
  const keys = KEYS.map((key) => Buffer.from(key))
  return batches('ring: identifier of a key and its range', BATCH, () => {
    for (const key of keys) kept.sum += ring.rangeOf(identifierOfKey(key, 0, key.length))
  })
}

function identifiers(name: string, keys: readonly string[]): Micro {
  const buffers = keys.map((key) => Buffer.from(key))
  return batches(`identifier: ${name}`, buffers.length, () => {
    for (const key of buffers) kept.sum += identifierOfKey(key, 0, key.length)
  })
}

const gets = Buffer.concat(KEYS.map((key) => frameOf(['GET', key]).buf))
const sets = Buffer.concat(KEYS.map((key) => frameOf(['SET', key, VALUE]).buf))
const mgets = Buffer.concat(KEYS.map(() => frameOf(['MGET', ...KEYS.slice(0, 10)]).buf))

export const CASES: readonly Micro[] = [
  requests('GET', [gets]),
  requests('SET of 16 bytes', [sets]),
  requests('SET of 16 bytes, in reads of 100 bytes', cut(sets, 100)),
  requests('MGET of 10 keys', [mgets]),
  replies('OK', [repeated('+OK\r\n')]),
  replies('bulk of 16 bytes', [repeated(`$16\r\n${VALUE}\r\n`)]),
  replies('bulk of 16 bytes, in reads of 100 bytes', cut(repeated(`$16\r\n${VALUE}\r\n`), 100)),
  replies('array of 10 bulks', [repeated(`*10\r\n${`$16\r\n${VALUE}\r\n`.repeat(10)}`)]),
  lookup(),
  identifiers('key of 16 bytes', KEYS),
  identifiers(
    'key with a tag',
    KEYS.map((key) => `{user:1000}.${key}`),
  ),
  identifiers(
    'key of 200 bytes',
    KEYS.map((key) => key.padEnd(200, 'x')),
  ),
  ringLookup(),
]
