/* graphql-redis-subscriptions: what is published comes to the iterators of two servers, by name and by pattern. */
import { RedisPubSub } from 'graphql-redis-subscriptions'

const connection = { host: '127.0.0.1', port: Number(process.argv[2]) }
const servers = [1, 2].map(() => new RedisPubSub({ connection }))
async function take(iterator, count) {
  const values = []
  while (values.length < count) values.push((await iterator.next()).value)
  await iterator.return()
  return values
}
const listening = servers.flatMap((server) => [
  take(server.asyncIterator('messages.added'), 20),
  take(server.asyncIterator('messages.*', { pattern: true }), 21),
  take(server.asyncIterator(['a', 'b']), 2),
])
// Subscriptions are on their way; nobody tells when they are there.
const counted = async () => {
  const client = servers[0].getPublisher()
  const listeners = await client.pubsub('NUMSUB', 'messages.added', 'a', 'b')
  const patterns = (await client.client('LIST', 'TYPE', 'pubsub')).match(/psub=1/g)?.length
  return patterns === 2 && listeners.join() === 'messages.added,2,a,2,b,2'
}
while (!(await counted())) await new Promise((resolve) => setTimeout(resolve, 10))
for (let n = 0; n < 20; n++) await servers[n % 2].publish('messages.added', { n })
await servers[0].publish('messages.removed', { n: 20 })
await servers[0].publish('b', 'second')
await servers[1].publish('a', 'first')
for (const values of await Promise.all(listening)) console.log(JSON.stringify(values))
for (const server of servers) await server.close()
