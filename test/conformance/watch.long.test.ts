import t, { type Test } from 'tap'
import { replicaSetOfKey } from '../../src/view/build-view.js'
import type { RawClient } from '../helpers/raw-client.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { Pair } from './pair.js'

/**
 * What happens to a watched key, and whether EXEC is executed then, as on Redis: `before | meanwhile`, several commands with `;`.
 * What is not named otherwise happens to k, a second key is other, which lies on other servers than k.
 */
const STORIES = `
  SET k 1 | GET k
  SET k 1 | SET k 1
  SET k 1 | SET k 2
  SET k 1 | SET k 2 NX
  SET k 1 | SET k 2 XX
  | SET k 2 XX
  | SET k 2 NX
  SET k 1 | SET k 2 NX GET
  SET k 1 | SETNX k 2
  | SETNX k 2
  SET k 1 | GETSET k 1
  SET k 1 | GETDEL k
  | GETDEL k
  SET k 1 | GETEX k
  SET k 1 | GETEX k EX 100
  SET k 1 | GETEX k PERSIST
  SET k 1 EX 100 | GETEX k PERSIST
  SET k 1 | APPEND k x
  SET k 1 | APPEND k ""
  | APPEND k ""
  SET k 1 | SETRANGE k 0 1
  SET k 1 | SETRANGE k 0 ""
  SET k 1 | INCR k
  SET k 1 | INCRBY k 0
  SET k x | INCR k
  SET k 1 | INCRBYFLOAT k 0
  SET k 1 | STRLEN k
  SET k 1 | GETRANGE k 0 -1
  SET k 1 | SETBIT k 1 1
  SET k 1 | SETBIT k 7 1
  SET k 1 | BITFIELD k GET u8 0
  SET k 1 | BITFIELD k SET u8 0 49
  SET k 1 | BITFIELD k INCRBY u2 0 5 OVERFLOW FAIL INCRBY u2 0 5
  SET k 1 | BITCOUNT k
  SET k 1 | DEL k
  | DEL k
  SET k 1 | UNLINK k
  SET k 1 | DEL k; SET k 1
  | SET k 1; DEL k
  SET k 1 | DEL other
  SET k 1 | MSET other 1 k 1
  SET k 1 | MSET other 1
  SET k 1 | MSETNX k 2 other 2
  | MSETNX k 2 other 2
  SET k 1 | EXPIRE k 100
  | EXPIRE k 100
  SET k 1 | EXPIRE k -1
  SET k 1 | EXPIRE k 100 XX
  SET k 1 EX 100 | EXPIRE k 50 GT
  SET k 1 | PERSIST k
  SET k 1 EX 100 | PERSIST k
  SET k 1 | TTL k; TOUCH k; EXISTS k; TYPE k; OBJECT ENCODING k
  SET k 1 | RENAME k other
  SET other 1 | RENAME other k
  SET k 1 ; SET other 2 | RENAMENX other k
  SET k 1 | COPY k other
  SET other 1 | COPY other k
  SET k 1; SET other 2 | COPY other k
  SET k 1 | MOVE k 1
  SET k 1 | SELECT 1; SET z 1; MOVE z 0; SELECT 0
  SET k 1 | DUMP k
  SET k 1 | SET other 1
  | RPUSH k a
  RPUSH k a | RPUSH k a
  RPUSH k a | LPUSHX k a
  | LPUSHX k a
  RPUSH k a | LPOP k
  | LPOP k
  RPUSH k a b | LPOP k 0
  RPUSH k a b | LPOP k 5
  RPUSH k a b | LREM k 0 x
  RPUSH k a b | LREM k 0 a
  RPUSH k a b | LSET k 0 a
  RPUSH k a b | LSET k 5 a
  RPUSH k a b | LTRIM k 0 -1
  RPUSH k a b | LTRIM k 5 9
  RPUSH k a b | LINSERT k BEFORE x y
  RPUSH k a b | LINSERT k BEFORE a y
  RPUSH k a b | LRANGE k 0 -1; LLEN k; LINDEX k 0; LPOS k a
  RPUSH k a b | LMOVE k k LEFT RIGHT
  RPUSH k a | LMOVE k k LEFT LEFT
  RPUSH k a b | LMOVE k other LEFT RIGHT
  RPUSH other a | LMOVE other k LEFT RIGHT
  | LMOVE other k LEFT RIGHT
  RPUSH k a | LMPOP 2 other k LEFT
  RPUSH other a | LMPOP 2 other k LEFT
  | SADD k a
  SADD k a | SADD k a
  SADD k a | SADD k b
  SADD k a | SREM k x
  SADD k a b | SREM k a
  SADD k a | SREM k a; SADD k a
  SADD k a | SPOP k
  SADD k a | SPOP k 0
  | SPOP k
  SADD k a | SRANDMEMBER k; SMEMBERS k; SISMEMBER k a
  SADD k a | SMOVE k other x
  SADD k a | SMOVE k other a
  SADD other a | SMOVE other k a
  SADD k a; SADD other a | SMOVE other k a
  SADD k{t} a | SUNIONSTORE d{t} k{t}
  SADD k a | SINTER k k
  | HSET k f v
  HSET k f v | HSET k f v
  HSET k f v | HSETNX k f w
  HSET k f v | HSETNX k g w
  HSET k f v | HDEL k x
  HSET k f v | HDEL k f
  HSET k f 1 | HINCRBY k f 0
  HSET k f x | HINCRBY k f 1
  HSET k f v | HGETALL k; HLEN k; HEXISTS k f; HSTRLEN k f; HRANDFIELD k
  HSET k f v | HMSET k f v
  | ZADD k 1 a
  ZADD k 1 a | ZADD k 1 a
  ZADD k 1 a | ZADD k 2 a
  ZADD k 1 a | ZADD k NX 2 a
  ZADD k 1 a | ZADD k XX 2 b
  ZADD k 1 a | ZADD k GT 0 a
  ZADD k 1 a | ZINCRBY k 0 a
  ZADD k 1 a | ZREM k x
  ZADD k 1 a | ZREM k a
  ZADD k 1 a | ZREMRANGEBYSCORE k 5 9
  ZADD k 1 a | ZREMRANGEBYRANK k 0 0
  ZADD k 1 a | ZPOPMIN k
  | ZPOPMIN k
  ZADD k 1 a | ZPOPMIN k 0
  ZADD k 1 a | ZMPOP 2 other k MIN
  ZADD k 1 a | ZRANGE k 0 -1; ZSCORE k a; ZCARD k
  ZADD k{t} 1 a | ZRANGESTORE d{t} k{t} 0 -1
  ZADD k 1 a | GEOADD k 1 1 a
  PFADD k a | PFADD k a
  PFADD k a | PFADD k b
  | PFADD k
  PFADD k a b | PFCOUNT k
  PFADD k a b; PFCOUNT k | PFCOUNT k
  XADD k 1-1 f v | XADD k 1-2 f v
  XADD k 1-1 f v | XADD k 1-1 f v
  | XADD k NOMKSTREAM 1-1 f v
  XADD k 1-1 f v | XDEL k 9-9
  XADD k 1-1 f v | XDEL k 1-1
  XADD k 1-1 f v | XTRIM k MAXLEN 5
  XADD k 1-1 f v; XADD k 1-2 f v | XTRIM k MAXLEN 1
  XADD k 1-1 f v | XRANGE k - +; XLEN k; XREAD STREAMS k 0; XINFO STREAM k
  XADD k 1-1 f v | XGROUP CREATE k g 0
  XADD k 1-1 f v; XGROUP CREATE k g 0 | XREADGROUP GROUP g c STREAMS k >
  XADD k 1-1 f v; XGROUP CREATE k g 0; XREADGROUP GROUP g c STREAMS k > | XACK k g 1-1
  XADD k 1-1 f v; XGROUP CREATE k g 0; XREADGROUP GROUP g c STREAMS k > | XACK k g 9-9
  XADD k 1-1 f v; XGROUP CREATE k g 0; XREADGROUP GROUP g c STREAMS k > | XREADGROUP GROUP g c STREAMS k >
  XADD k 1-1 f v; XGROUP CREATE k g 0; XREADGROUP GROUP g c STREAMS k > | XCLAIM k g d 0 1-1
  XADD k 1-1 f v; XGROUP CREATE k g 0 | XGROUP CREATECONSUMER k g c
  XADD k 1-1 f v; XGROUP CREATE k g 0 | XGROUP DELCONSUMER k g c
  XADD k 1-1 f v | XGROUP DESTROY k g
  XADD k 1-1 f v | XSETID k 5-5
  RPUSH k b a | SORT k
  RPUSH k{t} b a | SORT k{t} ALPHA STORE d{t}
  RPUSH k b a | SORT k ALPHA STORE k
  SET k 1 | LPUSH k x
  SET k 1 | FLUSHALL
  | FLUSHALL
  SET k 1 | FLUSHDB
  | FLUSHDB
  SET k 1 | FLUSHALL; SET k 1
  | FLUSHALL; SET k 1
  | FLUSHALL; DEL k
  SET k 1 | SELECT 3; FLUSHDB
  SET k 1 | SELECT 3; FLUSHDB; SELECT 0; SET k 1
  SADD k a | SELECT 3; FLUSHDB; SELECT 0; SADD k a
  SET k 1 | SWAPDB 0 1
  | SWAPDB 0 1
  SET k 1 | SWAPDB 2 3
  SET k 1 | SWAPDB 0 0
  | SWAPDB 0 0
  SET k 1 | SWAPDB 0 0; SET k 1
  SELECT 1; SET k 1; SELECT 0 | SWAPDB 0 1
  SELECT 1; SET k 1; SELECT 0 | SWAPDB 1 2
  SET k 1; SELECT 1; SET k 1; SELECT 0 | SWAPDB 0 1
  SET k 1 | SELECT 1; SET z 2
  SET k 1 | MULTI; SET k 2; EXEC
  SET k 1 | MULTI; SET k 2; DISCARD
  SADD k a | MULTI; SADD k a; EXEC
  SET k 1 | MULTI; GET k; EXEC
  SET k 1 | MULTI; INCR other; DEL k other; EXEC
  SET k 1 | MULTI; FLUSHALL; EXEC
  | MULTI; FLUSHALL; EXEC
  | MULTI; FLUSHALL; SET k 1; EXEC
  SET k 1 | MULTI; SET other 1; FLUSHDB; SET k 1; EXEC
  | MULTI; SET k 1; FLUSHDB; EXEC
  SADD k a | SELECT 3; MULTI; FLUSHDB; SELECT 0; SADD k a; EXEC
  SADD k a | SELECT 3; MULTI; FLUSHDB; SELECT 0; SADD k b; EXEC
  SET k 1 | MULTI; KEYS *; EXEC
  SET k 1 PX 1; NAP 20 | PING
  SET k 1 PX 1; NAP 20 | GET k
  SET k 1 PX 1; NAP 20 | SET k 1
  SET k 1 PX 1; NAP 20 | FLUSHALL
  SET k 1 PX 400 | NAP 500
  SET k 1 PX 400 | PERSIST k; NAP 500
  SET k 1 PX 400 | NAP 500; SET k 1
  | SET k 1 PX 30; NAP 80
  SET k 1 PX 100000 | NAP 20
`

