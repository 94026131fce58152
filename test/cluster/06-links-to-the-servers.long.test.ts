import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, startRedis } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { monitor, throughRelay } from '../helpers/relayed-ring.js'
import { counter, getSmallReplies, keysAt, membersOf, nodeStates } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

const MEGABYTE = 1024 * 1024

/** The lines of CLIENT LIST on a server about connections of a ring's proxy. */
async function ourConnections(member: RawClient): Promise<string[]> {
  return String(await member.ask('CLIENT', 'LIST'))
    .split('\n')
    .filter((line) => / name=dt:/.test(line))
}

t.test('one RESP3 connection to each member serves all clients and all databases', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 1 })
  const clients = await Promise.all(Array.from({ length: 48 }, () => proxy.connect()))
  for (const [i, client] of clients.entries()) await client.ask('SELECT', String(i % 16))
  const rounds = clients.map(async (client, i) => {
    const keys = Array.from({ length: 20 }, (_, k) => `key:${k}`)
    // The clients of a database write the same values; in every other database the values are others.
    const values = keys.map((key) => `${key} in ${i % 16}`)
    for (let round = 0; round < 5; round++) {
      await client.pipeline(keys.map((key, k) => ['SET', key, values[k]]))
      const replies = await client.pipeline(keys.map((key) => ['GET', key]))
      t.same(
        replies.map(String),
        values.map((value) => `$${value.length}\r\n${value}\r\n`),
      )
    }
  })
  await Promise.all(rounds)
  for (const { name } of proxy.view.members) {
    const [link, ...others] = await ourConnections(await proxy.connectTo(name))
    t.match(link, / name=dt:dt:[0-9a-f]{40} .* resp=3/)
    t.same(others, [])
  }
  t.same((await ringSnapshot(proxy)).faults, [])
})

