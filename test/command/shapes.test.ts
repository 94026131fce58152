import fc from 'fast-check'
import t from 'tap'
import { allRows, lookupCommand, lookupSubcommand, replyShape } from '../../src/command/table.js'
import { toResp2 } from '../../src/resp/resp3-to-resp2.js'
import { startRedis } from '../helpers/proxy.js'

/*
 * Whether the column `shape` is right: the same commands over a RESP2 connection to database 0 and a RESP3 connection
 * to database 1 of one server (so that hash tables have the same seed), the RESP3 reply converted and compared.
 */

const redis = await startRedis(t)
const resp2 = await redis.connect(2)
const resp3 = await redis.connect(3)
await resp3.ask('SELECT', '1')

interface Outcome {
  readonly expected: string
  readonly found: string
  readonly resp3: string
}

/** What RESP2 says, what we make of what RESP3 says, and that itself. */
async function run(args: readonly string[]): Promise<Outcome> {
  const argv = args.map((arg) => Buffer.from(arg, 'latin1'))
  const [two, three] = await Promise.all([resp2.ask(...argv), resp3.ask(...argv)])
  const row = lookupCommand(argv[0], 0, argv[0].length)!
  const sub = row.subcommands === undefined ? row : lookupSubcommand(row, argv[1], 0, argv[1].length)!
  const converted = toResp2(three, 0, three.length, replyShape(sub, args.length))
  return { expected: textOf(two), found: textOf(converted), resp3: textOf(three) }
}

/** A reply as text, without the times in ms that XINFO STREAM FULL has. */
function textOf(reply: Buffer): string {
  return reply.toString('latin1').replace(/:\d{13}\r/g, ':time\r')
}

