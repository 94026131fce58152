import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { MARKS_QUERY } from '../../src/backend/handshake.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, startRedis } from '../helpers/proxy.js'
import { monitor } from '../helpers/relayed-ring.js'
import { keysAt, membersOf, nodeStates } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * What somebody changes straight on a member while the proxy is connected: nothing breaks, so nothing is noticed but by looking
 * [design §8 Membership].
 */

async function begin(t: Test) {
  const lines = new LogLines()
  const proxy = await startProxy(t, {
    nodes: 4,
    replicas: 2,
    log: lines.log,
    config: { backend: { reconnectMaxMs: 100 } },
  })
  const [client, member] = [await proxy.connect(), await proxy.connectTo('dt-2')]
  const setting = async (name: string) => {
    return String(await member.ask('CONFIG', 'GET', name))
      .split('\r\n')
      .at(-2)
  }
  return { proxy, lines, client, member, setting }
}

t.test('a member that is made a replica is not read, and serves again when it is a master', async (t) => {
  const { proxy, lines, client, member } = await begin(t)
  const keys = await keysAt(client, 'dt-2', 0, 20)
  await client.pipeline(keys.map((key) => ['SET', key, 'v']))
  const foreign = await startRedis(t)
  await member.ask('REPLICAOF', '127.0.0.1', String(foreign.port))
  await until('it is noticed', async () => (await nodeStates(client))['dt-2'] === 'suspect')
  await until('the log says why', () => lines.about(/it is a slave.*a member must be a master/, 'dt-2').length > 0)
  for (const reply of await client.pipeline(keys.map((key) => ['GET', key]))) t.equal(String(reply), '$1\r\nv\r\n')
  // It has what the other server had, which is nothing.
  await until('it has lost everything', async () => String(await member.ask('DBSIZE')) === ':0\r\n')
  await member.ask('REPLICAOF', 'NO', 'ONE')
  await until('it is up', async () => (await nodeStates(client))['dt-2'] === 'up')
  for (const reply of await client.pipeline(keys.map((key) => ['GET', key]))) t.equal(String(reply), '$1\r\nv\r\n')
  await until('it has everything', async () => (await ringSnapshot(proxy)).faults.length === 0)
})

t.test('a member that was a replica of another server, or member, is filled anew', async (t) => {
  const { proxy, client, member } = await begin(t)
  const keys = await keysAt(client, 'dt-2', 0, 20)
  await client.pipeline(keys.map((key) => ['SET', key, 'v']))
  const foreign = await startRedis(t)
  await (await foreign.connect()).ask('SET', 'foreign', 'v')
  for (const port of [foreign.port, proxy.ring.server('dt-1').port]) {
    await member.ask('REPLICAOF', '127.0.0.1', String(port))
    const isReplica = async () => String(await member.ask('INFO', 'replication')).includes('link_status:up')
    await until('it has what the other has', isReplica)
    await until('it is noticed', async () => (await nodeStates(client))['dt-2'] !== 'up')
    await member.ask('REPLICAOF', 'NO', 'ONE')
    await until('it is up', async () => (await nodeStates(client))['dt-2'] === 'up')
    await until('it has everything', async () => (await ringSnapshot(proxy)).faults.length === 0)
  }
  for (const reply of await client.pipeline(keys.map((key) => ['GET', key]))) t.equal(String(reply), '$1\r\nv\r\n')
})

