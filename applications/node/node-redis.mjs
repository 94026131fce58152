/* node-redis: RESP3, a cache that the server keeps true, a pool, the queue while it is offline, sharded channels, iterators. */
import { createClient, createClientPool, defineScript } from 'redis'

const url = `redis://127.0.0.1:${process.argv[2]}`
const ADD = defineScript({
  NUMBER_OF_KEYS: 1,
  SCRIPT: 'return redis.call("INCRBY", KEYS[1], ARGV[1])',
  parseCommand(parser, key, n) {
    parser.pushKey(key)
    parser.push(String(n))
  },
  transformReply: (reply) => reply,
})
const client = createClient({ url, scripts: { add: ADD } })
client.on('error', () => {})
const connected = client.connect()
console.log('early', client.isReady, await client.set('early', 'yes'))
await connected
const replies = await Promise.all(
  Array.from({ length: 500 }, (_, i) => client.zAdd('zset', { score: i, value: `m${i}` })),
)
console.log('written', replies.length, await client.zRangeWithScores('zset', 0, 1))
console.log('script', await client.add('sum', 4), await client.add('sum', 5))
let members = 0
for await (const page of client.zScanIterator('zset', { COUNT: 50 })) members += page.length
let keys = 0
for await (const page of client.scanIterator({ MATCH: '*' })) keys += page.length
console.log('iterated', members, keys)

const pool = await createClientPool({ url }, { maximum: 5 }).connect()
const increase = () =>
  pool.execute(async (own) => {
    for (;;) {
      await own.watch('balance')
      const value = Number(await own.get('balance'))
      try {
        return await own
          .multi()
          .set('balance', value + 1)
          .exec()
      } catch (error) {
        if (error.constructor.name !== 'WatchError') throw error
      }
    }
  })
await Promise.all(Array.from({ length: 50 }, increase))
console.log('balance', await client.get('balance'))

const cached = createClient({ url, RESP: 3, clientSideCache: { ttl: 0, maxEntries: 100, evictPolicy: 'LRU' } })
await cached.connect()
await client.set('cached', 'one')
const first = [await cached.get('cached'), await cached.get('cached')]
await client.set('cached', 'two')
while ((await cached.get('cached')) !== 'two') await new Promise((resolve) => setTimeout(resolve, 5))
console.log('cached', first, await cached.get('cached'))

const heard = []
const listener = await client.duplicate().connect()
await listener.sSubscribe('shard', (message) => heard.push(message))
await listener.pSubscribe('news.*', (message, channel) => heard.push(`${channel} ${message}`))
await client.sPublish('shard', 'sharded')
await client.publish('news.sport', 'goal')
while (heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
console.log('heard', heard.sort())
console.log('typed', await client.hSet('hash', { a: 1, b: 'x' }), await client.hGetAll('hash'))
for (const one of [client, cached, listener]) one.destroy()
pool.destroy()
