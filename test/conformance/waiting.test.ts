import t from 'tap'
import { Pair } from './pair.js'
import { parseStory, tell } from './waiting-story.js'

const pair = await Pair.start(t)

/** Who gets what when clients wait. Keys of one story with {t} are on the same servers. */
const STORIES: Record<string, string> = {
  'those that wait are served in the order in which they came': `
    a~ BLPOP k 0
    b~ BRPOP k 0
    c~ BLPOP k 0
    w: RPUSH k 1 2 3 4
    w: LRANGE k 0 -1
  `,
  'whoever comes behind a push finds the element taken': `
    a~ BLPOP k 0
    w: RPUSH k x | LPOP k | LLEN k | EXISTS k
  `,
  'one element is for one client': `
    a~ BLPOP k 0
    b~ BLPOP k 0
    w: RPUSH k x | RPUSH k y | RPUSH k z | LRANGE k 0 -1
  `,
  'who waits for several keys gets one element': `
    a~ BLPOP j{t} k{t} 0
    b~ BLPOP k{t} 0
    w: RPUSH j{t} x | RPUSH k{t} y | RPUSH j{t} z | LRANGE j{t} 0 -1 | LRANGE k{t} 0 -1
  `,
  'what gets something first counts, not what is named first': `
    a~ BLPOP k1{t} k2{t} 0
    w: MULTI | RPUSH k2{t} x | RPUSH k1{t} y | EXEC | LRANGE k1{t} 0 -1 | LRANGE k2{t} 0 -1
  `,
  'what is gone at the end of a transaction was never there': `
    a~ BLPOP k 0
    w: MULTI | RPUSH k x | DEL k | EXEC
    w: MULTI | RPUSH k x y | LPOP k | EXEC | LLEN k
  `,
  'a waiting client survives SET and DEL of its key': `
    a~ BLPOP k 0
    w: SET k v | RPUSH k x | DEL k | RPUSH k y | EXISTS k
  `,
  'several elements are popped at once where that was asked for': `
    a~ BLMPOP 0 2 j{t} k{t} RIGHT COUNT 2
    b~ BLPOP k{t} 0
    w: RPUSH k{t} 1 2 3 4 | LRANGE k{t} 0 -1
  `,
  'sorted sets give the least and the greatest': `
    a~ BZPOPMIN z 0
    b~ BZPOPMAX z 0
    c~ BZMPOP 0 1 z MIN COUNT 5
    w: ZADD z 1 a 2 b 3 c 4.5 d | ZCARD z
  `,
  'nobody is served by a value of another kind': `
    a~ BLPOP k 0
    b~ BZPOPMIN k 0
    w: ZADD k 1 a | EXISTS k | RPUSH k x | LLEN k
  `,
  'moving an element makes its destination ready': `
    a~ BLMOVE a{t} b{t} LEFT RIGHT 0
    b~ BLPOP b{t} 0
    w: RPUSH a{t} x | EXISTS a{t} b{t}
  `,
  'chains of moves': `
    a~ BRPOPLPUSH a{t} b{t} 0
    b~ BLMOVE b{t} c{t} LEFT LEFT 0
    c~ BLPOP c{t} 0
    w: LPUSH a{t} x | EXISTS a{t} b{t} c{t}
    d~ BLPOP a{t} 0
    w: LPUSH b{t} y | LMOVE b{t} a{t} LEFT LEFT | EXISTS a{t} b{t} c{t}
  `,
  'an element that is turned round in its list is for the next one': `
    a~ BLMOVE k k LEFT RIGHT 0
    b~ BLPOP k 0
    w: RPUSH k x | EXISTS k
  `,
  'a destination of the wrong type is the error of one client, and the next one has the element': `
    w: SET s{t} v
    a~ BLMOVE a{t} s{t} LEFT RIGHT 0
    b~ BLPOP a{t} 0
    w: RPUSH a{t} x
    w: GET s{t}
  `,
  'a source of the wrong type is waited for': `
    a~ BLMOVE a{t} b{t} LEFT RIGHT 0
    w: SET a{t} v
    w: RPUSH a{t} x
    w: DEL a{t} | RPUSH a{t} y | LRANGE b{t} 0 -1
  `,
  'RENAME, COPY, RESTORE, MOVE, SORT and the STORE commands wake': `
    a~ BLPOP k{t} 0
    w: RPUSH l{t} 1 2 3
    w: COPY l{t} k{t} | LRANGE k{t} 0 -1 | DEL k{t}
    b~ BLPOP k{t} 0
    w: RENAME l{t} k{t} | LRANGE k{t} 0 -1 | DEL k{t}
    c~ BLPOP k{t} 0
    w: SADD s{t} 3 1 2 | SORT s{t} STORE k{t} | LRANGE k{t} 0 -1 | DEL k{t}
    d~ BZPOPMIN k{t} 0
    w: ZADD z{t} 1 a 2 b | ZUNIONSTORE k{t} 1 z{t} | ZRANGE k{t} 0 -1 | DEL k{t}
    e~ BZPOPMIN k{t} 0
    w: ZRANGESTORE k{t} z{t} 0 -1 | ZRANGE k{t} 0 -1 | DEL k{t}
    f~ BZPOPMAX k{t} 0
    w: GEOADD k{t} 13.361389 38.115556 p | EXISTS k{t}
    g~ BLPOP k{t} 0
    w: SELECT 1 | RPUSH k{t} q r | MOVE k{t} 0 | SELECT 0 | LRANGE k{t} 0 -1
  `,
  'SWAPDB wakes': `
    a~ BLPOP k 0
    w: SELECT 1 | RPUSH k q r | SWAPDB 0 1 | SELECT 0 | LRANGE k 0 -1
  `,
  'a script wakes when it is over': `
    a~ BLPOP k 0
    b~ BLPOP k 0
    w: EVAL return{redis.call('rpush',KEYS[1],'x','y','z'),redis.call('lpop',KEYS[1]),redis.call('llen',KEYS[1])} 1 k
    w: LRANGE k 0 -1
  `,
  'who moves and who pops behind a script or a transaction on several keys': `
    a~ BLMOVE a{t} b{t} LEFT RIGHT 0
    b~ BLPOP b{t} 0
    w: EVAL return{redis.call('rpush',KEYS[1],'x','y'),redis.call('rpush',KEYS[2],'z')} 2 a{t} b{t}
    w: LRANGE a{t} 0 -1 | LRANGE b{t} 0 -1 | DEL a{t} b{t}
    a~ BLMOVE a{t} b{t} LEFT RIGHT 0
    b~ BLPOP b{t} 0
    w: EVAL return{redis.call('rpush',KEYS[2],'z'),redis.call('rpush',KEYS[1],'x','y')} 2 a{t} b{t}
    w: LRANGE a{t} 0 -1 | LRANGE b{t} 0 -1 | DEL a{t} b{t}
    b~ BLPOP b{t} 0
    a~ BLMOVE a{t} b{t} LEFT LEFT 0
    c~ BLPOP a{t} 0
    w: MULTI | RPUSH b{t} z | RPUSH a{t} x y | EXEC
    w: LRANGE a{t} 0 -1 | LRANGE b{t} 0 -1 | DEL a{t} b{t}
    a~ BLMOVE a{t} b{t} LEFT RIGHT 0
    b~ BLMOVE b{t} a{t} LEFT RIGHT 0
    w: MULTI | RPUSH a{t} x | RPUSH b{t} y | EXEC
    w: LRANGE a{t} 0 -1 | LRANGE b{t} 0 -1 | DEL a{t} b{t}
    a~ BLMOVE a{t} b{t} LEFT RIGHT 0
    b~ BLMOVE b{t} c{t} LEFT RIGHT 0
    c~ BLPOP c{t} 0
    w: EVAL return{redis.call('rpush',KEYS[1],'x','y')} 3 a{t} b{t} c{t}
    w: LRANGE a{t} 0 -1 | LRANGE b{t} 0 -1 | LRANGE c{t} 0 -1
  `,
  'databases have lines of their own': `
    a: SELECT 1
    a~ BLPOP k 0
    b~ BLPOP k 0
    w: RPUSH k x | LLEN k | SELECT 1 | RPUSH k y | LLEN k
  `,
  'all who read a stream get the entry, and one of each group': `
    w: XGROUP CREATE s g $ MKSTREAM | XGROUP CREATE s h $
    a~ XREAD BLOCK 0 STREAMS s $
    b~ XREADGROUP GROUP g one BLOCK 0 STREAMS s >
    c~ XREADGROUP GROUP g two BLOCK 0 STREAMS s >
    d~ XREADGROUP GROUP h one COUNT 5 BLOCK 0 STREAMS s >
    e~ XREAD COUNT 2 BLOCK 0 STREAMS s 3-0
    w: XADD s 5-1 f v | XADD s 6-1 f v | XDEL s 5-1 6-1 | XPENDING s g | XPENDING s h
  `,
  'the end of a stream is where it was when it was asked for': `
    w: XADD s{t} 5-1 f v | XADD s{t} 7-1 f v | XDEL s{t} 7-1
    a~ XREAD BLOCK 0 STREAMS s{t} r{t} $ $
    w: XADD s{t} 9-1 f v
    b~ XREAD BLOCK 0 STREAMS r{t} s{t} $ 9-1
    w: XADD r{t} 1-1 f v
    c~ XREAD BLOCK 0 STREAMS s{t} $
    w: DEL s{t} | XADD s{t} 1-1 f v | XADD s{t} 10-1 f v
  `,
  'who waits in a group is told when the stream or the group is gone': `
    w: XGROUP CREATE s{t} g $ MKSTREAM
    a~ XREADGROUP GROUP g c BLOCK 0 STREAMS s{t} >
    w: DEL s{t} | XGROUP CREATE s{t} g $ MKSTREAM
    a~ XREADGROUP GROUP g c BLOCK 0 STREAMS s{t} >
    w: SET s{t} v | DEL s{t} | XGROUP CREATE s{t} g $ MKSTREAM
    a~ XREADGROUP GROUP g c BLOCK 0 STREAMS s{t} >
    w: XGROUP DESTROY s{t} g | XGROUP CREATE s{t} g $
    a~ XREADGROUP GROUP g c BLOCK 0 STREAMS s{t} >
    w: RENAME s{t} z{t} | XGROUP CREATE s{t} g $ MKSTREAM
    a~ XREADGROUP GROUP g c BLOCK 0 STREAMS s{t} >
    w: FLUSHALL
  `,
  'who waits in a group is told when MSET writes over the stream': `
    w: XGROUP CREATE s{t} g $ MKSTREAM
    a~ XREADGROUP GROUP g c BLOCK 0 STREAMS s{t} >
    w: MSET s{t} v r{t} v q{t} v p{t} v
  `,
  'what was read before is read without waiting, and between MULTI and EXEC nothing waits': `
    w: XGROUP CREATE s g $ MKSTREAM | XREADGROUP GROUP g c BLOCK 0 STREAMS s 0
    w: MULTI | XREAD BLOCK 0 STREAMS s $ | XREADGROUP GROUP g c BLOCK 0 STREAMS s > | XREAD BLOCK x STREAMS s $ | EXEC
    w: XREAD BLOCK 5 STREAMS s $ | XREADGROUP GROUP g c BLOCK 5 STREAMS s > | XREAD BLOCK -1 STREAMS s $ | XREAD BLOCK x STREAMS s $
    w: XREADGROUP GROUP nosuch c BLOCK 0 STREAMS s > | XREADGROUP GROUP g c BLOCK 0 STREAMS s $ | XREAD BLOCK 0 STREAMS s | SET t v
    w: XREAD BLOCK 0 STREAMS t $ | XREAD BLOCK 0 FOO STREAMS s $ | XREAD BLOCK | XREAD BLOCK 0 COUNT STREAMS s $
  `,
  'a script and a transaction wake who reads streams': `
    w: XGROUP CREATE s g $ MKSTREAM
    a~ XREADGROUP GROUP g one BLOCK 0 STREAMS s >
    b~ XREAD BLOCK 0 STREAMS s $
    w: EVAL return{redis.call('xadd',KEYS[1],'5-1','f','v')} 1 s
    c~ XREADGROUP GROUP g one BLOCK 0 STREAMS s >
    d~ XREADGROUP GROUP g two BLOCK 0 STREAMS s >
    w: MULTI | XADD s 6-1 f v | XADD s 7-1 f v | EXEC
    w: XPENDING s g
  `,
  'whose time is over gets nothing': `
    a~ BLPOP k 0.05
    b~ BLPOP k 0
    w: PING
    c: BLPOP none 0.1
    w: RPUSH k x | LLEN k
  `,
}

const all = Object.entries(STORIES).flatMap(([name, story]) => {
  const isOfSeveral = story.includes('{t}')
  return [
    [name, story] as const,
    ...(isOfSeveral ? [[`${name}, on several servers`, story.replaceAll('{t}', '')] as const] : []),
  ]
})

for (const [name, story] of all) {
  t.test(name, async (t) => {
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