/** Keys of every type. */
const SETUP = `
  SET s hello; SET n 10; SET f 1.5; APPEND bits abc; RPUSH l a b c a; RPUSH l2 x; HSET h a 1 b 2 c 3; HSET nums x 1.5 y 2
  SADD set a b c; SADD set2 b c d; SADD ints 1 2 3; ZADD z 1 a 2 b 3.5 c +inf d; ZADD z2 5 b 6 e; PFADD hll a b c; PFADD hll2 d
  GEOADD geo 13.361389 38.115556 Palermo 15.087269 37.502669 Catania; SET ttl v EX 100000
  XADD x 1-1 a 1; XADD x 2-1 b 2 c 3; XADD x 3-1 d 4; XGROUP CREATE x g 0; XGROUP CREATE x idle 0
  XREADGROUP GROUP g alice COUNT 2 STREAMS x >; XDEL x 1-1; XGROUP CREATE none g2 $ MKSTREAM
`
/** Commands with arguments that bring out every form of their replies, each run on the keys of SETUP. */
const COMMANDS = `
  GET s; GET no; GET l; MGET s no l; STRLEN s; GETRANGE s 0 -1; SUBSTR s 1 2; LCS s bits; LCS s bits LEN; LCS s bits IDX WITHMATCHLEN
  SETEX e 1000 v; SET s v GET; SET no v XX; SET no v XX GET; SET no v NX GET; GETEX no; GETDEL no2; GETSET no v; INCRBYFLOAT f 0.1
  SETNX s x; MSETNX s 1 q 2; BITCOUNT bits; BITPOS bits 1; BITFIELD bits GET u8 0 INCRBY u8 8 200 OVERFLOW FAIL INCRBY u8 8 200
  BITFIELD_RO bits GET u8 0; BITFIELD bits; BITOP AND d bits s; GETBIT bits 3; SETBIT bits 3 1; PFCOUNT hll hll2; PFMERGE hll3 hll
  LRANGE l 0 -1; LRANGE no 0 -1; LINDEX l 1; LINDEX l 99; LPOS l a; LPOS l zz; LPOS l a COUNT 0; LPOS no a COUNT 1; LPOS no a
  LLEN l; LPUSHX no a; LINSERT l BEFORE b z; LSET l 0 q; LREM l 0 q; LMOVE l l2 LEFT RIGHT; LMOVE no l2 LEFT RIGHT; RPOPLPUSH no l
  LPOP no; LPOP no 1; RPOP no; RPOP no 2; LPOP l; LPOP l 1; LPOP l 0; LPOP l -1; RPOP l2 9; LPOP s; LPOP s 1; LPOP no x
  LMPOP 2 no1 no2 LEFT; LMPOP 1 l LEFT COUNT 2; LMPOP 1 s LEFT; ZMPOP 1 no MIN; ZMPOP 2 no z2 MAX COUNT 5; ZMPOP 1 s MIN
  HGET h a; HGET h no; HGETALL h; HGETALL no; HMGET h a no; HKEYS h; HVALS h; HKEYS no; HLEN h; HSTRLEN h a; HEXISTS h a
  HINCRBYFLOAT nums x 1.1; HINCRBY nums y 5; HSETNX nums x 1; HRANDFIELD no; HRANDFIELD no 1; HRANDFIELD h 9; HRANDFIELD no 3 WITHVALUES
  HRANDFIELD h 9 WITHVALUES; HRANDFIELD h 0 WITHVALUES; HMSET h d 4; HDEL h d
  SMEMBERS set; SMEMBERS no; SINTER set set2; SUNION set set2; SDIFF set set2; SDIFF no; SCARD set; SISMEMBER set a; SMISMEMBER set a no
  SMISMEMBER no a b; SINTERCARD 2 set set2; SRANDMEMBER no; SRANDMEMBER no 1; SRANDMEMBER set 9; SRANDMEMBER set 0; SMOVE set set2 a
  SUNIONSTORE d set set2; SORT ints; SORT ints DESC LIMIT 0 2; SORT ints GET #; SORT ints BY nosort GET no; SORT no; SORT l ALPHA STORE d
  SORT_RO l ALPHA; ZADD z 9 y; ZADD z NX INCR 1 a; ZADD z INCR 1 a; ZADD z CH 2 a 9 n; ZINCRBY z 1.5 a; ZSCORE z a; ZSCORE z no; ZSCORE no a
  ZMSCORE z a no d; ZMSCORE no a; ZRANK z a; ZRANK z no; ZREVRANK z a; ZCARD z; ZCOUNT z -inf +inf; ZLEXCOUNT z - +
  ZRANGE z 0 -1; ZRANGE z 0 -1 WITHSCORES; ZRANGE no 0 -1 WITHSCORES; ZRANGE z 0 1 REV WITHSCORES; ZRANGE z 1 5 BYSCORE WITHSCORES
  ZRANGE z 1 5 BYSCORE; ZREVRANGE z 0 -1 WITHSCORES; ZRANGEBYSCORE z -inf +inf WITHSCORES; ZRANGEBYSCORE z -inf +inf
  ZRANGEBYSCORE z -inf +inf WITHSCORES LIMIT 1 1; ZREVRANGEBYSCORE z +inf -inf WITHSCORES; ZRANGEBYLEX z - +; ZREVRANGEBYLEX z + -
  ZRANGE z - + BYLEX; ZRANGESTORE d z 0 1; ZDIFF 2 z z2; ZDIFF 2 z z2 WITHSCORES; ZINTER 2 z z2 WITHSCORES; ZUNION 2 z z2
  ZUNION 2 z z2 WITHSCORES; ZINTER 2 z z2; ZUNION 1 no WITHSCORES; ZUNIONSTORE d 2 z z2; ZINTERCARD 2 z z2; ZDIFFSTORE d 2 z z2
  ZRANDMEMBER no; ZRANDMEMBER no 2; ZRANDMEMBER z 99; ZRANDMEMBER z 99 WITHSCORES; ZRANDMEMBER z 0 WITHSCORES
  ZPOPMIN no; ZPOPMIN no 2; ZPOPMIN z; ZPOPMAX z; ZPOPMIN z 2; ZPOPMAX z 0; ZPOPMAX z 99; ZREMRANGEBYRANK z 0 0; ZREM z a
  GEOPOS geo Palermo no; GEOPOS no a b; GEOPOS geo; GEODIST geo Palermo Catania km; GEODIST geo Palermo no; GEOHASH geo Palermo no; GEOHASH no a
  GEORADIUS geo 15 37 200 km; GEORADIUS geo 15 37 200 km WITHDIST WITHHASH WITHCOORD; GEORADIUS geo 15 37 200 km WITHDIST ASC COUNT 1
  GEORADIUS_RO geo 15 37 200 km WITHCOORD; GEORADIUSBYMEMBER geo Palermo 200 km WITHDIST; GEORADIUS geo 15 37 200 km STORE d
  GEOSEARCH geo FROMLONLAT 15 37 BYRADIUS 200 km WITHCOORD WITHDIST; GEOSEARCH no FROMLONLAT 15 37 BYRADIUS 200 km; GEOADD geo CH 1 1 one
  GEOSEARCHSTORE d geo FROMMEMBER Palermo BYBOX 400 400 km STOREDIST
  XLEN x; XRANGE x - +; XRANGE x - + COUNT 1; XRANGE x - + COUNT 0; XRANGE no - + COUNT 0; XRANGE no - +; XREVRANGE x + - COUNT -1; XREVRANGE x + -
  XREAD COUNT 2 STREAMS x 0; XREAD STREAMS x no 0 0; XREAD STREAMS x $; XREAD STREAMS no 0; XREAD STREAMS x none 0 0; XREAD STREAMS s 0
  XREADGROUP GROUP g alice STREAMS x 0; XREADGROUP GROUP g bob COUNT 1 STREAMS x >; XREADGROUP GROUP g bob STREAMS x >
  XREADGROUP GROUP g carol STREAMS x 0; XREADGROUP GROUP g carol STREAMS x >; XREADGROUP GROUP nogroup c STREAMS x >
  XPENDING x g; XPENDING x idle; XPENDING none g2; XPENDING x g - + 10 nobody; XPENDING no g; XACK x g 2-1; XADD x 9-1 a b; XADD no NOMKSTREAM 1-1 a b
  XINFO STREAM none; XINFO STREAM x; XINFO STREAM x FULL COUNT 1; XINFO GROUPS x; XINFO GROUPS none; XINFO CONSUMERS none g2; XINFO STREAM no
  XTRIM x MAXLEN 1; XSETID x 20-1; XGROUP CREATECONSUMER x g dave; XGROUP DELCONSUMER x g dave; XGROUP SETID x g 0; XGROUP DESTROY x idle
  TYPE s; TYPE no; EXISTS s no; TTL s; PTTL no; EXPIRETIME s; PEXPIRETIME no; EXPIRE no 10; PERSIST ttl; OBJECT ENCODING s; OBJECT ENCODING no
  OBJECT REFCOUNT s; OBJECT IDLETIME no; OBJECT FREQ s; DUMP no; DUMP n; RENAME no x; RENAMENX s n; COPY s copy; TOUCH s; UNLINK copy
  MEMORY USAGE no; MEMORY USAGE n; KEYS z*; SCAN 0 COUNT 100 MATCH z; HSCAN h 0; SSCAN ints 0; ZSCAN z2 0; DBSIZE; MOVE no 5
  HSCAN no 0; READONLY; READWRITE; ASKING; CLUSTER INFO; OBJECT HELP; XINFO HELP; XGROUP HELP; CLIENT HELP; CONFIG HELP; MEMORY HELP
  LATENCY HELP; SLOWLOG HELP; SCRIPT HELP; FUNCTION HELP; PUBSUB HELP; MODULE HELP; ACL HELP; CLUSTER HELP; 
  EVAL return{1,false,'a'} 0; EVAL return{double=3.5} 0; EVAL return{map={a=1}} 0; EVAL return(false) 0; EVAL return{ok='fine'} 0
  BLPOP no 0.01; BRPOP no 0.01; BLMOVE no l LEFT LEFT 0.01; BRPOPLPUSH no l 0.01; BLMPOP 0.01 1 no LEFT; BZPOPMIN no 0.01; BZPOPMAX no 0.01
  BZMPOP 0.01 1 no MIN; BZMPOP 0.01 1 z2 MIN; BZPOPMIN z2 0.01; BLPOP l 1; XREAD BLOCK 5 STREAMS x $; XREADGROUP GROUP g bob BLOCK 5 STREAMS x >
  XAUTOCLAIM x g dave 0 0; XCLAIM x g dave 0 2-1; SPOP no; SPOP no 2; SPOP ints 9; SPOP set2 0; FLUSHDB
  APPEND s x; DECR n; DECRBY n 2; INCR n; INCRBY n 5; DEL s no; EXPIREAT s 1; MSET a 1 b 2; PEXPIRE s 100000; PEXPIREAT s 1; PSETEX s 9999 v
  LTRIM l 0 0; RPUSH l x; RPUSHX no x; LPUSH l y; SADD set q; SREM set a no; SETRANGE s 1 x; SINTERSTORE d set set2; SDIFFSTORE d set set2
  ZINTERSTORE d 2 z z2; ZREMRANGEBYLEX z - +; ZREMRANGEBYSCORE z 1 2; ZREVRANK z no; XDEL x 2-1; PFADD hll new; HSET h z 1
  GEORADIUSBYMEMBER_RO geo Palermo 200 km WITHDIST; RESTORE r 0 x; RESTORE-ASKING r 0 x; LOLWUT VERSION 99 x
  LPUSH l; LPOP; HSET h a; ZADD z a b; XADD x 0-0 a b; SET s v EX 0; INCR s2 x; GET; BITOP NOT d a b; GEOADD geo 1; SELECT 99; SWAPDB a b
`

