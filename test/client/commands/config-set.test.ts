import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { ConfigInput } from '../../../src/config/config.js'
import { answersAlike } from '../../helpers/alike.js'
import { AnotherProxy } from '../../helpers/another-proxy.js'
import { LogLines } from '../../helpers/log-lines.js'
import { startProxy, startRedis } from '../../helpers/proxy.js'
import { RawClient } from '../../helpers/raw-client.js'
import { itemsOf, readReply, textOf } from '../../helpers/raw-reply.js'
import { startRing } from '../../helpers/ring.js'
import { nodeStates } from '../../helpers/ring-state.js'
import { until } from '../../helpers/until.js'

/* CONFIG SET, REWRITE and RESETSTAT [design §7 Settings]. */

const lines = new LogLines()
const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1, log: lines.log })
const redis = await startRedis(t)
const client = await proxy.connect()
const members = await Promise.all(['dt-1', 'dt-2', 'dt-3'].map((name) => proxy.connectTo(name)))

async function get(of: RawClient, name: string): Promise<string | undefined> {
  return itemsOf(readReply(await of.ask('CONFIG', 'GET', name))).map(textOf)[1]
}

const everywhere = (name: string) => Promise.all(members.map((member) => get(member, name)))
const set = async (...words: string[]) => String(await client.ask('CONFIG', 'SET', ...words))

t.test('errors are those of Redis', async (t) => {
  const wrong = [
    ['nosuch', '1'],
    ['timeout', '1', 'nosuch', '2'],
    ['time*', '1'],
    ['timeout', '1', 'port'],
    ['timeout', '-1'],
    ['timeout', 'x'],
    ['timeout', '05'],
    ['timeout', '99999999999'],
    ['timeout', '1', 'TIMEOUT', '2'],
    ['maxclients', '0'],
    ['loglevel', 'foo'],
    ['client-query-buffer-limit', '5'],
    ['client-query-buffer-limit', 'x'],
    ['tracking-table-max-keys', '-1'],
    ['slowlog-log-slower-than', '-5'],
    ['slowlog-max-len', 'x'],
    ['latency-monitor-threshold', '-1'],
    ['DataBases', '3'],
    ['databases', '2', 'nosuch', '1'],
    ['nosuch', '1', 'databases', '2'],
    ['dir', '/tmp'],
    ['dbfilename', 'x'],
    ['replicaof', 'no one'],
    ['enable-debug-command', 'yes'],
    ['maxmemory', '1x'],
    ['activedefrag', 'maybe'],
    ['hash-max-listpack-entries', 'x', 'maxmemory', '0'],
    ['appendfsync', 'often'],
  ]
  await answersAlike(t, client, await redis.connect(), [
    ...wrong.map((words) => ['CONFIG', 'SET', ...words]),
    ['CONFIG', 'SET'],
    ['CONFIG', 'SET', 'timeout'],
    ['CONFIG', 'REWRITE', 'x'],
    ['CONFIG', 'RESETSTAT', 'x'],
    ['CONFIG', 'RESETSTAT'],
    ['CONFIG', 'SET', 'timeout', '0', 'hz', '12', 'loglevel', 'notice'],
    ['CONFIG', 'GET', 'hz'],
  ])
})

t.test('what is the servers’ is set on all of them, several at once', async (t) => {
  t.equal(await set('hash-max-listpack-entries', '77', 'MAXMEMORY', '1gb', 'timeout', '500'), '+OK\r\n')
  t.same(await everywhere('hash-max-listpack-entries'), ['77', '77', '77'])
  t.same(await everywhere('maxmemory'), Array(3).fill(String(1024 ** 3)))
  t.same(await everywhere('timeout'), ['0', '0', '0'], 'what is about clients is not')
  t.equal(await get(client, 'timeout'), '500')
  t.equal(await get(client, 'hash-max-listpack-entries'), '77')
  await set('timeout', '0', 'maxmemory', '0')
})

