import t from 'tap'
import { AnotherProxy } from '../helpers/another-proxy.js'
import { throughRelay } from '../helpers/relayed-ring.js'
import { nodeStates, replicasOf } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

const KEYS = Array.from({ length: 100 }, (_, i) => `key:${i}`)

t.test('a server whose greeting was begun before the ring is not read before it was asked what it holds', async (t) => {
  const { proxy, relay, client } = await throughRelay(t)
  await client.pipeline(KEYS.map((key) => ['SET', key, 'value']))
  const own: string[] = []
  for (const key of KEYS) if ((await replicasOf(client, key))[0] === 'dt-9') own.push(key)
  t.ok(own.length > 10)
  await proxy.proxy.stop()
  // It loses everything while no proxy is there.
  const server = await proxy.connectTo('dt-9')
  for (const command of [['FLUSHALL'], ['FUNCTION', 'FLUSH']]) t.equal(String(await server.ask(...command)), '+OK\r\n')

  relay.stallRequests('PSUBSCRIBE')
  const another = await AnotherProxy.started(t, proxy.ring, { connectTimeoutMs: 60_000 })
  t.ok(relay.isStalling, 'the last step of its greeting is under way, and the ring has begun without it')
  const again = await another.connect()
  relay.resume()
  const found = new Set<string>()
  await until('it is up', async () => {
    for (const reply of await again.pipeline(own.map((key) => ['GET', key]))) found.add(String(reply))
    return (await nodeStates(again))['dt-9'] === 'up'
  })
  await until('it has everything', async () => (await ringSnapshot(proxy)).faults.length === 0)
  for (const reply of await again.pipeline(own.map((key) => ['GET', key]))) found.add(String(reply))
  t.strictSame([...found], ['$5\r\nvalue\r\n'])
})
