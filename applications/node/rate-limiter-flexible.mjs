/* rate-limiter-flexible: points, blocks, rewards, bursts, unions, for two processes of one site. */
import { Redis } from 'ioredis'
import { BurstyRateLimiter, RateLimiterRedis, RateLimiterRes, RateLimiterUnion } from 'rate-limiter-flexible'

const clients = [1, 2].map(() => new Redis(Number(process.argv[2])))
const limiter = (storeClient, keyPrefix, points) =>
  new RateLimiterRedis({ storeClient, keyPrefix, points, duration: 60, blockDuration: 60 })
const refused = (reason) => {
  if (reason instanceof RateLimiterRes || Object.values(reason).every((each) => each instanceof RateLimiterRes)) return
  throw reason
}
const letIn = async (consume) => {
  const tries = Array.from({ length: 60 }, (_, i) => consume(i).catch(refused))
  return (await Promise.all(tries)).filter((result) => result !== undefined).length
}
const plain = clients.map((client) => limiter(client, 'plain', 25))
console.log('let in', await letIn((i) => plain[i % 2].consume('somebody')))
console.log('left', (await plain[0].get('somebody')).remainingPoints, await plain[1].delete('somebody'))
console.log(
  'after',
  (await plain[1].consume('somebody', 20)).remainingPoints,
  (await plain[0].reward('somebody', 5)).remainingPoints,
)
const unions = clients.map((client) => new RateLimiterUnion(limiter(client, 'few', 10), limiter(client, 'many', 40)))
console.log('of both', await letIn((i) => unions[i % 2].consume('somebody')))
const bursty = clients.map((client) => new BurstyRateLimiter(limiter(client, 'rate', 10), limiter(client, 'burst', 15)))
console.log('with a burst', await letIn((i) => bursty[i % 2].consume('somebody')))
console.log(
  'penalty',
  (await plain[0].penalty('other', 3)).consumedPoints,
  (await plain[1].block('other', 60)).consumedPoints > 25,
)
for (const client of clients) client.disconnect()
