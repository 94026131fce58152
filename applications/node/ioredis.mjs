/* ioredis: pipelines that it makes itself, commands given before it is connected, sharded channels, streams of a scan, own scripts. */
import { Redis } from 'ioredis'

const port = Number(process.argv[2])
const redis = new Redis(port, { enableAutoPipelining: true, lazyConnect: true })
// Nothing is connected yet: they wait in the client.
const early = Promise.all([redis.set('early', '1'), redis.incr('early'), redis.get('early')])
console.log('early', await early)
const many = await Promise.all(Array.from({ length: 1000 }, (_, i) => redis.hset(`hash:${i}`, 'n', i)))
console.log(
  'pipelines',
  many.reduce((sum, n) => sum + n, 0),
)
redis.defineCommand('increaseBelow', {
  numberOfKeys: 1,
  lua: 'local n = tonumber(redis.call("GET", KEYS[1]) or 0) if n < tonumber(ARGV[1]) then return redis.call("INCR", KEYS[1]) end return n',
})
const counted = await Promise.all(Array.from({ length: 20 }, () => redis.increaseBelow('limited', 7)))
console.log('script', Math.max(...counted))
let scanned = 0
for await (const keys of redis.scanStream({ match: 'hash:*', count: 100 })) scanned += new Set(keys).size
console.log('scanned', scanned)
console.log(
  'transaction',
  await redis
    .multi()
    .set('a', 'x')
    .incr('a')
    .lpush('list', 1, 2)
    .exec()
    .then((replies) => replies.map(([error, reply]) => error?.message ?? reply)),
)

const heard = []
const sharded = new Redis(port)
sharded.on('smessage', (channel, message) => heard.push(`${channel} ${message}`))
await sharded.ssubscribe('shard:{1}', 'shard:{2}')
for (let i = 0; i < 6; i++) await redis.spublish(`shard:{${1 + (i % 2)}}`, String(i))
while (heard.length < 6) await new Promise((resolve) => setTimeout(resolve, 5))
console.log('sharded', heard)

const blocked = new Redis(port)
const waited = blocked.blpop('queue', 20)
await redis.rpush('queue', 'job')
console.log('waited', await waited)
// A client that is cut off connects again, subscribes again and sends what had no answer.
await redis.client('KILL', 'TYPE', 'pubsub')
while ((await redis.pubsub('SHARDNUMSUB', 'shard:{1}'))[1] !== 1)
  await new Promise((resolve) => setTimeout(resolve, 10))
await redis.spublish('shard:{1}', 'again')
while (heard.length < 7) await new Promise((resolve) => setTimeout(resolve, 5))
console.log('subscribed again', heard.at(-1))
for (const client of [redis, sharded, blocked]) client.disconnect()
