import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startProxy, startRedis } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { monitor } from '../helpers/relayed-ring.js'
import { membersOf, replicasOf } from '../helpers/ring-state.js'
import { until } from '../helpers/until.js'

/*
 * Each thing that happens to a key is told once, though all its replicas tell of it [design §7 Keyspace events].
 */

const KEYS = 60

/** Listens to all events of keys, and counts them: `set key`. */
function counting(client: RawClient): Map<string, number> {
  const counts = new Map<string, number>()
  void (async () => {
    for (;;) {
      const parts = (await client.reply()).toString('latin1').split('\r\n')
      const event = `${parts.at(-4)!.replace(/^.*:/, '')} ${parts.at(-2)}`
      counts.set(event, (counts.get(event) ?? 0) + 1)
    }
  })().catch(() => {})
  return counts
}

const each = (of: (i: number) => string[]) => Array.from({ length: KEYS }, (_, i) => of(i))

t.test('writes, keys that expire, and copies', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 1 })
  const [client, listener] = [await proxy.connect(), await proxy.connect(3)]
  const member = await proxy.connectTo('dt-1')
  const told = async () =>
    String(await member.ask('CONFIG', 'GET', 'notify-keyspace-events'))
      .split('\r\n')
      .at(-2)

  await client.ask('CONFIG', 'SET', 'notify-keyspace-events', 'EA')
  await client.ask('SET', 'before', '1')
  t.equal(await told(), 'xE', 'nobody listens')
  await listener.ask('PSUBSCRIBE', '__keyevent@0__:*')
  await until('the members tell', async () => (await told())?.includes('A'))
  const counts = counting(listener)

  await client.pipeline(each((i) => ['SET', `k${i}`, 'v']))
  await client.ask('MSET', ...each((i) => [`m${i}`, 'v']).flat())
  await client.pipeline(each((i) => ['SET', `gone${i}`, 'v', 'PX', '50']))
  await client.pipeline([['MULTI'], ...each((i) => ['LPUSH', `list${i}`, 'x']), ['EXEC']])
  await client.pipeline(each((i) => ['SPOP', `nothing${i}`]))
  const expected = new Map([
    ...each((i) => [`set k${i}`, `set m${i}`, `set gone${i}`, `expire gone${i}`, `expired gone${i}`, `lpush list${i}`])
      .flat()
      .map((event) => [event, 1] as const),
  ])
  await until('all is told', () => counts.size >= expected.size)
  await sleep(200)
  t.same(new Map([...counts].sort()), new Map([...expected].sort()))

  // Everything moves: nobody is told of copies, and of deletions of displaced ones.
  counts.clear()
  const server = await startRedis(t)
  await monitor(proxy, 'dt-9', server.port)
  await until('dt-9 is a member', async () => (await membersOf(client)).includes('dt-9'))
  await until('nothing moves', async () => String(await client.ask('DT', 'MIGRATIONS')) === '*0\r\n')
  // What a master that dies had still been asked may be told by nobody: this one does not have the key.
  const holders = await Promise.all(each((i) => [`k${i}`]).map(([key]) => replicasOf(client, key)))
  const key = `k${holders.findIndex((names) => !names.includes('dt-2'))}`
  await proxy.ring.kill('dt-2')
  t.equal(String(await client.ask('SET', key, 'again')), '+OK\r\n')
  await until('the write is told', () => counts.size > 0)
  await sleep(100)
  t.same([...counts], [[`set ${key}`, 1]])

  listener.close()
  await until('nobody tells any more', async () => (await told()) === 'xE')
})

t.test(
  'what a script over several servers does is told of each key, as by one Redis, also by who has tried it',
  async (t) => {
    const proxy = await startProxy(t, { nodes: 4, replicas: 1 })
    const [client, listener] = [await proxy.connect(), await proxy.connect(3)]
    await client.ask('CONFIG', 'SET', 'notify-keyspace-events', 'EA')
    await listener.ask('PSUBSCRIBE', '__keyevent@0__:*')
    const counts = counting(listener)
    const keys = Array.from({ length: 12 }, (_, i) => `k${i}`)
    const source = "for i = 1, #KEYS do redis.call('set', KEYS[i], ARGV[1]) end return #KEYS"
    for (const value of ['one', 'two']) {
      counts.clear()
      t.equal(String(await client.ask('EVAL', source, '12', ...keys, value)), ':12\r\n')
      await client.ask('SET', 'last', value)
      await until('all before that is told', () => counts.has('set last'))
      await sleep(50)
      counts.delete('set last')
      t.same(new Map([...counts].sort()), new Map(keys.map((key) => [`set ${key}`, 1] as const).sort()))
    }
  },
)
