import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startRedis, type Teardown } from '../helpers/proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { Relay } from '../helpers/relay.js'
import { monitor } from '../helpers/relayed-ring.js'
import { keysAt, membersOf, nodeStates, replicasOf } from '../helpers/ring-state.js'
import { declareDown } from '../helpers/sentinels.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { until } from '../helpers/until.js'

/*
 * A value that was read must not vanish again, also if its write is not acknowledged yet [design §2 G3]. In a ring of
 * three, dt-9 misses a write of which it is the master or a backup.
 */

const NEW = '$3\r\nnew\r\n'
/** Longer than the proxy needs to answer a read that needs not wait. */
const SOON_MS = 300

/** `replicas` is the number of backups. */
async function start(t: Teardown, replicas: number) {
  const settings = {
    'ring.replicas': String(replicas),
    'backend.reconnectMinMs': '20',
    'backend.reconnectMaxMs': '50',
    'limits.unavailableTimeoutMs': '20000',
  }
  const serve = await ServeProcess.start(t, { nodes: 2 }, settings)
  const server = await startRedis(t)
  const relay = await Relay.start(t, server.port)
  await monitor(serve, 'dt-9', relay.port)
  const client = await serve.connect()
  const isWhole = () =>
    until('dt-9 has its copies', async () => {
      const admin = await serve.connect()
      const there = (await membersOf(admin)) === 'dt-1 dt-2 dt-9' && (await nodeStates(admin))['dt-9'] === 'up'
      const view = String(await admin.ask('DT', 'VIEW'))
      admin.close()
      return there && /pending-ranges\r\n:0\r\n/.test(view)
    })
  await isWhole()
  return { serve, relay, client, isWhole }
}

type Ring = Awaited<ReturnType<typeof start>>

/** `SET key new` is executed by its other replicas, and lost on its way to dt-9, to which there is no connection then. */
async function loseWrite(
  { serve, relay, client }: Ring,
  key: string,
): Promise<{ written: Promise<string | undefined> }> {
  await client.ask('SET', key, 'old')
  const writer = await serve.connect()
  relay.stallRequests()
  const written = writer.ask('SET', key, 'new').then(String, () => undefined)
  const direct = await RawClient.connect(serve.ring.server('dt-1').port)
  await until('dt-1 has it', async () => String(await direct.ask('GET', key)) === NEW)
  direct.close()
  relay.loseHeld()
  // The next connection gets no further than to its handshake.
  relay.stallRequests()
  await until('the link is down', async () => (await nodeStates(client))['dt-9'] !== 'up')
  return { written }
}

/** What a command is answered, or undefined when it is not answered soon. */
async function soon(client: RawClient, ...args: string[]): Promise<string | undefined> {
  const reply = client.ask(...args).then(String, () => undefined)
  return Promise.race([reply, sleep(SOON_MS, undefined)])
}

for (const [place, who] of ['the master', 'a backup'].entries()) {
  t.test(`a write that ${who} has lost is read when it has it again`, async (t) => {
    const ring = await start(t, 2)
    const { serve, relay, client } = ring
    const [key, other] = await keysAt(client, 'dt-9', place, 2)
    await client.ask('SET', other, 'value')
    const { written } = await loseWrite(ring, key)
    const [reader, another] = [await serve.connect(), await serve.connect()]
    t.equal(String(await another.ask('GET', other)), '$5\r\nvalue\r\n', 'its other keys are read from the next replica')
    let read: string | undefined
    const waiting = reader.ask('GET', key).then((reply) => (read = String(reply)))
    const exists = another.ask('EXISTS', key).then(String)
    await sleep(SOON_MS)
    t.equal(read, undefined, 'and this one waits')
    relay.resume()
    t.equal(await waiting, NEW)
    t.equal(await exists, ':1\r\n')
    t.equal(await written, '+OK\r\n')
  })

  t.test(`a write that ${who} has lost is read when that one has left`, async (t) => {
    const ring = await start(t, 2)
    const { serve, relay, client } = ring
    const [key] = await keysAt(client, 'dt-9', place, 1)
    const { written } = await loseWrite(ring, key)
    const reader = await serve.connect()
    const read = reader.ask('GET', key).then(String)
    for (const sentinel of serve.ring.sentinels) {
      const told = await RawClient.connect(sentinel.port)
      await told.ask('SENTINEL', 'REMOVE', 'dt-9')
      told.close()
    }
    t.equal(await read, NEW)
    t.equal(await written, '+OK\r\n')
    relay.resume()
  })
}

t.test('what was read of a write that the master has lost is there after a crash of the proxy', async (t) => {
  const ring = await start(t, 2)
  const { serve, relay, client, isWhole } = ring
  const [key] = await keysAt(client, 'dt-9', 0, 1)
  const { written } = await loseWrite(ring, key)
  const read = await soon(await serve.connect(), 'GET', key)
  await serve.kill()
  relay.loseHeld()
  await written
  await serve.startAgain()
  await isWhole()
  const after = String(await (await serve.connect()).ask('GET', key))
  t.ok(read === undefined || read === after, `it was ${read} before the crash, and is ${after} after it`)
})

t.test('what was read of a write that the only backup has lost is there when the master dies', async (t) => {
  const ring = await start(t, 1)
  const { serve, relay, client } = ring
  let key = ''
  for (const each of await keysAt(client, 'dt-9', 1, 20)) if ((await replicasOf(client, each))[0] === 'dt-1') key = each
  const { written } = await loseWrite(ring, key)
  const read = await soon(await serve.connect(), 'GET', key)
  await serve.ring.kill('dt-1')
  await declareDown(serve.ring, 'dt-1')
  relay.loseHeld()
  const after = String(await (await serve.connect()).ask('GET', key))
  await written
  t.ok(read === undefined || read === after, `it was ${read} before the death, and is ${after} after it`)
})
