import type { Random } from '../chaos/random.js'
import type { Arg } from './raw-client.js'

/** How many keys of each type there are, so that writes meet each other. */
const KEYS_PER_TYPE = 60
const FAR_MS = 24 * 3600 * 1000

/**
 * One random write: any type of value, in any of its ways, some on several keys, some with an expiry, a few that fail.
 * Keys that expire soon are written once, because a write in the same millisecond may find them on one replica and
 * not on another.
 */
export function randomWrite(random: Random): Arg[] {
  return random.pick(WRITES)(random)
}

/** The n-th key of a type; some share a hash tag with all other types, some hold bytes that are no text. */
function key(random: Random, type: string): Arg {
  const n = random.below(KEYS_PER_TYPE)
  if (n % 5 === 0) return `{tag-${n % 4}}${type}:${n}`
  if (n % 7 === 0) return Buffer.concat([Buffer.from(`${type}:`), Buffer.from([n, 0, 13, 10, 255, 128 + n])])
  return `${type}:${n}`
}

/** Two keys of a type on one server. */
function pair(random: Random, type: string): [Arg, Arg] {
  const tag = random.below(4)
  return [`{tag-${tag}}${type}:a${random.below(5)}`, `{tag-${tag}}${type}:b${random.below(5)}`]
}

function withPair(random: Random, type: string, write: (a: Arg, b: Arg) => Arg[]): Arg[] {
  return write(...pair(random, type))
}

function value(random: Random): Arg {
  if (random.chance(0.02)) return Buffer.alloc(random.between(10_000, 100_000), random.below(256))
  if (random.chance(0.3)) return String(random.below(1000))
  return Buffer.from(Array.from({ length: random.below(40) }, () => random.below(256)))
}

const word = (random: Random) => `w${random.below(20)}`
const number = (random: Random) => String(random.between(-50, 50))
const far = (random: Random) => Date.now() + FAR_MS + random.below(FAR_MS)

type Write = (random: Random) => Arg[]

const STRINGS: Write[] = [
  (r) => ['SET', key(r, 's'), value(r)],
  (r) => ['SET', key(r, 's'), value(r), 'EX', String(r.between(1000, 9999))],
  (r) => ['SET', key(r, 's'), value(r), r.pick(['NX', 'XX', 'KEEPTTL', 'GET'])],
  (r) => ['SETEX', key(r, 's'), '5000', value(r)],
  (r) => ['PSETEX', key(r, 's'), '5000000', value(r)],
  (r) => ['APPEND', key(r, 's'), value(r)],
  (r) => ['SETRANGE', key(r, 's'), String(r.below(100)), value(r)],
  (r) => ['GETSET', key(r, 's'), value(r)],
  (r) => ['GETDEL', key(r, 's')],
  (r) => ['GETEX', key(r, 's'), 'PX', '7000000'],
  (r) => ['MSET', key(r, 's'), value(r), key(r, 's'), value(r), key(r, 's'), value(r)],
  (r) => ['INCR', key(r, 'n')],
  (r) => ['DECRBY', key(r, 'n'), number(r)],
  (r) => ['INCRBYFLOAT', key(r, 'f'), `${number(r)}.25`],
  (r) => ['SETBIT', key(r, 'bits'), String(r.below(500)), '1'],
  (r) => ['BITFIELD', key(r, 'bits'), 'INCRBY', 'u5', '100', '3', 'OVERFLOW', 'SAT', 'SET', 'i8', '#3', '7'],
  (r) => ['BITOP', r.pick(['AND', 'OR', 'XOR']), ...pair(r, 'bits')],
  (r) => ['PFADD', key(r, 'hll'), word(r), word(r)],
  (r) => ['PFCOUNT', key(r, 'hll')],
  (r) => ['PFMERGE', ...pair(r, 'hll')],
]

const LISTS: Write[] = [
  (r) => ['LPUSH', key(r, 'l'), value(r), word(r)],
  (r) => ['RPUSH', key(r, 'l'), word(r), value(r), word(r)],
  (r) => ['RPUSHX', key(r, 'l'), word(r)],
  (r) => ['LPOP', key(r, 'l')],
  (r) => ['RPOP', key(r, 'l'), '2'],
  (r) => ['LINSERT', key(r, 'l'), 'BEFORE', word(r), 'inserted'],
  (r) => ['LREM', key(r, 'l'), '1', word(r)],
  (r) => ['LSET', key(r, 'l'), '0', 'first'],
  (r) => ['LTRIM', key(r, 'l'), '0', '30'],
  (r) => ['LMOVE', ...pair(r, 'l'), 'LEFT', 'RIGHT'],
  (r) => ['LMPOP', '1', key(r, 'l'), 'LEFT', 'COUNT', '2'],
  (r) => ['RPUSH', pair(r, 'l')[0], word(r), word(r), word(r)],
]