const lines = (text: string) =>
  text
    .split(/[;\n]/)
    .map((line) => line.trim())
    .filter((line) => line !== '')

/** Database 0 and database 1 hold the keys of SETUP, and nothing else. */
async function setUp(): Promise<void> {
  for (const conn of [resp2, resp3]) {
    const replies = await Promise.all([
      conn.ask('FLUSHDB'),
      ...lines(SETUP).map((line) => conn.ask(...line.split(' '))),
    ])
    const failed = replies.find((reply) => reply[0] === '-'.charCodeAt(0))
    if (failed !== undefined) throw new Error(failed.toString())
  }
}

t.test('each command by itself, on keys as the setup makes them', async (t) => {
  const seen = new Set<string>()
  for (const line of lines(COMMANDS)) {
    await setUp()
    const { expected, found, resp3: three } = await run(line.split(' '))
    if (found !== expected) t.equal(found, expected, `${line}: RESP3 ${JSON.stringify(three)}`)
    seen.add(line.split(' ')[0].toLowerCase())
  }
  const served = allRows().filter(({ route, name }) => ['key', 'split', 'any'].includes(route) && !name.includes('|'))
  const unseen = served.map(({ name }) => name).filter((name) => !seen.has(name))
  t.same(unseen, [], 'every command that is served has been compared')
})

