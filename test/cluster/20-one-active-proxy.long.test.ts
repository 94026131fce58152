import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { writeGeneration, writeOwner } from '../../src/membership/marker.js'
import { AnotherProxy, PausableProxy } from '../helpers/another-proxy.js'
import { startRedis } from '../helpers/proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { startRing } from '../helpers/ring.js'
import { declareDown, forgive } from '../helpers/sentinels.js'
import { settled } from '../helpers/settled.js'
import { until } from '../helpers/until.js'

/** All that is heard of a proxy whose ring was taken over. */
const DISMISSED =
  /^-ERR the outcome of this command, and of those that were sent behind it, is unknown: another proxy has taken over the ring dt: process \d+ .*; this proxy ends\r\n$/

t.test('a second proxy does not start, names the first, and does not disturb it', async (t) => {
  const ring = await startRing(t)
  const first = await AnotherProxy.started(t, ring)
  const client = await first.connect()
  await client.ask('SET', 'a', '1')

  const second = AnotherProxy.of(t, ring)
  await t.rejects(second.start(), {
    name: 'UserError',
    message: new RegExp(
      `^another proxy serves the ring dt: run [0-9a-f]{40}, process ${process.pid} on \\S+, connected to dt-1 from 127.0.0.1:\\d+; stop it first, or take over with --takeover$`,
    ),
  })
  await second.proxy.stop()
  t.equal(String(await client.ask('INCR', 'a')), ':2\r\n')
  t.same(first.log.about(/link down|broke|taken over/), [])
})

t.test('who takes over has everything that was acknowledged, and the first one can do nothing any more', async (t) => {
  const ring = await startRing(t)
  const first = await AnotherProxy.started(t, ring)
  const clients = await Promise.all(Array.from({ length: 4 }, () => first.connect()))
  const counts = [0, 0, 0, 0]
  let stopped = false
  const writing = clients.map(async (client, i) => {
    while (!stopped) {
      const reply = await client.ask('INCR', `count:${i}`).catch(() => undefined)
      if (reply === undefined || reply[0] !== 0x3a) return
      counts[i]++
    }
  })
  await until('everybody has written', () => counts.every((count) => count > 10))
  const second = await AnotherProxy.started(t, ring, { takeover: true })
  const reason = await first.proxy.ended
  t.match(
    reason.message,
    /^another proxy has taken over the ring dt: process \d+ on \S+ \(run [0-9a-f]{40}\) is the owner of dt-\d$/,
  )
  t.match(first.log.about(/has taken over/), [{ level: 60 }])

  const client = await second.connect()
  const silent = await first.connect()
  silent.send('SET late 1\r\nPING\r\n')
  await sleep(500)
  t.equal(silent.receivedBytes, 0, 'it answers nothing any more, not even what it knows itself')
  t.equal(String(await client.ask('EXISTS', 'late')), ':0\r\n')
  stopped = true
  await first.proxy.stop()
  await Promise.all(writing)
  for (let i = 0; i < counts.length; i++) {
    const value = Number(/\$\d+\r\n(\d+)/.exec(String(await client.ask('GET', `count:${i}`)))?.[1])
    t.ok(value === counts[i] || value === counts[i] + 1, `${value} after ${counts[i]} acknowledged increments`)
    t.equal(String(await client.ask('INCR', `count:${i}`)), `:${value + 1}\r\n`)
  }
})

t.test('who waits for a reply of a proxy whose ring was taken over is told so', async (t) => {
  const ring = await startRing(t)
  const first = await AnotherProxy.started(t, ring)
  const [waiting, later, pushed, listening, idle, silent] = await Promise.all(
    Array.from({ length: 6 }, (_, i) => first.connect(i === 2 ? 3 : 2)),
  )
  waiting.send('BLPOP nothing 0\r\nPING\r\n')
  await silent.ask('SET', 'key', 'value')
  silent.send('CLIENT REPLY OFF\r\nBLPOP nothing 0\r\n')
  for (const client of [pushed, listening]) await client.ask('SUBSCRIBE', 'news')
  await AnotherProxy.started(t, ring, { takeover: true })
  await first.proxy.ended
  // What it knows itself is kept back, too.
  later.send('PING\r\nGET key\r\nPUBLISH news hello\r\n')
  await sleep(500)
  await first.proxy.stop()
  for (const client of [waiting, later]) t.match(String(await client.rest()), DISMISSED)
  for (const client of [pushed, listening, idle, silent]) t.equal(String(await client.rest()), '')
})

