import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { counter, keyOn, nodeStates, outstanding } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * Scripts on keys of several servers: one of these tries them, with the others' values as guests under their own names, and what they
 * leave is written like any other value [design §7 Scripts].
 */

interface Story {
  readonly proxy: TestProxy
  readonly client: RawClient
  /** On dt-1 and dt-2 alone, on dt-3 and dt-4 alone, and on dt-2 and dt-3 alone. */
  readonly a: string
  readonly b: string
  readonly d: string
}

async function begin(t: Test, config = {}): Promise<Story> {
  const proxy = await startProxy(t, { nodes: 4, replicas: 1, config })
  const client = await proxy.connect()
  const [a, b] = [await keyOn(client, 'a', 'dt-1', 'dt-2'), await keyOn(client, 'b', 'dt-3', 'dt-4')]
  return { proxy, client, a, b, d: await keyOn(client, 'd', 'dt-2', 'dt-3') }
}

/** All is where it should be, and nothing is left of guests. */
async function isClean(t: Test, proxy: TestProxy): Promise<void> {
  t.same((await ringSnapshot(proxy)).faults, [])
  for (const name of ['dt-1', 'dt-2', 'dt-3', 'dt-4']) {
    t.equal(String(await (await proxy.connectTo(name)).ask('KEYS', '*dt:pieces*')), '*0\r\n')
  }
}

t.test('what a script does with them stays, on all their servers, and it says what it says', async (t) => {
  const { proxy, client, a, b, d } = await begin(t)
  await client.ask('RPUSH', a, 'x', 'y')
  await client.ask('SET', d, 'old')
  await client.ask('PEXPIREAT', d, '33000000000000')
  const source = `local x = redis.call('lpop', KEYS[1])
    redis.call('rpush', KEYS[2], x, ARGV[1])
    redis.call('append', KEYS[3], x)
    redis.call('rename', KEYS[1], KEYS[1])
    return {x, redis.call('pexpiretime', KEYS[3]), redis.call('lrange', KEYS[2], 0, -1), redis.call('exists', 'no' .. KEYS[1])}`
  t.equal(
    String(await client.ask('EVAL', source, '3', a, b, d, 'z')),
    '*4\r\n$1\r\nx\r\n:33000000000000\r\n*2\r\n$1\r\nx\r\n$1\r\nz\r\n:0\r\n',
  )
  t.equal(String(await client.ask('LRANGE', a, '0', '-1')), '*1\r\n$1\r\ny\r\n')
  t.equal(String(await client.ask('LRANGE', b, '0', '-1')), '*2\r\n$1\r\nx\r\n$1\r\nz\r\n')
  t.equal(String(await client.ask('GET', d)), '$4\r\noldx\r\n')
  t.equal(String(await client.ask('PEXPIRETIME', d)), ':33000000000000\r\n')
  await isClean(t, proxy)
  t.ok((await counter(client, 'gathers')) > 0)
})

t.test('keys that it has not declared, numbers among its keys, and what it learns of them', async (t) => {
  const { proxy, client, a, b, d } = await begin(t)
  const learns = async (gathers: number, ...call: string[]) => {
    const before = await counter(client, 'gathers')
    const reply = String(await client.ask(...call))
    t.equal((await counter(client, 'gathers')) - before, gathers, call.join(' '))
    return reply
  }
  const limiter = (key: string) =>
    `local n = redis.call('incr', ${key}) return {n, tonumber(KEYS[2]) + tonumber(KEYS[3])}`
  t.equal(
    await learns(0, 'EVAL', limiter('KEYS[1]'), '3', a, '7', '60'),
    '*2\r\n:1\r\n:67\r\n',
    'it is seen that these are none',
  )
  const built = limiter("KEYS[1] .. ''")
  t.equal(await learns(1, 'EVAL', built, '3', a, '7', '60'), '*2\r\n:2\r\n:67\r\n')
  t.equal(await learns(0, 'EVAL', built, '3', a, '7', '60'), '*2\r\n:3\r\n:67\r\n', 'it is known that these are none')
  const named = "return {redis.call('incr', ARGV[1]), ARGV[2]}"
  t.equal(await learns(0, 'EVAL', named, '0', b, 'x'), '*2\r\n:1\r\n$1\r\nx\r\n')
  t.equal(await learns(0, 'EVAL', named, '0', b, 'x'), '*2\r\n:2\r\n$1\r\nx\r\n')
  const channel =
    "redis.call('zadd', ARGV[1], 1, 'm') redis.call('expire', ARGV[1], 100) return redis.call('incr', ARGV[2])"
  t.equal(await learns(1, 'EVAL', channel, '0', `${d}:z`, b), ':3\r\n')
  t.equal(await learns(1, 'EVAL', channel, '0', `${d}:z`, b), ':4\r\n')
  t.match(String(await client.ask('TTL', `${d}:z`)), /^:(99|100)\r\n$/)
  const both = "return {redis.call('incr', ARGV[1]), ARGV[2] ~= '' and redis.call('incr', ARGV[2]) or 0}"
  t.equal(await learns(1, 'EVAL', both, '0', a, b), '*2\r\n:4\r\n:5\r\n')
  t.equal(await learns(1, 'EVAL', both, '0', a, ''), '*2\r\n:5\r\n:0\r\n', 'the empty key as well')
  await isClean(t, proxy)
})

