import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startProxy, type TestProxy, type TestProxyOptions } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { keyOn, outstanding } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * A script on keys of several servers is tried, which may take a while, and then all servers are told what it did. Whatever comes
 * in between finds its keys as they were before it or as they are behind it, and what it did is what it would do then
 * [design §7 Scripts].
 */

interface Story {
  readonly proxy: TestProxy
  readonly client: RawClient
  readonly other: RawClient
  readonly watcher: RawClient
  /** On dt-1 and dt-2 alone, and on dt-3 and dt-4 alone. */
  readonly a: string
  readonly b: string
}

const MEMBERS = ['dt-1', 'dt-2', 'dt-3', 'dt-4']
const BUSY_MS = '700'
/** Counts, puts the number into a list, and takes a while. */
const SLOW = `local n = redis.call('incr', KEYS[1])
  redis.call('rpush', KEYS[2], n)
  local function ms() local t = redis.call('time') return t[1] * 1000 + t[2] / 1000 end
  local e = ms() + ARGV[1]
  repeat until ms() >= e
  return n`

async function begin(t: Test, options: TestProxyOptions = {}): Promise<Story> {
  const proxy = await startProxy(t, { nodes: 4, replicas: 1, ...options })
  const [client, other, watcher] = [await proxy.connect(), await proxy.connect(), await proxy.connect()]
  const [a, b] = [await keyOn(client, 'a', 'dt-1', 'dt-2'), await keyOn(client, 'b', 'dt-3', 'dt-4')]
  // What is compiled, and what is small, is known.
  await client.ask('EVAL', SLOW, '2', a, b, '0')
  await client.ask('DEL', a, b)
  return { proxy, client, other, watcher, a, b }
}

/** Who is executing something, and has been for some looks. */
async function executor({ watcher }: Story): Promise<string> {
  const looks = new Map<string, number>()
  const busiest = () => [...looks].find(([, count]) => count > 5)?.[0]
  await until('it is tried', async () => {
    for (const name of MEMBERS) {
      looks.set(name, (await outstanding(watcher, name)) > 0 ? (looks.get(name) ?? 0) + 1 : 0)
    }
    return busiest() !== undefined
  })
  return busiest()!
}

/** Runs the slow script, and does something in its middle. */
async function inTheMiddle<Done>(
  story: Story,
  act: (executor: string) => Promise<Done>,
  busyMs = BUSY_MS,
): Promise<{ reply: string; done: Done }> {
  const { client, a, b } = story
  const reply = client.ask('EVAL', SLOW, '2', a, b, busyMs)
  const done = await act(await executor(story))
  return { reply: String(await reply), done }
}

