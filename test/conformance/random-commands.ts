import fc from 'fast-check'
import type { Line, Way } from './script.js'

/*
 * Random commands over a small key space: a few keys of every type, under two hash tags, so that commands meet keys that
 * exist, keys of the wrong type, and each other's results. Everything is left out that two servers may do differently:
 * random members, ids made of the time, deadlines that pass during the run.
 */

type Part = string | fc.Arbitrary<string> | fc.Arbitrary<string[]>

const TAGS = ['{a}', '{b}'] as const
const TYPES = ['string', 'list', 'hash', 'set', 'zset', 'stream', 'hll', 'geo'] as const
type Type = (typeof TYPES)[number]

const word = fc.constantFrom('a', 'b', 'c', 'd', '1', '2', '3', '10', '-5', '1.5', '', 'two words', '\r\n', '\0\x80é')
const member = fc.constantFrom('a', 'b', 'c', 'd', 'e', '1', '2', '3')
const integer = fc.constantFrom('0', '1', '2', '3', '-1', '-2', '5', '10', 'x')
const score = fc.constantFrom('0', '1', '2.5', '-3', '1e3', 'inf', '-inf', '(1', '(2.5', 'x')
const deadline = fc.constantFrom('4102444800', '4102444900', '4102445000', '-1')
const ttl = fc.constantFrom('1000', '5000', '100000', '0', 'x')
const flag = (...flags: string[]): fc.Arbitrary<string[]> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant<string[]>([]) },
    fc.constantFrom(...flags.map((each) => each.split(' '))),
  )
const some = <T>(arbitrary: fc.Arbitrary<T>, most = 4) => fc.array(arbitrary, { minLength: 1, maxLength: most })
const pairsOf = (a: fc.Arbitrary<string>, b: fc.Arbitrary<string>) =>
  some(fc.tuple(a, b), 3).map((pairs) => pairs.flat())
const streamId = fc.constantFrom('1-1', '1-2', '2-0', '3-1', '5-5', '7-*', '9-0', '0', '-', '+', '(1-1', 'x')

/** A key of the type under the tag, now and then of another type. */
function keyOf(type: Type, tag: string): fc.Arbitrary<string> {
  const right = fc.integer({ min: 1, max: 3 }).map((n) => `${type}${n}${tag}`)
  return fc.oneof(
    { weight: 12, arbitrary: right },
    fc.constantFrom(...TYPES).map((other) => `${other}1${tag}`),
  )
}

const anyKey = fc
  .tuple(fc.constantFrom(...TYPES), fc.integer({ min: 1, max: 3 }), fc.constantFrom(...TAGS))
  .map((parts) => parts.join(''))