t.test(
  'names that it makes of its keys, of arguments and of numbers that count up: once it is seen how, it runs once',
  async (t) => {
    const { proxy, client } = await begin(t)
    const members = await Promise.all(['dt-1', 'dt-2', 'dt-3', 'dt-4'].map((name) => proxy.connectTo(name)))
    const executed = async () => {
      const stats = await Promise.all(members.map((member) => member.ask('INFO', 'commandstats')))
      return stats.reduce((sum, each) => sum + Number(/cmdstat_evalsha:calls=(\d+)/.exec(String(each))?.[1] ?? 0), 0)
    }
    const source = `local n = redis.call('incr', KEYS[1])
    local job = string.match(KEYS[1], '^(.*:)id$') .. n
    redis.call('hset', job, 'of', ARGV[1])
    redis.call('set', job .. ':lock', 'x', 'PX', 60000)
    redis.call('rpush', KEYS[1] .. ':of:' .. ARGV[1], n)
    return n`
    const runs: number[] = []
    for (let i = 1; i <= 6; i++) {
      const before = await executed()
      t.equal(String(await client.ask('EVAL', source, '1', 'queue-1:id', `user ${i}`)), `:${i}\r\n`)
      runs.push((await executed()) - before)
    }
    t.same(runs.slice(2), [1, 1, 1, 1], `${runs}`)
    await client.ask('SET', 'queue-1:id', '100')
    const others = await Promise.all(
      [1, 2, 3, 4, 5].map((i) => client.ask('EVAL', source, '1', 'queue-1:id', `user ${i}`)),
    )
    t.same(
      others.map(String),
      [101, 102, 103, 104, 105].map((n) => `:${n}\r\n`),
      'somebody has counted on',
    )
    t.equal(String(await client.ask('HGET', 'queue-1:105', 'of')), '$6\r\nuser 5\r\n')
    t.equal(String(await client.ask('EXISTS', 'queue-1:7', 'queue-1:106')), ':0\r\n')
    await isClean(t, proxy)
  },
)

t.test('what it is only expected to touch is not waited for when its servers are away', async (t) => {
  const { proxy, client, a, b } = await begin(t)
  const source = `redis.call('incr', ARGV[1])
    if ARGV[3] == 'y' then redis.call('incr', ARGV[2]) end
    if ARGV[3] == 'y' then redis.call('incr', KEYS[1] .. ':' .. ARGV[2]) end
    return redis.call('get', KEYS[1])`
  const call = (how: string) => client.ask('EVAL', source, '1', a, a, b, how)
  for (const reply of ['1', '2', '3']) t.equal(String(await call('y')), `$1\r\n${reply}\r\n`)
  await Promise.all(['dt-3', 'dt-4'].map((name) => proxy.ring.kill(name)))
  const states = async () => Object.values(await nodeStates(client)).filter((state) => state === 'up').length
  await until('they are away', async () => (await states()) === 2)
  t.equal(String(await call('n')), '$1\r\n4\r\n')
})

t.test('nor does it make a call too large for the limit', async (t) => {
  const { client, a, b } = await begin(t, { limits: { gatherBytes: '50kb' } })
  const source = `if ARGV[2] == 'y' then redis.call('strlen', ARGV[1]) end
    return redis.call('strlen', KEYS[1])`
  const call = (how: string) => client.ask('EVAL', source, '1', a, b, how)
  for (let i = 0; i < 3; i++) t.equal(String(await call('y')), ':0\r\n')
  for (const key of [a, b]) await client.ask('SET', key, randomBytes(100_000))
  t.match(String(await call('y')), /^-ERR .* limits.gatherBytes is 51200; /)
  t.equal(String(await call('n')), ':100000\r\n')
})

