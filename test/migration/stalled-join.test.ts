import t from 'tap'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import { membersOf } from '../helpers/ring-state.js'
import { until } from '../helpers/until.js'

async function sentinels(proxy: TestProxy, ...args: string[]): Promise<void> {
  for (const { name } of proxy.ring.sentinels) {
    const client = await proxy.connectTo(name)
    await client.ask(...args)
    client.close()
  }
}

t.test('a joining member that stops answering is let go, and joins anew when it is back', async (t) => {
  // So slow that the join lasts as long as the story.
  const proxy = await startProxy(t, {
    nodes: 4,
    downAfterMs: 30_000,
    config: { migration: { maxBytesPerSecond: 50_000 } },
  })
  const client = await proxy.connect()
  await sentinels(proxy, 'SENTINEL', 'REMOVE', 'dt-4')
  await until('three members', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3')
  for (let i = 0; i < 100; i++) {
    await client.pipeline(Array.from({ length: 50 }, (_, k) => ['SET', `key:${i * 50 + k}`, 'x'.repeat(200)]))
  }

  const { port } = proxy.ring.server('dt-4')
  await sentinels(proxy, 'SENTINEL', 'MONITOR', 'dt-4', '127.0.0.1', String(port), '2')
  await sentinels(proxy, 'SENTINEL', 'SET', 'dt-4', 'down-after-milliseconds', '30000')
  await until('four members', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
  proxy.ring.pause('dt-4')
  const replies = await client.pipeline(Array.from({ length: 200 }, (_, k) => ['APPEND', `key:${k}`, 'y']))
  t.same(
    replies.filter((reply) => reply.toString() !== ':201\r\n'),
    [],
    'writes go on without it, long before Sentinel calls it down',
  )
  await until('it is let go', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3')

  proxy.ring.resume('dt-4')
  await until('four members again', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
  const values = await client.pipeline(Array.from({ length: 200 }, (_, k) => ['STRLEN', `key:${k}`]))
  t.same(
    values.filter((reply) => reply.toString() !== ':201\r\n'),
    [],
  )
})
