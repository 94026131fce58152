import t, { type Test } from 'tap'
import type { ConfigInput } from '../../src/config/config.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { replicasOf } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * A script on keys of several servers is tried on one of them, and says what it did: that is done on all, as commands of one key each, and
 * no value goes from server to server for it, however large it is. Where it cannot be said so, or a deadline is near, it is what the
 * script left [design §7 Scripts].
 */

interface Story {
  readonly proxy: TestProxy
  readonly client: RawClient
  readonly members: readonly RawClient[]
  /** On dt-1, dt-2 and dt-3, and on dt-2, dt-3 and dt-4. */
  readonly a: string
  readonly b: string
}

const MEMBERS = ['dt-1', 'dt-2', 'dt-3', 'dt-4']

async function begin(t: Test, config: ConfigInput = {}): Promise<Story> {
  const proxy = await startProxy(t, { nodes: 4, replicas: 2, config })
  const client = await proxy.connect()
  const keyWithout = async (name: string, member: string) => {
    for (let i = 0; ; i++) {
      const replicas = await replicasOf(client, `${name}:${i}`)
      if (!replicas.includes(member)) return `${name}:${i}`
    }
  }
  const members = await Promise.all(MEMBERS.map((name) => proxy.connectTo(name)))
  return { proxy, client, members, a: await keyWithout('a', 'dt-4'), b: await keyWithout('b', 'dt-1') }
}

/** How often the servers have executed a command since `forget`, all together. */
async function calls(members: readonly RawClient[], name: string): Promise<number> {
  const stats = await Promise.all(members.map(async (member) => String(await member.ask('INFO', 'commandstats'))))
  return stats.reduce((sum, text) => sum + Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(text)?.[1] ?? 0), 0)
}

async function forget(members: readonly RawClient[]): Promise<void> {
  for (const member of members) await member.ask('CONFIG', 'RESETSTAT')
}

async function isClean(t: Test, { proxy, members }: Story): Promise<void> {
  t.same((await ringSnapshot(proxy)).faults, [])
  for (const member of members) t.equal(String(await member.ask('KEYS', '*dt:pieces*')), '*0\r\n')
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i))

t.test(
  'a list, a sorted set and a stream are large: none of them is copied, nor any key that the executor has',
  async (t) => {
    const story = await begin(t)
    const { client, members, a, b } = story
    const { client: _, ...keys } = { client, list: `{${a}}list`, zset: `{${a}}zset`, stream: `{${a}}stream`, hash: b }
    await client.ask('RPUSH', keys.list, ...numbers(2000))
    await client.ask('ZADD', keys.zset, ...numbers(2000).flatMap((n) => [n, `m${n}`]))
    await client.pipeline(numbers(300).map((n) => ['XADD', keys.stream, `1-${Number(n) + 1}`, 'n', n]))
    const source = `redis.call('hincrby', KEYS[4], 'n', 1)
    local x = redis.call('rpop', KEYS[1])
    redis.call('lpush', KEYS[1], x)
    redis.call('zincrby', KEYS[2], 5000, 'm7')
    local id = redis.call('xadd', KEYS[3], 'MAXLEN', '~', 1000, '*', 'x', x)
    redis.call('xadd', KEYS[3], '*', 'y', x)
    return {x, id}`
    const run = () => client.ask('EVAL', source, '4', keys.list, keys.zset, keys.stream, keys.hash)
    // The sizes of keys are learnt.
    await run()
    await run()
    await forget(members)
    const [, x] = String(await run()).match(/\$4\r\n(\d+)\r\n\$\d+\r\n\d+-\d+/)!
    t.equal(x, '1997')
    t.ok((await calls(members, 'dump')) <= 1, 'but for the hash')
    t.equal(await calls(members, 'hincrby'), 4, 'on three servers, and where it was tried')
    t.equal(String(await client.ask('LRANGE', keys.list, '0', '2')), '*3\r\n$4\r\n1997\r\n$4\r\n1998\r\n$4\r\n1999\r\n')
    t.match(String(await client.ask('ZSCORE', keys.zset, 'm7')), /15007/)
    t.equal(String(await client.ask('XLEN', keys.stream)), ':306\r\n')
    t.equal(String(await client.ask('HGET', keys.hash, 'n')), '$1\r\n3\r\n')
    await isClean(t, story)
  },
)