/** Who says WATCH and EXEC, and who does something meanwhile. */
const WHOS = ['another client', 'the same client'] as const

interface Story {
  readonly text: string
  readonly before: string[][]
  readonly meanwhile: string[][]
}

const pair = await Pair.start(t)

const wordsOf = (text: string) => (text.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replace(/^"(.*)"$/, '$1'))
const commandsOf = (text: string) =>
  text
    .split(';')
    .map(wordsOf)
    .filter(({ length }) => length > 0)
const stories: Story[] = STORIES.split('\n')
  .filter((line) => line.includes('|'))
  .map((line) => {
    const [before, meanwhile] = line.split('|').map(commandsOf)
    return { text: line.trim(), before, meanwhile }
  })

/** False when one of them is not served for keys on different servers. */
async function tell(client: RawClient, commands: readonly string[][]): Promise<boolean> {
  let isServed = true
  for (const command of commands) {
    if (command[0] === 'NAP') await new Promise((resolve) => setTimeout(resolve, Number(command[1])))
    else if (/ is not supported yet .* on different servers/.test(String(await client.ask(...command))))
      isServed = false
  }
  return isServed
}

/** What is answered from MULTI on; undefined when the story cannot be told. */
async function replies(one: RawClient, other: RawClient, { before, meanwhile }: Story): Promise<string | undefined> {
  await tell(one, before)
  const watched = [['WATCH', 'k', 'k{t}']]
  await tell(one, watched)
  const isServed = await tell(other, meanwhile)
  await tell(other, [['SELECT', '0']])
  const commands = [
    ['SELECT', '0'],
    ['MULTI'],
    ['SET', 'result', '1'],
    ['PING'],
    ['EXEC'],
    ['EXISTS', 'result'],
    ['DEL', 'result'],
  ]
  const told = (await one.pipeline(commands)).map(String).join('')
  return isServed ? told : undefined
}

