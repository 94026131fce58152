import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { AnotherProxy, PausableProxy } from '../helpers/another-proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { startRing } from '../helpers/ring.js'
import { comeBack, declareDown } from '../helpers/sentinels.js'
import { settled } from '../helpers/settled.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { until } from '../helpers/until.js'

const KEYS = 400

async function write(proxy: AnotherProxy, value: string): Promise<void> {
  const client = await proxy.connect()
  const replies = await client.pipeline(Array.from({ length: KEYS }, (_, i) => ['SET', `key:${i}`, value]))
  const refused = replies.find((reply) => String(reply) !== '+OK\r\n')
  if (refused !== undefined) throw new Error(String(refused))
  client.close()
}

/** How many of the keys have the value. */
/** How many keys are answered with another value, or with none; an error is no answer. */
async function countWrong(proxy: AnotherProxy, value: string): Promise<number> {
  const client = await proxy.connect()
  const replies = await client.pipeline(Array.from({ length: KEYS }, (_, i) => ['GET', `key:${i}`]))
  client.close()
  const right = [`$${value.length}\r\n${value}\r\n`]
  return replies.map(String).filter((reply) => !right.includes(reply) && !reply.startsWith('-CLUSTERDOWN ')).length
}

async function count(proxy: AnotherProxy, value: string): Promise<number> {
  const client = await proxy.connect()
  const replies = await client.pipeline(Array.from({ length: KEYS }, (_, i) => ['GET', `key:${i}`]))
  client.close()
  return replies.filter((reply) => String(reply) === `$${value.length}\r\n${value}\r\n`).length
}

t.test('kill -9 of the proxy under load: the next one has what was acknowledged', async (t) => {
  const ring = await startRing(t)
  const first = await PausableProxy.start(t, ring)
  const counts = [0, 0, 0, 0]
  const writing = counts.map(async (_, i) => {
    const client = await first.connect()
    for (;;) {
      const reply = await client.ask('INCR', `count:${i}`).catch(() => undefined)
      if (reply === undefined) return
      counts[i]++
    }
  })
  await until('everybody has written', () => counts.every((count) => count > 10))
  first.child.kill('SIGKILL')
  await Promise.all(writing)
  const second = await AnotherProxy.started(t, ring)
  t.equal(second.log.about(/did not stop in order/).length, 1)
  const client = await second.connect()
  for (let i = 0; i < counts.length; i++) {
    const value = Number(/\r\n(\d+)/.exec(String(await client.ask('GET', `count:${i}`)))?.[1])
    t.ok(value === counts[i] || value === counts[i] + 1, `${value} after ${counts[i]} acknowledged increments`)
  }
  client.close()
})

t.test('a member that lost everything, or came back older, while no proxy was there is filled anew', async (t) => {
  const ring = await startRing(t)
  const first = await AnotherProxy.started(t, ring)
  await write(first, 'old')
  await ring.kill('dt-2')
  const { dir } = ring.server('dt-2')
  const copy = join(temporaryDirectory(t), 'old-data')
  cpSync(dir, copy, { recursive: true })
  await ring.restart('dt-2')
  await until('it is filled', async () => (await settled(ring)) === KEYS)
  await write(first, 'new')
  await first.proxy.stop()

  await ring.kill('dt-2')
  rmSync(dir, { recursive: true })
  cpSync(copy, dir, { recursive: true })
  await ring.restart('dt-2')
  await ring.restart('dt-3', { empty: true })
  const second = await AnotherProxy.started(t, ring)
  t.equal(second.log.about(/restarted since then, and filled anew where others have kept the data: .*dt-2/).length, 1)
  t.equal(await count(second, 'new'), KEYS)
  t.equal(await settled(ring), KEYS)
})

t.test('all servers and the proxy are killed and started again: nothing is lost', async (t) => {
  const ring = await startRing(t)
  const first = await PausableProxy.start(t, ring)
  const client = await first.connect()
  await client.pipeline(Array.from({ length: KEYS }, (_, i) => ['SET', `key:${i}`, 'value']))
  first.child.kill('SIGKILL')
  await Promise.all(ring.members.map(({ name }) => ring.kill(name)))
  await Promise.all(ring.members.map(({ name }) => ring.restart(name)))
  const second = await AnotherProxy.started(t, ring)
  t.equal(await count(second, 'value'), KEYS)
  t.equal(await settled(ring), KEYS)
})

t.test('a minority of the members is not enough, unless the state file knows that nothing was missed', async (t) => {
  const ring = await startRing(t)
  const first = await AnotherProxy.started(t, ring, { stateFile: 'none' })
  await write(first, 'value')
  await first.proxy.stop()
  for (const name of ['dt-2', 'dt-3', 'dt-4']) await ring.kill(name)
  await declareDown(ring, 'dt-2', 'dt-3', 'dt-4')

  const second = AnotherProxy.of(t, ring, { stateFile: 'none' })
  let started = false
  const starting = second.start().then(() => {
    started = true
  })
  await until(
    'it says why it waits',
    () => second.log.about(/nothing is served yet: only 1 of the 4 members/).length > 0,
  )
  await sleep(300)
  t.equal(started, false)
  await comeBack(ring, 'dt-2', 'dt-3')
  await starting
  // Two of four are enough: the third may be on its way, and some ranges with it.
  t.equal(await countWrong(second, 'value'), 0)
  await until('all keys are there', async () => (await count(second, 'value')) === KEYS)
  await comeBack(ring, 'dt-4')
  t.equal(await settled(ring), KEYS)
  await second.proxy.stop()

  const stateFile = join(temporaryDirectory(t), 'state.json')
  const filed = await AnotherProxy.started(t, ring, { stateFile })
  await filed.proxy.stop()
  const known = JSON.parse(readFileSync(stateFile, 'utf8')) as { view: { epoch: number } }
  const third = await AnotherProxy.started(t, ring, { stateFile })
  await third.proxy.stop()
  const later = JSON.parse(readFileSync(stateFile, 'utf8')) as { view: { epoch: number } }
  t.ok(later.view.epoch > known.view.epoch)
  for (const name of ['dt-2', 'dt-3', 'dt-4']) await ring.kill(name)
  await declareDown(ring, 'dt-2', 'dt-3', 'dt-4')
  const fourth = await AnotherProxy.started(t, ring, { stateFile })
  t.equal(fourth.log.about(/ranges wait until somebody who has their data is there/).length, 1)
  for (const name of ['dt-2', 'dt-3', 'dt-4']) await comeBack(ring, name)
  await until('all keys are there', async () => (await count(fourth, 'value')) === KEYS)
})

