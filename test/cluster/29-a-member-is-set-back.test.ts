import t from 'tap'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy } from '../helpers/proxy.js'
import { keysAt, membersOf } from '../helpers/ring-state.js'
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
