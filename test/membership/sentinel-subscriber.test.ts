import { createServer, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { LocalServer } from '../../src/local/local-ring.js'
import { freePorts } from '../../src/local/ports.js'
import { SentinelSubscriber } from '../../src/membership/sentinel-subscriber.js'

const NO_AUTH = { username: undefined, password: undefined }

t.test('a Sentinel is polled, and its news are told as they come, over two connections that last', async (t) => {
  const server = await startServer(t, 'sentinel', ['sentinel monitor dt-1 127.0.0.1 1 1'])
  const heard = follow(t, server.port, NO_AUTH)
  await until(() => heard.polls.length > 0)
  t.same(heard.polls[0], ['dt-1 127.0.0.1:1'])

  const redis = new Redis(server.port)
  t.teardown(() => redis.disconnect())
  const connections = async () => Number(/total_connections_received:([0-9]+)/.exec(await redis.info('stats'))![1])
  while (!/ sub=[1-9]/.test(String(await redis.call('CLIENT', 'LIST')))) await sleep(10)
  const before = await connections()
  await redis.call('SENTINEL', 'MONITOR', 'dt-2', '127.0.0.1', '2', '1')
  await until(() => heard.news.includes('+monitor dt-2 127.0.0.1:2'))
  await redis.call('SENTINEL', 'REMOVE', 'dt-2')
  await until(() => heard.news.includes('-monitor dt-2'))
  await sleep(500)
  t.equal(await connections(), before)
  t.same(heard.losses, [])
  t.same(heard.polls.at(-1), ['dt-1 127.0.0.1:1'])
})

t.test('a Sentinel with a password wants the right one', async (t) => {
  const server = await startServer(t, 'sentinel', ['requirepass secret', 'sentinel monitor dt-1 127.0.0.1 1 1'])
  const right = follow(t, server.port, { username: undefined, password: 'secret' })
  const named = follow(t, server.port, { username: 'default', password: 'secret' })
  const wrong = follow(t, server.port, { username: undefined, password: 'wrong' })
  const none = follow(t, server.port, NO_AUTH)
  await until(() => [right, named].every(({ polls }) => polls.length > 1))
  await until(() => [wrong, none].every(({ losses }) => losses.length > 1))
  t.same([...right.losses, ...named.losses, ...wrong.polls, ...none.polls], [])
  t.match(wrong.losses.join(), /WRONGPASS/)
  t.match(none.losses[0], /NOAUTH/)
})

t.test('a server that is no Sentinel is told as such', async (t) => {
  const server = await startServer(t, 'member', [])
  const heard = follow(t, server.port, NO_AUTH)
  await until(() => heard.losses.length > 2)
  t.match(heard.losses[0], /unknown command 'SENTINEL'/)
  t.same(heard.polls, [])
})

t.test('a server that takes connections and says nothing is lost, and again with every attempt', async (t) => {
  const silent = await listen(t, () => {})
  const heard = follow(t, silent, NO_AUTH)
  await until(() => heard.losses.length > 2)
  for (const reason of heard.losses) t.match(reason, /timed out/)
})

t.test('a server that answers nonsense is lost, and nothing is thrown', async (t) => {
  for (const nonsense of [
    'HTTP/1.1 400 Bad Request\r\n\r\n',
    '*1\r\n+dt-1\r\n',
    '+OK\r\n+OK\r\n+OK\r\n',
    '*1\r\n*0\r\n',
  ]) {
    const port = await listen(t, (write) => write(nonsense))
    const heard = follow(t, port, NO_AUTH)
    await until(() => heard.losses.length > 0)
    t.same(heard.polls, [])
  }
})

t.test('a port on which nobody listens is told at once, and found when somebody does', async (t) => {
  const server = await startServer(t, 'sentinel', ['sentinel monitor dt-1 127.0.0.1 1 1'])
  await server.kill()
  const heard = follow(t, server.port, NO_AUTH)
  await until(() => heard.losses.length > 0)
  t.match(heard.losses[0], /ECONNREFUSED/)
  await server.start()
  await until(() => heard.polls.length > 0)
  await server.kill()
  const before = heard.losses.length
  await until(() => heard.losses.length > before)
  t.ok(heard.losses.at(-1))
})

interface Heard {
  polls: string[][]
  news: string[]
  losses: string[]
}

function follow(t: Test, port: number, auth: { username: string | undefined; password: string | undefined }): Heard {
  const heard: Heard = { polls: [], news: [], losses: [] }
  const subscriber = new SentinelSubscriber({ host: '127.0.0.1', port }, auth, 100, {
    onPolled: (masters) => heard.polls.push(masters.map((master) => `${master.name} ${master.host}:${master.port}`)),
    onNews: (news) => {
      const name = 'name' in news ? ` ${news.name}` : ''
      heard.news.push(`${news.kind}${name}${'host' in news ? ` ${news.host}:${news.port}` : ''}`)
    },
    onLost: (reason) => heard.losses.push(reason),
  })
  subscriber.start()
  t.teardown(() => subscriber.stop())
  return heard
}

async function startServer(t: Test, role: 'member' | 'sentinel', config: string[]): Promise<LocalServer> {
  const [port] = await freePorts(1)
  const server = new LocalServer('server', port, t.testdir(), role, () => {})
  server.configure(['bind 127.0.0.1', `port ${port}`, ...config, ''].join('\n'))
  t.teardown(() => server.kill())
  await server.start()
  return server
}

/** A TCP server that calls `onData` with its write function whenever it receives something. */
async function listen(t: Test, onData: (write: (text: string) => void) => void): Promise<number> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', () => onData((text) => socket.write(text)))
    t.teardown(() => socket.destroy())
  })
  const [port] = await freePorts(1)
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return port
}

async function until(condition: () => boolean): Promise<void> {
  for (const startMs = Date.now(); !condition(); await sleep(10)) {
    if (Date.now() - startMs > 30_000) throw new Error('what was waited for did not happen within 30 s')
  }
}
