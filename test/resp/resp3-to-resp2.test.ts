import fc from 'fast-check'
import t from 'tap'
import { decodeReply } from '../../src/resp/decode.js'
import { encodeReply } from '../../src/resp/encode.js'
import { HAS_RESP3, ReplyFramer } from '../../src/resp/reply-framer.js'
import type { Shape } from '../../src/resp/resp3-to-resp2.js'
import { toResp2 } from '../../src/resp/resp3-to-resp2.js'
import { startRedis } from '../helpers/proxy.js'
import { latin1 } from './framing.js'
import { anyReply } from './replies.js'

const MINUS = 45

/** What RESP2 makes of a RESP3 reply, in texts of one character a byte. The reply stands inside other bytes. */
function converted(reply: string, shape: Shape = 'generic'): string {
  const buf = latin1(`???${reply}???`)
  return toResp2(buf, 3, 3 + reply.length, shape).toString('latin1')
}

/** As the proxy does: not when the framer has seen that there is nothing to convert. */
function asForClient(reply: Buffer, shape: Shape): string {
  let flags = 0
  const onReply = (...[, , , seen]: [Buffer, number, number, number]) => {
    flags = seen
  }
  new ReplyFramer({ onReply, onPush: () => {} }).feed(reply)
  const text = reply.toString('latin1')
  return shape === 'generic' && (flags & HAS_RESP3) === 0 ? text : converted(text, shape)
}

t.test('converts every type by the generic rules', async (t) => {
  for (const [resp3, resp2] of [
    ['+OK\r\n', '+OK\r\n'],
    ['-ERR no\r\n', '-ERR no\r\n'],
    [':1\r\n', ':1\r\n'],
    ['$2\r\n_\r\r\n', '$2\r\n_\r\r\n'],
    ['_\r\n', '$-1\r\n'],
    ['$-1\r\n', '$-1\r\n'],
    ['*-1\r\n', '*-1\r\n'],
    ['#t\r\n', ':1\r\n'],
    ['#f\r\n', ':0\r\n'],
    [',3\r\n', '$1\r\n3\r\n'],
    [',-1.2345678901\r\n', '$13\r\n-1.2345678901\r\n'],
    [',inf\r\n', '$3\r\ninf\r\n'],
    ['(12345678901234567890\r\n', '$20\r\n12345678901234567890\r\n'],
    ['=10\r\ntxt:abc\r\nd\r\n', '$6\r\nabc\r\nd\r\n'],
    ['=4\r\ntxt:\r\n', '$0\r\n\r\n'],
    ['!10\r\nERR a\r\nbcd\r\n', '-ERR a  bcd\r\n'],
    ['~2\r\n+a\r\n_\r\n', '*2\r\n+a\r\n$-1\r\n'],
    ['~0\r\n', '*0\r\n'],
    ['%1\r\n+a\r\n%1\r\n:1\r\n~1\r\n#t\r\n', '*2\r\n+a\r\n*2\r\n:1\r\n*1\r\n:1\r\n'],
    ['%0\r\n', '*0\r\n'],
    [`%5\r\n${':1\r\n'.repeat(10)}`, `*10\r\n${':1\r\n'.repeat(10)}`],
    ['>2\r\n+message\r\n_\r\n', '*2\r\n+message\r\n$-1\r\n'],
    ['|1\r\n+ttl\r\n,1\r\n+OK\r\n', '+OK\r\n'],
    ['|1\r\n|1\r\n+x\r\n+y\r\n+ttl\r\n%1\r\n+a\r\n*0\r\n_\r\n', '$-1\r\n'],
    ['*3\r\n|1\r\n+a\r\n~1\r\n:0\r\n|0\r\n|0\r\n:1\r\n:2\r\n|1\r\n+a\r\n+b\r\n:3\r\n', '*3\r\n:1\r\n:2\r\n:3\r\n'],
    ['*2\r\n*1\r\n_\r\n*-1\r\n', '*2\r\n*1\r\n$-1\r\n*-1\r\n'],
  ]) {
    t.equal(converted(resp3), resp2, JSON.stringify(resp3))
  }
})

