import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startProxy, startRedis } from '../helpers/proxy.js'
import { type Arg, command } from '../helpers/raw-client.js'

/*
 * A client may write many commands before it reads a reply, and read more than any buffer holds [design §5 Backpressure]:
 * Redis serves both, and the bytes are the same.
 */

interface Received {
  readonly bytes: number
  readonly digest: string
}

/** Writes all of it and QUIT, as a client that blocks while it writes; then reads so many bytes a second at most. */
async function exchange(port: number, bytes: Buffer, bytesPerSecond = Number.POSITIVE_INFINITY): Promise<Received> {
  const socket = connect({ port, host: '127.0.0.1' })
  await once(socket, 'connect')
  socket.pause()
  await new Promise<void>((resolve, reject) => {
    socket.once('close', () => reject(new Error('it was closed while it wrote')))
    socket.write(Buffer.concat([bytes, command('QUIT')]), () => resolve())
  })
  const hash = createHash('sha1')
  const startedMs = performance.now()
  let received = 0
  for await (const chunk of socket) {
    hash.update(chunk)
    received += chunk.length
    const aheadMs = (received / bytesPerSecond) * 1000 - (performance.now() - startedMs)
    if (aheadMs > 5) await sleep(aheadMs)
  }
  return { bytes: received, digest: hash.digest('hex') }
}

const all = (commands: readonly (readonly Arg[])[]) => Buffer.concat(commands.map((args) => command(...args)))

t.test('a client that writes 100,000 commands before it reads has all replies, in order', async (t) => {
  const { port } = await startProxy(t, { nodes: 2, replicas: 1 })
  const redis = await startRedis(t)
  const key = 'long'.repeat(50)
  const commands: Arg[][] = [['SET', key, Buffer.alloc(200, 'v')]]
  for (let i = 0; i < 100_000; i++) commands.push(i % 4 === 0 ? ['INCR', 'counter'] : ['GET', key])
  const bytes = all(commands)
  const expected = await exchange(redis.port, bytes)
  t.ok(expected.bytes > 15_000_000)
  t.same(await exchange(port, bytes), expected)
})

t.test('a client that reads steadily has replies that are larger in all than any limit', async (t) => {
  const limits = { outputBufferHardBytes: 200 * 1024 * 1024 }
  const { port } = await startProxy(t, { nodes: 1, replicas: 0, config: { limits } })
  const redis = await startRedis(t)
  const commands: Arg[][] = [['SET', 'value', Buffer.alloc(1024 * 1024, 'v')]]
  for (let i = 0; i < 500; i++) commands.push(['GET', 'value'], ['INCR', 'counter'])
  const bytes = all(commands)
  const expected = await exchange(redis.port, bytes, 200_000_000)
  t.same(await exchange(port, bytes, 200_000_000), expected)
})

t.test('what clients write and nobody serves yet has a limit for all together', async (t) => {
  const limits = { queryBufferBytes: 1024 * 1024 }
  const { port, connect: connectClient } = await startProxy(t, { nodes: 1, replicas: 0, config: { limits } })
  const client = await connectClient()
  await client.ask('SET', 'value', Buffer.alloc(100_000, 'v'))
  const get = command('GET', 'value')
  const socket = connect({ port, host: '127.0.0.1' })
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  socket.pause()
  for (let i = 0; i < 400; i++) socket.write(Buffer.concat(new Array(1000).fill(get)))
  const qbuf = async () => Number(/ qbuf=([1-9]\d+) /.exec(String(await client.ask('CLIENT', 'LIST')))?.[1] ?? 0)
  const sizes: number[] = []
  for (let i = 0; i < 20; i++) {
    await sleep(50)
    sizes.push(await qbuf())
  }
  t.ok(Math.max(...sizes) > 500_000, 'it is read from')
  t.ok(Math.max(...sizes) < 1024 * 1024 + 200_000, 'and not without a limit')
  t.ok(socket.writableLength > 0)
})
