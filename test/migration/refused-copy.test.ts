import { randomBytes } from 'node:crypto'
import t from 'tap'
import { replicaSetOfKey } from '../../src/view/build-view.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import { membersOf } from '../helpers/ring-state.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

async function sentinels(proxy: TestProxy, ...args: string[]): Promise<void> {
  for (const { name } of proxy.ring.sentinels) {
    const client = await proxy.connectTo(name)
    await client.ask(...args)
    client.close()
  }
}

t.test(
  'a member that cannot take one of its keys stays pending for the range of that one alone, until it can',
  async (t) => {
    const log = new LogLines()
    const proxy = await startProxy(t, { nodes: 4, log: log.log })
    const client = await proxy.connect()
    const pendingRanges = async () => String(await client.ask('DT', 'VIEW')).match(/pending-ranges\r\n:(\d+)/)?.[1]
    await sentinels(proxy, 'SENTINEL', 'REMOVE', 'dt-4')
    await until('three members', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3')
    const belongsToFour = (key: string) => {
      const { natural } = replicaSetOfKey(proxy.view, Buffer.from(key), 0, key.length)
      return natural.some(({ name }) => name === 'dt-4')
    }
    const key = Array.from({ length: 100 }, (_, i) => `large:${i}`).find(belongsToFour)!
    // DUMP cannot make it smaller.
    t.equal(String(await client.ask('SET', key, randomBytes(2 * 1024 * 1024))), '+OK\r\n')

    const four = await proxy.connectTo('dt-4')
    t.equal(String(await four.ask('CONFIG', 'SET', 'proto-max-bulk-len', '1mb')), '+OK\r\n')
    const { port } = proxy.ring.server('dt-4')
    await sentinels(proxy, 'SENTINEL', 'MONITOR', 'dt-4', '127.0.0.1', String(port), '2')
    await until('four members', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
    // The ranges without it are served by the member as soon as it has them.
    await until('all but its range have moved', async () => (await pendingRanges()) === '1', 30_000)
    const named = new RegExp(`"${key}".*proto-max-bulk-len`)
    await until('the key is named', async () => named.test(String(await client.ask('DT', 'MIGRATIONS'))))
    t.match(String(await client.ask('DT', 'NODES')), named)
    t.match(log.about(/did not take/, 'dt-4')[0]?.msg, new RegExp(key))
    t.equal(await pendingRanges(), '1')
    t.match(String(await four.ask('EXISTS', key)), ':0')
    // What is written beside it in the same range arrives all the same, in the end.
    t.equal(String(await client.ask('SET', `{${key}}:other`, 'written meanwhile')), '+OK\r\n')

    t.equal(String(await four.ask('CONFIG', 'SET', 'proto-max-bulk-len', '512mb')), '+OK\r\n')
    await until('nothing is pending', async () => (await pendingRanges()) === '0', 30_000)
    t.match(String(await four.ask('EXISTS', key, `{${key}}:other`)), ':2')
    await until('nothing is refused any more', async () => !named.test(String(await client.ask('DT', 'NODES'))))
    t.match(await verify(client), { state: 'done', complete: 1, differences: 0 })
  },
)
