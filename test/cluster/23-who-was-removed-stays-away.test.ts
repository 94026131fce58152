import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { MARKS_QUERY } from '../../src/backend/handshake.js'
import type { LocalRing } from '../../src/local/local-ring.js'
import { decodeMarks } from '../../src/membership/marker.js'
import { decodeReply } from '../../src/resp/decode.js'
import { AnotherProxy } from '../helpers/another-proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { startRing } from '../helpers/ring.js'
import { membersOf, nodeStates } from '../helpers/ring-state.js'
import { tellSentinels } from '../helpers/sentinels.js'
import { until } from '../helpers/until.js'

const ALL = 'dt-1 dt-2 dt-3 dt-4'

/** What the marker on a member says. */
async function removedOn(ring: LocalRing, member: string): Promise<readonly string[] | undefined> {
  const client = await RawClient.connect(ring.server(member).port, 3)
  const reply = await client.ask(...MARKS_QUERY)
  client.close()
  return decodeMarks(decodeReply(reply, 0, reply.length)).marker?.removed
}

/** Whether each of the Sentinels monitors a member. */
async function monitoredBy(sentinels: LocalRing['sentinels'], member: string): Promise<boolean[]> {
  return Promise.all(
    sentinels.map(async ({ port }) => {
      const client = await RawClient.connect(port)
      const reply = String(await client.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', member))
      client.close()
      return reply.startsWith('*2')
    }),
  )
}

t.test(
  'a Sentinel that was away while a member was removed does not bring it back, not even after a restart',
  async (t) => {
    const ring = await startRing(t)
    const [away] = ring.sentinels
    const first = await AnotherProxy.started(t, ring)
    const client = await first.connect()
    for (let i = 0; i < 100; i++) await client.ask('SET', `key:${i}`, 'value')
    await ring.kill(away.name)
    t.match(String(await client.ask('DT', 'REMOVE', 'dt-4')), /leaving/)
    await until('it has left', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3')
    await until('the others do not monitor it', async () => {
      return (await monitoredBy(ring.sentinels.slice(1), 'dt-4')).every((is) => !is)
    })
    await ring.restart(away.name)
    t.same(await monitoredBy(ring.sentinels, 'dt-4'), [true, false, false])
    await until(
      'it is heard and not believed',
      () => first.log.about(/dt-4 was removed, but Sentinel .* still monitors it: that is ignored/).length > 0,
    )
    t.equal(await membersOf(client), 'dt-1 dt-2 dt-3')
    for (const name of ['dt-1', 'dt-2', 'dt-3']) t.same(await removedOn(ring, name), ['dt-4'], name)
    client.close()
    await first.proxy.stop()

    const second = await AnotherProxy.started(t, ring)
    const operator = await second.connect(3)
    t.equal(second.log.about(/dt-4 was removed before this start/, 'dt-4').length, 1)
    t.equal(await membersOf(operator), 'dt-1 dt-2 dt-3')
    t.match(await nodeStates(operator), { 'dt-4': 'removed' })
    t.match(
      String(await operator.ask('DT', 'NODES')),
      /it was removed, and 127\.0\.0\.1:\d+ still monitors it; dt add brings it back/,
    )
    t.equal(String(await operator.ask('GET', 'key:7')), '$5\r\nvalue\r\n')

    const { port } = ring.server('dt-4')
    t.match(String(await operator.ask('DT', 'ADD', 'dt-4', `127.0.0.1:${port}`)), /sentinels/)
    await until('it is a member again', async () => (await membersOf(operator)) === ALL)
    t.same(await monitoredBy(ring.sentinels, 'dt-4'), [true, true, true])
    await until('nobody is noted as removed', async () => (await removedOn(ring, 'dt-1'))?.length === 0)
    operator.close()
    await second.proxy.stop()
    const third = await AnotherProxy.started(t, ring)
    t.equal(await membersOf(await third.connect()), ALL)
  },
)

t.test('who is monitored again by hand, and seen to be, is a member again, also after a restart', async (t) => {
  const ring = await startRing(t)
  const first = await AnotherProxy.started(t, ring)
  const client = await first.connect()
  const { port } = ring.server('dt-4')
  await tellSentinels(ring, 'REMOVE', 'dt-4')
  await until('it has left', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3')
  await until('it is noted', async () => (await removedOn(ring, 'dt-1'))?.includes('dt-4'))
  await tellSentinels(ring, 'MONITOR', 'dt-4', '127.0.0.1', String(port), '2')
  await until('it is a member again', async () => (await membersOf(client)) === ALL)
  await until('that is noted, too', async () => (await removedOn(ring, 'dt-1'))?.length === 0)
  client.close()
  await first.proxy.stop()
  const second = await AnotherProxy.started(t, ring)
  t.equal(await membersOf(await second.connect()), ALL)
})

t.test('who has data that nobody else has, and was removed by hand, is not called down', async (t) => {
  const ring = await startRing(t)
  const first = await AnotherProxy.started(t, ring, { replicas: 0 })
  const client = await first.connect()
  const keys = Array.from({ length: 60 }, (_, i) => `key:${i}`)
  const values = async () => (await client.pipeline(keys.map((key) => ['GET', key]))).map(String)
  for (const key of keys) await client.ask('SET', key, 'value')
  const removed = ['dt-2', 'dt-3', 'dt-4']
  for (const name of removed) await tellSentinels(ring, 'REMOVE', name)
  await until('they have left', async () => (await client.ask('DT', 'NODES')).toString().match(/dt-[234]/) === null)
  const errors = (await values()).filter((reply) => reply.startsWith('-'))
  t.ok(errors.length > 20, `${errors.length} keys are on nobody else`)
  const text =
    /^-CLUSTERDOWN all servers that hold this key were removed; the Sentinels were told to forget dt-[234] before the data had moved: dt add brings it back; the command was not applied, /
  for (const reply of errors) t.match(reply, text)
  t.match(
    String(await client.ask('DBSIZE')),
    /some of the keys were removed; .* dt-2, dt-3, dt-4 .* brings them back; /,
  )
  const operator = await first.connect(3)
  for (const name of removed) {
    const { port } = ring.server(name)
    t.match(String(await operator.ask('DT', 'ADD', name, `127.0.0.1:${port}`)), /sentinels/)
  }
  await until('all keys are back', async () => (await values()).every((reply) => reply === '$5\r\nvalue\r\n'))
})

t.test(
  'a proxy that dies between the last key and the word to the Sentinels has removed the member all the same',
  async (t) => {
    const ring = await startRing(t)
    const first = await AnotherProxy.started(t, ring)
    const client = await first.connect()
    for (let i = 0; i < 100; i++) await client.ask('SET', `key:${i}`, 'value')
    // Nobody can be told: the Sentinels stand still from here on.
    for (const { name } of ring.sentinels) ring.pause(name)
    t.match(String(await client.ask('DT', 'REMOVE', 'dt-2')), /leaving/)
    await until('it has left', async () => (await membersOf(client)) === 'dt-1 dt-3 dt-4')
    await until('it is noted', async () => (await removedOn(ring, 'dt-1'))?.includes('dt-2'))
    client.close()
    await first.proxy.stop()
    for (const { name } of ring.sentinels) ring.resume(name)

    const second = await AnotherProxy.started(t, ring)
    const later = await second.connect()
    t.equal(await membersOf(later), 'dt-1 dt-3 dt-4')
    t.equal(String(await later.ask('GET', 'key:7')), '$5\r\nvalue\r\n')
  },
)

t.test('Sentinels forget who has left while the proxy does not hear them', async (t) => {
  const ring = await startRing(t)
  const first = await AnotherProxy.started(t, ring)
  const client = await first.connect(3)
  for (const { name } of ring.sentinels) await ring.kill(name)
  await until('nobody is heard', () => first.log.about(/no Sentinel can be reached/).length > 0)
  t.match(String(await client.ask('DT', 'REMOVE', 'dt-4')), /leaving/)
  await until('it has left', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3')
  for (const { name, configFile } of ring.sentinels) {
    // As if each had been told, and its answer lost.
    const lines = readFileSync(configFile, 'utf8').split('\n')
    writeFileSync(configFile, lines.filter((line) => !/ dt-4( |$)/.test(line)).join('\n'))
    await ring.restart(name)
  }
  await until('it is known no more', async () => !('dt-4' in (await nodeStates(client))))
  t.match(String(await client.ask('DT', 'REMOVE', 'dt-4')), /^-ERR dt-4 is no member of the ring/)
  t.equal(await membersOf(client), 'dt-1 dt-2 dt-3')
})