t.test('a guess counts once, also when the call is done again', async (t) => {
  const { proxy, client, a, b } = await begin(t, { limits: { gatherBytes: '50kb' } })
  const members = await Promise.all(['dt-1', 'dt-2', 'dt-3', 'dt-4'].map((name) => proxy.connectTo(name)))
  const source = `redis.call('incr', KEYS[2])
    if ARGV[1] == 'large' then
      local v = {} for i = 1, 30000 do v[i] = math.random(1e6) end
      redis.call('set', KEYS[1], table.concat(v))
      redis.call('rename', KEYS[1], KEYS[1]) -- as a whole value
    end
    if ARGV[1] == 'more' then redis.call('incr', KEYS[1] .. ':lock') end`
  const call = (how: string) => client.ask('EVAL', source, '2', a, b, how)
  for (let i = 0; i < 3; i++) t.equal(String(await call('more')), '$-1\r\n')
  for (let i = 0; i < 5; i++) t.match(String(await call('large')), /^-ERR .* limits.gatherBytes is 51200; /)
  for (const member of members) await member.ask('CONFIG', 'RESETSTAT')
  t.equal(String(await call('more')), '$-1\r\n')
  const stats = await Promise.all(members.map((member) => member.ask('INFO', 'commandstats')))
  const calls = stats.map((each) => Number(/cmdstat_evalsha:calls=(\d+)/.exec(String(each))?.[1] ?? 0))
  t.equal(
    calls.reduce((sum, each) => sum + each),
    1,
    'it is expected still',
  )
})

t.test('it is given more of its keys than ever before, or needs others of them', async (t) => {
  const { proxy, client } = await begin(t)
  const keys = (count: number) => Array.from({ length: count }, (_, i) => `more:${i}`)
  const gathersOf = async (source: string, count: number, ...args: string[]) => {
    const before = await counter(client, 'gathers')
    const reply = String(await client.ask('EVAL', source, String(count), ...keys(count), ...args))
    return [reply, (await counter(client, 'gathers')) - before]
  }
  const all = "local n = 0 for i = 1, #KEYS do n = n + redis.call('incr', KEYS[i]) end return n"
  t.same(await gathersOf(all, 2), [':2\r\n', 1])
  t.same(await gathersOf(all, 250), [':252\r\n', 1], 'nothing is known of the others')
  t.same(await gathersOf(all, 250), [':502\r\n', 1])
  const from = `local n = 0 for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do n = n + redis.call('incr', KEYS[i]) end return n`
  t.same(await gathersOf(from, 250, '1', '2'), [':8\r\n', 1])
  t.same(
    await gathersOf(from, 250, '2', '250'),
    [`:${5 + 248 * 3}\r\n`, 1],
    'more than 100 of its own that it has never touched',
  )
  t.same(await gathersOf(from, 250, '3', '250'), [`:${248 * 4}\r\n`, 1])
  await isClean(t, proxy)
})

t.test('it fails half-way: what it had done stays', async (t) => {
  const { proxy, client, a, b } = await begin(t)
  const source = "redis.call('set', KEYS[1], 'one')\nredis.call('lpush', KEYS[2], 'x')\nredis.call('incr', KEYS[2])"
  t.match(
    String(await client.ask('EVAL', source, '2', a, b)),
    /^-WRONGTYPE Operation .* script: [0-9a-f]{40}, on @user_script:3\.\r\n$/,
  )
  t.equal(String(await client.ask('GET', a)), '$3\r\none\r\n')
  t.equal(String(await client.ask('LLEN', b)), ':1\r\n')
  await isClean(t, proxy)
})

t.test('one that only reads keeps nobody from reading, and one that may not write does not', async (t) => {
  const { proxy, client, a, b } = await begin(t)
  await client.pipeline([
    ['SET', a, '1'],
    ['SET', b, '2'],
    ['EXPIRE', b, '100'],
  ])
  const reads = "return {redis.call('get', KEYS[1]), redis.call('get', KEYS[2]), redis.call('ttl', KEYS[2]) > 90}"
  t.equal(String(await client.ask('EVAL_RO', reads, '2', a, b)), '*3\r\n$1\r\n1\r\n$1\r\n2\r\n:1\r\n')
  t.equal(
    String(await client.ask('EVAL', `#!lua flags=no-writes\n${reads}`, '2', a, b)),
    '*3\r\n$1\r\n1\r\n$1\r\n2\r\n:1\r\n',
  )
  t.match(
    String(await client.ask('EVAL_RO', "return redis.call('mset', KEYS[1], 1, KEYS[2], 2)", '2', a, b)),
    /^-ERR Write commands are not allowed from read-only scripts/,
  )
  await isClean(t, proxy)
})

