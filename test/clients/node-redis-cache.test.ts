import { BasicClientSideCache, createClient } from 'redis'
import t from 'tap'
import { startProxy } from '../helpers/proxy.js'
import { until } from '../helpers/until.js'

t.test('node-redis 5 keeps what it has read until that changes', async (t) => {
  const proxy = await startProxy(t)
  const cache = new BasicClientSideCache({ ttl: 0, maxEntries: 100, evictPolicy: 'LRU' })
  const client = createClient({ url: `redis://${proxy.host}:${proxy.port}`, RESP: 3, clientSideCache: cache })
  client.on('error', () => {})
  t.teardown(() => client.destroy())
  await client.connect()
  const writer = await proxy.connect()

  await writer.ask('SET', 'k', 'one')
  t.equal(await client.get('k'), 'one')
  t.equal(await client.get('k'), 'one')
  t.equal(cache.stats().hitCount, 1, 'the second one was not asked')
  await writer.ask('SET', 'k', 'two')
  await until('it has heard of it', async () => (await client.get('k')) === 'two')
  await writer.ask('FLUSHALL')
  await until('everything is forgotten', async () => (await client.get('k')) === null)
})
