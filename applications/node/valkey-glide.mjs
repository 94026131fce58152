/* Valkey GLIDE (a client in Rust): batches, transactions, scripts, subscriptions, streams, scans, as of a single server. */
import { Batch, GlideClient, GlideClientConfiguration, Logger, ProtocolVersion, Script } from '@valkey/valkey-glide'

// Its log goes to standard output, with times.
Logger.setLoggerConfig('off')
const addresses = [{ host: '127.0.0.1', port: Number(process.argv[2]) }]
const heard = []
const channels = { [GlideClientConfiguration.PubSubChannelModes.Exact]: new Set(['news']) }
const pubsubSubscriptions = { channelsAndPatterns: channels, callback: ({ message }) => heard.push(String(message)) }
const open = (more = {}) => GlideClient.createClient({ addresses, requestTimeout: 20_000, ...more })
const client = await open({ protocol: ProtocolVersion.RESP3, clientName: 'glide' })
const listener = await open({ pubsubSubscriptions })

console.log(
  'set',
  await client.set('a', '1'),
  await client.get('a'),
  await client.mset({ b: '2', c: '3' }),
  await client.mget(['a', 'b', 'x']),
)
await Promise.all(Array.from({ length: 500 }, (_, i) => client.hset(`hash:${i}`, { n: String(i) })))
let cursor = '0'
const found = new Set()
do {
  const [next, keys] = await client.scan(cursor, { match: 'hash:*', count: 100 })
  for (const key of keys) found.add(key)
  cursor = next
} while (cursor !== '0')
console.log('scanned', found.size)
const atomic = new Batch(true).set('t', 'x').incr('counter').lpush('list', ['1', '2']).get('t')
console.log('transaction', await client.exec(atomic, true))
const loose = new Batch(false)
for (let i = 0; i < 100; i++) loose.incr(`n:${i % 10}`)
console.log(
  'batch',
  (await client.exec(loose, true)).reduce((sum, n) => sum + n, 0),
)
const script = new Script('return {KEYS[1], redis.call("INCRBY", KEYS[1], ARGV[1])}')
console.log('script', await client.invokeScript(script, { keys: ['sum'], args: ['5'] }))
for (let i = 0; i < 5; i++) await client.publish(String(i), 'news')
while (heard.length < 5) await new Promise((resolve) => setTimeout(resolve, 5))
console.log('heard', heard)
for (let i = 0; i < 5; i++) await client.xadd('stream', [['n', String(i)]])
console.log(
  'stream',
  await client.xgroupCreate('stream', 'group', '0'),
  Object.keys((await client.xreadgroup('group', 'me', { stream: '>' }))[0].value).length,
)
console.log(
  'zset',
  await client.zadd('z', { one: 1, two: 2 }),
  await client.zrangeWithScores('z', { start: 0, end: -1 }),
)
console.log('error', await client.lpush('a', ['x']).catch((error) => error.message))
client.close()
listener.close()
