import t from 'tap'
import { replicasOf } from '../helpers/ring-state.js'
import { isSame } from './listeners.js'
import { Pair } from './pair.js'
import { parseStory, tell } from './waiting-story.js'

/*
 * Scripts on keys of several servers, whose effects are told to all of these as commands: who listens, who has a cache and who waits is
 * told the same as by Redis.
 */

const pairs = [
  ['with copies', await Pair.start(t)],
  ['without copies', await Pair.start(t, { replicas: 0 })],
] as const

const LISTENING: Readonly<Record<string, string>> = {
  'who listens is told what it did to each key, and nothing of the trial': `
    x: PSUBSCRIBE __key*__:{A}*
    y: PSUBSCRIBE __key*__:{F}*
    b: CONFIG SET notify-keyspace-events KA
    b: EVAL "redis.call('SET',KEYS[1],'v') return redis.call('LPUSH',KEYS[2],'a','b')" 2 {A}x {F}y
    b: EVAL "redis.call('INCR',KEYS[3]) redis.call('EXPIRE',KEYS[3],100) return redis.call('RPOPLPUSH',KEYS[2],KEYS[1])" 3 {A}list {F}y {F}n
    b: EVAL "redis.call('SETEX',KEYS[1],100,'v') redis.call('HINCRBY',KEYS[2],'f',1) return redis.call('HDEL',KEYS[2],'f')" 2 {A}x {F}h
    b: EVAL "redis.call('ZADD',KEYS[1],1,'m') redis.call('ZINCRBY',KEYS[1],1,'m') redis.call('SADD',KEYS[2],'m') return redis.call('SREM',KEYS[2],'none')" 2 {A}z {F}s
    b: EVAL "redis.call('XADD',KEYS[1],'1-1','f','v') redis.call('XADD',KEYS[1],'MAXLEN','1','1-2','f','v') return redis.call('DEL',KEYS[2],KEYS[1])" 2 {A}s {F}y
    b: EVAL "return redis.call('DEL',KEYS[2],KEYS[1],KEYS[3])" 3 {A}list {F}n {F}none
    b: EVAL "return redis.call('SET',KEYS[1],'x','NX') and redis.call('SET',KEYS[2],'x','NX')" 2 {A}x {F}new
    b: EVAL "return redis.call('GET',KEYS[1])..redis.call('EXISTS',KEYS[2])" 2 {A}x {F}new
    b: CONFIG SET notify-keyspace-events ""
    b: FLUSHALL
  `,
  'who has read a key of it is told once': `
    a: HELLO 3
    a: CLIENT TRACKING ON
    a: GET {A}k
    b: EVAL "redis.call('SET',KEYS[1],'v') return redis.call('INCR',KEYS[2])" 2 {A}k {F}k
    b: EVAL "redis.call('SET',KEYS[1],'v') return redis.call('INCR',KEYS[2])" 2 {A}k {F}k
    a: GET {F}k
    b: EVAL "redis.call('GET',KEYS[1]) return redis.call('GET',KEYS[2])" 2 {A}k {F}k
    b: EVAL "redis.call('SET',KEYS[1],'v') redis.call('INCR',KEYS[2]) return redis.call('INCR',KEYS[2])" 2 {A}k {F}k
    c: HELLO 3
    c: CLIENT TRACKING ON BCAST PREFIX {F}
    b: EVAL "redis.call('SET',KEYS[1],'v') return redis.call('INCR',KEYS[2])" 2 {A}k {F}k
    b: EVAL "redis.call('SET',KEYS[1],'v') return redis.call('COPY',KEYS[1],KEYS[2],'REPLACE')" 2 {A}k {F}k
    c: PING
  `,
}

