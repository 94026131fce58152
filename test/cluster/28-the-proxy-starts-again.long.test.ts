import t from 'tap'
import type { LocalRing } from '../../src/local/local-ring.js'
import { AnotherProxy } from '../helpers/another-proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { startRing } from '../helpers/ring.js'
import { membersOf } from '../helpers/ring-state.js'
import { declareDown, forgive, tellSentinels } from '../helpers/sentinels.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { settled } from '../helpers/settled.js'
import { until } from '../helpers/until.js'

const KEYS = Array.from({ length: 1000 }, (_, i) => `key:${i}`)
const FIVE = 'dt-1 dt-2 dt-3 dt-4 dt-5'

async function monitor(ring: LocalRing, name: string): Promise<void> {
  await tellSentinels(ring, 'MONITOR', name, '127.0.0.1', String(ring.server(name).port), '2')
  await forgive(ring, name)
}

async function write(client: RawClient, value: string): Promise<void> {
  const replies = await client.pipeline(KEYS.map((key) => ['SET', key, `${key} ${value}`.padEnd(2000, '.')]))
  const refused = replies.find((reply) => String(reply) !== '+OK\r\n')
  if (refused !== undefined) throw new Error(String(refused))
}

async function count(client: RawClient, value: string): Promise<number> {
  const replies = await client.pipeline(KEYS.map((key) => ['GET', key]))
  return replies.filter((reply, i) => String(reply).includes(`\n${KEYS[i]} ${value}.`)).length
}

t.test('kill -9 of the proxy in the middle of a join: the next one begins it anew, and ends it', async (t) => {
  // 2 MB in all for dt-5, at 150 kB a second.
  const serve = await ServeProcess.start(t, { nodes: 5 }, { 'migration.maxBytesPerSecond': '150kb' })
  const { ring } = serve
  const client = await serve.connect()
  await tellSentinels(ring, 'REMOVE', 'dt-5')
  await until('it has left', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
  await until('everything has moved', async () => /pending-ranges\r\n:0/.test(String(await client.ask('DT', 'VIEW'))))
  await write(client, 'first')
  await monitor(ring, 'dt-5')
  const newcomer = await RawClient.connect(ring.server('dt-5').port)
  t.teardown(() => newcomer.close())
  const keys = async () => Number(String(await newcomer.ask('DBSIZE')).slice(1))
  await until('some keys have come', async () => (await keys()) > 50)
  t.match(String(await client.ask('DT', 'MIGRATIONS')), /dt-5[\s\S]*copying/)
  await client.pipeline(KEYS.slice(0, 500).map((key) => ['SET', key, `${key} second`.padEnd(2000, '.')]))
  await client.pipeline(KEYS.slice(900).map((key) => ['DEL', key]))
  await serve.kill()
  t.ok((await keys()) < KEYS.length / 2, 'it is not through')

  await serve.startAgain()
  const again = await serve.connect()
  t.equal(await membersOf(again), FIVE)
  t.match(serve.output, /the ring goes on where it stopped: dt-1 dt-2 dt-3 dt-4 dt-5/)
  t.equal(await count(again, 'second'), 500)
  t.equal(await count(again, 'first'), 400)
  await until('it has joined', async () => /pending-ranges\r\n:0/.test(String(await again.ask('DT', 'VIEW'))), 60_000)
  t.equal(await settled(ring), 900)
  t.equal((await count(again, 'second')) + (await count(again, 'first')), 900, 'and nothing deleted is back')
})

t.test('members died, came, and were wiped while no proxy was there', async (t) => {
  const ring = await startRing(t, 6)
  await tellSentinels(ring, 'REMOVE', 'dt-6')
  const first = await AnotherProxy.started(t, ring)
  const client = await first.connect()
  t.equal(await membersOf(client), FIVE)
  await write(client, 'value')
  await first.proxy.stop()

  await ring.kill('dt-2')
  await declareDown(ring, 'dt-2')
  await ring.restart('dt-3', { empty: true })
  await monitor(ring, 'dt-6')
  const second = await AnotherProxy.started(t, ring)
  const again = await second.connect()
  t.equal(await count(again, 'value'), KEYS.length, 'everything is there at once')
  t.equal(second.log.about(/restarted since then, and filled anew where others have kept the data: dt-3/).length, 1)
  await until('dt-2 is out, dt-6 is in', async () => (await membersOf(again)) === 'dt-1 dt-3 dt-4 dt-5 dt-6')
  await write(again, 'later')
  await forgive(ring, 'dt-2')
  await ring.restart('dt-2')
  await until('all are members', async () => (await membersOf(again)) === `${FIVE} dt-6`)
  t.equal(await settled(ring), KEYS.length)
  t.equal(await count(again, 'later'), KEYS.length)
})
