/* Keyv with @keyv/redis: namespaces, many at once, deadlines, an iterator. */
import KeyvRedis, { Keyv } from '@keyv/redis'

const url = `redis://127.0.0.1:${process.argv[2]}`
const [users, pages] = ['users', 'pages'].map((namespace) => new Keyv(new KeyvRedis(url), { namespace }))
await users.setMany(Array.from({ length: 200 }, (_, n) => ({ key: `user ${n}`, value: { n, tags: ['a', 'b'] } })))
await pages.set('home', 'welcome', 300)
console.log(
  'get',
  await users.get('user 17'),
  await users.getMany(['user 1', 'nobody', 'user 2']),
  await pages.get('home'),
)
let found = 0
for await (const [, value] of users.iterator()) found += value.n
console.log('iterated', found)
console.log(
  'has',
  await users.has('user 3'),
  await users.delete('user 3'),
  await users.has('user 3'),
  await pages.has('user 1'),
)
await new Promise((resolve) => setTimeout(resolve, 400))
console.log('expired', await pages.get('home'), await users.delete(['user 4', 'user 5']), await users.get('user 4'))
await pages.set('kept', 1)
await users.clear()
console.log('cleared', await users.get('user 1'), await pages.get('kept'))
await Promise.all([users, pages].map((store) => store.disconnect()))