/** The forms of commands for keys under one tag. */
function forms(tag: string): Part[][] {
  const [string, list, hash, set, zset, stream, hll, geo] = TYPES.map((type) => keyOf(type, tag))
  const numbered = (key: fc.Arbitrary<string>) => some(key, 3).map((keys) => [String(keys.length), ...keys])
  const options = flag('WEIGHTS 2 3', 'AGGREGATE MAX', 'WEIGHTS 1 1 1 AGGREGATE MIN')
  const side = fc.constantFrom('LEFT', 'RIGHT')
  return [
    ['SET', string, word, flag('NX', 'XX', 'GET', 'KEEPTTL', 'EX 1000', 'PX 5000000 GET', 'PXAT 4102444800123')],
    ['GET', string],
    ['GETSET', string, word],
    ['GETDEL', string],
    ['SETNX', string, word],
    ['APPEND', string, word],
    ['GETEX', string, flag('PERSIST', 'EX 5000', 'PXAT 4102444800123')],
    ['STRLEN', string],
    ['SETRANGE', string, integer, word],
    ['GETRANGE', string, integer, integer],
    ['INCR', string],
    ['DECR', string],
    ['INCRBY', string, integer],
    ['INCRBYFLOAT', string, score],
    ['SETBIT', string, integer, fc.constantFrom('0', '1', '2')],
    ['GETBIT', string, integer],
    ['BITCOUNT', string, flag('0 -1', '1 2 BIT')],
    ['BITPOS', string, fc.constantFrom('0', '1')],
    ['BITOP', fc.constantFrom('AND', 'OR', 'XOR', 'NOT'), string, some(string, 2)],
    ['BITFIELD', string, fc.constantFrom('GET', 'INCRBY'), 'u4', integer, flag('3', '5')],
    ['LCS', string, string, flag('LEN', 'IDX')],
    ['MSETNX', pairsOf(string, word)],
    ['SETEX', string, ttl, word],
    ['PSETEX', string, fc.constantFrom('1000000', '0'), word],

    ['LPUSH', list, some(word)],
    ['RPUSH', list, some(word)],
    ['LPUSHX', list, word],
    ['RPUSHX', list, some(word)],
    ['LPOP', list, flag('1', '2', '0', '-1')],
    ['RPOP', list, flag('1', '3')],
    ['LLEN', list],
    ['LRANGE', list, integer, integer],
    ['LINDEX', list, integer],
    ['LSET', list, integer, word],
    ['LREM', list, integer, word],
    ['LTRIM', list, integer, integer],
    ['LINSERT', list, fc.constantFrom('BEFORE', 'AFTER'), word, word],
    ['LPOS', list, word, flag('RANK -1', 'COUNT 0', 'RANK 2')],
    ['LMOVE', list, list, side, side],
    ['RPOPLPUSH', list, list],
    ['LMPOP', numbered(list), side, flag('COUNT 2')],
    ['SORT', list, flag('ALPHA', 'DESC', 'ALPHA LIMIT 0 2')],
    ['SORT', list, 'ALPHA', 'STORE', list],

    ['HSET', hash, pairsOf(member, word)],
    ['HGET', hash, member],
    ['HDEL', hash, some(member, 2)],
    ['HGETALL', hash],
    ['HINCRBY', hash, member, integer],
    ['HINCRBYFLOAT', hash, member, score],
    ['HKEYS', hash],
    ['HVALS', hash],
    ['HLEN', hash],
    ['HMGET', hash, some(member)],
    ['HSETNX', hash, member, word],
    ['HSTRLEN', hash, member],
    ['HEXISTS', hash, member],
    ['HMSET', hash, pairsOf(member, word)],
    ['HSCAN', hash, '0'],

    ['SADD', set, some(member)],
    ['SREM', set, some(member, 2)],
    ['SMEMBERS', set],
    ['SCARD', set],
    ['SISMEMBER', set, member],
    ['SMISMEMBER', set, some(member)],
    ['SMOVE', set, set, member],
    ['SINTER', some(set, 3)],
    ['SUNION', some(set, 3)],
    ['SDIFF', some(set, 3)],
    ['SINTERSTORE', set, some(set, 2)],
    ['SUNIONSTORE', set, some(set, 2)],
    ['SDIFFSTORE', set, some(set, 2)],
    ['SINTERCARD', numbered(set), flag('LIMIT 1')],
    ['SSCAN', set, '0'],
    ['SPOP', set, '100'],
    ['SORT', set, 'ALPHA', flag('DESC')],
    ['SORT', set, 'BY', 'nosort', flag('DESC', 'LIMIT 1 2'), 'STORE', list],

    ['ZADD', zset, flag('NX', 'XX', 'GT', 'LT CH', 'CH'), pairsOf(score, member)],
    ['ZADD', zset, 'INCR', score, member],
    ['ZREM', zset, some(member, 2)],
    ['ZSCORE', zset, member],
    ['ZMSCORE', zset, some(member)],
    ['ZCARD', zset],
    ['ZCOUNT', zset, score, score],
    ['ZINCRBY', zset, score, member],
    ['ZRANK', zset, member],
    ['ZREVRANK', zset, member],
    ['ZRANGE', zset, integer, integer, flag('WITHSCORES', 'REV', 'REV WITHSCORES')],
    ['ZRANGE', zset, score, score, 'BYSCORE', flag('WITHSCORES', 'LIMIT 0 2')],
    ['ZREVRANGE', zset, integer, integer, flag('WITHSCORES')],
    ['ZRANGEBYSCORE', zset, score, score, flag('WITHSCORES')],
    ['ZPOPMIN', zset, flag('2')],
    ['ZPOPMAX', zset, flag('0', '2')],
    ['ZREMRANGEBYRANK', zset, integer, integer],
    ['ZREMRANGEBYSCORE', zset, score, score],
    ['ZLEXCOUNT', zset, '-', '[c'],
    ['ZUNIONSTORE', zset, numbered(zset), options],
    ['ZINTERSTORE', zset, numbered(zset), options],
    ['ZDIFFSTORE', zset, numbered(zset)],
    ['ZUNION', numbered(zset), options, flag('WITHSCORES')],
    ['ZINTER', numbered(zset), flag('WITHSCORES')],
    ['ZDIFF', numbered(zset), flag('WITHSCORES')],
    ['ZRANGESTORE', zset, zset, integer, integer],
    ['ZMPOP', numbered(zset), fc.constantFrom('MIN', 'MAX'), flag('COUNT 2')],
    ['ZSCAN', zset, '0'],
    ['ZUNIONSTORE', zset, '2', set, zset],

    ['XADD', stream, flag('MAXLEN 3', 'MAXLEN ~ 2', 'NOMKSTREAM'), streamId, pairsOf(member, word)],
    ['XLEN', stream],
    ['XDEL', stream, some(streamId, 2)],
    ['XRANGE', stream, streamId, streamId],
    ['XREVRANGE', stream, '+', '-', flag('COUNT 2')],
    ['XTRIM', stream, 'MAXLEN', integer],
    ['XREAD', 'COUNT', '2', 'STREAMS', stream, streamId],
    ['XGROUP', 'CREATE', stream, 'g', fc.constantFrom('0', '$', '1-1'), flag('MKSTREAM')],
    ['XGROUP', 'DESTROY', stream, 'g'],
    [
      'XREADGROUP',
      'GROUP',
      'g',
      member,
      'COUNT',
      '2',
      flag('NOACK'),
      'STREAMS',
      stream,
      fc.constantFrom('>', '>', '0'),
    ],
    ['XACK', stream, 'g', some(streamId, 2)],
    ['XPENDING', stream, 'g'],
    ['XINFO', 'GROUPS', stream],
    ['XCLAIM', stream, 'g', member, '0', some(streamId, 2), flag('JUSTID', 'FORCE')],
    ['XAUTOCLAIM', stream, 'g', member, '0', '0', flag('COUNT 1', 'JUSTID')],
    ['XSETID', stream, streamId],

    ['PFADD', hll, some(word)],
    ['PFCOUNT', some(hll, 3)],
    ['PFMERGE', hll, some(hll, 2)],

    ['GEOADD', geo, fc.constantFrom('13.3', '15'), fc.constantFrom('38.1', '37.5'), member],
    ['GEOPOS', geo, some(member, 2)],
    ['GEODIST', geo, member, member],
    ['GEOHASH', geo, member],
    ['GEOSEARCH', geo, 'FROMLONLAT', '15', '37', 'BYRADIUS', '200', 'km', 'ASC', flag('WITHDIST', 'WITHCOORD')],
    ['GEOSEARCHSTORE', geo, geo, 'FROMLONLAT', '15', '37', 'BYRADIUS', '200', 'km', flag('STOREDIST')],
    ['GEORADIUS', geo, '15', '37', '200', 'km', 'ASC', 'STORE', geo],
  ]
}

