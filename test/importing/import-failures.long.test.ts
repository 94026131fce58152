import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { freePorts } from '../../src/local/ports.js'
import { importedJson, importInto, startImport } from '../helpers/importing.js'
import { startProxy, startRedis } from '../helpers/proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { RealRedis } from '../helpers/real-redis.js'
import { run } from '../helpers/run.js'
import { TestCertificates } from '../helpers/tls-door.js'
import { until } from '../helpers/until.js'

/** `dt import` when somebody dies, from a Redis Cluster, from several servers, and with TLS. */

const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 3, downAfterMs: 1000 })
const ring = await proxy.connect()
const COPYING = /copy .* [1-9]\d? %/
const some = (count: number, name = 'key') =>
  Array.from({ length: count }, (_, i) => ['SET', `${name}:${i}`, `value ${i} ${'x'.repeat(100)}`])

t.test('the source dies in the middle: what is there is said, and the next run goes on', async (t) => {
  const source = await startRedis(t)
  const there = await source.connect()
  await there.pipeline(some(40_000))
  const running = startImport(proxy.port, `redis://127.0.0.1:${source.port}`)
  await running.sees(COPYING)
  there.ask('SHUTDOWN', 'NOSAVE').catch(() => {})
  await t.rejects(running.finished(), {
    name: 'UserError',
    message:
      /^the source 127\.0\.0\.1:\d+ is gone: .*\n[0-9,]+ keys of the source are in the ring, and stay there; run it again/s,
  })
  const kept = Number(/^:(\d+)/.exec(String(await ring.ask('DBSIZE')))?.[1])
  t.ok(kept > 0 && kept < 40_000, `${kept} keys are there`)

  const again = await startRedis(t)
  await (await again.connect()).pipeline(some(40_000))
  const { code, report } = await importedJson(proxy.port, `redis://127.0.0.1:${again.port}`)
  t.equal(code, 0)
  t.equal(report.copied + report.already, 40_000)
  t.ok(report.already >= kept)
  t.equal(report.compared, 40_000)
})

t.test('a member of the ring dies in the middle: the import waits, goes on, and everything is there', async (t) => {
  await ring.ask('FLUSHALL')
  const source = await startRedis(t)
  await (await source.connect()).pipeline(some(40_000))
  const running = startImport(proxy.port, `redis://127.0.0.1:${source.port}`)
  await running.sees(COPYING)
  await proxy.ring.kill('dt-2')
  const { code, text } = await running.finished()
  t.equal(code, 0, text)
  t.match(text, /40,000 keys compared: all of them are in the ring, and equal/)
  t.equal(String(await ring.ask('DBSIZE')), ':40000\r\n')
  await proxy.ring.server('dt-2').start()
})

t.test('a Redis Cluster: every master of it; its keys are written meanwhile', async (t) => {
  await ring.ask('FLUSHALL')
  const nodes = await Promise.all([1, 2, 3].map(() => startRedis(t, '--cluster-enabled', 'yes')))
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
  const created = await run('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'])
  t.equal(created.code, 0, created.stdout)
  const clients = await Promise.all(nodes.map((node) => node.connect()))
  await until('the cluster serves', async () => {
    const infos = await Promise.all(clients.map((client) => client.ask('CLUSTER', 'INFO')))
    return infos.every((info) => String(info).includes('cluster_state:ok'))
  })
  for (const client of clients) await client.pipeline(some(2000)) // Each takes its own, and refuses the others.
  const url = `redis://${addresses[0]}`
  t.match(await importedJson(proxy.port, url), { code: 0, report: { copied: 2000, compared: 2000 } })
  t.equal(String(await ring.ask('DBSIZE')), ':2000\r\n')

  const running = startImport(proxy.port, url, '--follow')
  await running.sees(/stop who writes/)
  for (const client of clients) {
    await client.pipeline(
      Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? ['DEL', `key:${i}`] : ['SET', `key:${i}`, 'new'])),
    )
  }
  process.emit('SIGINT')
  const { code, text } = await running.finished()
  t.equal(code, 0, text)
  t.equal(String(await ring.ask('DBSIZE')), ':1950\r\n')
  t.equal(String(await ring.ask('GET', 'key:7')), '$3\r\nnew\r\n')
})

t.test(
  'the servers behind twemproxy: one after the other; what two of them have is left as the first has it',
  async (t) => {
    await ring.ask('FLUSHALL')
    const servers = await Promise.all([1, 2].map(() => startRedis(t)))
    for (const [i, server] of servers.entries()) {
      await (await server.connect()).pipeline([...some(500, `of server ${i}`), ['SET', 'stale', `of server ${i}`]])
    }
    const urls = servers.map(({ port }) => `redis://127.0.0.1:${port}`)
    for (const options of [[], ['--replace']]) {
      const { code, report } = await importedJson(proxy.port, ...urls, ...options)
      t.match(report, { compared: 1002, conflicts: { keys: 1, examples: [{ key: 'stale' }] } })
      t.equal(code, 1)
      t.equal(String(await ring.ask('GET', 'stale')), '$11\r\nof server 0\r\n')
    }
  },
)

t.test('a source with TLS and a password, from a file or from the environment', async (t) => {
  const { authority, own, client, dir } = new TestCertificates(t)
  const [tlsPort] = await freePorts(1)
  const tls = ['--tls-port', String(tlsPort), '--tls-cert-file', own.cert, '--tls-key-file', own.key]
  const redis = await RealRedis.start(...tls, '--tls-ca-cert-file', authority.cert)
  t.teardown(() => redis.stop())
  const there = await RawClient.connect(redis.port)
  await there.pipeline([
    ['SET', 'secret', 'x'],
    ['CONFIG', 'SET', 'requirepass', 'p@ss/word'],
  ])
  there.close()
  const shown = ['--source-cacert', authority.cert, '--source-cert', client.cert, '--source-key', client.key]
  const url = `rediss://127.0.0.1:${tlsPort}`
  await t.rejects(importInto(proxy.port, url, ...shown), { message: /^the source does not answer: .*NOAUTH/ })
  await t.rejects(
    importInto(proxy.port, url),
    { message: /^the source does not answer: / },
    'who signs it is not known',
  )
  const file = join(dir, 'password')
  writeFileSync(file, 'p@ss/word\n')
  t.match(await importedJson(proxy.port, url, ...shown, '--password-file', file), { code: 0, report: { compared: 1 } })
  process.env.DT_IMPORT_PASSWORD = 'p@ss/word'
  t.match(await importedJson(proxy.port, url, ...shown), { code: 0, report: { already: 1 } })
  delete process.env.DT_IMPORT_PASSWORD
  const inUrl = `rediss://:p%40ss%2Fword@127.0.0.1:${tlsPort}`
  t.match(await importedJson(proxy.port, inUrl, ...shown), { code: 0, report: { already: 1 } })
})
