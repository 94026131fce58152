import { Redis } from 'ioredis'
import t from 'tap'
import { startProxy } from '../helpers/proxy.js'
import { until } from '../helpers/until.js'

t.test('ioredis listens to channels of shards', async (t) => {
  const proxy = await startProxy(t)
  const [listener, publisher] = [new Redis(proxy.port, proxy.host), new Redis(proxy.port, proxy.host)]
  t.teardown(() => {
    listener.disconnect()
    publisher.disconnect()
  })
  const heard: string[] = []
  listener.on('smessage', (channel: string, message: string) => heard.push(`${channel}: ${message}`))
  t.equal(await listener.ssubscribe('news', 'sport'), 2)
  t.equal(await publisher.spublish('news', 'one'), 1)
  t.equal(await publisher.publish('news', 'nobody'), 0)
  t.equal(await listener.sunsubscribe('news'), 1)
  t.equal(await publisher.spublish('news', 'two'), 0)
  for (let i = 0; i < 10; i++) publisher.spublish('sport', String(i)).catch(() => {})
  await until('it has heard all', () => heard.length === 11)
  t.same(heard, ['news: one', ...Array.from({ length: 10 }, (_, i) => `sport: ${i}`)])
})