const anyOf = (type: Type) => fc.constantFrom(...TAGS).chain((tag) => keyOf(type, tag))
const anyList = anyOf('list')
const anySide = fc.constantFrom('LEFT', 'RIGHT', 'left', 'UP')
const numberedOf = (key: fc.Arbitrary<string>) => some(key, 4).map((keys) => [String(keys.length), ...keys])

/** Commands on single elements of keys under both tags. */
const PLANNED: Part[][] = [
  ['LPUSH', anyList, some(word)],
  ['LMOVE', anyList, anyList, anySide, anySide],
  ['RPOPLPUSH', anyList, anyList],
  ['LMPOP', numberedOf(anyList), anySide, flag('COUNT 2', 'COUNT 0')],
  ['SADD', anyOf('set'), some(member)],
  ['SMOVE', anyOf('set'), anyOf('set'), member],
  ['ZADD', anyOf('zset'), '1', member, '2', member],
  ['ZMPOP', numberedOf(anyOf('zset')), fc.constantFrom('MIN', 'MAX'), flag('COUNT 2')],
  ['MSETNX', pairsOf(anyOf('string'), word)],
  ['DEL', anyOf('string'), anyOf('string')],
]

const [anyString, anySet, anyZset, anyHll, anyGeo] = (['string', 'set', 'zset', 'hll', 'geo'] as const).map(anyOf)
const circle = ['FROMLONLAT', '15', '37', 'BYRADIUS', '200', 'km'] as const

