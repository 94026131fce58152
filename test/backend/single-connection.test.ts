import t from 'tap'
import { type ConnectionLimits, SingleConnection } from '../../src/backend/single-connection.js'
import { type Script, ScriptedServer } from '../helpers/scripted-server.js'
import { until } from '../helpers/until.js'

const LIMITS = { connectMs: 5000, answerMs: 100 }

async function connected(
  t: Parameters<typeof ScriptedServer.start>[0],
  script: Script,
  limits: ConnectionLimits = LIMITS,
) {
  const server = await ScriptedServer.start(t, script)
  const closed: string[] = []
  const pushed: unknown[] = []
  const connection = await SingleConnection.open({ host: '127.0.0.1', port: server.port }, limits)
  connection.onPushed = (push) => pushed.push(push)
  connection.onClosed = ({ reason }) => closed.push(reason)
  t.teardown(() => connection.close())
  return { server, connection, closed, pushed, where: `127.0.0.1:${server.port}` }
}

t.test('who falls silent behind the login is given up in time, and all who wait are told', async (t) => {
  const { connection, closed, where } = await connected(t, ([name]) => (name === 'HELLO' ? undefined : ''))
  const reason = 'it timed out: no answer to INFO within 100 ms'
  const told = { name: 'ConnectionError', message: `${where}: ${reason}`, reason }
  await Promise.all([t.rejects(connection.call(['INFO']), told), t.rejects(connection.call(['PING']), told)])
  await t.rejects(connection.call(['PING']), told, 'and so are those who ask later')
  t.same(closed, [reason])
})

t.test('an answer may be given its own time, and where there is no limit it is waited for', async (t) => {
  const slow: Script = ([name], socket) => {
    if (name !== 'PING') return undefined
    setTimeout(() => socket.write('+PONG\r\n'), 200)
    return ''
  }
  const { connection } = await connected(t, slow)
  t.match(await connection.call(['PING'], 5000), { text: 'PONG' })
  const unlimited = await connected(t, slow, { connectMs: 100 })
  t.match(await unlimited.connection.call(['PING']), { text: 'PONG' })
})

t.test('who does not log in is given up in time', async (t) => {
  const server = await ScriptedServer.start(t, () => '')
  const endpoint = { host: '127.0.0.1', port: server.port }
  await t.rejects(
    SingleConnection.open(endpoint, { connectMs: 100 }),
    /: it timed out: no (?:login|answer to HELLO) within 100 ms$/,
  )
  server.script = () => '+OK\r\n'
  await t.rejects(SingleConnection.open(endpoint, LIMITS), /: it does not answer HELLO as a Redis does$/)
})

t.test('what nobody asked for ends it, but for pushes', async (t) => {
  const { server, connection, closed, pushed } = await connected(t, () => undefined)
  server.connection.write('>2\r\n+news\r\n:1\r\n')
  t.match(await connection.call(['PING']), { text: 'OK' })
  t.match(pushed, [[{ text: 'news' }, 1]])
  server.connection.write('+OK\r\n')
  await until('it has ended', () => closed.length > 0)
  t.match(closed, [/^it does not speak the Redis protocol: an answer that nobody asked for$/])
})

t.test('so does the beginning of that: it might take the answers to come for parts of itself', async (t) => {
  for (const bytes of ['*1000\r\n+a\r\n', '$100\r\n', '+O']) {
    const { server, closed } = await connected(t, () => undefined)
    server.connection.write(bytes)
    await until('it has ended', () => closed.length > 0)
    t.match(closed, [/^it does not speak the Redis protocol: an answer that nobody asked for$/])
  }
})

t.test('what comes without having been asked for may be what is wanted', async (t) => {
  const { server, connection, closed } = await connected(t, () => undefined)
  const heard: [unknown, number][] = []
  connection.onUnasked = (reply, bytes) => heard.push([reply, bytes])
  server.connection.write(':1\r\n:20\r\n')
  await until('both are here', () => heard.length === 2)
  t.same(
    [heard, closed],
    [
      [
        [1, 4],
        [20, 5],
      ],
      [],
    ],
  )
})

t.test('several are asked at once, and each has its time', async (t) => {
  const { connection } = await connected(t, ([name]) => (name === 'GET' ? '' : undefined))
  t.equal((await connection.callAll([['PING'], ['PING']])).length, 2)
  await t.rejects(connection.callAll([['PING'], ['GET', 'k']]), /it timed out: no answer to GET within 100 ms/)
})

t.test('an answer that is longer than it may be ends it', async (t) => {
  const { connection } = await connected(t, ([name]) => (name === 'GET' ? '$2000\r\n' : undefined), {
    ...LIMITS,
    answerBytesMax: 1000,
  })
  await t.rejects(connection.call(['GET', 'k']), /: it does not speak the Redis protocol: /)
})