t.test('nobody sees anything of it before it is done, and no call is lost', async (t) => {
  const { proxy, client, a, b } = await begin(t)
  const clients = await Promise.all(Array.from({ length: 5 }, () => proxy.connect()))
  const source = "return {redis.call('incr', KEYS[1]), redis.call('incr', KEYS[2])}"
  const unequal: string[] = []
  await Promise.all(
    clients.map(async (each, i) => {
      for (let n = 0; n < 60; n++) {
        if (i === 0) {
          const [one, two] = String(await each.ask('MGET', a, b)).match(/(?<=\n)\d+(?=\r)/g) ?? []
          if (one !== two) unequal.push(`${one} ${two}`)
        } else {
          const [one, two] = String(await each.ask('EVAL', source, '2', a, b)).match(/(?<=:)\d+/g) ?? []
          if (one === undefined || one !== two) unequal.push(`${one} ${two}`)
        }
      }
    }),
  )
  t.same(unequal, [])
  t.equal(String(await client.ask('GET', a)), '$3\r\n240\r\n')
  await isClean(t, proxy)
})

const PUSHES = "for i = 2, #ARGV do redis.call('rpush', ARGV[i], ARGV[1]) end return redis.call('llen', ARGV[2])"
const LIBRARY = `#!lua name=pushes\nredis.register_function('pushes', function(KEYS, ARGV) ${PUSHES} end)`

for (const how of [
  ['EVAL', PUSHES],
  ['FCALL', 'pushes'],
]) {
  t.test(`${how[0]} is expected to touch a key that one over several servers has: it waits for that one`, async (t) => {
    const { proxy, client, a, b } = await begin(t)
    await client.ask('FUNCTION', 'LOAD', LIBRARY)
    const [first, second, third] = await Promise.all([1, 2, 3].map(() => proxy.connect()))
    // It is known that these are keys, and small ones.
    for (const reply of [':1\r\n', ':2\r\n']) t.equal(String(await client.ask(...how, '0', 'zero', b, a)), reply)
    const member = await proxy.connectTo('dt-1')
    const taken = async () =>
      Number(/cmdstat_dump:calls=(\d+)/.exec(String(await member.ask('INFO', 'commandstats')))?.[1] ?? 0)
    const before = await taken()
    for (const name of ['dt-3', 'dt-4']) proxy.ring.pause(name)
    const over = first.ask(...how, '0', 'one', b, a)
    await until('the value of the key that both have is taken', async () => (await taken()) > before)
    const waits = await counter(client, 'gate_waits')
    // Its keys have the same servers, none of which stands still.
    const onOne = second.ask(...how, '0', 'two', a, `{${a}}`)
    const declared = third.ask('EVAL', PUSHES.replaceAll('ARGV[2]', 'KEYS[1]'), '1', `{${a}}`, 'three', a)
    let isAnswered = false
    void onOne.then(() => (isAnswered = true))
    await until('they wait', async () => isAnswered || (await counter(client, 'gate_waits')) >= waits + 2)
    t.notOk(isAnswered)
    for (const name of ['dt-3', 'dt-4']) proxy.ring.resume(name)
    t.equal(String(await over), ':3\r\n')
    t.match(String(await onOne), /^:[45]\r\n$/)
    t.match(String(await declared), /^:[01]\r\n$/)
    const list = String(await client.ask('LRANGE', a, '0', '-1')).match(/(?<=\n)[a-z]+(?=\r)/g)!
    t.same(
      [list.slice(0, 3), list.slice(3).sort()],
      [
        ['zero', 'zero', 'one'],
        ['three', 'two'],
      ],
    )
    await isClean(t, proxy)
  })
}