const HASHES: Write[] = [
  (r) => ['HSET', key(r, 'h'), word(r), value(r), word(r), value(r)],
  (r) => ['HSETNX', key(r, 'h'), word(r), value(r)],
  (r) => ['HINCRBY', key(r, 'h'), 'count', number(r)],
  (r) => ['HINCRBYFLOAT', key(r, 'h'), 'float', '0.5'],
  (r) => ['HDEL', key(r, 'h'), word(r), word(r)],
]

const SETS: Write[] = [
  (r) => ['SADD', key(r, 'set'), word(r), word(r), String(r.below(600))],
  (r) => ['SREM', key(r, 'set'), word(r), word(r)],
  (r) => ['SMOVE', ...pair(r, 'set'), word(r)],
  (r) => ['SADD', pair(r, 'set')[0], word(r), word(r)],
  (r) => ['SUNIONSTORE', ...pair(r, 'set')],
  (r) => ['SPOP', key(r, 'set')],
  (r) => ['SPOP', key(r, 'set'), '2'],
]

const SORTED_SETS: Write[] = [
  (r) => ['ZADD', key(r, 'z'), number(r), word(r), `${number(r)}.5`, word(r)],
  (r) => ['ZADD', key(r, 'z'), 'GT', 'CH', number(r), word(r)],
  (r) => ['ZINCRBY', key(r, 'z'), '1.5', word(r)],
  (r) => ['ZREM', key(r, 'z'), word(r)],
  (r) => ['ZPOPMIN', key(r, 'z'), '2'],
  (r) => ['ZREMRANGEBYSCORE', key(r, 'z'), '-5', '5'],
  (r) => ['ZADD', pair(r, 'z')[0], number(r), word(r)],
  (r) => withPair(r, 'z', (to, from) => ['ZUNIONSTORE', to, '1', from]),
  (r) => ['GEOADD', key(r, 'geo'), `${r.below(180)}.5`, `${r.below(80)}.25`, word(r)],
]

const STREAMS: Write[] = [
  (r) => ['XADD', key(r, 'x'), '*', 'field', value(r)],
  (r) => ['XADD', key(r, 'x'), 'MAXLEN', '~', '50', '*', 'a', '1', 'b', '2'],
  (r) => ['XADD', key(r, 'x'), `${r.between(1, 9)}-*`, 'low', 'id'],
  (r) => ['XTRIM', key(r, 'x'), 'MAXLEN', '10'],
  (r) => ['XGROUP', 'CREATE', key(r, 'x'), 'group', '0', 'MKSTREAM'],
  (r) => ['XREADGROUP', 'GROUP', 'group', 'consumer', 'COUNT', '3', 'STREAMS', key(r, 'x'), '>'],
]

let brief = 0

const KEYS: Write[] = [
  (r) => ['SET', `brief:${brief++}`, value(r), 'PX', String(r.between(1, 200))],
  (r) => ['DEL', key(r, 's'), key(r, 'l'), key(r, 'h'), key(r, 'z')],
  (r) => ['UNLINK', key(r, 'set'), key(r, 'x')],
  (r) => ['EXPIRE', key(r, r.pick(['s', 'l', 'h', 'set', 'z'])), '3600'],
  (r) => ['PEXPIREAT', key(r, r.pick(['s', 'l', 'h', 'set', 'z'])), String(far(r))],
  (r) => ['EXPIRE', key(r, r.pick(['h', 'z'])), '-1'],
  (r) => ['PERSIST', key(r, r.pick(['s', 'l', 'h', 'set', 'z']))],
  (r) => ['RENAME', ...pair(r, 's')],
  (r) => ['SET', pair(r, 's')[0], value(r)],
  (r) => ['COPY', ...pair(r, 's'), 'REPLACE'],
  (r) => ['MOVE', key(r, 's'), '3'],
  (r) => withPair(r, 'l', (from, to) => ['SORT', from, 'ALPHA', 'STORE', to]),
  // What fails on one replica must fail on all.
  (r) => ['LPUSH', key(r, 's'), 'wrong type'],
  (r) => ['INCR', key(r, 'h')],
]

const WRITES = [...STRINGS, ...LISTS, ...HASHES, ...SETS, ...SORTED_SETS, ...STREAMS, ...KEYS]