t.test('a proxy that was paused with writes in its buffers finds out before it emits them', async (t) => {
  const ring = await startRing(t)
  const first = await PausableProxy.start(t, ring)
  const old = await first.connect()
  await old.ask('SET', 'key', 'before')
  first.pause()
  await sleep(600)
  for (let i = 0; i < 50; i++) old.send(`SET key late-${i}\r\nGET key\r\nPING\r\n`)

  const second = await AnotherProxy.started(t, ring, { takeover: true })
  const client = await second.connect()
  t.equal(String(await client.ask('GET', 'key')), '$6\r\nbefore\r\n')
  await client.ask('SET', 'key', 'after')
  first.wake()
  t.equal(await first.exit, 1)
  t.match(first.output, /"level":60.*another proxy has taken over the ring dt: process \d+ on/)
  t.match(String(await old.rest()), DISMISSED, 'it has answered nothing else')
  t.equal(String(await client.ask('GET', 'key')), '$5\r\nafter\r\n', 'nor written')
})

t.test('a proxy that was paused with an order for the Sentinels finds out before it tells them', async (t) => {
  const ring = await startRing(t)
  const fresh = await startRedis(t)
  const slowly = { DT_MIGRATION_MAX_BYTES_PER_SECOND: '10000' }
  const first = await PausableProxy.start(t, ring, slowly)
  const old = await first.connect()
  await old.pipeline(Array.from({ length: 1000 }, (_, i) => ['SET', `key:${i}`, 'x'.repeat(1000)]))
  t.match(String(await old.ask('DT', 'ADD', 'dt-9', `127.0.0.1:${fresh.port}`)), /^[*]/)
  await until('data moves', () => /dt-9.*migration: begins/.test(first.output))
  first.pause()
  await sleep(600)
  old.send('DT CANCEL dt-9\r\n')
  const second = await AnotherProxy.started(t, ring, { takeover: true })
  first.wake()
  t.equal(await first.exit, 1)
  for (const { port } of ring.sentinels) {
    const sentinel = await RawClient.connect(port)
    t.match(String(await sentinel.ask('SENTINEL', 'MASTER', 'dt-9')), `\r\n${fresh.port}\r\n`, 'it is monitored still')
    sentinel.close()
  }
  await until('it has joined', async () => {
    const client = await second.connect()
    const view = String(await client.ask('DT', 'VIEW'))
    client.close()
    return /dt-9/.test(view) && /pending-ranges\r\n:0/.test(view)
  })
})

t.test('a paused proxy asks before it emits or answers, also where nobody has ended its connections', async (t) => {
  const ring = await startRing(t)
  const first = await PausableProxy.start(t, ring)
  const old = await first.connect()
  await old.ask('SET', 'key', 'before')
  const received = old.receivedBytes
  first.pause()
  await sleep(600)
  old.send('GET key\r\nSET key late\r\nPING\r\n')
  const next = {
    ringId: 'dt',
    run: 'f'.repeat(40),
    term: Number.MAX_SAFE_INTEGER,
    where: 'a test',
    heartbeat: 99,
    clean: false,
  }
  for (const { port } of ring.members) {
    const member = await RawClient.connect(port)
    t.equal(String(await member.ask(...writeOwner(next))), '$8\r\ndt_owner\r\n')
    member.close()
  }
  first.wake()
  t.equal(await first.exit, 1)
  t.equal(old.receivedBytes, received)
  for (const { name, port } of ring.members) {
    const member = await RawClient.connect(port)
    t.notMatch(String(await member.ask('GET', 'key')), 'late', name)
    t.match(String(await member.ask('FCALL_RO', 'dt_owner', '0')), '"heartbeat":99', name)
    member.close()
  }
})

t.test(
  'a start comes after all that were noted, whoever is the owner by his mark, and notes itself everywhere',
  async (t) => {
    const ring = await startRing(t)
    const later = (Math.floor(Date.now() / 1000) + 3600) * 2 ** 20
    const last = await RawClient.connect(ring.members.at(-1)!.port)
    await last.ask(...writeGeneration('dt', { number: later, runs: ['f'.repeat(40)] }))
    const proxy = await AnotherProxy.started(t, ring)
    const client = await proxy.connect()
    t.equal(String(await client.ask('SET', 'key', 'value')), '+OK\r\n')
    const noted = /dt_g_\d+/g
    const found = new Set<string>()
    for (const { name, port } of ring.members) {
      const member = await RawClient.connect(port)
      const names = String(await member.ask('FUNCTION', 'LIST', 'LIBRARYNAME', 'dt_g_*')).match(noted) ?? []
      t.equal(new Set(names).size, 1, name)
      for (const each of names) found.add(each)
      member.close()
    }
    const [name, ...others] = found
    t.same(others, [], 'all have the same')
    t.ok(Number(name.slice('dt_g_'.length)) > later)
    await last.ask('FUNCTION', 'FLUSH')
    await until('it is noted again', async () => String(await last.ask('FUNCTION', 'LIST')).includes(name))
    last.close()
  },
)

