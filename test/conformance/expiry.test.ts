import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Pair } from './pair.js'
import { parseScript } from './script.js'

/*
 * Keys whose time has passed, found by reads and writes before Redis has removed them by itself: on the links of the
 * proxy that is a push in the midst of replies, also inside of arrays.
 */

const pair = await Pair.start(t)

const TTL_MS = 30

const make = parseScript(`
  SET s1 v PX ${TTL_MS}
  PSETEX s2 ${TTL_MS} v
  SET s3 v
  PEXPIRE s3 ${TTL_MS}
  SET n 5 PX ${TTL_MS}
  SET stays v
  HSET h f v
  PEXPIRE h ${TTL_MS}
  RPUSH l a b
  PEXPIRE l ${TTL_MS}
  SADD a{t} 1 2 3
  SADD b{t} 2 3 4
  PEXPIRE b{t} ${TTL_MS}
  ZADD z 1 a
  PEXPIRE z ${TTL_MS}
  XADD x 1-1 f v
  PEXPIRE x ${TTL_MS}
  MSET m1 v m2 v m3 v
  PEXPIRE m1 ${TTL_MS}
  PEXPIRE m3 ${TTL_MS}
`)

const use: Record<string, string> = {
  reads: `
    MGET stays s1 missing s2 s3 stays n
    MGET s1
    HGETALL h
    LRANGE l 0 -1
    SINTER a{t} b{t}
    SDIFF a{t} b{t}
    ZRANGE z 0 -1 WITHSCORES
    XRANGE x - +
    EXISTS s1 m1 m2 m3 stays
    TYPE n
    TTL m1
    OBJECT ENCODING z
    HSCAN h 0
    MGET m1 m2 m3
    KEYS s1
    DUMP s1
  `,
  writes: `
    INCR n
    APPEND s1 x
    SET s2 w XX
    SET s3 w NX
    HSET h g w
    RPUSHX l c
    LPUSH l d
    SADD b{t} 9
    SINTERSTORE c{t} a{t} b{t}
    SMEMBERS c{t}
    ZADD z 2 b
    XADD x NOMKSTREAM 2-2 f v
    PERSIST m1
    EXPIRE m3 100
    DEL m1 m2 m3
    TTL n
    GETSET s1 y
    RENAME b{t} c{t}
    COPY s3 s3
  `,
}

for (const [what, script] of Object.entries(use)) {
  for (const proto of [2, 3] as const) {
    t.test(`${what} of keys whose time has passed, RESP${proto}`, async (t) => {
      for (let round = 0; round < 5; round++) {
        await pair.flush()
        const pipelined = round % 2 === 0
        t.equal((await pair.differences(make, proto, true)).join('\n'), '')
        await sleep(TTL_MS + 5)
        t.equal((await pair.differences(parseScript(script), proto, pipelined)).join('\n'), '', `round ${round}`)
        t.equal((await pair.dataFaults(0)).join('\n'), '', `round ${round}: data`)
      }
    })
  }
}