t.test('what several clients do so at the same time comes one behind the other, on all servers alike', async (t) => {
  const story = await begin(t)
  const { proxy, a, b } = story
  const clients = await Promise.all(numbers(8).map(() => proxy.connect()))
  const source = `local n = redis.call('incr', KEYS[1])
    local m = redis.call('llen', KEYS[2])
    redis.call('rpush', KEYS[2], n .. ':' .. m)
    redis.call('hset', KEYS[1] .. ':h' .. n % 3, n, m)
    return n .. ':' .. m`
  const replies = await Promise.all(
    clients.map(async (client) => {
      const all: string[] = []
      for (let i = 0; i < 25; i++) all.push(String(await client.ask('EVAL', source, '2', a, b)).split('\r\n')[1])
      return all
    }),
  )
  const expected = numbers(200).map((n) => `${Number(n) + 1}:${n}`)
  t.same(replies.flat().sort(), [...expected].sort())
  const listed = String(await clients[0].ask('LRANGE', b, '0', '-1'))
    .split('\r\n')
    .filter((word) => word.includes(':'))
  t.same(listed, expected, 'each has found what the one before it has left')
  await isClean(t, story)
})

t.test('a deadline is near: what comes too late makes no key that stays', async (t) => {
  const story = await begin(t)
  const { client, members, a, b } = story
  const source = "redis.call('incr', KEYS[1]) return redis.call('incr', KEYS[2])"
  for (let i = 0; i < 12; i++) {
    await client.ask('SET', a, '5', 'PX', String(60 + i * 5))
    const endsMs = performance.now() + 400
    while (performance.now() < endsMs) {
      const reply = await client.ask('EVAL', source, '2', b, a)
      if (String(reply) === ':1\r\n') break
    }
    await client.ask('DEL', a)
    // A limiter of its own, whose first call gives the deadline.
    const limit =
      "local n = redis.call('incr', KEYS[1]) if n == 1 then redis.call('pexpire', KEYS[1], 40) end redis.call('incr', KEYS[2]) return n"
    for (let k = 0; k < 20; k++) await client.ask('EVAL', limit, '2', a, b)
    await until('it expires', async () => String(await client.ask('EXISTS', a)) === ':0\r\n')
  }
  for (const member of members) t.equal(String(await member.ask('EXISTS', a)), ':0\r\n')
  await isClean(t, story)
})

t.test('what is added to a stream in the end is not seen before, nor twice', async (t) => {
  const story = await begin(t)
  const { client, a, b } = story
  await client.pipeline(numbers(200).map((n) => ['XADD', a, `1-${Number(n) + 1}`, 'n', n]))
  const add = "redis.call('incr', KEYS[2]) local id = redis.call('xadd', KEYS[1], '*', 'k', 'v') "
  const cases: readonly [string, string, RegExp, number][] = [
    ['it is looked at', `${add}return redis.call('xlen', KEYS[1])`, /^:201\r\n/, 1],
    [
      'another key is wanted',
      `${add}redis.call('set', KEYS[2] .. 'other', id) return redis.call('xlen', KEYS[1])`,
      /^:202\r\n/,
      1,
    ],
    ['it fails', `${add}error('no')`, /^-ERR .*no/, 1],
    [
      'it is deleted',
      `${add}redis.call('del', KEYS[1]) redis.call('xadd', KEYS[1], '5-1', 'k', 'v') return 1`,
      /^:1/,
      -202,
    ],
    ['nothing of it is said', `${add}redis.call('copy', KEYS[2], KEYS[2] .. 'copy', 'REPLACE') return 1`, /^:1/, 1],
  ]
  let length = 200
  for (const [what, source, answer, more] of cases) {
    t.match(String(await client.ask('EVAL', source, '2', a, b)), answer, what)
    length += more
    t.equal(String(await client.ask('XLEN', a)), `:${length}\r\n`, what)
  }
  await client.pipeline(numbers(300).map((n) => ['XADD', a, '*', 'n', n]))
  const trimming = "redis.call('incr', KEYS[2]) return redis.call('xadd', KEYS[1], 'MAXLEN', '~', 150, '*', 'k', 'v')"
  let last = ''
  for (let i = 0; i < 120; i++) {
    const id = String(await client.ask('EVAL', trimming, '2', a, b)).split('\r\n')[1]
    if (id === last) t.fail(`${id} is given twice`)
    last = id
  }
  const entries = Number(String(await client.ask('XLEN', a)).slice(1))
  t.ok(entries >= 150 && entries < 250, `${entries} entries are left`)
  t.match(String(await client.ask('XREVRANGE', a, '+', '-', 'COUNT', '1')), last)
  await isClean(t, story)
})