t.test('a foreign server that is monitored does not join, and does when it is empty', async (t) => {
  const ring = await startRing(t, 4)
  const [stranger] = ring.members.slice(3)
  for (const { port } of ring.sentinels) {
    const sentinel = await RawClient.connect(port)
    await sentinel.ask('SENTINEL', 'REMOVE', stranger.name)
    sentinel.close()
  }
  const theirs = await RawClient.connect(stranger.port)
  await theirs.ask('SET', 'theirs', '1')
  const first = await AnotherProxy.started(t, ring)
  await write(first, 'value')
  for (const { port } of ring.sentinels) {
    const sentinel = await RawClient.connect(port)
    await sentinel.ask('SENTINEL', 'MONITOR', stranger.name, '127.0.0.1', String(stranger.port), '2')
    sentinel.close()
  }
  await until('it is refused', () => first.log.about(/dt-4 is refused: it holds 1 keys and no marker/).length > 0)
  await sleep(300)
  const client = await first.connect()
  t.notMatch(String(await client.ask('DT', 'VIEW')), /dt-4/)
  t.equal(String(await theirs.ask('GET', 'theirs')), '$1\r\n1\r\n')
  await theirs.ask('DEL', 'theirs')
  await until('it is a member', async () => String(await client.ask('DT', 'VIEW')).includes('dt-4'))
  t.equal(await settled(ring), KEYS)
  theirs.close()
  client.close()
})

t.test('a stop in order while keys are still in doubt is none', async (t) => {
  const ring = await startRing(t)
  const first = await PausableProxy.start(t, ring)
  const client = await first.connect()
  await client.pipeline(Array.from({ length: KEYS }, (_, i) => ['SET', `key:${i}`, 'value']))
  first.child.kill('SIGKILL')
  await first.exit
  const second = await AnotherProxy.started(t, ring)
  await second.proxy.stop()
  const isDoubtful = second.log.about(/no key is in doubt any more/).length === 0
  const third = await AnotherProxy.started(t, ring)
  t.equal(third.log.about(/did not stop in order/).length, isDoubtful ? 1 : 0)
  await until('nothing is in doubt', () => !isDoubtful || third.log.about(/no key is in doubt any more/).length > 0)
  await third.proxy.stop()
  const fourth = await AnotherProxy.started(t, ring)
  t.equal(fourth.log.about(/did not stop in order/).length, 0)
  t.equal(await count(fourth, 'value'), KEYS)
})

t.test('a new ring does not begin on what somebody else has, unless that is to be emptied', async (t) => {
  const ring = await startRing(t)
  const theirs = await RawClient.connect(ring.server('dt-2').port)
  await theirs.ask('SET', 'theirs', '1')
  const first = AnotherProxy.of(t, ring)
  const starting = t.rejects(first.start(), /stopped before/)
  await until(
    'it says why it waits',
    () => first.log.about(/nothing is served yet: .*dt-2 cannot be used: it holds 1 keys and no marker/).length > 0,
  )
  await first.proxy.stop()
  await starting
  t.equal(String(await theirs.ask('GET', 'theirs')), '$1\r\n1\r\n')

  const second = await AnotherProxy.started(t, ring, { wipe: true })
  t.match(second.log.about(/dt-2 is emptied/), [{ level: 40 }])
  t.equal(String(await theirs.ask('DBSIZE')), ':0\r\n')
  await write(second, 'value')
  t.equal(await settled(ring), KEYS)
  theirs.close()
})

t.test(
  'a server that cannot be used keeps no new ring from beginning once the Sentinels have forgotten it',
  async (t) => {
    const ring = await startRing(t)
    const theirs = await RawClient.connect(ring.server('dt-2').port)
    await theirs.ask('SET', 'theirs', '1')
    const proxy = AnotherProxy.of(t, ring)
    const { started } = await proxy.listens()
    await until(
      'it says why it waits',
      () => proxy.log.about(/nothing is served yet: .*dt-2 cannot be used/).length > 0,
    )
    for (const { port } of ring.sentinels) {
      const sentinel = await RawClient.connect(port)
      await sentinel.ask('SENTINEL', 'REMOVE', 'dt-2')
      sentinel.close()
    }
    await until('the ring begins', () => proxy.log.about(/a new ring begins: dt-1 dt-3 dt-4/).length > 0)
    await started
    await write(proxy, 'value')
    t.equal(String(await theirs.ask('GET', 'theirs')), '$1\r\n1\r\n')
    theirs.close()
  },
)
