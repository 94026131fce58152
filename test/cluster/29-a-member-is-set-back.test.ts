import { cpSync, renameSync, rmSync } from 'node:fs'
import t from 'tap'
import { AnotherProxy } from '../helpers/another-proxy.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy } from '../helpers/proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { startRing } from '../helpers/ring.js'
import { keysAt, membersOf } from '../helpers/ring-state.js'
import { declareDown, forgive } from '../helpers/sentinels.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

/*
 * The machine of a member is set back to a snapshot: the same process goes on with what it had then. A server that loads an
 * old RDB while it runs is the same to whoever asks it: its marks are older, too, and its run_id is what it was.
 */

t.test('a member that is set back has lost writes, and serves nothing before it has them again', async (t) => {
  const lines = new LogLines()
  const proxy = await startProxy(t, {
    nodes: 3,
    replicas: 1,
    memberConfig: ['enable-debug-command yes'],
    log: lines.log,
  })
  const client = await proxy.connect()
  const member = await proxy.connectTo('dt-1')
  const heartbeat = async () =>
    Number(/heartbeat":(\d+)/.exec(String(await member.ask('FCALL_RO', 'dt_owner', '0')))?.[1])
  const keys = [...(await keysAt(client, 'dt-1', 0, 20)), ...(await keysAt(client, 'dt-1', 1, 20))]
  for (const key of keys) await client.ask('SET', key, 'old')
  t.equal(String(await member.ask('SAVE')), '+OK\r\n')
  const saved = await heartbeat()
  for (const key of keys) t.equal(String(await client.ask('SET', key, 'new')), '+OK\r\n')
  // The one before the last has been answered.
  await until('heartbeats come', async () => (await heartbeat()) >= saved + 2, 10_000)

  await member.pipeline([
    ['DEBUG', 'RELOAD', 'NOSAVE'],
    ['CLIENT', 'KILL', 'TYPE', 'pubsub'],
  ])
  for (const key of keys) t.equal(String(await client.ask('GET', key)), '$3\r\nnew\r\n')
  await until('it has them again', () => lines.about(/no data has to move any more/).length > 0)
  await until('it is a member', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3')
  await until(
    'all is copied',
    async () => String(await client.ask('DT', 'VIEW')).includes('pending-ranges\r\n:0'),
    20_000,
  )
  t.match(await verify(client), { state: 'done', complete: 1, differences: 0 })
  for (const key of keys) t.equal(String(await member.ask('GET', key)), '$3\r\nnew\r\n')
})

for (const isOtherBack of [true, false]) {
  const who = isOtherBack ? 'another server is back, and knows better' : 'nobody but the state file knows better'
  t.test(`the last holder is set back, and the proxy starts again: ${who}`, async (t) => {
    const ring = await startRing(t, 3)
    const first = await AnotherProxy.started(t, ring)
    const client = await first.connect()
    t.equal(String(await client.ask('SET', 'key', 'old')), '+OK\r\n')
    await ring.kill('dt-2')
    await ring.kill('dt-3')
    await declareDown(ring, 'dt-2', 'dt-3')
    await until('dt-1 alone is left', async () => (await membersOf(client)) === 'dt-1')

    const member = await RawClient.connect(ring.server('dt-1').port)
    const heartbeat = async () =>
      Number(/heartbeat":(\d+)/.exec(String(await member.ask('FCALL_RO', 'dt_owner', '0')))?.[1])
    const { dir } = ring.server('dt-1')
    const copied = await heartbeat()
    cpSync(dir, `${dir}.old`, { recursive: true })
    await until('the copy is older', async () => (await heartbeat()) > copied)
    t.equal(String(await client.ask('SET', 'key', 'new')), '+OK\r\n')
    await until('more heartbeats come', async () => (await heartbeat()) >= copied + 3, 10_000)
    await ring.kill('dt-1')
    rmSync(dir, { recursive: true })
    renameSync(`${dir}.old`, dir)
    await ring.restart('dt-1')
    if (isOtherBack) {
      await forgive(ring, 'dt-2')
      await ring.restart('dt-2')
      await until('dt-2 is back', async () => (await membersOf(client)) === 'dt-1 dt-2')
    }
    await until('it is refused', async () => /without the data of ranges/.test(String(await client.ask('DT', 'NODES'))))
    await first.proxy.stop()

    const next = AnotherProxy.of(t, ring)
    await next.listens()
    const refused = String(await (await next.connect()).ask('GET', 'key'))
    t.match(
      refused,
      /^-CLUSTERDOWN .* ranges are lost: dt-1 held them, and came back with older data; --accept-epoch \d+ goes on with what is there/,
    )
    await next.proxy.stop()

    const acceptEpoch = Number(/--accept-epoch (\d+)/.exec(refused)?.[1])
    const last = await AnotherProxy.started(t, ring, { acceptEpoch })
    const lastClient = await last.connect()
    t.equal(String(await lastClient.ask('GET', 'key')), '$3\r\nold\r\n', 'what the operator has accepted')
    t.equal(last.log.about(/came back with older data than they had/).length, 1)
    t.equal(String(await lastClient.ask('SET', 'key', 'newer')), '+OK\r\n')
    await last.proxy.stop()
    const again = await AnotherProxy.started(t, ring)
    t.equal(String(await (await again.connect()).ask('GET', 'key')), '$5\r\nnewer\r\n', 'it is accepted for good')
  })
}