t.test('what an earlier proxy of the ring left on a server is ended before the server is used', async (t) => {
  const proxy = await startProxy(t, { nodes: 2, replicas: 1 })
  const server = await startRedis(t)
  const connect = async (name: string) => {
    const client = await server.connect()
    await client.ask('CLIENT', 'SETNAME', name)
    return client
  }
  const [older, other, application] = [await connect('dt:dt:older'), await connect('dt:x:older'), await connect('app')]
  await monitor(proxy, 'dt-9', server.port)
  const client = await proxy.connect()
  await until('dt-9 is a member', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-9')
  await older.closed
  t.equal(String(await other.ask('PING')), '+PONG\r\n', 'the connection of another ring lives')
  t.equal(String(await application.ask('PING')), '+PONG\r\n', 'and an application’s')
})

t.test('a server with fewer databases than the ring does not join, and says why', async (t) => {
  const lines = new LogLines()
  const proxy = await startProxy(t, { nodes: 2, replicas: 1, log: lines.log })
  const [client, other] = [await proxy.connect(), await proxy.connect()]
  t.equal(String(await client.ask('SELECT', '7')), '+OK\r\n')
  for (let i = 0; i < 50; i++) t.equal(String(await client.ask('SET', `key:${i}`, 'v')), '+OK\r\n')
  const few = await startRedis(t, '--databases', '4')
  const reason = 'it has 4 databases, and the ring has 16'
  t.equal(
    String(await other.ask('DT', 'ADD', 'dt-9', `127.0.0.1:${few.port}`)),
    `-ERR dt-9 on 127.0.0.1:${few.port} cannot be a member: ${reason}\r\n`,
  )
  await monitor(proxy, 'dt-9', few.port)
  await until('it is refused', () => lines.about(new RegExp(`dt-9 is refused: ${reason}`)).length > 0)
  await until('it is known why', async () =>
    String(await other.ask('DT', 'NODES')).includes(`it is refused: ${reason}`),
  )
  t.equal(await membersOf(other), 'dt-1 dt-2')
  t.equal(String(await (await few.connect()).ask('FUNCTION', 'LIST')), '*0\r\n', 'nothing was written there')
  for (let i = 0; i < 50; i++) t.equal(String(await client.ask('GET', `key:${i}`)), '$1\r\nv\r\n')

  const more = await startRedis(t, '--databases', '17')
  await monitor(proxy, 'dt-8', more.port)
  await until('who has more joins', async () => (await membersOf(other)) === 'dt-1 dt-2 dt-8')
  t.equal(String(await other.ask('SELECT', '16')), '-ERR DB index is out of range\r\n')
  const [connection] = await ourConnections(await proxy.connectTo('dt-1'))
  await (await proxy.connectTo('dt-1')).ask('CLIENT', 'KILL', 'ID', String(/^id=(\d+)/.exec(connection)?.[1]))
  await until('who has as many as the ring comes back beside it', async () => {
    await sleep(50)
    return (await nodeStates(other))['dt-1'] === 'up'
  })
  t.same(lines.about(/dt-1 is refused/), [])
})

t.test('a client in a database that is gone after all servers were restarted with fewer is told so', async (t) => {
  const proxy = await startProxy(t, { nodes: 1, replicas: 0 })
  const [client, other] = [await proxy.connect(), await proxy.connect()]
  t.equal(String(await client.ask('SELECT', '7')), '+OK\r\n')
  // From the first acknowledged write on the server knows that it has the ring, and keeps that over a restart.
  t.equal(String(await other.ask('SET', 'a', 'v')), '+OK\r\n')
  const server = proxy.ring.server('dt-1')
  appendFileSync(server.configFile, 'databases 4\n')
  await proxy.ring.restart('dt-1')
  await until('it is back', async () => String(await other.ask('SET', 'a', 'v')) === '+OK\r\n')
  for (const command of [['GET', 'a'], ['SET', 'a', 'v'], ['MGET', 'a', 'b'], ['DBSIZE']]) {
    t.equal(String(await client.ask(...command)), '-ERR DB index is out of range\r\n')
  }
  t.equal(String(await other.ask('GET', 'a')), '$1\r\nv\r\n', 'the link is there')
})

t.test('a link bears replies of any size, also more of them than Redis lets a subscriber owe', async (t) => {
  const lines = new LogLines()
  const proxy = await startProxy(t, { nodes: 2, replicas: 1, log: lines.log })
  const client = await proxy.connect()
  const value = Buffer.alloc(40 * MEGABYTE, 'large value ')
  t.equal(String(await client.ask('SET', 'large', value)), '+OK\r\n')
  const [first, second] = await client.pipeline([
    ['GET', 'large'],
    ['GET', 'large'],
  ])
  for (const reply of [first, second]) t.ok(reply.subarray(reply.indexOf('\n') + 1, -2).equals(value))
  t.same(lines.about(/suspect/), [])
})

t.test('a link that breaks in the middle of a large reply: the whole reply comes from another replica', async (t) => {
  const { proxy, relay, client } = await throughRelay(t)
  const [large, small] = await keysAt(client, 'dt-9', 0, 2)
  const value = Buffer.alloc(8 * MEGABYTE, 'large value ')
  t.equal(String(await client.ask('SET', large, value)), '+OK\r\n')
  t.equal(String(await client.ask('SET', small, 'small value')), '+OK\r\n')
  for (const cutAt of [0, 1, 100, MEGABYTE, 8 * MEGABYTE]) {
    const resent = await counter(client, 'reads_resent')
    // A client that has had large replies asks for one at a time.
    const reader = await proxy.connect()
    await getSmallReplies(reader)
    // Heartbeats are answered, too.
    relay.cutInReplies(cutAt, large)
    const [one, two, three] = await reader.pipeline([
      ['GET', large],
      ['GET', small],
      ['STRLEN', large],
    ])
    t.ok(
      one.equals(Buffer.concat([Buffer.from(`$${value.length}\r\n`), value, Buffer.from('\r\n')])),
      `cut at ${cutAt}`,
    )
    t.equal(String(two), '$11\r\nsmall value\r\n')
    t.equal(String(three), `:${value.length}\r\n`)
    t.equal(await counter(client, 'reads_resent'), resent + 3)
    await until('the link is back', async () => (await nodeStates(client))['dt-9'] === 'up')
  }
  t.equal(relay.cuts, 5)
  t.same((await ringSnapshot(proxy)).faults, [])
})

t.test('a link that breaks in the middle of a large write: an honest answer, and equal replicas', async (t) => {
  const { proxy, relay, client } = await throughRelay(t)
  const [key] = await keysAt(client, 'dt-9', 0, 1)
  for (const [i, cutAt] of [0, 1, 100, MEGABYTE, 8 * MEGABYTE].entries()) {
    const value = Buffer.alloc(8 * MEGABYTE, `value ${i} `)
    relay.cutInRequests(cutAt)
    const reply = String(await client.ask('SET', key, value))
    t.match(reply, /^(\+OK|-ERR the outcome of this write is unknown)/)
    await until('the link is back', async () => (await nodeStates(client))['dt-9'] === 'up')
    await until('all replicas are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
    if (reply === '+OK\r\n') t.ok((await client.ask('GET', key)).includes(value), `it has the value, cut at ${cutAt}`)
  }
  t.equal(relay.cuts, 5)
})

t.test(
  'a server that has executed commands in another database, because it refused SELECT, is filled anew',
  async (t) => {
    const proxy = await startProxy(t, { nodes: 3 })
    const [client, other] = [await proxy.connect(), await proxy.connect()]
    const keys = await keysAt(client, 'dt-2', 0, 20)
    await other.ask('SELECT', '5')
    for (const key of keys) t.equal(String(await client.ask('SET', key, 'zero')), '+OK\r\n')
    const server = await proxy.connectTo('dt-2')
    const calls = async () => String(await server.ask('INFO', 'commandstats'))
    t.equal(String(await server.ask('ACL', 'SETUSER', 'default', '-select')), '+OK\r\n')
    // The link to it is in database 0.
    const written = other.pipeline(keys.map((key) => ['SET', key, 'five']))
    await until('it has refused', async () => /cmdstat_select:.*rejected_calls=[1-9]/.test(await calls()))
    t.equal(String(await server.ask('ACL', 'SETUSER', 'default', '+select')), '+OK\r\n')
    for (const reply of await written) t.match(String(reply), /^\+OK|^-ERR the outcome of this write is unknown/)
    for (const key of keys) t.equal(String(await client.ask('GET', key)), '$4\r\nzero\r\n', key)
    await until('all replicas are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
  },
)