t.test('a server has values of its own under the names of guests: they are put aside', async (t) => {
  const { proxy, client, a, b } = await begin(t)
  await client.pipeline([
    ['SET', a, '1'],
    ['SET', b, '2'],
  ])
  const members = await Promise.all(['dt-1', 'dt-2', 'dt-3', 'dt-4'].map((name) => proxy.connectTo(name)))
  const foreign = [b, b, a, a]
  // As a copy that is still to be deleted (the ring deletes such copies, so it may have to be put there again).
  await until('they are back', async () => {
    await Promise.all(members.map((member, i) => member.ask('SET', foreign[i], 'own')))
    const got = String(await client.ask('EVAL', "return redis.call('mget', KEYS[1], KEYS[2])", '2', a, b))
    t.equal(got, '*2\r\n$1\r\n1\r\n$1\r\n2\r\n')
    const set =
      "redis.call('mset', KEYS[1], 1, KEYS[2], 2) redis.call('del', KEYS[1]) return redis.call('incr', KEYS[1])"
    t.equal(String(await client.ask('EVAL', set, '2', a, b)), ':1\r\n')
    const own = await Promise.all(members.map((member, i) => member.ask('GET', foreign[i])))
    return own.every((value) => String(value) === '$3\r\nown\r\n')
  })
  t.equal(String(await client.ask('MGET', a, b)), '*2\r\n$1\r\n1\r\n$1\r\n2\r\n')
})

t.test('limits, and rings that do not allow it', async (t) => {
  const { client, a, b, d } = await begin(t, { limits: { gatherBytes: '50kb' } })
  await client.ask('SET', a, 'x'.repeat(60_000))
  t.match(
    String(await client.ask('EVAL', "return redis.call('strlen', KEYS[1]) + redis.call('incr', KEYS[2])", '2', a, b)),
    /^(:60001|-ERR 'eval' on keys of several servers would copy about \d+ bytes .* the command was not applied)/,
  )
  const grown =
    "local v = {} for i = 1, 30000 do v[i] = math.random(1e6) end redis.call('set', KEYS[1], table.concat(v)) redis.call('rename', KEYS[1], KEYS[1]) return redis.call('incr', KEYS[2])"
  t.match(
    String(await client.ask('EVAL', grown, '2', d, b)),
    /^-ERR 'eval' on keys of several servers would copy .* was not applied/,
  )
  t.equal(String(await client.ask('EXISTS', d)), ':0\r\n')

  const refusing = await begin(t, { commands: { crossServer: 'refuse' } })
  t.equal(
    String(
      await refusing.client.ask('EVAL', "return redis.call('mget', KEYS[1], KEYS[2])", '2', refusing.a, refusing.b),
    ),
    "-CROSSSLOT Keys in request don't hash to the same slot\r\n",
  )
  t.match(
    String(
      await refusing.client.ask(
        'EVAL',
        "redis.call('incr', KEYS[1]) redis.call('incr', ARGV[1])",
        '1',
        refusing.a,
        refusing.b,
      ),
    ),
    /^-ERR the script touched 'b:\d+', which was not among its keys .* nothing was applied\r\n$/,
  )
  t.equal(String(await refusing.client.ask('DBSIZE')), ':0\r\n')
})

t.test('the connection of who executes it breaks: nothing has happened, and nobody else gets it', async (t) => {
  const { proxy, client, a, b } = await begin(t)
  const watcher = await proxy.connect()
  const busy = "redis.call('incr', KEYS[1]) redis.call('incr', KEYS[2]) local n = 0 while n < 1e9 do n = n + 1 end"
  await client.ask('SET', a, '1')
  const reply = client.ask('EVAL', busy, '2', a, b)
  const looks = new Map<string, number>()
  const busiest = () => [...looks].find(([, count]) => count > 10)?.[0]
  await until('it runs', async () => {
    for (const name of ['dt-1', 'dt-2', 'dt-3', 'dt-4']) {
      looks.set(name, (await outstanding(watcher, name)) > 0 ? (looks.get(name) ?? 0) + 1 : 0)
    }
    return busiest() !== undefined
  })
  const executor = busiest()!
  await proxy.ring.kill(executor)
  t.match(
    String(await reply),
    /^-ERR the script was not answered: the connection to dt-\d broke .* nothing was applied/,
  )
  await proxy.ring.restart(executor)
  await until('it serves', async () => String(await watcher.ask('MGET', a, b)) === '*2\r\n$1\r\n1\r\n$-1\r\n')
})