t.test('a proxy that was paused and is still the owner answers what has come meanwhile', async (t) => {
  const ring = await startRing(t)
  const first = await PausableProxy.start(t, ring)
  const client = await first.connect()
  await client.ask('SET', 'n', '1')
  first.pause()
  client.send('INCR n\r\nPING\r\n')
  await sleep(1500)
  first.wake()
  t.equal(String(await client.reply()), ':2\r\n')
  t.equal(String(await client.reply()), '+PONG\r\n')
  await until('it has noticed', () => first.output.includes('it asks whether it is still the owner'))
  t.equal(String(await client.ask('INCR', 'n')), ':3\r\n')
})

t.test('one that was paused while a member died goes on when most members have confirmed it', async (t) => {
  const ring = await startRing(t)
  const first = await PausableProxy.start(t, ring)
  const client = await first.connect()
  await client.ask('SET', 'n', '1')
  first.pause()
  await ring.kill('dt-4')
  await sleep(700)
  await declareDown(ring, 'dt-4')
  first.wake()
  t.equal(String(await client.ask('PING')), '+PONG\r\n')
  t.equal(String(await client.ask('INCR', 'n')), ':2\r\n')
})

t.test('a silent proxy is not waited for by a start, and is shut out', async (t) => {
  const ring = await startRing(t)
  const first = await PausableProxy.start(t, ring)
  first.pause()
  const second = AnotherProxy.of(t, ring)
  await second.start()
  t.equal(second.log.about(/going on in place of another proxy/).length, 1)
  first.wake()
  t.equal(await first.exit, 1)
})

t.test('a member that was stopped at the take-over executes what it had been sent, and is filled anew', async (t) => {
  const ring = await startRing(t)
  const first = await PausableProxy.start(t, ring)
  const old = await first.connect()
  for (let i = 0; i < 200; i++) await old.ask('SET', `key:${i}`, 'before')
  ring.pause('dt-3')
  for (let i = 0; i < 200; i++) old.send(`SET key:${i} in-its-socket\r\n`)
  await sleep(200)
  first.pause()

  const second = await AnotherProxy.started(t, ring, { takeover: true })
  const client = await second.connect()
  await declareDown(ring, 'dt-3')
  await until('the stopped member is out', async () => !String(await client.ask('DT', 'VIEW')).includes('dt-3'))
  for (let i = 0; i < 200; i += 2) t.equal(String(await client.ask('SET', `key:${i}`, 'after')), '+OK\r\n')
  await forgive(ring, 'dt-3')
  ring.resume('dt-3')
  first.wake()
  t.equal(await first.exit, 1)
  await until('it is a member again', async () => String(await client.ask('DT', 'VIEW')).includes('dt-3'))
  t.equal(await settled(ring), 200)
  for (let i = 0; i < 200; i += 2) {
    const value = String(await client.ask('GET', `key:${i}`))
    if (value !== '$5\r\nafter\r\n') t.fail(`key:${i} is ${value}`)
  }
})

t.test('who stops in order is followed at once', async (t) => {
  const ring = await startRing(t)
  const took = async () => {
    const beganMs = performance.now()
    const proxy = await AnotherProxy.started(t, ring)
    return { proxy, tookMs: performance.now() - beganMs }
  }
  const { proxy: first, tookMs } = await took()
  const client = await first.connect()
  await client.ask('SET', 'a', '1')
  await first.proxy.stop()
  const { proxy: second, tookMs: tookAgainMs } = await took()
  // Whether somebody else is active is watched for two seconds at least.
  t.ok(tookAgainMs < tookMs + 1500, `${tookAgainMs} ms, the first one ${tookMs} ms`)
  t.equal(second.log.about(/goes on where it stopped/).length, 1)
  t.same(second.log.about(/did not stop in order|another proxy/), [])
  t.equal(String(await (await second.connect()).ask('GET', 'a')), '$1\r\n1\r\n')
})
