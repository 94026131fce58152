import t from 'tap'
import { AnotherProxy } from '../helpers/another-proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { startRing } from '../helpers/ring.js'
import { keysAt, membersOf, outstanding, replicasOf } from '../helpers/ring-state.js'
import { declareDown, forgive } from '../helpers/sentinels.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { settled } from '../helpers/settled.js'
import { SeveralKeysLoad } from '../helpers/several-keys-load.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

const VALUE = 'x'.repeat(1024 * 1024)

/*
 * Commands on keys of several servers, in steps and under gates, and transactions, are under way when their proxy is replaced, or dies
 * [design §7 Several keys, §8 Start, §9].
 */

t.test('another proxy takes over: what was told is so, and nothing is half but what nobody knows', async (t) => {
  const ring = await startRing(t)
  let proxy = await AnotherProxy.started(t, ring)
  for (let round = 0; round < 2; round++) {
    const load = new SeveralKeysLoad(() => proxy.connect())
    const first = proxy
    if (round > 0) await (await proxy.connect()).ask('FLUSHALL')
    await load.begin()
    await until('they are at it', () => load.hasDone(20))
    proxy = await AnotherProxy.started(t, ring, { takeover: true })
    await first.proxy.ended
    await first.proxy.stop()
    await load.ended()
    const client = await proxy.connect()
    t.same(await load.check(client), [], JSON.stringify(load.unsure))
    await until('all copies are looked at', () => proxy.log.about(/no key is in doubt any more/).length > 0)
    t.match(await verify(client), { differences: 0, complete: 1 })
    t.same(await load.check(client), [])
    await settled(ring)
  }
})

/** What a proxy says whose ring was taken over. */
const UNKNOWN = /^-ERR the outcome of this command, .* is unknown: another proxy has taken over the ring/

t.test('another proxy takes over while a server owes their answers, which it executes late', async (t) => {
  const ring = await startRing(t)
  const first = await AnotherProxy.started(t, ring)
  const old = await first.connect()
  const [one, two, three] = await keysAt(old, 'dt-3', 0, 3)
  let i = 0
  while ((await replicasOf(old, `else:${i}`)).includes('dt-3')) i++
  const other = `{else:${i}}`
  const counts = [`{${one}}n`, `${other}n`]
  await old.pipeline([
    ...[`{${one}}list`, `${other}list`].map((key) => ['RPUSH', key, `of ${key}`]),
    ...[
      ['SET', two, 'value'],
      ['SADD', three, 'a'],
      ['SADD', `${other}set`, 'b'],
    ],
  ])
  ring.pause('dt-3')
  const commands = [
    [['LMOVE', `${other}list`, `{${one}}list`, 'LEFT', 'RIGHT']],
    [['RENAME', two, `${other}name`]],
    [['SUNIONSTORE', `${other}all`, three, `${other}set`]],
    [['MULTI'], ...counts.map((key) => ['INCR', key]), ['EXEC']],
  ]
  const replies = commands.map(async (each) => {
    const client = await first.connect()
    return client.pipeline(each).then(
      ([...all]) => String(all.at(-1)),
      () => 'nothing',
    )
  })
  await until('all are on their way', async () => (await outstanding(old, 'dt-3')) > 5)
  const second = await AnotherProxy.started(t, ring, { takeover: true })
  await first.proxy.ended
  await first.proxy.stop()
  for (const reply of await Promise.all(replies)) t.match(reply, UNKNOWN, 'nobody was told that anything was done')
  const client = await second.connect()
  await declareDown(ring, 'dt-3')
  await until('it is out', async () => !(await membersOf(client)).includes('dt-3'))
  const elements = async () => {
    const lists = await Promise.all([`{${one}}list`, `${other}list`].map((key) => client.ask('LRANGE', key, '0', '-1')))
    return new Set(lists.flatMap((list) => String(list).match(/of [^\r]*/g) ?? [])).size
  }
  t.equal(await elements(), 2)
  t.match(String(await client.ask('MGET', two, `${other}name`)), 'value')
  t.equal(String(await client.ask('MSET', ...counts.flatMap((key) => [key, '7']))), '+OK\r\n')
  await forgive(ring, 'dt-3')
  ring.resume('dt-3')
  await until('it is a member again', async () => (await membersOf(client)).includes('dt-3'))
  await settled(ring)
  t.equal(await elements(), 2)
  t.equal(String(await client.ask('MGET', ...counts)), '*2\r\n$1\r\n7\r\n$1\r\n7\r\n')
  t.match(await verify(client), { differences: 0, complete: 1 })
})