const WAITING: Readonly<Record<string, string>> = {
  'all who wait for a key of it are served when it is over, in the order in which they came': `
    a~ BLPOP {a}l {b}l 0
    b~ BLPOP {b}l 0
    c~ BRPOP {a}l 0
    w: EVAL return{redis.call('rpush',KEYS[1],'x','y','z'),redis.call('rpush',KEYS[2],'u','v')} 2 {a}l {b}l
    w: LRANGE {a}l 0 -1 | LRANGE {b}l 0 -1 | DEL {a}l {b}l
  `,
  'what it pushes last is for who waits there': `
    a~ BLPOP {a}l {b}l 0
    w: EVAL return{redis.call('rpush',KEYS[2],'x'),redis.call('rpush',KEYS[1],'y')} 2 {a}l {b}l
    w: LRANGE {a}l 0 -1 | LRANGE {b}l 0 -1 | DEL {a}l {b}l
  `,
  'what is gone in the end was never there': `
    a~ BLPOP {a}l 0
    b~ BZPOPMIN {b}z 0
    w: EVAL return{redis.call('rpush',KEYS[1],'x'),redis.call('del',KEYS[1]),redis.call('zadd',KEYS[2],1,'m'),redis.call('zrem',KEYS[2],'m')} 2 {a}l {b}z
    w: EVAL return{redis.call('rpush',KEYS[1],'y'),redis.call('zadd',KEYS[2],1,'n',2,'o'),redis.call('zrem',KEYS[2],'n')} 2 {a}l {b}z
    w: EXISTS {a}l {b}z
  `,
  'an element moves on from what it pushed': `
    a~ BLMOVE {a}l {b}l LEFT RIGHT 0
    b~ BLPOP {b}l 0
    w: EVAL return{redis.call('rpush',KEYS[1],'x','y'),redis.call('incr',KEYS[2])} 2 {a}l {b}n
    w: LRANGE {a}l 0 -1 | LRANGE {b}l 0 -1 | GET {b}n
  `,
  'within a transaction they are served behind all of it': `
    a~ BLPOP {a}l 0
    b~ BLPOP {b}l 0
    w: MULTI | EVAL return{redis.call('rpush',KEYS[1],'x'),redis.call('rpush',KEYS[2],'y')} 2 {a}l {b}l | LPOP {a}l | LLEN {b}l | EXEC
    w: EVAL return{redis.call('rpush',KEYS[1],'z'),redis.call('incr',KEYS[2])} 2 {a}l {b}n
    w: EXISTS {a}l {b}l
  `,
  'who reads a stream gets what it added': `
    w: XGROUP CREATE {a}s g $ MKSTREAM
    a~ XREADGROUP GROUP g one BLOCK 0 STREAMS {a}s >
    b~ XREAD BLOCK 0 STREAMS {b}s {a}s $ $
    w: EVAL return{redis.call('xadd',KEYS[1],'5-1','f','v'),redis.call('incr',KEYS[2])} 2 {a}s {b}n
    w: XPENDING {a}s g
  `,
}

for (const [name, pair] of pairs) {
  t.test(`the tags are on different servers, ${name}`, async (t) => {
    const client = await pair.proxy.connect()
    for (const [one, other] of [
      ['{a}', '{b}'],
      ['{A}', '{F}'],
    ]) {
      t.not(String(await replicasOf(client, one)), String(await replicasOf(client, other)))
    }
  })
  for (const [what, script] of Object.entries(LISTENING)) {
    t.test(`${what}, ${name}`, async (t) => {
      await pair.flush()
      t.equal(await isSame(pair, script), '')
    })
  }
  for (const [what, story] of Object.entries(WAITING)) {
    t.test(`${what}, ${name}`, async (t) => {
      const steps = parseStory(story)
      for (const proto of [2, 3] as const) {
        await pair.flush()
        const [dt, redis] = await Promise.all([
          tell(steps, () => pair.proxy.connect(proto)),
          tell(steps, () => pair.open(proto)),
        ])
        t.same(dt, redis, `RESP${proto}`)
        t.same(await pair.dataFaults(100), [], `data, RESP${proto}`)
      }
    })
  }
}
