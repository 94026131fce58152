import { silentLogger } from '../../src/base/log.js'
import type { ConfigInput } from '../../src/config/config.js'
import { buildView } from '../../src/view/build-view.js'
import { startProxy, startRedis, type Teardown, type TestProxy, type TestRedis } from './proxy.js'
import { RawClient } from './raw-client.js'
import { Relay } from './relay.js'
import { membersOf, untilFilled } from './ring-state.js'
import { until } from './until.js'

/** Tells all Sentinels of one server more. */
export async function monitor(proxy: Pick<TestProxy, 'ring'>, name: string, port: number): Promise<void> {
  for (const sentinel of proxy.ring.sentinels) {
    const client = await RawClient.connect(sentinel.port)
    await client.ask('SENTINEL', 'MONITOR', name, '127.0.0.1', String(port), '2')
    await client.ask('SENTINEL', 'SET', name, 'down-after-milliseconds', '20000')
    client.close()
  }
}

/**
 * A ring of three members of which one, dt-9, is reached through a relay; it has a copy of every key, unless there are fewer `replicas`.
 *
 * @param config other settings than those of the links
 */
export async function throughRelay(
  t: Teardown,
  { log = silentLogger(), config = {} as ConfigInput, replicas = 2, pingIntervalMs = 60_000 } = {},
) {
  // Without pings nothing passes the relay but what the test sends.
  const backend = { reconnectMinMs: 20, pingIntervalMs }
  const proxy = await startProxy(t, { nodes: 2, replicas, config: { ...config, backend }, log })
  const server = await startRedis(t)
  const relay = await Relay.start(t, server.port)
  await monitor(proxy, 'dt-9', relay.port)
  const client = await proxy.connect()
  await until('dt-9 is a member', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-9')
  await untilFilled(client, 'dt-9')
  return { proxy: withMember(proxy, 'dt-9', server), relay, client }
}

/** The same proxy, with one member more for those who look at all of them. */
function withMember(proxy: TestProxy, name: string, server: TestRedis): TestProxy {
  const { ringId, replicas, virtualNodes, members } = proxy.view
  const member = { name, host: '127.0.0.1', port: server.port, state: 'up' as const }
  return {
    ...proxy,
    view: buildView(ringId, 1, replicas, virtualNodes, [...members, member]),
    connectTo: (to, proto) => (to === name ? server.connect(proto) : proxy.connectTo(to, proto)),
  }
}
