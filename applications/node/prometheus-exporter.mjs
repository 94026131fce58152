/* The exporter of Prometheus for Redis, with all that it can look at: which metrics it finds, and what it says of keys. */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { Redis } from 'ioredis'

const port = process.argv[2]
const redis = new Redis(Number(port))
await redis
  .pipeline()
  .mset({ k1: 1, k2: 22 })
  .hset('h1', 'a', 1)
  .xadd('s1', '1-1', 'a', 1)
  .xgroup('CREATE', 's1', 'g', '0')
  .exec()
await redis.set('expiring', 'x', 'EX', 1000)
// ioredis says CLIENT SETINFO, which is an error for Redis 7.0 and none for DT: now both have counted one.
await redis.call('NOSUCH').catch(() => {})

const free = createServer().listen(0)
const own = await new Promise((resolve) => free.once('listening', () => resolve(free.address().port)))
await new Promise((resolve) => free.close(resolve))
writeFileSync('exporter.lua', 'return {"keys", tostring(redis.call("DBSIZE"))}')
const options = {
  'redis.addr': `redis://127.0.0.1:${port}`,
  'web.listen-address': `127.0.0.1:${own}`,
  ...{ 'check-keys': 'k*', 'check-single-keys': 'h1,nothing', 'count-keys': 'db0=k*', 'check-key-groups': '^(k)|^(h)' },
  ...{ 'check-streams': 's*', 'check-single-streams': 's1', 'check-keys-batch-size': 10, script: 'exporter.lua' },
  ...{ 'config-command': 'CONFIG', 'connection-timeout': '5s', 'max-distinct-key-groups': 10 },
}
const flags = [
  'include-system-metrics',
  'include-config-metrics',
  'export-client-list',
  'export-client-port',
  'ping-on-connect',
]
const args = [
  ...Object.entries(options).map(([name, value]) => `-${name}=${value}`),
  ...flags.map((flag) => `-${flag}`),
]
const exporter = spawn('prometheus-redis-exporter', args, { stdio: 'ignore' })
let text = ''
while (!/^redis_up 1$/m.test(text)) {
  await new Promise((resolve) => setTimeout(resolve, 50))
  text = await fetch(`http://127.0.0.1:${own}/metrics`).then(
    (response) => response.text(),
    () => '',
  )
}
const lines = text.split('\n').filter((line) => line.startsWith('redis_'))
// The plain one has no append-only file.
const names = new Set(lines.map((line) => line.replace(/[{ ].*/, '')).filter((name) => !/^redis_aof_/.test(name)))
console.log([...names].sort().join('\n'))
const told =
  /^redis_(exporter_last_scrape_error|key_size|key_value|keys_count|key_group_count|db_keys|script_values|stream_(length|groups))/
console.log(lines.filter((line) => told.test(line)).join('\n'))
exporter.kill()
redis.disconnect()