t.test('any reply becomes what decoding it and encoding it for RESP2 gives', async (t) => {
  const property = fc.property(anyReply, ({ clean }) => {
    const bytes = latin1(clean)
    t.equal(converted(clean), encodeReply(decodeReply(bytes, 0, bytes.length), 2).toString('latin1'))
  })
  fc.assert(property, { numRuns: 500 })
})

t.test('a reply that does not change is not copied', async (t) => {
  const buf = latin1('*2\r\n$1\r\na\r\n*1\r\n:1\r\n')
  for (const shape of ['generic', 'null-array', 'geopos', 'xread', 'xreadgroup', 'xpending'] as const) {
    t.equal(toResp2(buf, 0, buf.length, shape).buffer, buf.buffer)
  }
})

t.test('keeps big values and many elements as they are', async (t) => {
  const value = 'x'.repeat(300_000)
  t.equal(converted(`%1\r\n$300000\r\n${value}\r\n,1\r\n`), `*2\r\n$300000\r\n${value}\r\n$1\r\n1\r\n`)
  t.equal(converted(`~100000\r\n${'_\r\n'.repeat(100_000)}`), `*100000\r\n${'$-1\r\n'.repeat(100_000)}`)
  t.equal(converted(`${'~1\r\n'.repeat(100_000)}_\r\n`), `${'*1\r\n'.repeat(100_000)}$-1\r\n`)
})

const redis = await startRedis(t, '--enable-debug-command', 'yes')
const [two, three] = [await redis.connect(2), await redis.connect(3)]

const words = (text: string) => text.match(/"[^"]*"|\S+/g)?.map((word) => word.replace(/^"(.*)"$/s, '$1')) ?? []

/** The RESP2 reply to a command, and what is made of its RESP3 reply after the same preparation. */
async function bothReplies(shape: Shape, command: string, prepare: readonly string[]): Promise<[string, string]> {
  const replies: Buffer[] = []
  for (const conn of [two, three]) {
    await conn.ask('FLUSHALL')
    for (const each of prepare) {
      const reply = await conn.ask(...words(each))
      if (reply[0] === MINUS) throw new Error(`${each}: ${reply}`)
    }
    replies.push(await conn.ask(...words(command)))
  }
  const [resp2, resp3] = replies
  return [resp2.toString('latin1'), asForClient(resp3, shape)]
}

