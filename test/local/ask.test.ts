import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { ask, askInfo } from '../../src/local/ask.js'
import { freePorts } from '../../src/local/ports.js'

async function serverThat(t: Test, answers: (socket: Socket, received: string) => void): Promise<number> {
  const server = createServer((socket) => {
    socket.setEncoding('latin1').on('data', (text: string) => answers(socket, text))
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
  })
  t.teardown(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

t.test('the answer is a line with its type byte, or what is in a bulk string, however it is cut', async (t) => {
  const replies: Record<string, string> = {
    PING: '+PONG\r\n',
    BULK: '$6\r\na\r\nb\r\n\r\n',
    ERR: '-ERR no\r\n',
    NIL: '$-1\r\n',
  }
  const port = await serverThat(t, (socket, received) => {
    socket.setNoDelay()
    const bytes = [...replies[received.trim()]]
    const timer = setInterval(() => {
      if (bytes.length > 0) socket.write(bytes.shift() as string)
      else clearInterval(timer)
    }, 1)
  })
  t.equal(await ask('127.0.0.1', port, 'PING'), '+PONG')
  t.equal(await ask('127.0.0.1', port, 'BULK'), 'a\r\nb\r\n')
  t.equal(await ask('127.0.0.1', port, 'ERR'), '-ERR no')
  t.equal(await ask('127.0.0.1', port, 'NIL'), '$-1')
})

t.test('nobody there, nothing said, and half an answer are no answer', async (t) => {
  const [free] = await freePorts(1)
  t.equal(await ask('127.0.0.1', free, 'PING'), undefined)
  t.equal(await ask('127.0.0.1', await serverThat(t, () => {}), 'PING', 100), undefined)
  const hangsUp = await serverThat(t, (socket) => socket.end('$100\r\nhalf'))
  t.equal(await ask('127.0.0.1', hangsUp, 'PING'), undefined)
})

t.test('INFO is read field by field, and anything else is no INFO', async (t) => {
  const text = '# Server\r\nredis_version:7.0.15\r\nconfig_file:/a:b c/redis.conf\r\n'
  const redis = await serverThat(t, (socket) => socket.write(`$${text.length}\r\n${text}\r\n`))
  t.same(
    [...((await askInfo('127.0.0.1', redis)) ?? [])],
    [
      ['redis_version', '7.0.15'],
      ['config_file', '/a:b c/redis.conf'],
    ],
  )
  t.equal(await askInfo('127.0.0.1', await serverThat(t, (socket) => socket.write('-NOAUTH\r\n'))), undefined)
})
