/*
 * What pages for looking at a Redis ask before they show anything, and then of each key: RedisInsight, P3X Redis UI and Another Redis
 * Desktop Manager. Each command is answered, or refused as the plain one refuses it.
 */
import { Redis } from 'ioredis'

const redis = new Redis(Number(process.argv[2]))
await redis
  .pipeline()
  .set('string', 'x')
  .hset('hash', 'a', 1)
  .rpush('list', 'a')
  .sadd('set', 'a')
  .zadd('zset', 1, 'a')
  .xadd('stream', '1-1', 'a', 1)
  .exec()
const STARTS = {
  RedisInsight: [
    'CLIENT SETNAME redisinsight',
    'INFO',
    'INFO server',
    'INFO keyspace',
    'CLUSTER INFO',
    'MODULE LIST',
    'COMMAND',
    'DBSIZE',
    'CONFIG GET databases',
    'CLIENT LIST',
    'MEMORY STATS',
    'SCAN 0 COUNT 500',
    'SCAN 0 MATCH * COUNT 500 TYPE hash',
    'LATENCY LATEST',
    'PUBSUB CHANNELS *',
    'ACL WHOAMI',
    'CONFIG GET requirepass',
    'FUNCTION LIST',
    'SLOWLOG LEN',
    'SLOWLOG GET 50',
    'CONFIG GET slowlog-max-len',
    'CONFIG GET slowlog-log-slower-than',
  ],
  'P3X Redis UI': [
    'CONFIG GET databases',
    'INFO',
    'COMMAND',
    'MODULE LIST',
    'CLIENT LIST',
    'MEMORY DOCTOR',
    'ACL LIST',
    'LATENCY LATEST',
    'SLOWLOG GET',
    'KEYS *',
    'MEMORY STATS',
    'CONFIG GET *',
  ],
  'Another Redis Desktop Manager': [
    'CONFIG GET databases',
    'INFO',
    'SELECT 0',
    'DBSIZE',
    'SCAN 0 MATCH * COUNT 500',
    'CLIENT LIST',
    'MEMORY USAGE string',
  ],
}
const OF_EACH_KEY = [
  'TYPE',
  'TTL',
  'PTTL',
  'OBJECT ENCODING',
  'OBJECT IDLETIME',
  'OBJECT REFCOUNT',
  'MEMORY USAGE',
  'EXISTS',
  'DUMP',
]
const OF_A_TYPE = {
  string: ['STRLEN', 'GET'],
  hash: ['HLEN', 'HSCAN 0 COUNT 100'],
  list: ['LLEN', 'LRANGE 0 99'],
  set: ['SCARD', 'SSCAN 0 COUNT 100'],
  zset: ['ZCARD', 'ZRANGE 0 99 WITHSCORES', 'ZSCAN 0'],
  stream: ['XLEN', 'XINFO STREAM', 'XINFO GROUPS', 'XREVRANGE + - COUNT 50'],
}
const kind = (reply) =>
  Array.isArray(reply) ? 'array' : reply instanceof Error ? reply.message : reply === null ? 'null' : typeof reply
async function say(words) {
  return kind(await redis.call(...words).catch((error) => error))
}
for (const [page, commands] of Object.entries(STARTS)) {
  for (const command of commands) console.log(page, command, await say(command.split(' ')))
}
for (const [key, commands] of Object.entries(OF_A_TYPE)) {
  for (const command of [...OF_EACH_KEY, ...commands]) {
    const [name, ...rest] = command.split(' ')
    const isSub = /^(OBJECT|MEMORY|XINFO)$/.test(name)
    console.log(await say(isSub ? [name, ...rest, key] : [name, key, ...rest]), command, key)
  }
}
redis.disconnect()
