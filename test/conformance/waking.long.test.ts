import t from 'tap'
import { Pair } from './pair.js'
import { type Step, tell } from './waiting-story.js'

const pair = await Pair.start(t)

/** What each kind of write finds: k is waited for, the others are on other servers unless they have the {tag}. */
const SETUP = [
  'RPUSH l{t} 1 2 3',
  'ZADD z{t} 1 a 2 b 3 c',
  'GEOADD g{t} 13.361389 38.115556 p 15.087269 37.502669 q',
  'XADD x{t} 5-1 f v',
  'SADD s{t} 3 1 2',
  'SET v{t} v',
  'SELECT 1',
  'RPUSH k{t} 1 2 3',
  'SELECT 0',
]

/** Who waits for k. */
const WAITING = ['BLPOP k{t} 0', 'BZPOPMIN k{t} 0', 'XREAD BLOCK 0 STREAMS k{t} 0-0']

/** Writes that leave something under k, and some that do not. */
const WRITES = [
  'RPUSH k{t} 1 2',
  'LPUSH k{t} 1 2',
  'LPUSHX k{t} 1',
  'LINSERT k{t} BEFORE 1 0',
  'LMOVE l{t} k{t} LEFT RIGHT',
  'RPOPLPUSH l{t} k{t}',
  'BLMOVE l{t} k{t} LEFT RIGHT 0',
  'BRPOPLPUSH l{t} k{t} 0',
  'SORT s{t} STORE k{t}',
  'SORT l{t} BY nosort GET # STORE k{t}',
  'ZADD k{t} 1 a 2 b',
  'ZADD k{t} XX 1 a',
  'ZADD k{t} INCR 1 a',
  'ZINCRBY k{t} 1 a',
  'ZUNIONSTORE k{t} 1 z{t}',
  'ZINTERSTORE k{t} 2 z{t} s{t}',
  'ZINTERSTORE k{t} 2 z{t} z{t}',
  'ZDIFFSTORE k{t} 1 z{t}',
  'ZRANGESTORE k{t} z{t} 0 1',
  'GEOADD k{t} 13.361389 38.115556 p',
  'GEOSEARCHSTORE k{t} g{t} FROMLONLAT 15 37 BYRADIUS 200 km',
  'GEORADIUS g{t} 15 37 200 km STORE k{t}',
  'GEORADIUSBYMEMBER g{t} p 200 km STOREDIST k{t}',
  'XADD k{t} 7-1 f v',
  'XADD k{t} NOMKSTREAM 7-1 f v',
  'XGROUP CREATE k{t} g $ MKSTREAM',
  'RENAME l{t} k{t}',
  'RENAME z{t} k{t}',
  'RENAME x{t} k{t}',
  'RENAMENX l{t} k{t}',
  'COPY l{t} k{t} REPLACE',
  'COPY z{t} k{t}',
  'COPY x{t} k{t}',
  'RESTORE k{t} 0 DUMP:l',
  'RESTORE k{t} 0 DUMP:z REPLACE',
  'RESTORE k{t} 0 DUMP:x REPLACE',
  'SELECT 1 | MOVE k{t} 0',
  'SELECT 1 | COPY k{t} k{t} DB 0',
  'SELECT 1 | SWAPDB 1 0',
  'SET k{t} w',
  'SADD k{t} m',
  'SUNIONSTORE k{t} s{t}',
  'HSET k{t} f v',
  'SETRANGE k{t} 2 x',
  'BITOP NOT k{t} v{t}',
  'PFADD k{t} m',
  'MSET k{t} l other{t} m',
  'DEL k{t}',
  'FLUSHDB',
  "EVAL return{redis.call('rpush',KEYS[1],1,2)} 1 k{t}",
  "EVAL return{redis.call('zadd',KEYS[1],1,'a')} 1 k{t}",
  "EVAL return{redis.call('xadd',KEYS[1],'7-1','f','v')} 1 k{t}",
  "EVAL return{redis.call('rename',KEYS[2],KEYS[1])} 2 k{t} l{t}",
  "EVAL return{redis.call('copy',KEYS[2],KEYS[1])} 2 k{t} z{t}",
  "EVAL return{redis.call('sort',KEYS[2],'store',KEYS[1])} 2 k{t} s{t}",
  "EVAL return{redis.call('rpush',KEYS[1],1),redis.call('del',KEYS[1])} 1 k{t}",
]

/** Who waits in a group of k, which is a stream with it. */
const GROUP_SETUP = [...SETUP, 'XGROUP CREATE k{t} g $ MKSTREAM', 'XGROUP CREATE x{t} g 0']
const GROUP_WAITING = ['XREADGROUP GROUP g c BLOCK 0 STREAMS k{t} >', 'XREADGROUP GROUP g d BLOCK 0 STREAMS k{t} >']