async function sameStories(t: Test, keysAre: 'there' | 'renamed'): Promise<void> {
  // k and other as they are lie on different servers; with a tag, on the same ones.
  const rename = (command: string[]) =>
    keysAre === 'there' ? command : command.map((word) => (/^(k|other|z|result)$/.test(word) ? `${word}{t}` : word))
  for (const who of WHOS) {
    for (const proto of [2, 3] as const) {
      await pair.flush()
      const wrong: string[] = []
      const [a, b] = await Promise.all([pair.connect(proto), pair.connect(proto)])
      for (const story of stories) {
        const renamed = { ...story, before: story.before.map(rename), meanwhile: story.meanwhile.map(rename) }
        const [ours, theirs] = await Promise.all([
          replies(a.ours, who === 'the same client' ? a.ours : b.ours, renamed),
          replies(a.theirs, who === 'the same client' ? a.theirs : b.theirs, renamed),
        ])
        if (ours !== undefined && ours !== theirs)
          wrong.push(`${story.text}\n  ours   ${JSON.stringify(ours)}\n  theirs ${JSON.stringify(theirs)}`)
        await Promise.all(
          [a.ours, a.theirs, b.ours, b.theirs].map((client) =>
            tell(client, [['DISCARD'], ['UNWATCH'], ['SELECT', '0']]),
          ),
        )
        await Promise.all([a.ours, a.theirs].map((client) => client.ask('FLUSHALL')))
      }
      t.same(wrong, [], `${stories.length} stories, RESP${proto}, ${who} does something meanwhile`)
      a.close()
      b.close()
    }
  }
  t.same((await ringSnapshot(pair.proxy)).faults, [])
}

t.test('EXEC is executed exactly when it is on Redis, keys on different servers', async (t) => {
  t.not(
    replicaSetOfKey(pair.proxy.view, Buffer.from('k'), 0, 1),
    replicaSetOfKey(pair.proxy.view, Buffer.from('other'), 0, 5),
  )
  t.ok(stories.length > 113, `${stories.length} stories`)
  await sameStories(t, 'there')
})

t.test('EXEC is executed exactly when it is on Redis, keys on the same servers', async (t) => {
  await sameStories(t, 'renamed')
})
