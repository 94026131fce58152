import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { fillWithEverything, importedJson, importInto, startImport } from '../helpers/importing.js'
import { startProxy, startRedis } from '../helpers/proxy.js'

/** `dt import` from one Redis, to a ring of real servers. */

const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1 })
const ring = await proxy.connect()
const source = await startRedis(t)
const there = await source.connect()
const url = `redis://127.0.0.1:${source.port}`
await fillWithEverything(there)

const same = async (t: { same(a: unknown, b: unknown, what: string): unknown }, ...command: string[]) => {
  t.same(String(await ring.ask(...command)), String(await there.ask(...command)), command.join(' '))
}

t.test('every type, deadline, database and library is copied, and compared', async (t) => {
  const { code, text } = await importInto(proxy.port, url)
  t.match(
    text,
    /^16 keys copied \([0-9.]+ kB\), 1 library\.\n16 keys compared: all of them are in the ring, and equal\nWhat changes at the source from now on [^\n]+\n$/,
  )
  t.equal(code, 0)
  for (const key of ['string', 'integer', 'hyperloglog', 'zset', 'geo', 'list', 'integers', 'hash'])
    await same(t, 'DUMP', key)
  await same(t, 'PEXPIRETIME', 'deadline')
  await same(t, 'PEXPIRETIME', 'large hash')
  await same(t, 'XPENDING', 'stream', 'group')
  t.equal(String(await ring.ask('FCALL', 'f', '0')), ':7\r\n')
  t.same(
    await ring
      .pipeline([
        ['SELECT', '3'],
        ['GET', 'string'],
        ['SELECT', '0'],
      ])
      .then((all) => String(all[1])),
    '$18\r\nthat of database 3\r\n',
  )
})

t.test(
  'run again it finds everything there; what the ring has otherwise is left and named, or replaced when that is asked for',
  async (t) => {
    t.match(await importedJson(proxy.port, url), { code: 0, report: { copied: 0, already: 16, compared: 16 } })
    await ring.ask('SET', 'string', 'of the ring')
    await ring.ask('PERSIST', 'deadline')
    await ring.ask('SET', 'of the ring alone', '1')
    const { code, text } = await importInto(proxy.port, url)
    t.equal(code, 1)
    t.match(
      text,
      /^2 keys: were in the ring with another value, and were left; --replace overwrites them\ndb {2}key\n/m,
    )
    t.match(text, /^1 key: in the ring alone/m)
    t.equal(String(await ring.ask('GET', 'string')), '$11\r\nof the ring\r\n')
    t.match(await importedJson(proxy.port, url, '--replace'), {
      code: 0,
      report: { copied: 16, 'in-the-ring-alone': 1 },
    })
    t.equal(String(await ring.ask('GET', 'string')), '$7\r\na value\r\n')
    await same(t, 'PEXPIRETIME', 'deadline')
    t.equal(String(await ring.ask('GET', 'of the ring alone')), '$1\r\n1\r\n', 'nothing else is touched')
    await ring.ask('DEL', 'of the ring alone')
  },
)

t.test('one database alone; values that are too large are named', async (t) => {
  await ring.ask('FLUSHALL')
  t.match(await importedJson(proxy.port, `${url}/15`), { code: 0, report: { copied: 1, compared: 1 } })
  t.equal(String(await ring.ask('DBSIZE')), ':0\r\n')
  await there.ask('SETRANGE', 'large', '2000000', 'x')
  const { code, report } = await importedJson(proxy.port, url, '--largest', '1')
  t.equal(code, 1)
  t.same(report['too-large'], { keys: 1, examples: [{ db: 0, key: 'large' }] })
  t.match(await importedJson(proxy.port, url, '--largest', '3'), { code: 0, report: { copied: 1, already: 16 } })
  await there.ask('DEL', 'large')
})

t.test(
  'what changes meanwhile is there in the end: also what no keyspace event tells, in other databases, and deletions',
  async (t) => {
    await ring.ask('FLUSHALL')
    const fill = Array.from({ length: 20_000 }, (_, i) => ['SET', `key:${i}`, `first ${i}`])
    await there.pipeline(fill)
    const stopping = new AbortController()
    const other = await source.connect()
    const writes = (async () => {
      for (let i = 0; !stopping.signal.aborted; i++) {
        await other.pipeline([
          ['SET', `key:${i % 20_000}`, `second ${i}`],
          ['DEL', `key:${(i * 7) % 20_000}`],
          ['LPUSH', 'list', `new ${i}`],
          ['XADD', 'stream', '*', 'n', String(i)],
          ['XREADGROUP', 'GROUP', 'group', 'someone', 'COUNT', '1', 'STREAMS', 'stream', '>'],
          ['XACK', 'stream', 'group', '1-1'],
          ['SET', `other:${i % 50}`, String(i)],
          ['COPY', `other:${i % 50}`, `copied:${i % 50}`, 'DB', '5', 'REPLACE'],
          ['MOVE', `other:${(i + 25) % 50}`, '6'],
          ['EVAL', "redis.call('incr', 'undeclared') return 1", '0'],
          ['EXPIRE', `key:${(i * 13) % 20_000}`, '1000'],
        ])
        await sleep(1)
      }
    })()
    const running = startImport(proxy.port, url, '--follow')
    await running.sees(/copied again; stop who writes/)
    await sleep(300)
    stopping.abort()
    await writes
    process.emit('SIGINT')
    const { code, text } = await running.finished()
    t.equal(code, 0, text)
    t.match(text, /copied again as they changed/)
    t.match(text, /deleted as the source deleted them/)
    for (const db of ['0', '5', '6']) {
      await ring.ask('SELECT', db)
      await there.ask('SELECT', db)
      await same(t, 'DBSIZE')
    }
    await ring.ask('SELECT', '0')
    await there.ask('SELECT', '0')
    await same(t, 'XPENDING', 'stream', 'group')
    await same(t, 'LRANGE', 'list', '0', '-1')
    await same(t, 'GET', 'undeclared')
  },
)

