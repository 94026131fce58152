import t from 'tap'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, startRedis, type TestProxy } from '../helpers/proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { keysAt, membersOf, nodeStates, untilFilled } from '../helpers/ring-state.js'
import { declareDown, forgive } from '../helpers/sentinels.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/** Says something to some of the three Sentinels. */
async function tell(proxy: TestProxy, numbers: readonly number[], ...args: string[]): Promise<void> {
  for (const number of numbers) {
    const client = await RawClient.connect(proxy.ring.server(`sentinel-${number}`).port)
    const reply = String(await client.ask('SENTINEL', ...args))
    client.close()
    if (reply !== '+OK\r\n') throw new Error(`sentinel-${number} answers ${args.join(' ')} with ${reply}`)
  }
}

t.test('a server becomes a member by SENTINEL MONITOR and leaves by SENTINEL REMOVE', async (t) => {
  const lines = new LogLines()
  const proxy = await startProxy(t, { nodes: 3, replicas: 1, log: lines.log })
  const newcomer = await startRedis(t)
  const client = await proxy.connect()
  t.same(await nodeStates(client), { 'dt-1': 'up', 'dt-2': 'up', 'dt-3': 'up' })

  await tell(proxy, [1, 2, 3], 'MONITOR', 'dt-9', '127.0.0.1', String(newcomer.port), '2')
  await until('dt-9 is a member', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-9')
  await untilFilled(client, 'dt-9')
  t.equal(lines.about(/joins the ring/, 'dt-9').length, 1)
  const [key] = await keysAt(client, 'dt-9', 0, 1)
  t.equal(String(await client.ask('SET', key, 'here')), '+OK\r\n')
  t.equal(String(await (await newcomer.connect()).ask('GET', key)), '$4\r\nhere\r\n')

  // What follows -monitor on the same Sentinel proves that it was heard.
  await tell(proxy, [1], 'MONITOR', 'other-1', '127.0.0.1', String(newcomer.port), '2')
  await tell(proxy, [1], 'REMOVE', 'dt-9')
  await tell(proxy, [1], 'MONITOR', 'dt-8', '127.0.0.1', String(proxy.ring.server('dt-1').port), '2')
  await until('dt-8 is known', () => lines.about(/is known/, 'dt-8').length > 0)
  t.equal(await membersOf(client), 'dt-1 dt-2 dt-3 dt-9', 'two Sentinels still monitor dt-9')
  t.equal(lines.about(/same server as dt-1/, 'dt-8').length, 1)
  t.same(await nodeStates(client), { 'dt-1': 'up', 'dt-2': 'up', 'dt-3': 'up', 'dt-8': 'out', 'dt-9': 'up' })

  await tell(proxy, [2, 3], 'REMOVE', 'dt-9')
  await until('dt-9 has left', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3')
  t.notOk('dt-9' in (await nodeStates(client)))
  t.equal(lines.about(/removed from Sentinel.*leaves the ring/, 'dt-9').length, 1)
  t.equal(String(await client.ask('SET', key, 'there')), '+OK\r\n')
  t.equal(String(await client.ask('GET', key)), '$5\r\nthere\r\n')
})

t.test('Sentinels die: one is not missed, without any the members stay as they are', async (t) => {
  const lines = new LogLines()
  const proxy = await startProxy(t, {
    nodes: 4,
    replicas: 2,
    log: lines.log,
    config: { sentinel: { pollMs: 200 }, limits: { unavailableTimeoutMs: 1500 } },
  })
  const { ring } = proxy
  const client = await proxy.connect()
  const [key] = await keysAt(client, 'dt-3', 0, 1)
  await client.ask('SET', key, 'safe')

  await ring.kill('sentinel-1')
  await until('its death is noticed', () => lines.about(/^Sentinel .* cannot be reached/).length > 0)
  t.match(
    lines.about(/^Sentinel .* cannot be reached/)[0].msg,
    /it closed the connection|ECONNREFUSED|ECONNRESET|EPIPE/,
  )
  t.equal(await membersOf(client), 'dt-1 dt-2 dt-3 dt-4')
  await ring.kill('dt-3')
  await declareDown(ring, 'dt-3')
  await until('the other two declare dt-3 down', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-4')
  t.equal(String(await client.ask('GET', key)), '$4\r\nsafe\r\n')
  await forgive(ring, 'dt-3')
  await ring.restart('dt-3')
  await until('dt-3 is back', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
  await untilFilled(client, 'dt-3')

  await ring.kill('sentinel-2')
  await ring.kill('sentinel-3')
  await until('there is nobody left to ask', () => lines.about(/no Sentinel can be reached/).length > 0)
  const written = (await keysAt(client, 'dt-2', 0, 1))[0]
  t.equal(String(await client.ask('SET', written, 'before')), '+OK\r\n', 'the ring serves on')
  await ring.kill('dt-2')
  await until('the link knows', async () => (await nodeStates(client))['dt-2'] === 'suspect')
  t.equal(await membersOf(client), 'dt-1 dt-2 dt-3 dt-4')
  t.equal(String(await client.ask('GET', written)), '$6\r\nbefore\r\n', 'reads go to a backup')
  t.match(String(await client.ask('SET', written, 'lost')), /^-CLUSTERDOWN .* was not applied/, 'writes wait in vain')
  t.equal(String(await client.ask('GET', written)), '$6\r\nbefore\r\n')

  for (const number of [1, 2, 3]) await ring.restart(`sentinel-${number}`)
  await declareDown(ring, 'dt-2')
  await until('dt-2 is declared down', async () => (await membersOf(client)) === 'dt-1 dt-3 dt-4')
  t.equal(String(await client.ask('SET', written, 'after')), '+OK\r\n')
})

t.test(
  'a server that the Sentinels reach and the proxy does not is let go, and filled when it is reached',
  async (t) => {
    const lines = new LogLines()
    const proxy = await startProxy(t, {
      nodes: 4,
      downAfterMs: 2000,
      log: lines.log,
      config: { limits: { unavailableTimeoutMs: 60_000 } },
    })
    const client = await proxy.connect()
    const [mastered] = await keysAt(client, 'dt-2', 0, 1)
    const [backed] = await keysAt(client, 'dt-2', 1, 1)
    for (const key of [mastered, backed]) t.equal(String(await client.ask('SET', key, 'before')), '+OK\r\n')
    const member = await proxy.connectTo('dt-2')
    await member.ask('ACL', 'SETUSER', 'default', '-time')
    await member.ask('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until('it is suspect', async () => (await nodeStates(client))['dt-2'] === 'suspect')
    t.equal(String(await client.ask('GET', mastered)), '$6\r\nbefore\r\n')
    for (const key of [mastered, backed]) t.equal(String(await client.ask('SET', key, 'after')), '+OK\r\n')
    t.equal(lines.about(/leaves the ring, because it has not been reached for \d+ s/, 'dt-2').length, 1)
    t.same(lines.about(/odown/), [], 'to the Sentinels it is there')
    t.equal(await membersOf(client), 'dt-1 dt-3 dt-4')

    await member.ask('ACL', 'SETUSER', 'default', '+time')
    await until('it is back', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
    await until('it has everything', async () => (await ringSnapshot(proxy)).faults.length === 0)
    for (const key of [mastered, backed]) t.equal(String(await client.ask('GET', key)), '$5\r\nafter\r\n')
  },
)
