/* redis-semaphore: mutexes, semaphores, locks of several resources, and a lock that its holder loses. */
import { Redis } from 'ioredis'
import locks from 'redis-semaphore'

const { MultiSemaphore, Mutex, RedlockMutex, Semaphore } = locks
const clients = [1, 2, 3].map(() => new Redis(Number(process.argv[2])))
const quick = { acquireTimeout: 60_000, retryInterval: 5, lockTimeout: 5000, refreshInterval: 1000 }
async function crowd(open) {
  let inside = 0
  let most = 0
  let entered = 0
  const visitors = Array.from({ length: 12 }, async (_, i) => {
    const lock = open(clients[i % 3])
    for (let round = 0; round < 3; round++) {
      await lock.acquire()
      most = Math.max(most, ++inside)
      await new Promise((resolve) => setTimeout(resolve, 5))
      inside--
      entered++
      await lock.release()
    }
  })
  await Promise.all(visitors)
  return `entered ${entered}, at most ${most}`
}
console.log('mutex', await crowd((client) => new Mutex(client, 'mutex', quick)))
console.log('semaphore', await crowd((client) => new Semaphore(client, 'semaphore', 3, quick)))
console.log('two of four', await crowd((client) => new MultiSemaphore(client, 'multi', 4, 2, quick)))
console.log('redlock', await crowd((client) => new RedlockMutex([client], 'redlock', quick)))
const held = new Mutex(clients[0], 'held', quick)
await held.acquire()
console.log('tried', await new Mutex(clients[1], 'held', { ...quick, acquireTimeout: 100 }).tryAcquire())
const lost = new Promise((resolve) => {
  const mutex = new Mutex(clients[2], 'lost', { ...quick, refreshInterval: 50, onLockLost: resolve })
  mutex.acquire().then(() => clients[0].del('mutex:lost'))
})
console.log('lost', (await lost).constructor.name)
await held.release()
console.log('left', await clients[0].keys('*'))
for (const client of clients) client.disconnect()