t.test('what would break the ring is refused with the reason, and nothing is set', async (t) => {
  for (const [name, value, why] of [
    ['maxmemory-policy', 'allkeys-lru', /a member that evicts loses keys.*; nothing was set/],
    ['save', '60 1', /when a server starts again/],
    ['appendonly', 'no', /when a server starts again/],
    ['min-replicas-to-write', '1', /would refuse every write/],
    ['lazyfree-lazy-user-del', 'no', /taken for dead/],
    ['stream-node-max-entries', '7', /come to differ/],
    ['replica-announce-ip', '1.2.3.4', /nothing was set/],
    ['requirepass', '(redacted)', /CONFIG GET shows in the place of any password; nothing was set/],
    ['port', '7000', /listen\.port/],
    ['proto-max-bulk-len', '1gb', /longer than 512mb here; nothing was set/],
    ['maxmemory-clients', '10%', /give bytes; nothing was set/],
  ] as const) {
    const reply = await set('hash-max-listpack-entries', '78', name, value, 'timeout', '9')
    t.match(reply, new RegExp(`^-ERR CONFIG SET failed \\(possibly related to argument '${name}'\\) - `))
    t.match(reply, why)
  }
  t.same(await everywhere('hash-max-listpack-entries'), ['77', '77', '77'])
  t.equal(await get(client, 'timeout'), '0')
  t.equal(await set('maxmemory-policy', 'noeviction', 'appendonly', 'yes', 'port', String(proxy.port)), '+OK\r\n')
})

t.test('when one server refuses, the others get back what they had', async (t) => {
  t.equal(await set('zset-max-listpack-entries', '50', 'hz', '20'), '+OK\r\n')
  await members[1].ask('ACL', 'SETUSER', 'default', '-config|set')
  t.match(
    await set('zset-max-listpack-entries', '60', 'hz', '30', 'timeout', '9'),
    /^-NOPERM .*\(so says dt-2; the others have again what they had\)/,
  )
  t.same(await everywhere('zset-max-listpack-entries'), ['50', '50', '50'])
  t.same(await everywhere('hz'), ['20', '20', '20'])
  t.equal(await get(client, 'timeout'), '0')
  await members[1].ask('ACL', 'SETUSER', 'default', '+@all')
  t.equal(await set('zset-max-listpack-entries', '60'), '+OK\r\n')
})

t.test('a server that was away has it when it is back', async (t) => {
  await proxy.ring.kill('dt-3')
  await until('it is missed', async () => (await nodeStates(client))['dt-3'] === 'suspect')
  t.equal(await set('set-max-intset-entries', '33', 'busy-reply-threshold', '4000'), '+OK\r\n')
  await proxy.ring.restart('dt-3')
  await until('it is up', async () => (await nodeStates(client))['dt-3'] === 'up')
  members[2] = await proxy.connectTo('dt-3')
  t.same(await everywhere('set-max-intset-entries'), ['33', '33', '33'])
  t.same(await everywhere('zset-max-listpack-entries'), ['60', '60', '60'])
  t.same(await everywhere('busy-reply-threshold'), ['4000', '4000', '4000'])
})

t.test('what is about clients acts at once', async (t) => {
  const idle = await proxy.connect()
  await idle.ask('PING')
  t.equal(await set('timeout', '1'), '+OK\r\n')
  let isGone = false
  const rest = idle.rest().finally(() => {
    isGone = true
  })
  await until('one that says nothing is closed', async () => {
    await client.ask('PING')
    return isGone
  })
  t.equal(String(await rest), '')
  t.equal(await set('timeout', '0', 'maxclients', '1'), '+OK\r\n')
  t.match(String(await (await proxy.connect()).rest()), /^-ERR max number of clients reached/)
  t.equal(await set('maxclients', '1000'), '+OK\r\n')
})

t.test(
  'RESETSTAT resets what servers and proxy count, and nobody is suspected of having emptied a server',
  async (t) => {
    await client.ask('FLUSHALL')
    await client.pipeline(Array.from({ length: 50 }, () => ['GET', 'missing']))
    await client.ask('NOSUCH')
    const info = async () => String(await client.ask('INFO', 'stats', 'commandstats', 'errorstats'))
    t.match(await info(), /keyspace_misses:50\r/)
    t.equal(String(await client.ask('CONFIG', 'RESETSTAT')), '+OK\r\n')
    const text = await info()
    t.match(text, /keyspace_misses:0\r/)
    t.match(text, /total_commands_processed:[01]\r/)
    t.match(text, /total_error_replies:0\r/)
    t.notMatch(text, /cmdstat_get:|errorstat_/)
    await client.ask('FLUSHALL')
    await sleep(2500)
    t.same(lines.about(/emptied or swapped/), [])
    await members[0].ask('FLUSHALL')
    await until('who empties one behind our back is still noticed', () => lines.about(/emptied or swapped/).length > 0)
  },
)