const GROUP_WRITES = [
  'XADD k{t} 7-1 f v',
  'XADD k{t} 7-1 f v | XADD k{t} 8-1 f v',
  'XDEL k{t} 7-1',
  'XTRIM k{t} MAXLEN 0',
  'XSETID k{t} 9-1',
  'XGROUP SETID k{t} g 0',
  'XGROUP DESTROY k{t} g',
  'XGROUP DELCONSUMER k{t} g c',
  'DEL k{t}',
  'UNLINK k{t} l{t}',
  'EXPIRE k{t} 100',
  'PEXPIREAT k{t} 1',
  'SET k{t} v',
  'GETSET k{t} v',
  'MSET k{t} v other{t} v',
  'SETEX k{t} 100 v',
  'RENAME k{t} other{t}',
  'RENAME x{t} k{t}',
  'RENAME l{t} k{t}',
  'COPY x{t} k{t} REPLACE',
  'COPY l{t} k{t} REPLACE',
  'RESTORE k{t} 0 DUMP:l REPLACE',
  'RESTORE k{t} 0 DUMP:x REPLACE',
  'SORT s{t} STORE k{t}',
  'SORT nothing{t} STORE k{t}',
  'SUNIONSTORE k{t} s{t}',
  'SUNIONSTORE k{t} nothing{t}',
  'ZUNIONSTORE k{t} 1 z{t}',
  'BITOP NOT k{t} v{t}',
  'PFMERGE k{t}',
  'MOVE k{t} 2',
  'SWAPDB 0 1',
  'FLUSHDB',
  'FLUSHALL',
  "EVAL return{redis.call('del',KEYS[1])} 1 k{t}",
  "EVAL return{redis.call('del',KEYS[1]),redis.call('xgroup','create',KEYS[1],'g','$','mkstream')} 1 k{t}",
]

/** RESTORE cannot be written in words: the payloads of the values that are set up. */
async function payloads(): Promise<Map<string, Buffer>> {
  const client = await pair.open(2)
  for (const line of SETUP) await client.ask(...words(line))
  const found = new Map<string, Buffer>()
  for (const key of ['l', 'z', 'x']) {
    const reply = await client.ask('DUMP', key)
    const at = reply.indexOf('\n') + 1
    found.set(key, reply.subarray(at, -2))
  }
  client.close()
  return found
}

const words = (line: string) => line.replaceAll('{t}', '').split(' ')

const dumps = await payloads()

/** The same write alone, between MULTI and EXEC, and of a key that has come to hold a string meanwhile. */
const CIRCUMSTANCES: Record<string, (write: readonly string[]) => readonly string[]> = {
  alone: (write) => write,
  'in a transaction': (write) => {
    const isInside = write[0].startsWith('SELECT') ? 1 : 0
    return [...write.slice(0, isInside), 'MULTI', ...write.slice(isInside), 'EXEC']
  },
  'over a string': (write) => ['SET k{t} v', ...write],
}

/**
 * What stores a whole value over another one wakes nobody on Redis 7.0, though it does where nothing was: the value lies there while
 * clients wait for it. Here they are served in both cases [README].
 */
const storesOver = (line: string) => /(?<!RE)STORE(DIST)? k|'store'/.test(line)

function stepsOf(setup: readonly string[], waiting: readonly string[], write: readonly string[], tag: string): Step[] {
  const parsed = (line: string) =>
    line
      .replaceAll('{t}', tag)
      .split(' ')
      .map((word) => (word.startsWith('DUMP:') ? dumps.get(word.slice(5))! : word))
  const after = ['SELECT 0', 'TYPE k{t}', 'LRANGE k{t} 0 -1', 'ZRANGE k{t} 0 -1', 'XLEN k{t}', 'LLEN l{t}']
  return [
    { client: 'w', waits: false, commands: setup.map(parsed) },
    ...waiting.map((line, i) => ({ client: 'abc'[i], waits: true, commands: [parsed(line)] })),
    { client: 'w', waits: false, commands: write.map(parsed) },
    { client: 'w', waits: false, commands: after.map(parsed) },
  ]
}

/** What is still to come has come when what was asked behind it was answered, but for the other replicas. */
const REST_MS = 30

async function told(steps: readonly Step[], onRedis = steps): Promise<readonly [unknown, unknown]> {
  await pair.flush()
  return Promise.all([tell(steps, () => pair.proxy.connect(3), REST_MS), tell(onRedis, () => pair.open(3), REST_MS)])
}

/** On the same servers, and on several; in all circumstances but the first each write is tried in one of both ways. */
const tagsOf = (what: string, i: number) => (what === 'alone' ? ['{t}', ''] : [i % 2 === 0 ? '' : '{t}'])

for (const [what, change] of Object.entries(CIRCUMSTANCES)) {
  t.test(`who waits is woken by the same writes as on Redis: ${what}`, async (t) => {
    for (const [i, line] of WRITES.entries()) {
      for (const tag of tagsOf(what, i)) {
        const write = change(line.split(' | '))
        const onRedis = storesOver(line) ? write.map((each) => each.replace('SET k{t} v', 'SET other{t} v')) : write
        const [steps, theirs] = [write, onRedis].map((each) => stepsOf(SETUP, WAITING, each, tag))
        const [dt, redis] = await told(steps, theirs)
        t.same(dt, redis, `${line}, ${tag === '' ? 'on several servers' : 'on the same servers'}`)
      }
    }
  })
}

for (const what of ['alone', 'in a transaction']) {
  t.test(`who waits in a group is told by the same writes as on Redis: ${what}`, async (t) => {
    for (const [i, line] of GROUP_WRITES.entries()) {
      for (const tag of tagsOf(what, i)) {
        const write = CIRCUMSTANCES[what](line.split(' | '))
        const [dt, redis] = await told(stepsOf(GROUP_SETUP, GROUP_WAITING, write, tag))
        t.same(dt, redis, `${line}, ${tag === '' ? 'on several servers' : 'on the same servers'}`)
      }
    }
  })
}