t.test('a script asks which keys there are: it is told those of the whole ring, and may touch them', async (t) => {
  const { proxy, client } = await begin(t)
  const other = await proxy.connect()
  await client.pipeline(Array.from({ length: 30 }, (_, i) => ['SET', `some:${i}`, 'x']))
  const ask = async (...words: string[]) => String(await client.ask('EVAL', ...words))
  t.equal(
    await ask("return {redis.call('dbsize'), #redis.call('keys', ARGV[1]), #redis.call('keys', 'no*')}", '0', '*:1*'),
    '*3\r\n:30\r\n:11\r\n:0\r\n',
  )
  t.match(await ask("return redis.call('randomkey')", '0'), /^\$\d+\r\nsome:\d+/)
  t.equal(
    await ask("local r = redis.call('scan', 0, 'match', '*:2*', 'count', 3) return {r[1], #r[2]}", '0'),
    '*2\r\n$1\r\n0\r\n:11\r\n',
  )
  t.equal(await ask("return redis.pcall('scan', 'x').err", '0'), '$18\r\nERR invalid cursor\r\n')
  t.equal(await ask("return redis.pcall('scan', 0, 'type').err", '0'), '$16\r\nERR syntax error\r\n')
  t.match(
    await ask("return redis.call('keys')", '0'),
    /^-ERR Wrong number of args calling Redis command from script script: /,
  )
  const sweep =
    "local keys = redis.call('keys', ARGV[1]) for _, key in ipairs(keys) do redis.call('del', key) end return #keys"
  const [swept] = await Promise.all([ask(sweep, '0', 'some:*'), other.ask('SET', 'other', 'x')])
  t.equal(swept, ':30\r\n')
  t.equal(String(await client.ask('DBSIZE')), ':1\r\n')
  await client.pipeline(Array.from({ length: 1200 }, (_, i) => ['SET', `some:${i}`, 'x']))
  t.equal(await ask("return #redis.call('keys', 'some:*')", '0'), ':1200\r\n')
  t.match(
    await ask(sweep, '0', 'some:*'),
    /^-ERR the script touches keys that KEYS or SCAN has told it, which were 1200, .* nothing was applied/,
  )
  await isClean(t, proxy)
})

t.test('a script publishes: who listens is told when what it did is done, and it is told how many', async (t) => {
  const { proxy, client, a, b } = await begin(t)
  const listener = await proxy.connect()
  await listener.ask('SUBSCRIBE', 'news')
  await listener.ask('PSUBSCRIBE', 'n*')
  const unlock = "if redis.call('del', KEYS[1]) == 1 then return redis.call('publish', KEYS[2], ARGV[1]) end return -1"
  await client.ask('SET', a, '1')
  t.equal(String(await client.ask('EVAL', unlock, '2', a, 'news', 'free')), ':2\r\n')
  t.equal(String(await listener.reply()), '*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$4\r\nfree\r\n')
  t.equal(String(await listener.reply()), '*4\r\n$8\r\npmessage\r\n$2\r\nn*\r\n$4\r\nnews\r\n$4\r\nfree\r\n')
  t.equal(String(await client.ask('EVAL', unlock, '2', a, 'news', 'free')), ':-1\r\n')
  const several = `redis.call('publish', 'news', 1) redis.call('incr', KEYS[1]) redis.call('publish', 'nobody', 2)
    redis.call('publish', 'news', 3) redis.call('incr', KEYS[2]) error('the end')`
  t.match(
    String(await client.ask('EVAL', several, '2', a, b)),
    /^-ERR user_script:2: the end script: [0-9a-f]{40}, on @user_script:2\.\r\n$/,
  )
  const told: string[] = []
  for (let i = 0; i < 5; i++) told.push(String(await listener.reply()).at(-3) ?? '')
  t.same(told, ['1', '1', '2', '3', '3'])
  t.match(
    String(await client.ask('EVAL_RO', "return redis.call('publish', 'news', 'x')", '0')),
    /^-ERR Write commands are not allowed from read-only scripts/,
  )
  await isClean(t, proxy)
})

t.test('a function without keys is called on the same server each time, whoever is busy: it may count', async (t) => {
  const { client, proxy } = await begin(t)
  const source = `#!lua name=lib
    local n = 0
    redis.register_function('count', function() n = n + 1 return n end)`
  await client.ask('FUNCTION', 'LOAD', source)
  const other = await proxy.connect()
  for (let said = 0; said < 100; ) {
    const busy = other.pipeline(Array.from({ length: 200 }, (_, i) => ['GET', `key:${i}`]))
    const replies = await client.pipeline([1, 2, 3].map(() => ['FCALL', 'count', '0']))
    await busy
    for (const reply of replies) t.equal(String(reply), `:${++said}\r\n`)
  }
})
