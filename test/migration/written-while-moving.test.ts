import t from 'tap'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import { membersOf, replicasOf } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

async function sentinels(proxy: TestProxy, ...args: string[]): Promise<void> {
  for (const { name } of proxy.ring.sentinels) {
    const client = await proxy.connectTo(name)
    await client.ask(...args)
    client.close()
  }
}

t.test(
  'a joining member gets what is written to keys that it does not have yet with these keys, and no key without them',
  async (t) => {
    const proxy = await startProxy(t, { nodes: 4, config: { migration: { maxBytesPerSecond: 200_000 } } })
    const client = await proxy.connect()
    await sentinels(proxy, 'SENTINEL', 'REMOVE', 'dt-4')
    await until('three members', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3')
    const keys = Array.from({ length: 4000 }, (_, i) => `key:${i}`)
    await client.pipeline(keys.map((key) => ['RPUSH', key, 'a'.repeat(100)]))

    const { port } = proxy.ring.server('dt-4')
    await sentinels(proxy, 'SENTINEL', 'MONITOR', 'dt-4', '127.0.0.1', String(port), '2')
    await until('four members', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
    const moving = () => until('an answer', async () => String(await client.ask('DT', 'MIGRATIONS')))
    await until('it is filled', async () => /copying/.test(await moving()))

    // Those that it has already, and those that it has not, in every way in which a write is made.
    const replies = await client.pipeline([
      ...keys.slice(0, 1000).map((key) => ['RPUSH', key, 'b']),
      ...keys.slice(1000, 1500).map((key) => ['DEL', key]),
      ...keys.slice(1500, 2000).map((key) => ['PEXPIRE', key, '9999999']),
      ...keys.slice(2000, 2500).map((key) => ['RENAME', key, `{${key}}new`]),
      ...Array.from({ length: 500 }, (_, i) => ['SADD', `set:${i}`, 'a', 'b', 'c']),
      ...Array.from({ length: 500 }, (_, i) => ['SPOP', `set:${i}`]),
      ...Array.from({ length: 500 }, (_, i) => ['MSET', `{${i}}a`, '1', `{${i}}b`, '2']),
    ])
    t.same(replies.filter((reply) => reply[0] === 0x2d).map(String), [])
    t.match(await moving(), 'copying', 'all of that was in the middle of it')

    await until(
      'nothing is pending',
      async () => /pending-ranges\r\n:0/.test(String(await client.ask('DT', 'VIEW'))),
      60_000,
    )
    // Displaced copies go when the view is noted.
    const { keys: found } = await until('only its replicas hold a key', async () => {
      const snapshot = await ringSnapshot(proxy)
      return snapshot.faults.length === 0 ? snapshot : undefined
    })
    t.equal(found.size, 4000 - 500 + 500 + 1000)
    const held = await proxy.connectTo('dt-4')
    let there = 0
    for (const key of keys.slice(0, 1000)) {
      if (!(await replicasOf(client, key)).includes('dt-4')) continue
      t.equal(String(await held.ask('LLEN', key)), ':2\r\n')
      there++
    }
    t.ok(there > 100)
  },
)
