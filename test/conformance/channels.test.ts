import t from 'tap'
import { isSame } from './listeners.js'
import { Pair } from './pair.js'

/*
 * Several clients who publish and listen: after each line all of them have received the same bytes from the proxy as from Redis.
 * A line is a name, a colon and a command (or several, which are sent in one write, between bars).
 */

const pair = await Pair.start(t)

const stories: Readonly<Record<string, string>> = {
  'messages go to all who listen, and are counted': `
    a: SUBSCRIBE news sport
    b: PSUBSCRIBE n*
    e: PSUBSCRIBE *s nosuch?
    f: PSUBSCRIBE ne[vw]s
    c: HELLO 3
    c: SUBSCRIBE news
    d: PUBLISH news hello
    d: PUBLISH sport goal
    d: PUBLISH n x
    d: PUBLISH nobody x
    d: PUBSUB NUMSUB news sport nobody
    d: PUBSUB NUMPAT
    a: UNSUBSCRIBE news
    d: PUBLISH news again
    b: PUNSUBSCRIBE n*
    d: PUBLISH news once-more
    d: PUBSUB CHANNELS n*
    d: PUBSUB CHANNELS [^n]*
  `,
  'channels of shards are a namespace of their own': `
    a: SSUBSCRIBE s
    b: SUBSCRIBE s
    c: HELLO 3
    c: SSUBSCRIBE s
    c: PSUBSCRIBE *
    d: PUBLISH s one
    d: SPUBLISH s two
    d: PUBSUB SHARDCHANNELS
    d: PUBSUB SHARDNUMSUB s t
    d: PUBSUB CHANNELS
    c: SUNSUBSCRIBE
    d: SPUBLISH s three
    a: SUNSUBSCRIBE s
    a: GET k
    d: SPUBLISH s four
    d: PUBSUB SHARDCHANNELS
  `,
  'who publishes to itself gets the message before the count, in the order of its commands': `
    a: HELLO 3
    a: SUBSCRIBE me
    a: PUBLISH me one
    a: SET k v | GET k | PUBLISH me two | GET k | PUBLISH me three | GET nosuch
    a: UNSUBSCRIBE | PUBLISH me four | SUBSCRIBE me | PUBLISH me five
    a: SET k 2 | SUBSCRIBE other | PUBLISH other six | GET k
    a: INCR n | UNSUBSCRIBE me | PUBLISH me seven | INCR n
  `,
  'a transaction publishes and subscribes in its order, and what it tells itself stands in its reply': `
    o: SUBSCRIBE a
    a: HELLO 3
    a: MULTI
    a: SUBSCRIBE a b
    a: SET k v
    a: PUBLISH a x
    a: PUBSUB NUMSUB a b
    a: GET k
    a: UNSUBSCRIBE a
    a: PUBLISH a y
    a: EXEC
    a: GET k
    b: MULTI
    b: PUBLISH a z
    b: SUBSCRIBE a
    b: PUBLISH a mine
    b: EXEC
    b: GET k
    b: PING
    b: RESET
    b: GET k
    c: MULTI
    c: PUBLISH a never
    c: DISCARD
    c: MULTI
    c: PUBLISH a never
    c: NOSUCH
    c: EXEC
    c: WATCH k
    d: SET k changed
    c: MULTI
    c: PUBLISH a never
    c: SUBSCRIBE a
    c: EXEC
    c: GET k
    c: MULTI | SUBSCRIBE q | EXEC | GET k | PING
  `,
  'what is refused to who listens in RESP2, and PING behind SUBSCRIBE in a transaction': `
    a: SUBSCRIBE a
    a: EXEC
    a: EXEC x
    a: MULTI
    a: DISCARD
    a: CLIENT ID
    a: NOSUCH
    a: GET
    a: PING x
    a: PING x y
    b: MULTI | PING | SUBSCRIBE a | PING | PING x | GET k | PING | EXEC
    b: PING | EXEC
    b: UNSUBSCRIBE | PING | EXEC
    c: MULTI | SUBSCRIBE a | UNSUBSCRIBE a | PING | EXEC
    c: MULTI | PSUBSCRIBE a | PUNSUBSCRIBE | PING x | SSUBSCRIBE a | PING | SUNSUBSCRIBE a | PING | EXEC
    c: MULTI | SUBSCRIBE a | RESET | PING
    d: HELLO 3
    d: MULTI | SUBSCRIBE a | PING | PING x | EXEC
    d: PING x | EXEC
    e: MULTI | SUBSCRIBE a | HELLO 3 | PING | HELLO 2 | PING | EXEC
    e: PING | EXEC
    f: HELLO 3
    f: SUBSCRIBE a
    f: MULTI | HELLO 2 | PING x | GET k | EXEC
    f: PING | GET k | EXEC
    g: MULTI | SUBSCRIBE a | EXEC x | GET k | EXEC
    h: MULTI | SUBSCRIBE a | SUBSCRIBE | EXEC | PING
    i: MULTI | SUBSCRIBE a | DBSIZE | PING | EXEC
    j: MULTI | SUBSCRIBE a | SET k 1 | PING | SET l 1 | SET m 1 | PING y | EXEC
  `,
  'the protocol may change while one listens': `
    a: HELLO 3
    a: SUBSCRIBE a
    a: GET k
    a: HELLO 2
    a: GET k
    b: PUBLISH a x
    a: PING
    a: UNSUBSCRIBE
    a: GET k
    c: HELLO 3
    c: MULTI
    c: SUBSCRIBE a
    c: HELLO 2
    c: SUBSCRIBE b
    c: EXEC
    c: GET k
    b: PUBLISH b y
  `,
  'CLIENT REPLY does not concern messages': `
    a: CLIENT REPLY OFF
    a: SUBSCRIBE a
    b: PUBLISH a x
    a: PING
    a: UNSUBSCRIBE
    a: CLIENT REPLY ON
    c: HELLO 3
    c: CLIENT REPLY SKIP
    c: SUBSCRIBE c
    b: PUBLISH c x
    c: PING
    c: CLIENT REPLY OFF
    c: PUBLISH c y
    c: PUBSUB NUMPAT
    c: CLIENT REPLY ON
  `,
  'RESET and QUIT end it': `
    a: SUBSCRIBE a
    a: PSUBSCRIBE a*
    a: SSUBSCRIBE a
    a: RESET
    b: PUBLISH a x
    b: SPUBLISH a x
    b: PUBSUB NUMPAT
    b: PUBSUB NUMSUB a
    a: GET k
    a: SUBSCRIBE a
    a: QUIT
    b: PUBLISH a x
    c: HELLO 3
    c: SUBSCRIBE a
    b: CLIENT KILL TYPE pubsub
    b: PUBLISH a x
  `,
}