t.test('a client does not hear that a member refuses a write because it is a replica', async (t) => {
  const { proxy, lines, client, member } = await begin(t)
  const [mastered] = await keysAt(client, 'dt-2', 0, 1)
  const [backed] = await keysAt(client, 'dt-2', 1, 1)
  const foreign = await startRedis(t)
  await member.ask('REPLICAOF', '127.0.0.1', String(foreign.port))
  // Before anybody has looked.
  const replies = client.pipeline([
    ['SET', mastered, '1'],
    ['INCR', mastered],
    ['RPUSH', `{${backed}}:list`, 'a'],
    ['SADD', `{${mastered}}:set`, 'a'],
    ['SPOP', `{${mastered}}:set`],
    ['XADD', `{${mastered}}:stream`, '*', 'f', 'v'],
  ])
  await until('the member is failed', () => lines.about(/it refuses writes because it is a replica/, 'dt-2').length > 0)
  // It is down for the others as soon as it has not been reached for long enough, or is a master again.
  await sleep(200)
  await member.ask('REPLICAOF', 'NO', 'ONE')
  const text = (await replies).map(String)
  t.notMatch(text.join(''), /READONLY/)
  t.same(text.slice(0, 5), ['+OK\r\n', ':2\r\n', ':1\r\n', ':1\r\n', '$1\r\na\r\n'])
  await until('all replicas are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
  t.equal(String(await client.ask('GET', mastered)), '$1\r\n2\r\n')
})

t.test('expirations are published again, and what came to differ meanwhile is made equal', async (t) => {
  const { proxy, lines, client, member, setting } = await begin(t)
  const [key] = await keysAt(client, 'dt-2', 1, 1)
  await client.ask('SET', key, 'v')
  await member.ask('CONFIG', 'SET', 'notify-keyspace-events', '')
  // Stands for what a write at a deadline does now.
  await member.ask('SET', key, 'another')
  await until('it is set again', async () => (await setting('notify-keyspace-events')) === 'xE')
  await until('all is equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
  t.equal(String(await client.ask('GET', key)), '$1\r\nv\r\n')
  await until('the doubt ends', () => lines.about(/no key is in doubt any more/).length === 1)
  t.match(lines.about(/somebody changed notify-keyspace-events/, 'dt-2'), [{ level: 40 }])
  t.equal(await membersOf(client), 'dt-1 dt-2 dt-3 dt-4')
})

t.test('settings that members must have alike, or had, are set again', async (t) => {
  const { lines, member, setting } = await begin(t)
  const before = await setting('stream-node-max-entries')
  await member.ask('CONFIG', 'SET', 'stream-node-max-entries', '7')
  await member.ask('CONFIG', 'SET', 'lazyfree-lazy-user-del', 'no')
  await member.ask('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
  await until('the first is', async () => (await setting('stream-node-max-entries')) === before)
  await until('the second is', async () => (await setting('lazyfree-lazy-user-del')) === 'yes')
  await until('the third is', async () => (await setting('maxmemory-policy')) === 'noeviction')
  t.match(lines.about(/somebody changed stream-node-max-entries to "7" there, it is set to "100" again/), [
    { level: 40 },
  ])
  t.same(lines.about(/link down|is suspect/), [])
})

t.test('a setting that cannot be set again fails the member', async (t) => {
  const { lines, client, member } = await begin(t)
  await member.ask('CONFIG', 'SET', 'notify-keyspace-events', '')
  await member.ask('ACL', 'SETUSER', 'default', '-config|set')
  const reason = /it does not let notify-keyspace-events be set: NOPERM/
  await until('it is failed', () => lines.about(reason, 'dt-2').length > 0)
  t.equal((await nodeStates(client))['dt-2'], 'suspect')
  await member.ask('ACL', 'SETUSER', 'default', '+config|set')
  await until('it serves again', async () => (await nodeStates(client))['dt-2'] === 'up')
})

t.test('the marker is written again where it was removed', async (t) => {
  const { proxy, lines, member } = await begin(t)
  await member.ask('FUNCTION', 'FLUSH')
  await until('it is there', async () => String(await member.ask(...MARKS_QUERY)).includes('dt_marker'))
  t.equal(lines.about(/has no marker any more/, 'dt-2').length, 1)
  for (const { name } of proxy.view.members) await (await proxy.connectTo(name)).ask('FUNCTION', 'FLUSH')
  await sleep(2500)
  for (const { name } of proxy.view.members) {
    t.match(String(await (await proxy.connectTo(name)).ask(...MARKS_QUERY)), /dt_marker/, name)
  }
})

t.test('a member that joins with other settings than the others is named', async (t) => {
  const { proxy, lines, client } = await begin(t)
  const other = await startRedis(t, '--stream-node-max-entries', '50')
  await monitor(proxy, 'dt-9', other.port)
  await until('it is a member', async () => (await membersOf(client)).includes('dt-9'))
  t.match(lines.about(/dt-9 has stream-node-max-entries 50, and dt-\d 100: copies of a key may come to differ/), [
    { level: 40, member: 'dt-9' },
  ])
})
