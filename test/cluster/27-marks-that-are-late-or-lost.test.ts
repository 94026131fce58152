import t from 'tap'
import type { LocalRing } from '../../src/local/local-ring.js'
import { AnotherProxy, PausableProxy } from '../helpers/another-proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { startRing } from '../helpers/ring.js'
import { membersOf, nodeStates, replicasOf } from '../helpers/ring-state.js'
import { declareDown, forgive } from '../helpers/sentinels.js'
import { settled } from '../helpers/settled.js'
import { until } from '../helpers/until.js'

const KEYS = Array.from({ length: 200 }, (_, i) => `key:${i}`)

/** Asks servers or Sentinels directly. */
async function tell(servers: readonly { readonly port: number }[], ...command: string[]): Promise<string[]> {
  return Promise.all(
    servers.map(async ({ port }) => {
      const client = await RawClient.connect(port)
      const reply = String(await client.ask(...command))
      client.close()
      return reply
    }),
  )
}

async function write(client: RawClient, value: string): Promise<void> {
  const replies = await client.pipeline(KEYS.map((key) => ['SET', key, value]))
  const refused = replies.find((reply) => String(reply) !== '+OK\r\n')
  if (refused !== undefined) throw new Error(String(refused))
}

async function count(client: RawClient, value: string): Promise<number> {
  const replies = await client.pipeline(KEYS.map((key) => ['GET', key]))
  return replies.filter((reply) => String(reply) === `$${value.length}\r\n${value}\r\n`).length
}

/**
 * dt-3 dies while dt-4 stands still, which the Sentinels put up with: the view without dt-3 is noted on dt-1 and dt-2
 * only.
 */
async function halfNoted(ring: LocalRing, client: RawClient): Promise<void> {
  ring.pause('dt-4')
  await ring.kill('dt-3')
  await declareDown(ring, 'dt-3')
  await until('dt-3 is out', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-4')
}

async function keyOn(client: RawClient, ...names: string[]): Promise<string> {
  for (const key of KEYS) if ((await replicasOf(client, key)).sort().join() === names.join()) return key
  throw new Error(`no key is on ${names}`)
}

t.test('without a state file no write is acknowledged under a view that too few have noted', async (t) => {
  const ring = await startRing(t)
  const proxy = await AnotherProxy.started(t, ring, { replicas: 1, stateFile: 'none' })
  const client = await proxy.connect()
  await write(client, 'first')
  const key = await keyOn(client, 'dt-1', 'dt-2')
  await halfNoted(ring, client)

  const writer = await proxy.connect()
  writer.send(`SET ${key} second\r\n`)
  const holders = ring.members.filter(({ name }) => name === 'dt-1' || name === 'dt-2')
  await until('both holders have executed it', async () => {
    return (await tell(holders, 'GET', key)).every((reply) => reply === '$6\r\nsecond\r\n')
  })
  t.equal(String(await client.ask('PING')), '+PONG\r\n')
  t.equal(writer.receivedBytes, 0, 'a start that finds the earlier view might not count on both of them')
  ring.resume('dt-4')
  t.equal(String(await writer.reply()), '+OK\r\n')
})

t.test(
  'a proxy that dies with a view that is noted on some members only: what was acknowledged is there',
  async (t) => {
    const ring = await startRing(t)
    const first = await PausableProxy.start(t, ring)
    const client = await first.connect()
    await write(client, 'first')
    await halfNoted(ring, client)
    const late = await first.connect()
    late.socket.on('error', () => {}) // The proxy is killed while it owes the answer.
    late.send('SET key:0 second\r\n')
    first.child.kill('SIGKILL')
    await first.exit

    // What lies in the socket of dt-4, the marker with it, is executed now: late, and after its writer's death.
    ring.resume('dt-4')
    const second = await AnotherProxy.started(t, ring)
    const again = await second.connect()
    t.equal(second.log.about(/did not stop in order/).length, 1)
    t.match(String(await again.ask('GET', 'key:0')), /first|second/)
    t.equal(String(await again.ask('SET', 'key:0', 'first')), '+OK\r\n')
    t.equal(await count(again, 'first'), KEYS.length)
    await write(again, 'third')
    await forgive(ring, 'dt-3')
    await ring.restart('dt-3')
    await until('dt-3 is back', async () => (await membersOf(again)) === 'dt-1 dt-2 dt-3 dt-4')
    t.equal(await settled(ring), KEYS.length)
    t.equal(await count(again, 'third'), KEYS.length, 'what dt-3 had is old')
  },
)

t.test('a member whose marker is lost may hold anything: it is refused, and emptied with --wipe', async (t) => {
  const ring = await startRing(t)
  const first = await AnotherProxy.started(t, ring)
  const client = await first.connect()
  await write(client, 'value')
  await first.proxy.stop()
  t.same(await tell([ring.server('dt-2')], 'FUNCTION', 'FLUSH'), ['+OK\r\n'])

  const second = await AnotherProxy.started(t, ring)
  const again = await second.connect()
  t.equal(second.log.about(/dt-2 is refused: it holds \d+ keys and no marker of the ring dt/).length, 1)
  t.equal(await membersOf(again), 'dt-1 dt-3 dt-4')
  t.match(await nodeStates(again), { 'dt-2': 'out' })
  t.equal(await count(again, 'value'), KEYS.length)
  t.not((await tell([ring.server('dt-2')], 'DBSIZE'))[0], ':0\r\n', 'it is left as it is')
  await write(again, 'later')
  await second.proxy.stop()

  const third = await AnotherProxy.started(t, ring, { wipe: true })
  t.equal(third.log.about(/dt-2 is emptied/).length, 1)
  t.equal(await settled(ring), KEYS.length)
  t.equal(await count(await third.connect(), 'later'), KEYS.length)
})

t.test('markers that are lost on most members: nothing is served, whatever the members hold', async (t) => {
  const ring = await startRing(t)
  const first = await AnotherProxy.started(t, ring, { stateFile: 'none' })
  await write(await first.connect(), 'value')
  await first.proxy.stop()
  await tell(ring.members.slice(1), 'FUNCTION', 'FLUSH')

  const second = AnotherProxy.of(t, ring, { stateFile: 'none' })
  await second.listens()
  const client = await second.connect()
  await until(
    'it says why',
    () => second.log.about(/nothing is served yet: only 1 of the 4 members of epoch/).length > 0,
  )
  t.match(String(await client.ask('GET', 'key:0')), /^-CLUSTERDOWN nothing is served yet: only 1 of the 4 members/)
  t.match(String(await client.ask('SET', 'key:0', 'x')), /^-CLUSTERDOWN nothing is served yet/)
  t.ok(
    (await tell(ring.members, 'DBSIZE')).every((reply) => reply !== ':0\r\n'),
    'and nothing is deleted',
  )
})
