import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { ReplyCounter } from '../fuzz/reply-counter.js'
import { CheckingClient } from '../helpers/checking-client.js'
import { command, type RawClient } from '../helpers/raw-client.js'
import { ServeProcess } from '../helpers/serve-process.js'
import { until } from '../helpers/until.js'

/*
 * Clients that mean no good, many of them or with very much, at a proxy of its own; beside them one that knows every reply. What they
 * get is as with Redis [conformance/input, conformance/login]; here is what it costs.
 */

const MB = 1024 * 1024
const RING = { nodes: 1, sentinels: 1 }
const ONE_COPY = { 'ring.replicas': '0' }

/** `what` beside a client that knows all replies: none is wrong, and they go on coming. */
async function beside(t: Test, client: RawClient, what: () => Promise<void>): Promise<void> {
  const checking = new CheckingClient(client, 'well-behaved')
  const running = checking.run(1)
  await what()
  const { replies } = checking
  await until('it is answered all the time', () => checking.replies > replies + 20)
  checking.stop()
  await running
  t.same(checking.violations, [])
  t.equal(checking.notApplied + checking.unknown, 0)
}

async function opened(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {}) // That it is closed is what counts.
  await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve))
  return socket
}

t.test('a thousand clients that send a command a byte at a time are closed in time, and cost little', async (t) => {
  const serve = await ServeProcess.start(t, RING, { ...ONE_COPY, 'limits.commandTimeoutMs': '3000' })
  const client = await serve.connect()
  await client.ask('PING')
  const before = serve.memory().rssBytes
  await beside(t, client, async () => {
    const sockets: Socket[] = []
    while (sockets.length < 1000) {
      sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => opened(serve.port)))))
    }
    const bytes = Buffer.from('*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000\r\nx')
    let sent = 0
    const drip = setInterval(() => {
      for (const socket of sockets) socket.write(bytes.subarray(sent, sent + 1))
      if (sent < bytes.length - 1) sent++
    }, 200)
    t.teardown(() => clearInterval(drip))
    await sleep(1000)
    const most = (serve.memory().rssBytes - before) / MB
    t.ok(most < 100, `${most.toFixed(0)} MB for a thousand`)
    await until('all are closed', () => sockets.every(({ destroyed }) => destroyed))
    clearInterval(drip)
  })
  t.match(String(await client.ask('INFO', 'clients')), /connected_clients:1\r/)
  t.equal(String(await client.ask('EXISTS', 'k')), ':0\r\n')
})

t.test(
  'a million commands whose replies nobody reads are kept within the limits, and answered when somebody does',
  async (t) => {
    const serve = await ServeProcess.start(t, RING, ONE_COPY)
    const client = await serve.connect()
    await client.ask('SET', 'value', 'x'.repeat(100))
    const before = serve.memory().rssBytes
    const COUNT = 1_000_000
    const each = command('GET', 'value')
    const piece = Buffer.concat(Array.from({ length: 10_000 }, () => each))
    const grown = () => (serve.memory().peakBytes - before) / MB
    await beside(t, client, async () => {
      const deaf = await opened(serve.port)
      deaf.pause()
      for (let sent = 0; sent < COUNT; sent += 10_000) deaf.write(piece)
      await sleep(3000)
      t.ok(grown() < 200, `${grown().toFixed(0)} MB for ${((COUNT * each.length) / MB).toFixed(0)} MB of commands`)
      const counter = new ReplyCounter()
      deaf.on('data', (chunk: Buffer) => counter.take(chunk))
      deaf.resume()
      await until('all are answered', () => counter.replies === COUNT || deaf.destroyed, 200_000)
      t.equal(counter.replies, COUNT)
      t.equal(counter.rest, 0)
      deaf.destroy()
      const never = await opened(serve.port)
      never.pause()
      for (let sent = 0; sent < COUNT; sent += 10_000) never.write(piece)
      await sleep(1000)
      never.destroy()
    })
    await until('it is gone', async () => /connected_clients:1\r/.test(String(await client.ask('INFO', 'clients'))))
    t.ok(grown() < 300, `${grown().toFixed(0)} MB`)
  },
)

t.test('who has no password and sends very much is refused all of it, and takes nothing from others', async (t) => {
  const serve = await ServeProcess.start(t, RING, ONE_COPY)
  const client = await serve.connect()
  t.equal(String(await client.ask('CONFIG', 'SET', 'requirepass', 'right')), '+OK\r\n')
  const before = serve.memory().rssBytes
  const each = [command('SET', 'stolen', 'x'.repeat(1000)), command('GET', 'stolen'), command('AUTH', 'wrong')]
  const ANSWERS =
    /^(?:-NOAUTH Authentication required\.\r\n-NOAUTH Authentication required\.\r\n-WRONGPASS [^\r]*\r\n)+$/
  const TIMES = 300
  await beside(t, client, async () => {
    for (let round = 0; round < 3; round++) {
      const sockets = await Promise.all(Array.from({ length: 40 }, () => opened(serve.port)))
      await Promise.all(
        sockets.map(async (socket, i) => {
          let answers = ''
          let count = 0
          // Every fourth takes nothing.
          if (i % 4 === 3) socket.pause()
          else
            socket.on('data', (chunk: Buffer) => {
              answers += chunk.toString('latin1')
              count = answers.split('\n').length - 1
            })
          socket.write(Buffer.concat(Array.from({ length: TIMES }, () => each).flat()))
          if (i % 4 === 3) await sleep(300)
          else {
            await until('all are answered', () => count === 3 * TIMES || socket.destroyed)
            if (count !== 3 * TIMES) t.fail(`${count} answers`)
            if (!ANSWERS.test(answers)) t.fail(`answered by ${answers.slice(0, 300)}`)
          }
          socket.destroy()
        }),
      )
    }
  })
  const grown = (serve.memory().peakBytes - before) / MB
  t.ok(grown < 150, `${grown.toFixed(0)} MB`)
  t.equal(String(await client.ask('EXISTS', 'stolen')), ':0\r\n')
  t.ok(serve.output.length < 1 * MB, `${serve.output.length} bytes of log`)
})
