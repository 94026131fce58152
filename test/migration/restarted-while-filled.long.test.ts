import t from 'tap'
import { startProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { monitor } from '../helpers/relayed-ring.js'
import { membersOf } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

const KEYS = 10
const VALUE = 'x'.repeat(100_000)

const keysOn = async (server: RawClient) => Number(String(await server.ask('DBSIZE')).slice(1))

t.test(
  'a server that restarts empty while nothing is just being copied to it is filled from the beginning',
  async (t) => {
    // With values of this size the migration pauses for a second after each.
    const proxy = await startProxy(t, {
      nodes: 3,
      downAfterMs: 30_000,
      config: { migration: { maxBytesPerSecond: 100_000 }, backend: { reconnectMinMs: 20, reconnectMaxMs: 50 } },
    })
    const client = await proxy.connect()
    for (const { name } of proxy.ring.sentinels) await (await proxy.connectTo(name)).ask('SENTINEL', 'REMOVE', 'dt-3')
    await until('two members', async () => (await membersOf(client)) === 'dt-1 dt-2')
    await client.pipeline(Array.from({ length: KEYS }, (_, i) => ['SET', `key:${i}`, VALUE]))

    await monitor(proxy, 'dt-3', proxy.ring.server('dt-3').port)
    const before = await proxy.connectTo('dt-3')
    const had = await until('some keys have arrived', async () => {
      const keys = await keysOn(before)
      return keys >= KEYS / 2 ? keys : undefined
    })
    await proxy.ring.restart('dt-3', { empty: true })
    t.ok(had < KEYS, 'in the middle of it')

    await until(
      'nothing is pending',
      async () => /pending-ranges\r\n:0\r\n/.test(String(await client.ask('DT', 'VIEW'))),
      60_000,
    )
    const { keys, faults } = await ringSnapshot(proxy)
    t.same(faults, [])
    t.equal(keys.size, KEYS)
  },
)
