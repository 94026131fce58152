/* Redis Commander (a web page for looking at a Redis): how it starts, its tree of keys, values of each type, its command line. */
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'

const port = process.argv[2]
const redis = new Redis(Number(port))
await redis
  .pipeline()
  .set('page:1', 'one')
  .set('page:2', 'two', 'EX', 1000)
  .hset('user:1', { name: 'x', age: 3 })
  .rpush('list', 'a', 'b')
  .exec()
await redis.pipeline().sadd('set', 'm').zadd('zset', 1, 'a', 2, 'b').xadd('stream', '1-1', 'f', 'v').exec()

const free = createServer().listen(0)
const own = await new Promise((resolve) => free.once('listening', () => resolve(free.address().port)))
await new Promise((resolve) => free.close(resolve))
const program = fileURLToPath(import.meta.resolve('redis-commander/bin/redis-commander.js'))
const options = ['--redis-host', '127.0.0.1', '--redis-port', port, '--port', own, '--address', '127.0.0.1', '--nosave']
const commander = spawn(process.execPath, [program, ...options.map(String)], { stdio: 'ignore' })
const base = `http://127.0.0.1:${own}`
const id = encodeURIComponent(`R:127.0.0.1:${port}:0`)
while (!(await fetch(base).catch(() => undefined))?.ok) await new Promise((resolve) => setTimeout(resolve, 50))

const { bearerToken } = await (await fetch(`${base}/signin`, { method: 'POST' })).json()
const headers = { authorization: `Bearer ${bearerToken}` }
const ask = async (path, body) => {
  const form = body === undefined ? {} : { method: 'POST', body: new URLSearchParams(body) }
  const response = await fetch(`${base}${path}`, { headers, ...form })
  return (await response.text()).replaceAll(`:${port}:`, ':PORT:')
}
const sorted = (text) =>
  JSON.stringify(JSON.parse(text).data.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)))
// It connects when it is asked for the first time.
while (!(await ask(`/apiv2/keystree/${id}/`)).startsWith('{"data"'))
  await new Promise((resolve) => setTimeout(resolve, 50))
console.log('tree', sorted(await ask(`/apiv2/keystree/${id}/`)))
console.log('branch', sorted(await ask(`/apiv2/keystree/${id}/page:`)))
for (const key of ['page:1', 'user:1', 'list', 'set', 'zset', 'stream', 'nothing']) {
  console.log(key, await ask(`/apiv2/key/${id}/${encodeURIComponent(key)}`))
}
for (const cmd of ['INCR counter', 'LPUSH page:1 x', 'NOSUCHCOMMAND', 'HGETALL user:1']) {
  console.log(cmd, await ask(`/apiv2/exec/${id}`, { cmd }))
}
console.log(
  'added',
  await ask('/apiv2/list/value', { connectionId: `R:127.0.0.1:${port}:0`, key: 'list', value: 'c', type: 'rpush' }),
)
commander.kill()
redis.disconnect()