t.test('FLUSHDB and SWAPDB at the source reach what was copied', async (t) => {
  await ring.ask('FLUSHALL')
  await there.ask('FLUSHALL')
  await there.pipeline(Array.from({ length: 3000 }, (_, i) => ['SET', `a:${i}`, 'zero']))
  await there.pipeline([
    ['SELECT', '1'],
    ...Array.from({ length: 1000 }, (_, i) => ['SET', `a:${i}`, 'one']),
    ['SELECT', '2'],
  ])
  await there.pipeline([...Array.from({ length: 1000 }, (_, i) => ['SET', `b:${i}`, 'two']), ['SELECT', '0']])
  const running = startImport(proxy.port, url, '--follow')
  await running.sees(/stop who writes/)
  await there.pipeline([['SWAPDB', '0', '1'], ['SELECT', '2'], ['FLUSHDB'], ['SELECT', '0']])
  await sleep(500)
  process.emit('SIGINT')
  const { code, text } = await running.finished()
  t.equal(code, 0, text)
  await same(t, 'GET', 'a:7')
  await same(t, 'DBSIZE')
  await ring.ask('SELECT', '2')
  t.equal(String(await ring.ask('DBSIZE')), ':0\r\n')
  await ring.ask('SELECT', '0')
})

t.test(
  'without following, passes copy again what differs, and delete what is gone, until nothing differs',
  async (t) => {
    await ring.ask('FLUSHALL')
    await there.ask(
      'ACL',
      'SETUSER',
      'reader',
      'on',
      '>secret',
      '~*',
      '&*',
      '-@all',
      '+@read',
      '+info',
      '+time',
      '+select',
      '+function|list',
      '+auth',
      '+ping',
    )
    const by = `redis://reader:secret@127.0.0.1:${source.port}`
    await t.rejects(importInto(proxy.port, by), {
      name: 'UserError',
      message:
        /does not let its changes be followed: NOPERM.*Nothing was copied\. --until-equal copies without that\nnothing was copied$/s,
    })
    t.equal(String(await ring.ask('DBSIZE')), ':0\r\n')
    await there.pipeline(Array.from({ length: 20_000 }, (_, i) => ['SET', `c:${i}`, 'x']))
    const running = startImport(proxy.port, by, '--until-equal')
    await running.sees(/verify|pass|copy .* [1-9]\d? %/)
    await there.pipeline(
      Array.from({ length: 20_000 }, (_, i) => (i % 2 === 0 ? ['DEL', `c:${i}`] : ['APPEND', `c:${i}`, 'y'])),
    )
    const { code, text } = await running.finished()
    t.match(text, /What has changed at the source since it was compared is not in the ring\./)
    t.equal(code, 0, text)
    await same(t, 'DBSIZE')
    await same(t, 'GET', 'c:1')
  },
)

t.test('what cannot be done is said before anything is copied', async (t) => {
  const fails = async (message: RegExp, ...argv: string[]) => {
    await t.rejects(importInto(proxy.port, ...argv), { message }, argv.join(' '))
  }
  await fails(/^where the data comes from is missing/)
  await fails(/^where the data comes from is said as redis:/, 'http://127.0.0.1:1')
  await fails(/^behind the address only the number of a database may stand/, `${url}/x`)
  await fails(/^--follow and --until-equal do not go together/, url, '--follow', '--until-equal')
  await fails(/^--largest must be a whole number of MB/, url, '--largest', '0')
  await fails(/^the source does not answer: 127\.0\.0\.1:1: ECONNREFUSED/, 'redis://127.0.0.1:1')
  await fails(/^the source does not answer: .*WRONGPASS/, `redis://someone:wrong@127.0.0.1:${source.port}`)
  await fails(/is a member of a ring/, `redis://127.0.0.1:${proxy.ring.members[0].port}`)
  const wide = await startRedis(t, '--databases', '20')
  await (await wide.connect()).pipeline([
    ['SELECT', '19'],
    ['SET', 'k', 'v'],
  ])
  await fails(
    /^the proxy 127\.0\.0\.1:\d+ has no database 19: .*\nnothing was copied$/,
    `redis://127.0.0.1:${wide.port}`,
  )
})