t.test('what cannot be said as commands of one key is left, also of values that are large', async (t) => {
  const story = await begin(t, { migration: { maxBlockMs: 1 }, limits: { gatherMs: 60_000 } })
  const { client, a, b } = story
  const list = `{${a}}list`
  await client.ask('RPUSH', list, ...numbers(20_000))
  const pushAndCopy = `redis.call('incr', KEYS[2])
    redis.call('lpush', KEYS[1], 'first')
    redis.call('copy', KEYS[1], KEYS[3], 'REPLACE')
    return redis.call('llen', KEYS[3])`
  t.equal(String(await client.ask('EVAL', pushAndCopy, '3', list, b, `{${b}}copy`)), ':20001\r\n')
  t.equal(String(await client.ask('LLEN', list)), ':20001\r\n')
  t.equal(String(await client.ask('LINDEX', `{${b}}copy`, '0')), '$5\r\nfirst\r\n')
  const push = "redis.call('incr', KEYS[2]) return redis.call('lpush', KEYS[1], 'x')"
  t.equal(String(await client.ask('EVAL', push, '2', list, b)), ':20002\r\n')
  const many = `for i = 1, 1000 do redis.call('rpush', KEYS[1], i) redis.call('incr', KEYS[2]) end return redis.call('llen', KEYS[1])`
  t.equal(String(await client.ask('EVAL', many, '2', list, b)), ':21002\r\n')
  t.equal(String(await client.ask('GET', b)), '$4\r\n1002\r\n')
  await isClean(t, story)
})

t.test('who waits for an element gets what the script has left, not what it had in between', async (t) => {
  const story = await begin(t)
  const { proxy, client, a, b } = story
  const waiter = await proxy.connect()
  const source = `redis.call('rpush', KEYS[1], 'passing')
    redis.call('lpop', KEYS[1])
    redis.call('incr', KEYS[2])
    redis.call('rpush', KEYS[1], ARGV[1], 'rest')
    return redis.call('llen', KEYS[1])`
  for (let i = 0; i < 20; i++) {
    const waiting = waiter.ask('BLPOP', a, '10')
    t.equal(String(await client.ask('EVAL', source, '2', a, b, `v${i}`)), ':2\r\n')
    t.match(String(await waiting), new RegExp(`\\r\\nv${i}\\r\\n`))
    t.equal(String(await client.ask('LPOP', a)), '$4\r\nrest\r\n')
  }
  await isClean(t, story)
})

t.test('an element goes from list to list, and keys are deleted together', async (t) => {
  const story = await begin(t)
  const { client, a, b } = story
  await client.ask('RPUSH', a, ...numbers(100))
  await client.ask('SET', `{${b}}one`, '1')
  const source = `redis.call('rpoplpush', KEYS[1], KEYS[2])
    redis.call('lmove', KEYS[1], KEYS[2], 'left', 'right')
    redis.call('rpoplpush', KEYS[1], KEYS[1])
    redis.call('set', KEYS[3] .. 'two', 1)
    return redis.call('del', KEYS[3] .. 'one', KEYS[3] .. 'two', KEYS[3] .. 'none')`
  t.equal(String(await client.ask('EVAL', source, '3', a, b, `{${b}}`)), ':2\r\n')
  t.equal(String(await client.ask('LRANGE', b, '0', '-1')), '*2\r\n$2\r\n99\r\n$1\r\n0\r\n')
  t.equal(String(await client.ask('LRANGE', a, '0', '1')), '*2\r\n$2\r\n98\r\n$1\r\n1\r\n')
  t.equal(String(await client.ask('EXISTS', `{${b}}one`, `{${b}}two`)), ':0\r\n')
  await isClean(t, story)
})