async function isClean(t: Test, { proxy }: Story): Promise<void> {
  await until('all is equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
  for (const name of MEMBERS) {
    t.equal(String(await (await proxy.connectTo(name)).ask('KEYS', '*dt:pieces*')), '*0\r\n')
  }
}

t.test('others write its keys, empty the database, and exchange it: they come behind it', async (t) => {
  const story = await begin(t)
  const { other, a, b } = story
  const written = await inTheMiddle(story, () =>
    Promise.all([
      other.ask('INCRBY', a, '10'),
      other.ask('LPUSH', b, 'first'),
      other.ask('EVAL', "return redis.call('incr', KEYS[1]) + redis.call('llen', KEYS[2])", '2', a, b),
    ]),
  )
  t.equal(written.reply, ':1\r\n')
  t.same(written.done.map(String), [':11\r\n', ':2\r\n', ':14\r\n'])
  await isClean(t, story)

  for (const command of ['FLUSHALL', 'FLUSHDB']) {
    const emptied = await inTheMiddle(story, () => other.ask(command))
    t.match(emptied.reply, /^:\d+\r\n$/, command)
    t.equal(String(emptied.done), '+OK\r\n')
    t.equal(String(await other.ask('DBSIZE')), ':0\r\n', command)
    await isClean(t, story)
  }

  const swapped = await inTheMiddle(story, () => other.ask('SWAPDB', '0', '1'))
  t.equal(swapped.reply, ':1\r\n')
  t.equal(String(swapped.done), '+OK\r\n')
  t.equal(String(await other.ask('DBSIZE')), ':0\r\n')
  await other.ask('SELECT', '1')
  t.equal(String(await other.ask('GET', a)), '$1\r\n1\r\n')
  t.equal(String(await other.ask('LRANGE', b, '0', '-1')), '*1\r\n$1\r\n1\r\n')
  await isClean(t, story)
})

t.test('who watches a key of it is told that it has changed, also when EXEC comes in the middle', async (t) => {
  const story = await begin(t)
  const { other, a, b } = story
  for (const key of [a, b]) {
    await other.ask('WATCH', key)
    await other.ask('MULTI')
    await other.ask('SET', key, 'mine')
    const { reply, done } = await inTheMiddle(story, () => other.ask('EXEC'))
    t.match(reply, /^:\d\r\n$/)
    t.equal(String(done), '*-1\r\n')
  }
  await other.ask('WATCH', `${b}other`)
  await other.ask('MULTI')
  await other.ask('INCRBY', a, '5')
  const { done } = await inTheMiddle(story, () => other.ask('EXEC'))
  t.equal(String(done), '*1\r\n:8\r\n', 'nobody has changed what it watches')
  await isClean(t, story)
})

t.test('a deadline passes in the middle', async (t) => {
  const story = await begin(t)
  const { client, a, b } = story
  for (const [px, left] of [
    ['300', 0],
    ['650', 0],
    ['2300', 1],
    ['60000', 1],
  ] as const) {
    await client.ask('DEL', b)
    await client.ask('SET', a, '5', 'PX', px)
    const reply = String(await client.ask('EVAL', SLOW, '2', a, b, BUSY_MS))
    // On a slow machine it may be gone before it is tried.
    t.match(reply, /^:[16]\r\n$/, px)
    const isNew = reply === ':1\r\n'
    if (!isNew) {
      t.equal(String(await client.ask('EXISTS', a)), `:${left}\r\n`, px)
      if (left === 1) t.match(String(await client.ask('PTTL', a)), /^:[1-9]/)
    }
    t.equal(String(await client.ask('LRANGE', b, '0', '-1')), `*1\r\n$1\r\n${isNew ? 1 : 6}\r\n`)
    await client.ask('DEL', a)
  }
  await isClean(t, story)
})

t.test('a member dies in the middle that has a key of it, and another time who tries it', async (t) => {
  const story = await begin(t, { downAfterMs: 1000, config: { limits: { unavailableTimeoutMs: 30_000 } } })
  const { proxy, client, a, b } = story
  let dead = ''
  const { reply } = await inTheMiddle(story, async (executor) => {
    dead = executor === 'dt-3' || executor === 'dt-4' ? 'dt-2' : 'dt-4'
    await proxy.ring.kill(dead)
  })
  t.equal(reply, ':1\r\n')
  t.equal(String(await client.ask('GET', a)), '$1\r\n1\r\n')
  t.equal(String(await client.ask('LRANGE', b, '0', '-1')), '*1\r\n$1\r\n1\r\n')
  await proxy.ring.restart(dead)
  await isClean(t, story)
  const triedElsewhere = await inTheMiddle(story, async (executor) => {
    dead = executor
    await proxy.ring.kill(executor)
  })
  t.equal(triedElsewhere.reply, ':2\r\n')
  t.equal(String(await client.ask('GET', a)), '$1\r\n2\r\n')
  t.equal(String(await client.ask('LRANGE', b, '0', '-1')), '*2\r\n$1\r\n1\r\n$1\r\n2\r\n')
  await proxy.ring.restart(dead)
  await isClean(t, story)
})

t.test(
  'who dies when a script has run there for long is not followed by another one: it may be the cause',
  async (t) => {
    const story = await begin(t, { downAfterMs: 20_000, config: { limits: { unavailableTimeoutMs: 30_000 } } })
    const { proxy, client, a, b } = story
    const { reply, done: dead } = await inTheMiddle(
      story,
      async (executor) => {
        await sleep(2500)
        await proxy.ring.kill(executor)
        return executor
      },
      '10000',
    )
    t.match(reply, /^-ERR the script was not answered: .* nothing was applied/)
    await proxy.ring.restart(dead)
    t.equal(String(await client.ask('EXISTS', a, b)), ':0\r\n')
    await isClean(t, story)
  },
)

t.test('a server has no memory any more when it is told', async (t) => {
  const story = await begin(t)
  const { proxy, client, a, b } = story
  const limit = (names: readonly string[], bytes: string) =>
    Promise.all(names.map(async (name) => (await proxy.connectTo(name)).ask('CONFIG', 'SET', 'maxmemory', bytes)))
  for (const count of [1, 2]) {
    await client.ask('DEL', a, b)
    let full: readonly string[] = []
    const { reply } = await inTheMiddle(story, async (executor) => {
      // Those that try it need memory for that.
      full = (executor === 'dt-3' || executor === 'dt-4' ? ['dt-2', 'dt-1'] : ['dt-4', 'dt-3']).slice(0, count)
      await limit(full, '1')
    })
    await limit(full, '0')
    await isClean(t, story)
    const unknown =
      /^-ERR the outcome of this write is unknown: some of the 2 keys .* may not have what it did, the others have: /
    t.match(reply, unknown)
    const left = [await client.ask('GET', a), await client.ask('LLEN', b)].map(String)
    if (count === 1) t.same(left, ['$1\r\n1\r\n', ':1\r\n'], 'it is made equal to the others')
    else t.match(left.join(), full.includes('dt-1') ? /^\$-1\r\n,:1/ : /1\r\n,:0/, 'none of them has it')
  }
})

t.test('a transaction has several such scripts, and others run them at the same time', async (t) => {
  const story = await begin(t)
  const { proxy, client, a, b } = story
  const add = "redis.call('rpush', KEYS[2], redis.call('incr', KEYS[1])) return redis.call('llen', KEYS[2])"
  const others = await Promise.all([1, 2, 3].map(() => proxy.connect()))
  const running = others.map(async (each) => {
    for (let i = 0; i < 15; i++) await each.ask('EVAL', add, '2', a, b)
  })
  for (let i = 0; i < 15; i++) {
    const replies = await client.pipeline([
      ['MULTI'],
      ['EVAL', add, '2', a, b],
      ['GET', a],
      ['EVAL', add, '2', a, b],
      ['LINDEX', b, '-1'],
      ['EXEC'],
    ])
    const [, n, , text, m, , last] = String(replies[5]).split(/\r\n/)
    t.equal(text, n.slice(1))
    t.equal(Number(m.slice(1)), Number(n.slice(1)) + 1)
    t.equal(last, m.slice(1))
  }
  await Promise.all(running)
  t.equal(String(await client.ask('GET', a)), '$2\r\n75\r\n')
  t.equal(String(await client.ask('LLEN', b)), ':75\r\n')
  await isClean(t, story)
})
