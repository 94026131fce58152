import t from 'tap'
import { answersAlike } from '../helpers/alike.js'
import { startProxy, startRedis } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { until } from '../helpers/until.js'

/*
 * WAITAOF, of Redis 7.2: what was acknowledged is on the disks of so many. Where the servers do not have it there is no such command:
 * `npm run test:newer` has newer ones on the PATH.
 */

const log = ['--appendonly', 'yes']
const redis = await startRedis(t, ...log)
const without = await startRedis(t)
const proxy = await startProxy(t, {
  ...{ nodes: 3, replicas: 2, sentinels: 1, downAfterMs: 60_000 },
  memberConfig: ['appendonly yes', 'appendfsync everysec'],
})
const said = async (client: RawClient, ...words: string[]) => String(await client.ask(...words))
const has = !(await said(await redis.connect(), 'WAITAOF', '0', '0', '0')).startsWith('-')
const both = (local: number, backups: number) => `*2\r\n:${local}\r\n:${backups}\r\n`

t.test('it is refused in the words of the servers', async (t) => {
  const words = [
    ['WAITAOF'],
    ['waitaof', '0', '0'],
    ['WAITAOF', '0', '0', '0', '0'],
    ...['2', '-1', 'x', '', '01', '9223372036854775808'].map((local) => ['WAITAOF', local, '0', '0']),
    ...['-1', 'x', '1.5', '9223372036854775808'].map((replicas) => ['WAITAOF', '0', replicas, '0']),
    ...['-1', 'x', '1.5', '9223372036854775807', '9223372036854775808'].map((ms) => ['WAITAOF', '0', '0', ms]),
    ['WAITAOF', 'x', 'x', 'x'],
    ['WAITAOF', '0', 'x', 'x'],
  ]
  for (const proto of [2, 3] as const) {
    await answersAlike(t, await proxy.connect(proto), await redis.connect(proto), words)
  }
})

t.test('what was acknowledged is waited for on all servers', { skip: !has }, async (t) => {
  const client = await proxy.connect()
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 20; i++) await client.ask('SET', `k${i}`, String(round))
    t.equal(await said(client, 'WAITAOF', '1', '2', '0'), both(1, 2))
  }
  client.send('SET a 1\r\nWAITAOF 1 2 0\r\nGET a\r\n')
  t.equal(String(await client.reply()), '+OK\r\n')
  t.equal(String(await client.reply()), both(1, 2), 'behind what was sent before it')
  t.equal(String(await client.reply()), '$1\r\n1\r\n')
  const many = await Promise.all(Array.from({ length: 60 }, () => proxy.connect()))
  const replies = many.map(async (each, i) => {
    await each.ask('SET', `m${i}`, '1')
    return said(each, 'WAITAOF', '1', '2', '0')
  })
  t.same(await Promise.all(replies), Array(60).fill(both(1, 2)), 'many at once')
  const member = await proxy.connectTo('dt-1')
  await until('nobody looks any more', async () => !/cmd=waitaof/.test(String(await member.ask('CLIENT', 'LIST'))))
  t.same(await said(client, 'FUNCTION', 'LIST'), '*0\r\n')
})

t.test('who has not got it is told at the end of the time, and is not counted', { skip: !has }, async (t) => {
  const client = await proxy.connect()
  await client.ask('SET', 'k', 'v')
  t.match(await said(client, 'WAITAOF', '1', '3', '50'), /^\*2\r\n:[01]\r\n:[0-2]\r\n$/, 'there are no three backups')
  await client.ask('MULTI')
  await client.ask('WAITAOF', '1', '9', '0')
  t.match(String(await client.ask('EXEC')), /^\*1\r\n\*2\r\n:[01]\r\n:[0-2]\r\n$/, 'and in EXEC it waits for nothing')
  proxy.ring.pause('dt-2')
  t.teardown(() => proxy.ring.resume('dt-2'))
  t.equal(await said(client, 'WAITAOF', '0', '1', '0'), both(0, 1), 'one backup at least has each key')
  t.match(await said(client, 'WAITAOF', '1', '0', '300'), /^\*2\r\n:0\r\n:[01]\r\n$/, 'it is the master of some')
  client.send('WAITAOF 1 2 0\r\n')
  const admin = await proxy.connect()
  await until('it waits', async () => / cmd=waitaof /.test(await said(admin, 'CLIENT', 'LIST')))
  proxy.ring.resume('dt-2')
  t.equal(String(await client.reply()), both(1, 2))
})

t.test('who waits is blocked, and can be ended', { skip: !has }, async (t) => {
  const [client, admin] = [await proxy.connect(), await proxy.connect()]
  const id = (await said(client, 'CLIENT', 'ID')).slice(1).trim()
  const waits = async () => {
    client.send('WAITAOF 0 9 0\r\n')
    const line = async () => said(admin, 'CLIENT', 'LIST', 'ID', id)
    await until('it waits', async () => / flags=b .* cmd=waitaof /.test(await line()))
    t.match(await said(admin, 'INFO', 'clients'), /blocked_clients:1\r/)
  }
  await waits()
  t.equal(await said(admin, 'CLIENT', 'UNBLOCK', id), ':1\r\n')
  t.match(String(await client.reply()), /^\*2\r\n:[01]\r\n:[0-2]\r\n$/)
  await waits()
  t.equal(await said(admin, 'CLIENT', 'UNBLOCK', id, 'ERROR'), ':1\r\n')
  t.equal(String(await client.reply()), '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n')
  await waits()
  client.close()
  await until('nobody waits', async () => /blocked_clients:0\r/.test(await said(admin, 'INFO', 'clients')))
})

t.test('a server without a log has nothing on its disk', { skip: !has }, async (t) => {
  const client = await proxy.connect()
  const member = await proxy.connectTo('dt-3')
  await member.ask('CONFIG', 'SET', 'appendonly', 'no')
  const theirs = await said(await without.connect(), 'WAITAOF', '1', '0', '0')
  t.match(theirs, /^-ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled/)
  t.equal(await said(client, 'WAITAOF', '1', '0', '0'), theirs)
  await client.ask('MULTI')
  await client.ask('WAITAOF', '1', '0', '0')
  t.equal(String(await client.ask('EXEC')), `*1\r\n${theirs}`)
  t.equal(await said(client, 'WAITAOF', '0', '1', '0'), both(0, 1))
  await member.ask('CONFIG', 'SET', 'appendonly', 'yes')
  // It writes what it has before it begins a log.
  const isLogging = async () =>
    /aof_enabled:1\r\naof_rewrite_in_progress:0\r/.test(await said(member, 'INFO', 'persistence'))
  await until('it has one again', isLogging, 10_000)
  t.equal(await said(client, 'WAITAOF', '1', '2', '0'), both(1, 2))
})

t.test('a server that dies is waited for until it is back', { skip: !has }, async (t) => {
  const client = await proxy.connect()
  await client.ask('SET', 'k', 'v')
  await proxy.ring.kill('dt-1')
  client.send('WAITAOF 1 2 0\r\n')
  await proxy.ring.restart('dt-1')
  t.equal(String(await client.reply()), both(1, 2))
  t.equal(await said(client, 'GET', 'k'), '$1\r\nv\r\n')
})