t.test('kill -9: what was told is so, and nothing is half but what nobody knows', async (t) => {
  const serve = await ServeProcess.start(t, { nodes: 4 })
  for (let round = 0; round < 2; round++) {
    const load = new SeveralKeysLoad(() => serve.connect())
    await (await serve.connect()).ask('FLUSHALL')
    await load.begin()
    await until('they are at it', () => load.hasDone(20))
    serve.output = ''
    await serve.kill()
    await load.ended()
    await serve.startAgain()
    const client = await serve.connect()
    t.same(await load.check(client), [], JSON.stringify(load.unsure))
    await until('all copies are looked at', () => serve.output.includes('no key is in doubt any more'))
    t.match(await verify(client), { differences: 0, complete: 1 })
    t.same(await load.check(client), [])
    await settled(serve.ring)
  }
})

/*
 * What of a transaction's keys is left when its proxy dies and not all replicas have executed it: where the master has them their values are
 * its own, all of them; and what it alone lacks stays.
 */
for (const [who, isMaster, left] of [
  ['the backups have', false, { one: '1', other: '1', gone: '1', fresh: '1' }],
  ['the master has', true, { one: '2', other: '2', gone: '1', fresh: '1' }],
] as const) {
  t.test(
    `kill -9 when only ${who} executed a transaction: its values are one side's, and nothing is lost`,
    async (t) => {
      const serve = await ServeProcess.start(t, { nodes: 4, downAfterMs: 180_000 })
      const client = await serve.connect()
      const names = Object.keys(left)
      const keys = names.map((name) => `{same}${name}`)
      await client.ask('MSET', ...keys.slice(0, 3).flatMap((key) => [key, '1']))
      const [master, ...backups] = await replicasOf(client, '{same}')
      const writer = await serve.connect()
      const still = isMaster ? backups : [master]
      for (const name of still) serve.ring.pause(name)
      const commands = [
        ...[['MULTI'], ['SET', '{same}fresh', '1'], ['INCR', '{same}one']],
        // More than the sockets between the proxy and a stopped server hold.
        ...Array.from({ length: 24 }, () => ['SET', '{same}large', VALUE]),
        ...[['INCR', '{same}other'], ['DEL', '{same}gone'], ['EXEC']],
      ]
      const reply = writer.pipeline(commands).catch(() => undefined)
      const quick = await RawClient.connect(serve.ring.server(isMaster ? master : backups[1]).port)
      t.teardown(() => quick.close())
      await until('it is executed', async () => String(await quick.ask('EXISTS', '{same}fresh')) === ':1\r\n')
      await serve.kill()
      t.equal(await reply, undefined, 'nobody was told anything')
      for (const name of still) serve.ring.resume(name)
      await serve.startAgain()
      const reader = await serve.connect()
      const found = async () => {
        const values = String(await reader.ask('MGET', ...keys)).match(/(?<=\$1\r\n)\d|\$-1/g) ?? []
        return Object.fromEntries(names.map((name, i) => [name, values[i]]))
      }
      t.same(await found(), left)
      await until('all copies are looked at', () => serve.output.includes('no key is in doubt any more'))
      t.same(await found(), left)
      t.match(await verify(reader), { differences: 0, complete: 1 })
    },
  )
}
