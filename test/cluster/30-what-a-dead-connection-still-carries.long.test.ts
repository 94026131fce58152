import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { throughRelay } from '../helpers/relayed-ring.js'
import { getSmallReplies, keysAt, membersOf, outstanding } from '../helpers/ring-state.js'
import { declareDown, forgive } from '../helpers/sentinels.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * A server falls silent with commands on their way to it, is declared down, and is taken back as it is. What was on its way
 * lies in sockets, or TCP sends it again, as long as the server has the old connection: it must not be executed after what
 * was acknowledged meanwhile [design §9, the fence].
 */

/** A ring of which the member dt-9 can be lost from the network: its Sentinels, who meet there, have met. */
async function begin(t: Test) {
  const story = await throughRelay(t)
  for (const { port } of story.proxy.ring.sentinels) {
    const sentinel = await RawClient.connect(port)
    await until('it knows the other two', async () => {
      return /num-other-sentinels\r\n\$1\r\n2/.test(String(await sentinel.ask('SENTINEL', 'MASTER', 'dt-9')))
    })
    sentinel.close()
  }
  return story
}

async function isMember(client: RawClient, name: string): Promise<void> {
  await until(`${name} is a member`, async () => (await membersOf(client)).includes(name))
  await until('it has everything', async () => /pending-ranges\r\n:0/.test(String(await client.ask('DT', 'VIEW'))))
}

async function areEqual(t: Test, proxy: TestProxy): Promise<void> {
  t.same((await ringSnapshot(proxy)).faults, [])
}

t.test('writes that were lost on their way come when the member is back: they are not executed', async (t) => {
  const { proxy, relay, client } = await begin(t)
  const [string, list, count] = await keysAt(client, 'dt-9', 0, 3)
  const first = await proxy.connect()
  relay.blackhole()
  const early = first.pipeline([
    ['SET', string, 'old'],
    ['RPUSH', list, 'early'],
    ['INCR', count],
  ])
  await until('they are on their way', async () => (await outstanding(client, 'dt-9')) >= 3)
  await declareDown(proxy.ring, 'dt-9')
  t.same((await early).map(String), ['+OK\r\n', ':1\r\n', ':1\r\n'], 'the others have them')
  const next = [
    ['SET', string, 'new'],
    ['RPUSH', list, 'next'],
    ['INCR', count],
  ]
  t.same((await client.pipeline(next)).map(String), ['+OK\r\n', ':2\r\n', ':2\r\n'])
  await forgive(proxy.ring, 'dt-9')
  relay.heal()
  await isMember(client, 'dt-9')

  t.ok(relay.deliverLate() > 0)
  await sleep(300)
  t.equal(String(await client.ask('GET', string)), '$3\r\nnew\r\n')
  t.equal(String(await client.ask('LRANGE', list, '0', '-1')), '*2\r\n$5\r\nearly\r\n$4\r\nnext\r\n')
  t.equal(String(await client.ask('GET', count)), '$1\r\n2\r\n')
  await areEqual(t, proxy)
})

t.test('a FLUSHALL that was lost on its way does not empty the member when it is back', async (t) => {
  const { proxy, relay, client } = await begin(t)
  const first = await proxy.connect()
  await client.ask('SET', 'before', 'v')
  relay.blackhole()
  const flushed = first.ask('FLUSHALL')
  await until('it is on its way', async () => (await outstanding(client, 'dt-9')) >= 1)
  await declareDown(proxy.ring, 'dt-9')
  t.equal(String(await flushed), '+OK\r\n')
  const keys = Array.from({ length: 200 }, (_, i) => `key:${i}`)
  await client.pipeline(keys.map((key) => ['SET', key, 'v']))
  await forgive(proxy.ring, 'dt-9')
  relay.heal()
  await isMember(client, 'dt-9')

  t.ok(relay.deliverLate() > 0)
  await sleep(300)
  t.equal(String(await client.ask('DBSIZE')), ':200\r\n')
  for (const reply of await client.pipeline(keys.map((key) => ['GET', key]))) t.equal(String(reply), '$1\r\nv\r\n')
  await areEqual(t, proxy)
})

t.test('a member that stood still with much in its socket executes nothing of it once it is back', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 2 })
  const client = await proxy.connect()
  // One of them has no more commands on their way than the first ones of a pipeline may be.
  const writers = await Promise.all(Array.from({ length: 20 }, () => proxy.connect()))
  for (const writer of writers) await getSmallReplies(writer)
  const [count, list] = await keysAt(client, 'dt-2', 0, 2)
  proxy.ring.pause('dt-2')
  const WRITES = 100
  const value = 'x'.repeat(500)
  const writes = Array.from({ length: WRITES }, (_, i) => {
    return i % 2 === 0 ? ['INCR', count] : ['RPUSH', list, `${i} ${value}`]
  })
  const early = Promise.all(writers.map((writer) => writer.pipeline(writes)))
  const inAll = writers.length * WRITES
  await until('they are on their way', async () => (await outstanding(client, 'dt-2')) >= inAll)
  await declareDown(proxy.ring, 'dt-2')
  for (const reply of (await early).flat()) t.match(String(reply), /^:\d+\r\n$/)
  t.equal(String(await client.ask('SET', count, '5')), '+OK\r\n')
  t.equal(String(await client.ask('DEL', list)), ':1\r\n')
  await forgive(proxy.ring, 'dt-2')
  proxy.ring.resume('dt-2')
  await isMember(client, 'dt-2')
  await sleep(300)
  t.equal(String(await client.ask('GET', count)), '$1\r\n5\r\n')
  t.equal(String(await client.ask('EXISTS', list)), ':0\r\n')
  await areEqual(t, proxy)
})