const cases: [shape: Shape, commands: string[], prepare: string[]][] = [
  ['null-array', ['BLPOP k 0.01', 'BRPOP k 0.01', 'BLMPOP 0.01 1 k LEFT', 'BLMOVE k l LEFT LEFT 0.01'], []],
  ['null-array', ['BRPOPLPUSH k l 0.01', 'BZPOPMIN k 0.01', 'BZPOPMAX k 0.01', 'BZMPOP 0.01 1 k MIN'], []],
  ['null-array', ['LMPOP 1 k LEFT', 'ZMPOP 1 k MIN', 'LPOP k 1', 'RPOP k 2', 'LPOP k 0'], []],
  ['null-array', ['BLPOP k 1', 'BRPOP k 1', 'BLMPOP 1 1 k LEFT', 'BLMOVE k l LEFT LEFT 1'], ['RPUSH k a b c']],
  ['null-array', ['BRPOPLPUSH k l 1', 'LMPOP 1 k RIGHT COUNT 2', 'LPOP k 2', 'RPOP k 0'], ['RPUSH k a b c']],
  [
    'null-array',
    ['BZPOPMIN k 1', 'BZPOPMAX k 1', 'BZMPOP 1 1 k MIN COUNT 2', 'ZMPOP 1 k MAX COUNT 2'],
    ['ZADD k 1.5 a 2 b'],
  ],
  ['null-array', ['XRANGE k - + COUNT 0', 'XRANGE k - + COUNT -1', 'XREVRANGE k + - COUNT 0'], ['XADD k 1-1 f v']],
  ['null-array', ['XRANGE k - +', 'XREVRANGE k + - COUNT 1', 'XRANGE nokey - +'], ['XADD k 1-1 f v', 'XADD k 1-2 f v']],
  ['null-array', ['LMPOP 1 k LEFT', 'XRANGE k - +'], ['SET k v']],
  [
    'generic',
    ['LPOP k', 'RPOP k', 'LMOVE k l LEFT LEFT', 'RPOPLPUSH k l', 'LINDEX k 0', 'GET k', 'LPOS k a', 'LPOS k a COUNT 1'],
    [],
  ],
  [
    'generic',
    ['LPOP k', 'RPOP k', 'LRANGE k 0 -1', 'LPOS k b', 'LPOS k b COUNT 0', 'SORT k ALPHA', 'SORT k BY w_* GET w_*'],
    ['RPUSH k a b c'],
  ],
  ['xread', ['XREAD STREAMS k 9', 'XREAD STREAMS nokey 0', 'XREAD BLOCK 10 STREAMS k $'], ['XADD k 1-1 f v']],
  [
    'xread',
    ['XREAD STREAMS k l 0 0', 'XREAD COUNT 1 STREAMS k 0'],
    ['XADD k 1-1 f v g w', 'XADD k 1-2 f v', 'XADD l 5-5 a b'],
  ],
  [
    'xreadgroup',
    [
      'XREADGROUP GROUP g c STREAMS k >',
      'XREADGROUP GROUP g d STREAMS k >',
      'XREADGROUP GROUP g c STREAMS k 0',
      'XREADGROUP GROUP g c STREAMS k 9',
      'XREADGROUP GROUP g c STREAMS k l > >',
      'XREADGROUP GROUP nogroup c STREAMS k >',
    ],
    [
      'XADD k 1-1 f v',
      'XADD k 1-2 f v',
      'XADD k 1-3 f v',
      'XGROUP CREATE k g 0',
      'XGROUP CREATE l g 0 MKSTREAM',
      'XREADGROUP GROUP g c COUNT 2 STREAMS k >',
      'XDEL k 1-1',
    ],
  ],
  ['xreadgroup', ['XREADGROUP GROUP g c STREAMS k >'], ['XGROUP CREATE k g 0 MKSTREAM']],
  ['xpending', ['XPENDING k g', 'XPENDING k g - + 10', 'XPENDING k g - + 10 c'], ['XGROUP CREATE k g 0 MKSTREAM']],
  [
    'xpending',
    ['XPENDING k g', 'XPENDING k g - + 0', 'XPENDING k g - + 10 nobody', 'XPENDING k nogroup', 'XPENDING nokey g'],
    ['XADD k 1-1 f v', 'XADD k 1-2 f v', 'XGROUP CREATE k g 0', 'XREADGROUP GROUP g c STREAMS k >'],
  ],
  [
    'geopos',
    ['GEOPOS k a', 'GEOPOS k a nobody b nobody', 'GEOPOS nokey a b', 'GEOPOS k'],
    ['GEOADD k 13.361389 38.115556 a 15.087269 37.502669 b'],
  ],
  [
    'generic',
    [
      'GEODIST k a b',
      'GEODIST k a nobody',
      'GEOHASH k a nobody',
      'GEOSEARCH k FROMMEMBER a BYRADIUS 200 km ASC WITHCOORD WITHDIST WITHHASH',
      'GEORADIUS k 15 37 200 km WITHDIST WITHCOORD ASC',
    ],
    ['GEOADD k 13.361389 38.115556 a 15.087269 37.502669 b'],
  ],
  [
    'flatten',
    [
      'ZRANGE k 0 -1',
      'ZRANGE k 0 -1 WITHSCORES',
      'ZREVRANGE k 0 -1 WITHSCORES',
      'ZRANGEBYSCORE k -inf +inf WITHSCORES',
      'ZREVRANGEBYSCORE k +inf -inf WITHSCORES LIMIT 1 2',
      'ZRANGE k 5 9 WITHSCORES',
      'ZDIFF 2 k nokey WITHSCORES',
      'ZDIFF 2 k k',
      'ZINTER 1 k WITHSCORES',
      'ZUNION 2 k k WITHSCORES',
      'ZUNION 2 k k',
      'ZRANDMEMBER nokey',
      'ZRANDMEMBER nokey 2 WITHSCORES',
      'ZRANDMEMBER k 9 WITHSCORES',
      'ZPOPMIN k',
      'ZPOPMAX k',
      'ZPOPMIN k 2',
      'ZPOPMAX k 1',
      'ZPOPMIN k 0',
      'ZPOPMIN nokey 3',
      'ZPOPMIN nokey',
    ],
    ['ZADD k -inf a 0.1 b 3 c 1e300 d inf e'],
  ],
  [
    'flatten',
    [
      'HRANDFIELD k 2 WITHVALUES',
      'HRANDFIELD k -3 WITHVALUES',
      'HRANDFIELD k 1',
      'HRANDFIELD k',
      'HRANDFIELD nokey',
      'HRANDFIELD nokey 2 WITHVALUES',
      'HRANDFIELD k 0 WITHVALUES',
    ],
    ['HSET k f v'],
  ],
  [
    'generic',
    [
      'ZSCORE k a',
      'ZSCORE k nobody',
      'ZMSCORE k a nobody e',
      'ZMSCORE nokey a',
      'ZINCRBY k 0.5 c',
      'ZADD k INCR 1 c',
      'ZADD k NX INCR 1 c',
      'ZRANK k a',
      'ZRANK k nobody',
      'ZCARD k',
      'ZSCAN k 0',
      'ZRANGEBYLEX k - +',
      'ZLEXCOUNT k - +',
      'ZINTERCARD 1 k',
    ],
    ['ZADD k -inf a 0.1 b 3 c 1e300 d inf e'],
  ],
  [
    'generic',
    [
      'HGETALL k',
      'HGETALL nokey',
      'HMGET k f nofield',
      'HGET k nofield',
      'HVALS k',
      'HKEYS k',
      'HINCRBYFLOAT k n 0.1',
      'HSCAN k 0',
      'HSTRLEN k f',
    ],
    ['HSET k f v n 10.5'],
  ],
  [
    'generic',
    [
      'SMEMBERS k',
      'SMEMBERS nokey',
      'SPOP k',
      'SPOP k 5',
      'SPOP nokey',
      'SPOP nokey 1',
      'SRANDMEMBER k',
      'SRANDMEMBER k 3',
      'SRANDMEMBER nokey',
      'SINTER k k',
      'SUNION k nokey',
      'SDIFF k nokey',
      'SMISMEMBER k a z',
      'SISMEMBER k a',
      'SSCAN k 0',
      'SINTERCARD 1 k',
    ],
    ['SADD k a'],
  ],
  [
    'generic',
    [
      'MGET k nokey l',
      'GETDEL nokey',
      'GETEX nokey',
      'SET k v GET',
      'SET n v GET',
      'SET k v NX',
      'INCRBYFLOAT f 0.1',
      'LCS k l',
      'LCS k l IDX',
      'LCS k l IDX MINMATCHLEN 2 WITHMATCHLEN',
      'LCS k l LEN',
      'BITFIELD k GET u8 0 OVERFLOW FAIL INCRBY u2 0 3',
      'OBJECT ENCODING k',
      'OBJECT ENCODING nokey',
      'DUMP nokey',
      'TYPE k',
      'MEMORY USAGE nokey',
      'GETSET nokey v',
      'SCAN 0 COUNT 100 MATCH none',
    ],
    ['SET k ohmytext', 'SET l mynewtext', 'SET f 10.5'],
  ],
  [
    'generic',
    [
      'XINFO STREAM k',
      'XINFO GROUPS k',
      'XAUTOCLAIM k g d 0 0',
      'XAUTOCLAIM k g d 0 0 JUSTID',
      'XCLAIM k g d 0 1-1 1-2 9-9',
      'XCLAIM k g d 0 1-1 JUSTID',
      'XADD k NOMKSTREAM 5-5 a b',
      'XADD nokey NOMKSTREAM 5-5 a b',
      'XINFO STREAM nokey',
    ],
    ['XADD k 1-1 f v', 'XADD k 1-2 f v', 'XGROUP CREATE k g 0', 'XREADGROUP GROUP g c STREAMS k >', 'XDEL k 1-1'],
  ],
  [
    'generic',
    [
      'EVAL "return nil" 0',
      'EVAL "return false" 0',
      'EVAL "return true" 0',
      'EVAL "return {1,{2,false,nil},3}" 0',
      'EVAL "return {double=3.5}" 0',
      'EVAL "return redis.call(\'HGETALL\',KEYS[1])" 1 k',
      'EVAL "return redis.call(\'SMEMBERS\',KEYS[1])" 1 s',
      'EVAL "return redis.call(\'LPOP\',KEYS[1],2)" 1 nokey',
      'EVAL "return redis.call(\'ZSCORE\',KEYS[1],ARGV[1])" 1 z a',
      'EVAL "redis.setresp(3); return redis.call(\'HGETALL\',KEYS[1])" 1 k',
      'EVAL "redis.setresp(3); return redis.call(\'SMEMBERS\',KEYS[1])" 1 s',
      'EVAL "redis.setresp(3); return redis.call(\'ZSCORE\',KEYS[1],ARGV[1])" 1 z a',
      'EVAL "redis.setresp(3); return {map={a=1}}" 0',
      'EVAL "redis.setresp(3); return {set={a=true}}" 0',
      'EVAL "redis.setresp(3); return {big_number=ARGV[1]}" 0 12345678901234567890',
      'EVAL "redis.setresp(3); return {verbatim_string={format=ARGV[1],string=ARGV[2]}}" 0 txt text',
      'EVAL "redis.setresp(3); return true" 0',
      'EVAL "redis.setresp(3); return false" 0',
      'EVAL "return redis.error_reply(ARGV[1])" 0 "MY error"',
    ],
    ['HSET k f v', 'SADD s a', 'ZADD z 1.5 a'],
  ],
  [
    'generic',
    ['string', 'integer', 'double', 'null', 'array', 'set', 'map', 'bignum', 'true', 'false', 'verbatim'].map(
      (type) => `DEBUG PROTOCOL ${type}`,
    ),
    [],
  ],
  [
    'generic',
    [
      'CONFIG GET maxmemory*',
      'COMMAND INFO get set nocommand',
      'COMMAND DOCS hgetall',
      'COMMAND GETKEYSANDFLAGS LMOVE a b LEFT LEFT',
      'ACL GETUSER default',
      'ACL GETUSER nobody',
      'FUNCTION LIST',
      'FUNCTION STATS',
      'CLIENT TRACKINGINFO',
      'CLIENT GETNAME',
      'MEMORY DOCTOR',
      'LOLWUT',
      'MODULE LIST',
      'PUBSUB NUMSUB a',
      'PUBSUB CHANNELS',
      'HELP',
      'GET',
    ],
    [],
  ],
]

for (const [shape, commands, prepare] of cases) {
  for (const command of commands) {
    t.test(`Redis agrees about ${command}${prepare.length > 0 ? ` after ${prepare[0]}` : ''}`, async (t) => {
      const [resp2, made] = await bothReplies(shape, command, prepare)
      t.equal(made, resp2)
    })
  }
}