/** Commands on whole values of keys under both tags. */
const GATHERED: Part[][] = [
  ['SINTER', some(anySet)],
  ['SUNION', some(anySet)],
  ['SDIFF', some(anySet)],
  ['SINTERCARD', numberedOf(anySet), flag('LIMIT 1', 'LIMIT x')],
  ['SINTERSTORE', anySet, some(anySet)],
  ['SUNIONSTORE', anySet, some(anySet)],
  ['SDIFFSTORE', anySet, some(anySet)],
  ['SADD', anySet, some(member)],
  ['ZADD', anyZset, '1', member, '2', member],
  ['ZUNION', numberedOf(anyZset), flag('WITHSCORES', 'WEIGHTS 1')],
  ['ZINTER', numberedOf(anyZset), flag('WITHSCORES')],
  ['ZDIFF', numberedOf(anyZset), flag('WITHSCORES')],
  ['ZINTERCARD', numberedOf(anyZset)],
  ['ZUNIONSTORE', anyZset, numberedOf(anyZset), flag('AGGREGATE MAX', 'WEIGHTS 2')],
  ['ZINTERSTORE', anyZset, numberedOf(anyZset)],
  ['ZDIFFSTORE', anyZset, numberedOf(anyZset)],
  ['ZUNIONSTORE', anyZset, '2', anySet, anyZset],
  ['ZRANGESTORE', anyZset, anyZset, integer, integer],
  ['BITOP', fc.constantFrom('AND', 'OR', 'XOR', 'NOT'), anyString, some(anyString, 2)],
  ['LCS', anyString, anyString, flag('LEN', 'IDX')],
  ['PFADD', anyHll, some(word)],
  ['PFCOUNT', some(anyHll)],
  ['PFMERGE', anyHll, some(anyHll)],
  ['GEOSEARCHSTORE', anyGeo, anyGeo, ...circle, flag('STOREDIST')],
  ['GEORADIUS', anyGeo, '15', '37', '200', 'km', 'STORE', anyGeo],
  ['SORT', anyList, 'ALPHA', 'STORE', anyList],
  ['SORT', anyList, 'BY', 'string*{a}', 'ALPHA', 'GET', '#', 'GET', 'string*{b}'],
  ['SORT', anySet, 'BY', 'hash*{a}->a', 'ALPHA', 'GET', 'hash*{b}->b', 'STORE', anyList],
  ['RENAME', anyKey, anyKey],
  ['RENAMENX', anyKey, anyKey],
  ['COPY', anyKey, anyKey, flag('REPLACE', 'DB 1 REPLACE', 'DB x', 'DB')],
]