t.test('RESETSTAT resets all that it resets in Redis', async (t) => {
  /** What INFO says is not 0 after it. */
  const left = async (of: RawClient) => {
    await of.pipeline(Array.from({ length: 200 }, (_, i) => ['SET', `k${i}`, 'x', 'PX', '100']))
    await of.pipeline(Array.from({ length: 200 }, (_, i) => ['GET', `k${i}`]))
    for (const command of [
      ['GET'],
      ['LPUSH', 'k1', 'x'],
      ['SET', 'text', 'x'],
      ['LPUSH', 'text', 'x'],
      ['GET', 'none'],
    ]) {
      await of.ask(...command)
    }
    await sleep(600)
    await of.ask('CONFIG', 'RESETSTAT')
    const info = String(await of.ask('INFO', 'stats', 'commandstats', 'errorstats', 'latencystats'))
    const fields = info.split('\r\n').filter((line) => /^[a-z_|0-9]+:/.test(line) && !/:0(\.00)?$/.test(line))
    return new Set(fields.map((line) => line.slice(0, line.indexOf(':'))))
  }
  const inRedis = await left(await redis.connect())
  // The Sentinels ping the servers all the time.
  const inOurs = [...(await left(client))].filter((field) => !inRedis.has(field) && !field.endsWith('_ping'))
  t.same(inOurs, [])
})

t.test('REWRITE keeps what was set for the next run of the proxy, and for who joins then', async (t) => {
  const ring = await startRing(t, 3)
  const first = await AnotherProxy.started(t, ring)
  const one = await first.connect()
  await one.ask('CONFIG', 'SET', 'list-compress-depth', '3', 'timeout', '600')
  t.equal(String(await one.ask('CONFIG', 'REWRITE')), '+OK\r\n')
  await one.ask('CONFIG', 'SET', 'hll-sparse-max-bytes', '1000', 'maxclients', '700')
  one.close()
  await first.proxy.stop()
  await ring.restart('dt-2')

  const second = await AnotherProxy.started(t, ring)
  const other = await second.connect()
  t.teardown(() => other.close())
  await until('what was kept is known', async () => (await get(other, 'timeout')) === '600')
  await until('all are up', async () => Object.values(await nodeStates(other)).every((state) => state === 'up'))
  for (const name of ['dt-1', 'dt-2', 'dt-3']) {
    const to = await RawClient.connect(ring.server(name).port)
    await until(`${name} has it`, async () => (await get(to, 'list-compress-depth')) === '3')
    to.close()
  }
  t.not(await get(other, 'maxclients'), '700', 'what was set after that is forgotten')
})

t.test('requirepass is the password of the default user, as with Redis', async (t) => {
  const ring = await startProxy(t, { nodes: 2, replicas: 1, sentinels: 1, log: lines.log })
  const plain = await startRedis(t)
  const [ours, theirs] = [await ring.connect(), await plain.connect()]
  // CONFIG GET is the exception: nobody is shown it.
  await answersAlike(t, ours, theirs, [
    ['AUTH', 'x'],
    ['CONFIG', 'SET', 'requirepass', 'first secret', 'maxclients', '900'],
    ['PING'],
    ['ACL', 'LIST'],
    ['ACL', 'GETUSER', 'default'],
    ['AUTH', 'wrong'],
    ['AUTH', 'first secret'],
    ['AUTH', 'default', 'first secret'],
    ['ACL', 'SETUSER', 'default', '>two', '-debug'],
    ['AUTH', 'first secret'],
    ['CONFIG', 'SET', 'requirepass', 'third'],
    ['AUTH', 'two'],
    ['AUTH', 'first secret'],
    ['ACL', 'LIST'],
    ['CONFIG', 'SET', 'requirepass', 'x', 'maxclients', 'nonsense'],
    ['CONFIG', 'SET', 'requirepass', 'x', 'requirepass', 'y'],
    ['AUTH', 'third'],
    ['MULTI'],
    ['CONFIG', 'SET', 'requirepass', 'fourth'],
    ['AUTH', 'fourth'],
    ['EXEC'],
  ])
  const [late, other] = [await ring.connect(), await plain.connect()]
  await answersAlike(t, late, other, [['PING'], ['AUTH', 'third'], ['AUTH', 'fourth'], ['PING']])
  t.equal(await get(ours, 'requirepass'), '(redacted)')
  for (const words of [
    ['SLOWLOG', 'GET', '-1'],
    ['INFO', 'everything'],
    ['CONFIG', 'GET', '*'],
    ['DT', 'SLOWLOG'],
    ['ACL', 'LIST'],
  ]) {
    t.notMatch(String(await ours.ask(...words)), /first secret|fourth/, words.join(' '))
  }
  t.same(lines.about(/first secret|fourth/), [])
  await answersAlike(t, ours, theirs, [
    ['CONFIG', 'SET', 'requirepass', ''],
    ['CONFIG', 'GET', 'requirepass'],
    ['ACL', 'LIST'],
    ['AUTH', 'fourth'],
  ])
  for (const each of [ours, theirs, late, other]) each.close()
})

