import type { ConnectionOptions } from 'node:tls'
import type { Redis as Redis5, RedisOptions } from 'ioredis'
import type { Test } from 'tap'
import type { ConfigInput } from '../../src/config/config.js'
import { freePorts } from '../../src/local/ports.js'
import { startProxy } from '../helpers/proxy.js'
import { declareDown } from '../helpers/sentinels.js'
import { until } from '../helpers/until.js'

/** What an application does with ioredis, over the real ring; by TLS if there is that. */
export async function tellOfIoredis(
  t: Test,
  Redis: new (options: RedisOptions) => Redis5,
  tls?: { readonly settings: ConfigInput['tls'] & { readonly port: number }; readonly options: ConnectionOptions },
): Promise<void> {
  const [port] = await freePorts(1)
  const more: ConfigInput = tls === undefined ? {} : { listen: { port }, tls: tls.settings }
  const proxy = await startProxy(t, { config: { auth: { password: 'secret' }, ...more } })
  const way = tls === undefined ? { port: proxy.port } : { port: tls.settings.port, tls: tls.options }
  const clients: Redis5[] = []
  t.teardown(() => {
    for (const client of clients) client.disconnect()
  })
  const connect = (options: RedisOptions = {}) => {
    const client = new Redis({ host: proxy.host, ...way, password: 'secret', ...options })
    client.on('error', () => {}) // Broken connections are part of the story.
    clients.push(client)
    return client
  }
  const plain = await proxy.connect()
  await plain.ask('AUTH', 'secret')

  await t.test('it connects, logs in, chooses its database and its name', async (t) => {
    const redis = connect({ db: 4, connectionName: 'the-application' })
    t.equal(await redis.ping(), 'PONG')
    await redis.set('key', 'in 4')
    await plain.ask('SELECT', '4')
    t.equal(String(await plain.ask('GET', 'key')), '$4\r\nin 4\r\n')
    await plain.ask('SELECT', '0')
    t.match(await redis.client('LIST'), /name=the-application .* db=4 /)
    await redis.quit()
    const wrong = connect({ password: 'wrong', retryStrategy: () => null })
    await t.rejects(wrong.ping(), /WRONGPASS|NOAUTH|Connection is closed/)
  })

  await t.test('values of all types, and bytes', async (t) => {
    const redis = connect()
    const bytes = Buffer.from([0, 13, 10, 255, 128])
    await redis.set('bytes', bytes)
    t.ok((await redis.getBuffer('bytes'))?.equals(bytes))
    t.equal(await redis.get('nothing'), null)
    t.equal(await redis.incrby('counter', 41), 41)
    await redis.hset('hash', { a: '1', b: '2' })
    t.same(await redis.hgetall('hash'), { a: '1', b: '2' })
    t.same(await redis.hgetall('no-hash'), {})
    await redis.rpush('list', 'a', 'b', 'c')
    t.same(await redis.lrange('list', 0, -1), ['a', 'b', 'c'])
    await redis.zadd('zset', 1.5, 'x', 2, 'y')
    t.same(await redis.zrange('zset', 0, -1, 'WITHSCORES'), ['x', '1.5', 'y', '2'])
    t.equal(await redis.zscore('zset', 'x'), '1.5')
    t.same(await redis.smembers('no-set'), [])
    await redis.mset('m1', '1', 'm2', '2', 'm3', '3')
    t.same(await redis.mget('m1', 'none', 'm3'), ['1', null, '3'])
    t.equal(await redis.del('m1', 'm2', 'm3', 'none'), 3)
    const id = await redis.xadd('stream', '*', 'field', 'value')
    t.same(await redis.xrange('stream', '-', '+'), [[id, ['field', 'value']]])
    t.equal(await redis.set('once', '1', 'EX', 100, 'NX'), 'OK')
    t.equal(await redis.set('once', '2', 'EX', 100, 'NX'), null)
    t.ok((await redis.ttl('once')) > 90)
    await t.rejects(redis.lpush('counter', 'x'), /^WRONGTYPE/)
  })

  await t.test('pipelines, long ones and automatic ones', async (t) => {
    const redis = connect({ enableAutoPipelining: true })
    const pipeline = redis.pipeline()
    for (let i = 0; i < 5000; i++) pipeline.set(`p:${i}`, i).get(`p:${i}`)
    const results = (await pipeline.exec()) ?? []
    t.equal(results.length, 10_000)
    t.ok(results.every(([error, value], i) => error === null && value === (i % 2 === 0 ? 'OK' : String((i - 1) / 2))))
    const values = await Promise.all(Array.from({ length: 1000 }, (_, i) => redis.get(`p:${i}`)))
    t.ok(values.every((value, i) => value === String(i)))
    const mixed = await redis.pipeline().set('a', 'text').lpush('a', 'x').get('a').exec()
    t.equal(mixed?.[1][0]?.message, 'WRONGTYPE Operation against a key holding the wrong kind of value')
    t.same(mixed?.[2], [null, 'text'])
  })

  await t.test('transactions', async (t) => {
    const redis = connect()
    const transaction = redis.multi()
    for (let i = 0; i < 50; i++) transaction.incr(`t:${i}`)
    const replies = (await transaction.lpush('t:1', 'x').get('t:7').exec()) ?? []
    t.ok(replies.slice(0, 50).every(([error, value]) => error === null && value === 1))
    t.match(replies[50][0]?.message, /^WRONGTYPE/)
    t.same(replies[51], [null, '1'])
    await redis.multi({ pipeline: false })
    t.equal(await redis.set('one', 'by one'), 'QUEUED')
    t.same(await redis.exec(), [[null, 'OK']])
  })

  await t.test('a queue that is waited for, a channel, a script, a function', async (t) => {
    const [waiting, redis] = [connect(), connect()]
    const job = waiting.blpop('jobs', 10)
    await redis.rpush('jobs', 'first')
    t.same(await job, ['jobs', 'first'])
    const listening = connect()
    const heard = new Promise((resolve) => listening.on('message', (channel, message) => resolve([channel, message])))
    await listening.subscribe('news')
    t.equal(await redis.publish('news', 'today'), 1)
    t.same(await heard, ['news', 'today'])
    t.equal(await redis.eval('return redis.call("INCR", KEYS[1])', 1, 'of-a-script'), 1)
    await redis.function(
      'LOAD',
      "#!lua name=lib\nredis.register_function('twice', function(keys, args) return 2 * args[1] end)",
    )
    t.equal(await redis.fcall('twice', 0, 21), 42)
  })

  await t.test('monitor() is told of what others do', async (t) => {
    const [redis, monitor] = [connect({ db: 3 }), await connect().monitor()]
    const seen = new Promise((resolve) => {
      monitor.on('monitor', (_time, args, _source, database) => {
        if (args[0] === 'set') resolve([args, database])
      })
    })
    await redis.set('watched', 'v "quoted"')
    t.same(await seen, [['set', 'watched', 'v "quoted"'], '3'])
    monitor.disconnect()
  })

  await t.test('SLOWLOG has what was slow', async (t) => {
    const redis = connect()
    await redis.config('SET', 'slowlog-log-slower-than', '0')
    await redis.set('slow', 'v')
    await redis.config('SET', 'slowlog-log-slower-than', '10000')
    const entries = (await redis.slowlog('GET', -1)) as [number, number, number, string[], string, string][]
    const found = entries.find(([, , , [name, key]]) => name === 'set' && key === 'slow')
    t.match(found, [Number, Number, Number, ['set', 'slow', 'v'], /^127\.0\.0\.1:\d+$/, ''])
    t.equal(await redis.slowlog('RESET'), 'OK')
  })

  await t.test('what the proxy does not have yet is refused in words', async (t) => {
    const redis = connect()
    await t.rejects(redis.call('DEBUG', 'JMAP'), /DEBUG command not allowed/)
    t.equal(await redis.ping(), 'PONG', 'and the connection lives')
  })

  await t.test('scanStream and its like give everything', async (t) => {
    const redis = connect({ db: 6 })
    const names = Array.from({ length: 2000 }, (_, i) => `k:${i}`)
    await redis.mset(Object.fromEntries(names.map((name) => [name, '1'])))
    await redis.sadd('a-set', names)
    const found: string[] = []
    for await (const keys of redis.scanStream({ match: 'k:*', count: 100 })) found.push(...keys)
    t.same(new Set(found), new Set(names))
    const members: string[] = []
    for await (const some of redis.sscanStream('a-set', { count: 100 })) members.push(...some)
    t.same(new Set(members), new Set(names))
    t.equal((await redis.keys('k:*')).length, 2000)
    t.equal(await redis.dbsize(), 2001)
    t.equal(await redis.flushdb(), 'OK')
    t.equal(await redis.dbsize(), 0)
  })

  await t.test('it connects again by itself, and sends what was waiting', async (t) => {
    const redis = connect({ db: 2, retryStrategy: () => 10, connectionName: 'restless' })
    await redis.set('key', 'value')
    for (let i = 0; i < 3; i++) {
      const id = /^id=(\d+) .*name=restless /m.exec(String(await plain.ask('CLIENT', 'LIST')))?.[1]
      const closed = new Promise((resolve) => redis.once('close', resolve))
      t.equal(String(await plain.ask('CLIENT', 'KILL', 'ID', id!)), ':1\r\n')
      await closed
      t.equal(await redis.get('key'), 'value', 'in the same database')
    }
    await until('its name is there again', async () => {
      return String(await plain.ask('CLIENT', 'LIST')).includes('name=restless')
    })
  })

  await t.test('it notices nothing of a server that dies', async (t) => {
    const redis = connect()
    await redis.mset(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`d:${i}`, String(i)])))
    await proxy.ring.kill('dt-1')
    const names = Array.from({ length: 100 }, (_, i) => `d:${i}`)
    t.same(
      await redis.mget(names),
      names.map((_, i) => String(i)),
    )
    await declareDown(proxy.ring, 'dt-1')
    const written = await Promise.all(names.map((name) => redis.append(name, '!')))
    t.same(
      written,
      names.map((_, i) => String(i).length + 1),
    )
  })
}