const KEYSPACE: Part[][] = [
  ['DEL', some(anyKey)],
  ['UNLINK', some(anyKey)],
  ['EXISTS', some(anyKey)],
  ['TOUCH', some(anyKey)],
  ['TYPE', anyKey],
  ['MGET', some(anyKey, 8)],
  ['MSET', pairsOf(keyOf('string', '{a}'), word)],
  ['MSET', pairsOf(keyOf('string', '{b}'), word)],
  ['EXPIRE', anyKey, ttl, flag('NX', 'XX')],
  ['EXPIREAT', anyKey, deadline, flag('NX', 'XX', 'GT', 'LT')],
  ['PEXPIREAT', anyKey, '4102444800123', flag('GT', 'LT')],
  ['PERSIST', anyKey],
  ['TTL', anyKey],
  ['PTTL', anyKey],
  ['PEXPIRETIME', anyKey],
  ['OBJECT', 'ENCODING', anyKey],
  ['RENAME', anyKey, anyKey],
  ['RENAMENX', anyKey, anyKey],
  ['COPY', anyKey, anyKey, flag('REPLACE', 'DB 1', 'DB 1 REPLACE')],
  ['MOVE', anyKey, fc.constantFrom('0', '1')],
  ['SELECT', fc.constantFrom('0', '0', '1')],
  ['DBSIZE'],
  ['KEYS', '*'],
  ['KEYS', 'string*'],
  ['SCAN', '0'],
  ['SCAN', '0', 'COUNT', '3'],
  ['SWAPDB', '0', '1'],
  ['DUMP', keyOf('string', '{a}')],
]

const WAYS: Record<string, Way> = {
  SMEMBERS: 'unordered',
  SINTER: 'unordered',
  SUNION: 'unordered',
  SDIFF: 'unordered',
  KEYS: 'unordered',
  SPOP: 'unordered',
  HKEYS: 'unordered',
  HVALS: 'unordered',
  HGETALL: 'pairs',
  TTL: 'ttl',
  PTTL: 'ttl',
  PEXPIRETIME: 'ttl',
  SCAN: 'scan',
  SSCAN: 'scan',
  HSCAN: 'scan',
  ZSCAN: 'scan',
  DUMP: 'own',
}

/** What the server chooses, or what meets writes that are still on their way to the backups. */
const CHOSEN: Part[][] = TAGS.flatMap((tag) => [
  ['SPOP', keyOf('set', tag), flag('1', '2', '100')],
  ['XADD', keyOf('stream', tag), flag('MAXLEN 3', 'NOMKSTREAM'), '*', pairsOf(member, word)],
  ['SRANDMEMBER', keyOf('set', tag), flag('2')],
  ['RANDOMKEY'],
  ['FLUSHDB'],
])

/** Any command that two servers with the same data answer alike, as a line of a script. */
export const randomCommand = commandOf(
  fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...TAGS.flatMap(forms)) },
    { weight: 2, arbitrary: fc.constantFrom(...KEYSPACE) },
    { weight: 2, arbitrary: fc.constantFrom(...PLANNED) },
    { weight: 3, arbitrary: fc.constantFrom(...GATHERED) },
  ),
)

/** One on several keys of any servers. */
export const severalKeysCommand = commandOf(fc.constantFrom(...PLANNED, ...GATHERED))

/** A command whose effect the server may choose. */
export const chosenCommand = commandOf(fc.constantFrom(...CHOSEN))

function commandOf(form: fc.Arbitrary<Part[]>): fc.Arbitrary<Line> {
  return form
    .chain((parts) =>
      fc.tuple(
        ...parts.map((part): fc.Arbitrary<string | string[]> => (typeof part === 'string' ? fc.constant(part) : part)),
      ),
    )
    .map((parts) => {
      const words = parts.flat()
      return {
        way: WAYS[words[0]] ?? 'same',
        args: words.map((each) => Buffer.from(each, 'latin1')),
        text: words.map((each) => JSON.stringify(each)).join(' '),
      }
    })
}
