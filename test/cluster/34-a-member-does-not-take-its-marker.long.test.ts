import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { AnotherProxy } from '../helpers/another-proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { startRing } from '../helpers/ring.js'
import { membersOf, nodeStates, replicasOf } from '../helpers/ring-state.js'
import { comeBack, declareDown, tellSentinels } from '../helpers/sentinels.js'
import { settled } from '../helpers/settled.js'
import { until } from '../helpers/until.js'

/* B4: a member that has no memory left refuses FUNCTION LOAD, so it never has the marker of a later view. */

const KEYS = Array.from({ length: 60 }, (_, i) => `key:${i}`)
const FULL = 'dt-3'
const DOWN_AFTER_MS = 4000

/** A ring of four, and a connection to the one that will refuse marks, which is waited for 1.5 s. */
async function fourWithOne(t: Test) {
  const ring = await startRing(t, 4)
  const another = await AnotherProxy.started(t, ring, { unavailableTimeoutMs: 1000 })
  const client = await another.connect()
  const member = await RawClient.connect(ring.server(FULL).port)
  t.teardown(() => member.close())
  await tellSentinels(ring, 'SET', FULL, 'down-after-milliseconds', '1500')
  return { ring, another, client, member }
}

t.test('one server is full and another one dies: first the keys go on that are not on it, then all', async (t) => {
  const ring = await startRing(t, 5)
  const another = await AnotherProxy.started(t, ring, { unavailableTimeoutMs: 1000 })
  const client = await another.connect()
  const isWritten = async (key: string, value: string) => /^\+OK/.test(String(await client.ask('SET', key, value)))
  for (const key of KEYS) await client.ask('SET', key, 'old')
  const member = await RawClient.connect(ring.server(FULL).port)
  t.teardown(() => member.close())
  await member.ask('CONFIG', 'SET', 'maxmemory', '1')
  await tellSentinels(ring, 'SET', FULL, 'down-after-milliseconds', String(DOWN_AFTER_MS))
  t.equal(await membersOf(client), 'dt-1 dt-2 dt-3 dt-4 dt-5', 'as long as no view changes it is left in peace')

  // It refuses nothing before there is another view.
  const beforeMs = performance.now()
  await ring.kill('dt-5')
  await declareDown(ring, 'dt-5')
  await until('the dead one is out', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
  const elsewhere: string[] = []
  for (const key of KEYS) if (!(await replicasOf(client, key)).includes(FULL)) elsewhere.push(key)
  t.ok(elsewhere.length > 0 && elsewhere.length < KEYS.length)
  for (const key of elsewhere) await until(key, () => isWritten(key, 'new'), DOWN_AFTER_MS)
  t.match(await nodeStates(client), { [FULL]: 'up' }, 'it is there still')

  await until('it is out', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-4')
  t.ok(performance.now() - beforeMs >= DOWN_AFTER_MS, 'not before its down-after')
  const [line, ...more] = another.log.about(/leaves the ring/, FULL)
  t.same(more, [])
  t.match(line.msg, /because it has not taken its marker for \d+ s: OOM .*raise its maxmemory/)
  for (const key of KEYS) await until(key, () => isWritten(key, 'new'))
  await until('its handshakes say why', () => another.log.about(/cannot be reached: .*OOM/, FULL).length > 0)
  t.equal(await membersOf(client), 'dt-1 dt-2 dt-4')

  await member.ask('CONFIG', 'SET', 'maxmemory', '0')
  await until('it is back', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
  await comeBack(ring, 'dt-5')
  await until('all are', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4 dt-5')
  t.equal(await settled(ring), KEYS.length)
  for (const key of KEYS) t.equal(String(await client.ask('GET', key)), '$3\r\nnew\r\n')
  t.equal(another.log.about(/leaves the ring/, FULL).length, 1, 'and it stays')
})

t.test(
  'one that takes everything but marks is out until it takes them, though its connection can be made',
  async (t) => {
    const { ring, another, client, member } = await fourWithOne(t)
    await member.ask('ACL', 'SETUSER', 'default', '-function|load')
    await ring.kill('dt-4')
    await declareDown(ring, 'dt-4')
    await until('both are out', async () => (await membersOf(client)) === 'dt-1 dt-2')
    const isAsked = () => another.log.about(/cannot be reached: FUNCTION LOAD.*NOPERM/, FULL).length > 0
    await until('its handshakes ask for it', isAsked)
    t.equal(await membersOf(client), 'dt-1 dt-2')
    await member.ask('ACL', 'SETUSER', 'default', '+function|load')
    await until('it is back', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3')
    t.equal(another.log.about(/leaves the ring/, FULL).length, 1)
  },
)

t.test(
  'one that takes no mark any more is out, though no view changes and it answers PING; one without memory is not',
  async (t) => {
    const { another, client, member } = await fourWithOne(t)
    await member.ask('CONFIG', 'SET', 'maxmemory', '1')
    await sleep(4000)
    t.equal(await membersOf(client), 'dt-1 dt-2 dt-3 dt-4')
    await member.ask('CONFIG', 'SET', 'maxmemory', '0')

    await member.ask('ACL', 'SETUSER', 'default', '-@write', '-function|load')
    await until('it is out', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-4')
    for (const key of KEYS) t.match(String(await client.ask('SET', key, 'new')), /^\+OK/)
    await member.ask('ACL', 'SETUSER', 'default', '+@all')
    await until('it is back', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
    t.equal(another.log.about(/leaves the ring/, FULL).length, 1)
  },
)

t.test('one that has all that is left of a range stays, full or not', async (t) => {
  const ring = await startRing(t, 2)
  const another = await AnotherProxy.started(t, ring, { replicas: 1, unavailableTimeoutMs: 1000 })
  const client = await another.connect()
  await client.ask('SET', 'key', 'old')
  const member = await RawClient.connect(ring.server('dt-2').port)
  t.teardown(() => member.close())
  await member.ask('CONFIG', 'SET', 'maxmemory', '1')
  await tellSentinels(ring, 'SET', 'dt-2', 'down-after-milliseconds', '1000')
  await ring.kill('dt-1')
  await declareDown(ring, 'dt-1')
  await until('the dead one is out', async () => (await membersOf(client)) === 'dt-2')
  const refusals = () => another.log.about(/does not take its marker/, 'dt-2').length
  await until('it has refused', () => refusals() > 0)
  await sleep(5000)
  t.equal(refusals(), 1, 'it is asked every second, and that is said once')
  t.equal(await membersOf(client), 'dt-2')
  t.equal(String(await client.ask('GET', 'key')), '$3\r\nold\r\n')
  await member.ask('CONFIG', 'SET', 'maxmemory', '0')
  await until('it is written', async () => /^\+OK/.test(String(await client.ask('SET', 'key', 'new'))))
})
