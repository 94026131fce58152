import t from 'tap'
import { isSame } from './listeners.js'
import { Pair } from './pair.js'

/*
 * Clients that have caches of their own, and others who write: after each line all of them have received the same bytes from the
 * proxy as from Redis.
 */

const pair = await Pair.start(t)

const stories: Readonly<Record<string, string>> = {
  'who has read a key is told once that it changed': `
    a: HELLO 3
    a: CLIENT TRACKING ON
    b: SET k 1
    a: GET k
    b: SET k 2
    b: SET k 3
    a: MGET k other
    b: MSET other 1 third 2
    b: DEL k
    a: GET k
    b: GET k
    b: SET k 4
    a: CLIENT TRACKINGINFO
    a: CLIENT GETREDIR
    a: GET k
    a: CLIENT TRACKING OFF
    b: SET k 5
    a: CLIENT TRACKINGINFO
    a: CLIENT GETREDIR
  `,
  'what a client writes itself it is told behind the reply, unless it wants no loop': `
    a: HELLO 3
    a: CLIENT TRACKING ON
    a: GET k
    a: SET k own
    a: SET k own
    a: SET k 1 | GET k
    a: SET k 2
    a: GET k | SET k 3 | GET k | PING
    n: HELLO 3
    n: CLIENT TRACKING ON NOLOOP
    n: GET k
    n: SET k mine
    a: SET k theirs
    n: GET k
    a: SET k theirs
  `,
  'who wants no loop is told of what others write behind its own': `
    n: HELLO 3
    n: CLIENT TRACKING ON NOLOOP
    n: MULTI | SET k 1 | GET k | EXEC
    b: SET k 2
    n: PING
    n: EVAL "redis.call('set', KEYS[1], '3') return redis.call('get', KEYS[1])" 1 k
    b: SET k 4
    n: PING
    n: GET k
    n: MULTI | SETNX k 5 | EXEC
    b: SET k 6
    n: PING
    n: MULTI | GET k | LPUSH k 5 | EXEC
    b: SET k 7
    n: PING
    n: GET k
    n: GET gone
    n: DEL gone k
    b: SET gone 1
    n: PING
  `,
  'a count of a HyperLogLog is read': `
    b: PFADD h a b c
    b: PFADD i a b d
    a: HELLO 3
    a: CLIENT TRACKING ON
    a: PFCOUNT h
    b: PFADD h d e f g
    a: PFCOUNT h i
    a: PFCOUNT h i
    b: PFADD i x y z
    a: MULTI | PFCOUNT h i | EXEC
    b: PFADD h q r s
    a: PING
  `,
  'a write that changes nothing is not told': `
    b: DEL s h z l x
    a: HELLO 3
    a: CLIENT TRACKING ON
    b: SADD s a
    b: SET x v
    a: SMEMBERS s
    a: GET x
    b: SADD s a
    b: SREM s b
    b: SET x w NX
    b: LPUSH x no
    b: INCR x
    b: SETNX x no
    b: DEL nosuch
    b: APPEND x 1
    b: SREM s a
    a: LRANGE l 0 -1
    b: LPOP l
    b: RPUSH l 1
    a: GET x
    b: GETSET x 2
    a: GET x
    b: GET x | EXPIRE x 100
    a: TTL x
    b: PERSIST x
    b: PERSIST x
    a: HGETALL h
    b: HSET h f 1
    a: HGETALL h
    b: HSET h f 1
    a: ZRANGE z 0 -1
    b: ZADD z 1 a
    a: EXISTS z x
    b: RENAME z y
    a: TYPE y
    b: ZUNIONSTORE y 2 y x2
    a: GET x
    b: COPY x x2
    a: GET x2
    b: RENAMENX x x2
    b: COPY x x2 REPLACE
  `,
  transactions: `
    a: HELLO 3
    a: CLIENT TRACKING ON
    a: MULTI | GET k | GET k2 | EXEC
    b: MULTI | SET k 1 | EXEC
    b: SET k2 1
    a: GET k
    b: MULTI | SET k 1 | DISCARD
    b: SET k 1
    a: MULTI | CLIENT TRACKINGINFO | GET k | EXEC
    b: SET k 7
  `,
  'a script reads its keys, and writes what it writes': `
    b: DEL e1 e2
    a: HELLO 3
    a: CLIENT TRACKING ON
    a: EVAL "return redis.call('get', KEYS[1])" 1 e1
    b: SET e1 1
    a: GET e1
    b: EVAL "return redis.call('get', KEYS[1])" 1 e1
    b: EVAL "return redis.call('set', KEYS[1], 1)" 1 e1
    b: EVAL "return redis.call('set', KEYS[1], 1)" 1 e1
  `,
  'databases have no names, and all keys are told as null': `
    a: HELLO 3
    a: CLIENT TRACKING ON
    a: GET k
    b: SELECT 1
    b: SET k 1
    b: SET k 1
    a: GET k
    b: FLUSHDB
    b: SET k 1
    c: HELLO 3
    c: CLIENT TRACKING ON BCAST PREFIX zzz
    b: FLUSHALL
    a: GET k
    a: FLUSHALL
    b: SET k 2
  `,
  'keys that expire': `
    a: HELLO 3
    a: CLIENT TRACKING ON
    b: SET k 1 PX 1000
    a: GET k
    a: ECHO x
    c: BLPOP nosuch 1.3
    a: GET k
    b: SET k 1
  `,
  prefixes: `
    a: HELLO 3
    a: CLIENT TRACKING ON BCAST PREFIX user: PREFIX item:
    c: HELLO 3
    c: CLIENT TRACKING ON BCAST
    a: CLIENT TRACKINGINFO
    c: CLIENT TRACKINGINFO
    b: SET user:1 a
    b: SET user:1 a
    b: SET other a
    b: SET item:1 a
    b: MSET user:2 a item:9 b user:1 c
    b: DEL user:2
    c: SET user:1 own
    a: SET user:1 own
    a: CLIENT TRACKING ON BCAST PREFIX more
    a: CLIENT TRACKINGINFO
    a: CLIENT TRACKING ON BCAST PREFIX mor
    a: CLIENT TRACKING ON BCAST PREFIX xa PREFIX x
    b: SET more 1
    n: HELLO 3
    n: CLIENT TRACKING ON BCAST NOLOOP PREFIX u
    n: SET user:1 1
    b: SET user:1 2
    c: CLIENT TRACKING OFF
    a: RESET
    b: SET user:1 3
  `,
  'some reads only': `
    b: SET k 1
    a: HELLO 3
    a: CLIENT TRACKING ON OPTIN
    a: GET k
    b: SET k 2
    a: CLIENT CACHING YES
    a: CLIENT TRACKINGINFO
    a: GET k
    a: CLIENT TRACKINGINFO
    a: GET k2
    b: MSET k 2 k2 2
    a: CLIENT CACHING YES | PING | GET k
    b: SET k 3
    a: CLIENT CACHING YES | MULTI | GET k | GET k2 | EXEC | GET k3
    b: SET k 3
    b: SET k2 3
    b: SET k3 3
    a: CLIENT CACHING NO
    a: CLIENT CACHING what
    a: CLIENT TRACKING ON OPTOUT
    a: CLIENT TRACKING OFF
    a: CLIENT CACHING YES
    a: CLIENT TRACKING ON OPTOUT
    a: CLIENT CACHING NO | CLIENT TRACKINGINFO
    a: GET k
    a: GET k2
    b: SET k 5
    b: SET k2 5
    a: CLIENT CACHING YES
  `,
  'somebody else is told': `
    a: CLIENT TRACKING ON
    a: GET k
    b: SET k 1
    p: SUBSCRIBE __redis__:invalidate
    a: CLIENT TRACKING OFF
    a: CLIENT TRACKING ON REDIRECT {p}
    a: GET k
    b: SET k 2
    b: SET k 2
    a: GET k | SET k 3
    b: FLUSHALL
    q: HELLO 3
    a: CLIENT TRACKING ON REDIRECT {q}
    a: GET k
    b: SET k 1
    b: FLUSHALL
    c: HELLO 3
    c: CLIENT TRACKING ON REDIRECT {p} BCAST
    b: SET k 1
    b: FLUSHALL
    a: GET k
    q: QUIT
    b: SET k 1
    a: CLIENT TRACKINGINFO
    a: CLIENT TRACKING ON REDIRECT 12345678
    a: CLIENT TRACKING ON REDIRECT {p} REDIRECT {p}
  `,
  'wrong words': `
    a: CLIENT TRACKING
    a: CLIENT TRACKING MAYBE
    a: CLIENT TRACKING ON WHAT
    a: CLIENT TRACKING ON PREFIX
    a: CLIENT TRACKING ON PREFIX x
    a: CLIENT TRACKING ON BCAST OPTIN
    a: CLIENT TRACKING ON OPTOUT OPTIN
    a: CLIENT TRACKING ON REDIRECT x
    a: CLIENT TRACKING ON REDIRECT
    a: CLIENT CACHING
    a: CLIENT CACHING YES
    a: CLIENT TRACKINGINFO x
    a: CLIENT GETREDIR x
    a: CLIENT TRACKING OFF
    a: CLIENT TRACKING ON
    a: CLIENT TRACKING ON BCAST
    a: CLIENT CACHING YES
    a: CLIENT TRACKING ON OPTIN
    a: CLIENT TRACKINGINFO
    a: RESET
    a: CLIENT TRACKINGINFO
  `,
}

for (const [name, story] of Object.entries(stories)) {
  t.test(name, async (t) => {
    await pair.flush()
    t.equal(await isSame(pair, story), '')
  })
}

t.test('settings and numbers', async (t) => {
  const client = await pair.proxy.connect(3)
  const reader = await pair.proxy.connect(3)
  t.match((await client.ask('CONFIG', 'GET', 'tracking-table-max-keys')).toString(), /1000000/)
  await reader.ask('CLIENT', 'TRACKING', 'ON')
  await reader.ask('MGET', 'a', 'b', 'c')
  const info = async () => (await client.ask('INFO', 'everything')).toString()
  t.match(await info(), /tracking_clients:1\r\n/)
  t.match(await info(), /tracking_total_keys:3\r\n/)
  t.match(await info(), /tracking_total_items:3\r\n/)
  t.match((await reader.ask('CLIENT', 'INFO')).toString(), /flags=t .* redir=0 /)
  reader.close()
  client.close()
})
