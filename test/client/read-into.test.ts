import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import { readInto } from '../../src/client/listener.js'
import { until } from '../helpers/until.js'

type Way = 'handle' | 'fallback'

interface Ends {
  readonly net: Server
  /** The socket that `readInto` gave. */
  readonly server: Socket
  readonly client: Socket
  readonly events: string[]
}

const buffer = Buffer.alloc(1000)

/** A connection whose server side reads through `readInto`: by its handle, or as if Node had the handle elsewhere. */
async function open(
  t: { teardown(end: () => unknown): void },
  way: Way,
  onChunk: (chunk: Buffer) => boolean,
): Promise<Ends> {
  const net = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(net, 'listening')
  const client = connect({ port: (net.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true })
  const [accepted] = (await once(net, 'connection')) as [Socket]
  const inner = accepted as unknown as { _handle: unknown }
  const handle = inner._handle
  if (way === 'fallback') inner._handle = null
  const server = readInto(buffer, accepted, {
    receive: (chunk, size) => onChunk(chunk.subarray(0, size)),
    room: () => undefined,
    filled: () => true,
  })
  if (way === 'fallback') inner._handle = handle
  const events: string[] = []
  for (const event of ['end', 'close', 'error']) server.on(event, () => events.push(event))
  client.on('error', () => {})
  t.teardown(() => {
    client.destroy()
    server.destroy()
    net.close()
  })
  server.resume()
  return { net, server, client, events }
}

for (const way of ['handle', 'fallback'] as const) {
  t.test(`${way}: all bytes come in their order, in both directions`, async (t) => {
    const chunks: Buffer[] = []
    const { server, client } = await open(t, way, (chunk) => {
      if (way === 'handle') t.equal(chunk.buffer, buffer.buffer, 'they lie in the buffer')
      chunks.push(Buffer.from(chunk))
      return true
    })
    const sent = Buffer.from(Array.from({ length: 20_000 }, (_, i) => (i * 7) & 255))
    client.write(sent)
    await until('all of it', () => Buffer.concat(chunks).length === sent.length)
    t.ok(Buffer.concat(chunks).equals(sent))
    const answers: Buffer[] = []
    client.on('data', (chunk) => answers.push(chunk))
    server.write('answer')
    await until('the answer', () => Buffer.concat(answers).toString() === 'answer')
  })

  t.test(`${way}: reading stops when it is told to, and goes on where it stopped`, async (t) => {
    const chunks: Buffer[] = []
    const { server, client } = await open(t, way, (chunk) => {
      chunks.push(Buffer.from(chunk))
      server.pause()
      return false
    })
    const sent = Buffer.alloc(20 * 1024 * 1024, 'x')
    client.write(sent)
    await until('the first bytes', () => chunks.length === 1)
    for (let i = 0; i < 20; i++) await nextTurn()
    t.ok(client.writableLength > 0, 'the client is not read from')
    t.equal(chunks.length, 1)
    server.resume()
    await until('the next bytes', () => chunks.length === 2)
    t.equal(server.destroyed, false)
  })

  t.test(`${way}: a client that has said everything is still answered`, async (t) => {
    const chunks: Buffer[] = []
    const { server, client, events } = await open(t, way, (chunk) => {
      chunks.push(Buffer.from(chunk))
      return true
    })
    client.end('the last words')
    await until('the end', () => events.includes('end'))
    t.equal(Buffer.concat(chunks).toString(), 'the last words')
    server.end('the answer')
    const [answer] = await once(client, 'data')
    t.equal(String(answer), 'the answer')
    await until('the close', () => events.includes('close'))
    t.same(events, ['end', 'close'])
  })

  t.test(`${way}: a client that breaks off closes the socket, and the server counts right`, async (t) => {
    const { net, client, events } = await open(t, way, () => true)
    const connections = () => new Promise((resolve) => net.getConnections((_, count) => resolve(count)))
    t.equal(await connections(), 1)
    client.resetAndDestroy()
    await until('the close', () => events.includes('close'))
    t.equal(await connections(), 0)
    net.close()
    await once(net, 'close')
  })
}