/** What happens to keys: one listens to all events, others do. All on servers of the ring. */
const events: Readonly<Record<string, string>> = {
  'each event is told once, in the order of the commands': `
    a: PSUBSCRIBE __key*__:*
    b: CONFIG SET notify-keyspace-events KEA
    b: SET k 1
    b: INCR k
    b: GET k
    b: SET k 2 EX 1000
    b: EXPIRE k 2000
    b: PERSIST k
    b: APPEND k x
    b: DEL k nosuch
    b: LPUSH {t}l a b c
    b: LMOVE {t}l {t}m LEFT RIGHT
    b: LPOP {t}l 2
    b: HSET h f v
    b: HDEL h f
    b: SADD s 1
    b: SPOP s
    b: ZADD z 1 m
    b: ZREM z m
    b: XADD x 1-1 f v
    b: MSET {t}1 1 {t}2 2 {t}1 3
    b: DEL {t}1 nosuch
    b: SET {t}a 1
    b: RENAME {t}a {t}b
    b: COPY {t}b {t}c
    b: SADD {t}s1 a b
    b: SUNIONSTORE {t}s2 {t}s1
    b: SELECT 3
    b: SET k 1 PX 100000
    b: MULTI
    b: SET {t}k 3
    b: GET {t}k
    b: LPUSH {t}other a
    b: DEL {t}k
    b: EXEC
    b: SELECT 0
    b: EVAL "return redis.call('SET', KEYS[1], 'v')" 1 scripted
    b: EVAL "redis.call('SET', KEYS[1], 'v') return redis.call('LPUSH', KEYS[2], 'a', 'b')" 2 {t}x {t}y
    b: EVAL "redis.call('SET', ARGV[1], 'v') return redis.call('SET', ARGV[2], 'v')" 0 {t}x {t}z
    b: SETEX gone 1 v
    b: PEXPIREAT gone 1
    b: FLUSHDB
    b: CONFIG SET notify-keyspace-events ""
    b: SET k 1
  `,
  'of some classes, on some channels': `
    a: SUBSCRIBE __keyevent@0__:del __keyspace@0__:k __keyevent@0__:expired __keyevent@0__:lpush
    b: CONFIG SET notify-keyspace-events Kg
    b: SET k 1
    b: LPUSH l a
    b: DEL k l
    b: CONFIG SET notify-keyspace-events Elx
    b: SET k 1
    b: LPUSH l a
    b: DEL k l
    b: CONFIG SET notify-keyspace-events KE$nm
    b: SET k 1
    b: GET nosuch
    b: DEL k
  `,
}

for (const [name, script] of Object.entries(events)) {
  t.test(name, async (t) => {
    await pair.flush()
    t.equal(await isSame(pair, script), '')
  })
}

for (const [name, script] of Object.entries(stories)) {
  t.test(name, async (t) => {
    await pair.flush()
    t.equal(await isSame(pair, script), '')
  })
}