t.test('a password is kept by REWRITE as its hash, and who came before it was known is cut off', async (t) => {
  const ring = await startRing(t, 3)
  const first = await AnotherProxy.started(t, ring)
  const one = await first.connect()
  await one.ask('CONFIG', 'SET', 'requirepass', 'kept secret')
  t.equal(String(await one.ask('CONFIG', 'REWRITE')), '+OK\r\n')
  const server = await RawClient.connect(ring.server('dt-1').port)
  t.notMatch(String(await server.ask('FUNCTION', 'LIST', 'WITHCODE')), /kept secret/)
  server.close()
  one.close()
  await first.proxy.stop()

  const second = await AnotherProxy.started(t, ring)
  await until('the password is asked for', async () => {
    const early = await second.connect()
    // It is let in, or is cut off when the password is known.
    const reply = await early.ask('PING').then(String, String)
    early.close()
    return reply === '-NOAUTH Authentication required.\r\n'
  })
  const client = await second.connect()
  t.equal(String(await client.ask('AUTH', 'kept secret')), '+OK\r\n')
  t.equal(await get(client, 'requirepass'), '(redacted)')
  client.close()
})

t.test('a password that was kept does not override what is written since', async (t) => {
  const ring = await startRing(t, 3)
  /** What was set and kept by a proxy with these settings, the next with others does. */
  const keptBy = async (config: ConfigInput, login: string | undefined, value: string) => {
    const first = await AnotherProxy.started(t, ring, { config })
    const one = await first.connect()
    if (login !== undefined) await one.ask('AUTH', login)
    t.equal(String(await one.ask('CONFIG', 'SET', 'requirepass', value)), '+OK\r\n')
    t.equal(String(await one.ask('CONFIG', 'REWRITE')), '+OK\r\n')
    one.close()
    await first.proxy.stop()
  }
  const isNotRestored = async (t: Test, config: ConfigInput, wanted: string, why: RegExp) => {
    const next = await AnotherProxy.started(t, ring, { config })
    const [line] = await until('it says so', () => {
      const said = next.log.about(/requirepass is not set as it was kept/)
      return said.length > 0 ? said : undefined
    })
    t.match(line, { event: 'setting-not-restored', setting: 'requirepass', msg: why })
    const client = await next.connect()
    t.equal(String(await client.ask('PING')), '-NOAUTH Authentication required.\r\n')
    t.match(String(await client.ask('AUTH', 'p1')), /^-WRONGPASS/)
    t.equal(String(await client.ask('AUTH', wanted)), '+OK\r\n')
    client.close()
    await next.proxy.stop()
  }

  const file = join(t.testdir({ 'users.acl': 'user default on >p2 ~* &* +@all\n' }), 'users.acl')
  const rules = { acl: { users: ['user default on >p2 ~* &* +@all'] } }
  for (const value of ['', 'p1']) {
    await keptBy({}, undefined, value)
    await isNotRestored(t, { auth: { password: 'p2' } }, 'p2', value === '' ? /let everybody in/ : /another one/)
    await isNotRestored(t, rules, 'p2', /says how the user default logs in/)
    await isNotRestored(t, { acl: { file } }, 'p2', /says how the user default logs in/)
  }
  await keptBy({ auth: { password: 'p0' } }, 'p0', '')
  await isNotRestored(t, { auth: { password: 'p0' } }, 'p0', /let everybody in/)
  await keptBy({ auth: { password: 'p0' } }, 'p0', 'p1')
  await isNotRestored(t, { auth: { password: 'p2' } }, 'p2', /another one/)

  const same = await AnotherProxy.started(t, ring, { config: { auth: { password: 'p0' } } })
  await until('what replaced this password counts', async () => {
    const client = await same.connect()
    const reply = await client.ask('AUTH', 'p1').then(String, String)
    client.close()
    return reply === '+OK\r\n'
  })
  await same.proxy.stop()
})
