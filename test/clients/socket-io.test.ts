import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter'
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { Server, type ServerOptions } from 'socket.io'
import { io, type Socket } from 'socket.io-client'
import t, { type Test } from 'tap'
import { startProxy } from '../helpers/proxy.js'
import { until } from '../helpers/until.js'

const proxy = await startProxy(t)

type Adapter = ServerOptions['adapter']

const ioredis = (t: Test) => {
  const client = new Redis(proxy.port, proxy.host)
  t.teardown(() => client.quit())
  return client
}

const nodeRedis = async (t: Test) => {
  const client = createClient({ url: `redis://${proxy.host}:${proxy.port}` })
  client.on('error', () => {})
  t.teardown(() => client.close())
  await client.connect()
  return client
}

/** How servers of socket.io hear of each other: each has clients of its own. */
const ADAPTERS: Record<string, (t: Test) => Promise<Adapter>> = {
  'channels, by ioredis': async (t) => createAdapter(ioredis(t), ioredis(t)),
  'channels, by node-redis': async (t) => createAdapter(await nodeRedis(t), await nodeRedis(t)),
  'channels of shards': async (t) => createShardedAdapter(await nodeRedis(t), await nodeRedis(t)),
  'a stream, by ioredis': async (t) => createStreamsAdapter(ioredis(t), { blockTimeInMs: 500, heartbeatInterval: 200 }),
  'a stream, by node-redis': async (t) =>
    createStreamsAdapter(await nodeRedis(t), { blockTimeInMs: 500, heartbeatInterval: 200 }),
}

/** A server of socket.io, and a client of it. */
async function start(t: Test, adapter: Adapter): Promise<{ readonly server: Server; readonly client: Socket }> {
  const http = createServer()
  const server = new Server(http, { adapter })
  server.on('connection', (socket) =>
    socket.on('join', (room: string, done: () => void) => void joined(socket, room, done)),
  )
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const client = io(`http://127.0.0.1:${(http.address() as AddressInfo).port}`, { transports: ['websocket'] })
  t.teardown(async () => {
    client.close()
    await server.close()
  })
  await new Promise<void>((resolve) => client.once('connect', resolve))
  return { server, client }
}

async function joined(
  socket: { join(room: string): Promise<void> | void },
  room: string,
  done: () => void,
): Promise<void> {
  await socket.join(room)
  done()
}

for (const [name, adapterOf] of Object.entries(ADAPTERS)) {
  t.test(`servers of socket.io tell each other by ${name}`, async (t) => {
    await (await proxy.connect()).ask('FLUSHALL')
    const [one, other] = [await start(t, await adapterOf(t)), await start(t, await adapterOf(t))]
    const heard: string[] = []
    for (const [i, { client }] of [one, other].entries()) {
      client.on('news', (text: string) => heard.push(`${i}: ${text}`))
    }
    await until('they know each other', async () => (await one.server.fetchSockets()).length === 2)
    await until('they know each other', async () => (await other.server.fetchSockets()).length === 2)

    one.server.emit('news', 'for all')
    await until('all have heard it', () => heard.length === 2)
    t.same(heard.splice(0).sort(), ['0: for all', '1: for all'])

    await other.client.emitWithAck('join', 'room')
    for (let i = 0; i < 20; i++) one.server.to('room').emit('news', String(i))
    await until('the room has heard all', () => heard.length === 20)
    t.same(
      heard,
      Array.from({ length: 20 }, (_, i) => `1: ${i}`),
      'in their order, and nobody else',
    )

    other.server.on('question', (text: string, answer: (reply: string) => void) => answer(`${text}!`))
    t.same(await one.server.serverSideEmitWithAck('question', 'well'), ['well!'])
    t.same(
      (await one.server.in('room').fetchSockets()).map(({ id }) => id),
      [other.client.id],
    )
    one.server.in('room').disconnectSockets()
    await until('it is cut off', () => other.client.disconnected)
  })
}