/** Random values, times, and what would reach the other database. */
const UNEQUAL =
  /^(.*expire(at)?|dump|p?setex|getex|restore.*|move|.*rand.*|spop|memory.*|lolwut|xpending|xinfo.*|object.*|xclaim|xautoclaim)$/

t.test('random sequences', async (t) => {
  const rows = allRows().filter(({ route, name }) => (route === 'key' || route === 'split') && !UNEQUAL.test(name))
  const key = fc.constantFrom('s', 'n', 'l', 'h', 'set', 'ints', 'z', 'z2', 'geo', 'x', 'hll', 'no', 'd')
  const word = fc.constantFrom(
    ...['0', '1', '2', '-1', '5', 'a', 'b', 'no', '+inf', '-inf', '-', '+', '$', '>', '(1', '1-1', '3-1', '2.5', ''],
    ...['WITHSCORES', 'WITHVALUES', 'COUNT', 'LIMIT', 'REV', 'BYSCORE', 'GET', 'NX', 'XX', 'CH', 'INCR', 'LEFT', 'MIN'],
    ...['STREAMS', 'GROUP', 'g', 'alice', 'WITHCOORD', 'WITHDIST', 'km', 'FROMMEMBER', 'BYRADIUS', 'Palermo', 'ALPHA'],
    ...['STORE', 'MAXLEN', 'IDX', 'FULL', 'ASC', 'BYLEX', '[a', 'u8', 'SET', 'AND', 'RIGHT', 'MAX', 'WEIGHTS'],
  )
  const command = fc
    .tuple(fc.constantFrom(...rows), key, fc.array(fc.oneof(word, word, key), { maxLength: 7 }))
    .map(([{ name, arity }, first, rest]) => {
      const args = [...name.split('|'), first, ...rest]
      while (args.length < Math.abs(arity)) args.push('1')
      return arity > 0 ? args.slice(0, arity) : args
    })
  let good = 0
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 20, maxLength: 60 }), async (commands) => {
      await setUp()
      for (const args of commands) {
        const { expected, found } = await run(args)
        if (found !== expected) throw new Error(`${args.join(' ')}: ${JSON.stringify(found)} is not ${expected}`)
        if (!expected.startsWith('-')) good++
      }
    }),
    { numRuns: 150 },
  )
  t.ok(good > 500, `${good} commands succeeded`)
})
