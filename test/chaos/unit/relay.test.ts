import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { freePorts } from '../../../src/local/ports.js'
import { until } from '../../helpers/until.js'
import { nowMs } from '../history.js'
import { Relay } from '../relay.js'

/** What one connection has brought; put together only when it is looked at. */
class Received {
  readonly chunks: Buffer[] = []
  length = 0
  closed = false

  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }
}

/** A server that keeps what it receives and answers each byte with itself. */
async function start(t: Test) {
  const received: Received[] = []
  const net = createServer((socket) => {
    const record = new Received()
    received.push(record)
    socket.on('data', (bytes) => {
      record.chunks.push(bytes)
      record.length += bytes.length
      socket.write(bytes)
    })
    socket.on('error', () => {})
    socket.on('close', () => (record.closed = true))
  }).listen(0, '127.0.0.1')
  await once(net, 'listening')
  const [port] = await freePorts(1)
  const relay = await Relay.start(port, (net.address() as AddressInfo).port)
  const clients: Socket[] = []
  t.teardown(() => {
    for (const client of clients) client.destroy()
    relay.close()
    net.close()
  })
  const open = async (greeting: string) => {
    const socket = connect({ port, host: '127.0.0.1' })
    clients.push(socket)
    const echoes = new Received()
    const client = {
      socket,
      closed: false,
      get echoed() {
        return echoes.bytes
      },
    }
    socket.on('data', (bytes) => echoes.chunks.push(bytes))
    socket.on('error', () => {})
    socket.on('close', () => (client.closed = true))
    await once(socket, 'connect')
    socket.write(greeting)
    return client
  }
  return { relay, received, open }
}

t.test('bytes pass both ways', async (t) => {
  const { open } = await start(t)
  const client = await open('HELLO 3 SETNAME dt:chaos')
  await until('the echo', () => client.echoed.toString() === 'HELLO 3 SETNAME dt:chaos')
  client.socket.end()
  await until('the end', () => client.closed)
  t.pass()
})

t.test('the connections of one side are cut and refused, until it is healed', async (t) => {
  const { relay, open } = await start(t)
  const proxy = await open('HELLO')
  const sentinel = await open('CLIENT SETNAME sentinel-1-cmd')
  await until('both are known', () => proxy.echoed.length > 0 && sentinel.echoed.length > 0)
  relay.cut(['proxy'])
  await until('it is cut', () => proxy.closed)
  const refused = await open('HELLO')
  await until('it is refused', () => refused.closed)
  t.equal(refused.echoed.length, 0)
  t.notOk(sentinel.closed)
  relay.heal()
  const again = await open('HELLO')
  await until('it is back', () => again.echoed.length > 0)
})

t.test('one of those of a side is refused, by its name, until that is taken back', async (t) => {
  const { relay, open } = await start(t)
  const run = (digit: string) => digit.repeat(40)
  const greet = (digit: string) => open(`{"version":1,"run":"${run(digit)}"}`)
  const [first, second] = [await greet('a'), await greet('b')]
  await until('both are known', () => first.echoed.length > 0 && second.echoed.length > 0)
  const healed = relay.refuse(({ name }) => name === run('a'))
  relay.refuse(({ name }) => name === run('c'))
  await until('it is cut', () => first.closed)
  t.notOk(second.closed)
  healed()
  const again = await greet('a')
  await until('it is back', () => again.echoed.length > 0)
  const third = await greet('c')
  await until('the other one is refused still', () => third.closed)
})

t.test('what is stalled is delivered later, in order', async (t) => {
  const { relay, received, open } = await start(t)
  const client = await open('a')
  await until('the echo', () => client.echoed.length === 1)
  relay.shape(['proxy'], 'requests', { stalled: true })
  client.socket.write('b')
  await sleep(50)
  client.socket.write('c')
  await sleep(50)
  t.equal(received[0].bytes.toString(), 'a')
  relay.heal()
  await until('the rest', () => client.echoed.toString() === 'abc')
})

t.test('what is delayed comes later, and each byte of what is slow', async (t) => {
  const { relay, open } = await start(t)
  const client = await open('a')
  await until('the echo', () => client.echoed.length === 1)
  relay.shape(['proxy'], 'replies', { delayMs: 100, bytesPerSecond: 100_000 })
  const bytes = Buffer.alloc(20_000, 'xyz')
  const sentMs = nowMs()
  client.socket.write(bytes)
  await until('all of it', () => client.echoed.length === 1 + bytes.length)
  const tookMs = nowMs() - sentMs
  t.ok(tookMs > 250 && tookMs < 2000, `${tookMs} ms`)
  t.ok(client.echoed.subarray(1).equals(bytes))
})

t.test('the last bytes of a connection are delivered long after it broke', async (t) => {
  const { relay, received, open } = await start(t)
  const client = await open('a')
  await until('the echo', () => client.echoed.length === 1)
  const done = relay.deliverLate(50, 200)
  client.socket.write('late')
  await until('it breaks', () => client.closed)
  t.equal(received[0].bytes.toString(), 'a')
  t.notOk(received[0].closed, 'the server sees nothing of it')
  await done
  t.equal(received[0].bytes.toString(), 'alate')
  await until('the end', () => received[0].closed)
})

t.test('bytes are held back while nobody reads them, not in memory', async (t) => {
  const { relay, open, received } = await start(t)
  const client = await open('a')
  await until('the echo', () => client.echoed.length === 1)
  relay.shape(['proxy'], 'requests', { stalled: true })
  const much = Buffer.alloc(24 * 1024 * 1024, 'm')
  client.socket.write(much)
  await sleep(200)
  t.ok(client.socket.writableLength > 4 * 1024 * 1024, 'the sender has to wait')
  relay.heal()
  await until('all of it', () => received[0].length === 1 + much.length)
})

t.test('what the proxy sends can be changed, to test the harness', async (t) => {
  const { relay, open, received } = await start(t)
  relay.tamper = (bytes) => Buffer.from(bytes.toString('latin1').replaceAll('good', 'evil'), 'latin1')
  const proxy = await open('good')
  const sentinel = await open('sentinel-good')
  await until('both', () => proxy.echoed.length > 0 && sentinel.echoed.length > 0)
  t.strictSame(received.map(({ bytes }) => bytes.toString()).sort(), ['evil', 'sentinel-good'])
})

t.test('what is swallowed is lost without a word, and delivered long after the network is whole', async (t) => {
  const { relay, received, open } = await start(t)
  const client = await open('a')
  await until('the echo', () => client.echoed.length === 1)
  relay.swallow(['proxy'])
  client.socket.end('late')
  const young = await open('anew')
  await sleep(100)
  t.equal(received[0].bytes.toString(), 'a')
  t.notOk(received[0].closed || young.closed, 'nobody hears of an end')
  const done = relay.spit(200)
  await until('who came meanwhile is let go', () => young.closed)
  const other = await open('HELLO')
  await until('new connections work', () => other.echoed.toString() === 'HELLO')
  t.equal(received[0].bytes.toString(), 'a')
  await done
  t.equal(received[0].bytes.toString(), 'alate')
  await until('the end of the connection is heard of, too', () => received[0].closed)
  t.notOk(received.some(({ bytes }) => bytes.toString() === 'anew'))
})

t.test('what is swallowed in one direction passes in the other one', async (t) => {
  const { relay, received, open } = await start(t)
  const client = await open('a')
  await until('the echo', () => client.echoed.length === 1)
  relay.swallow(['proxy'], ['replies'])
  client.socket.write('b')
  await until('it is heard', () => received[0].bytes.toString() === 'ab')
  t.equal(client.echoed.toString(), 'a')
  await relay.spit(10)
  t.equal(client.echoed.toString(), 'ab')
})

t.test('single peers are refused by the names that they give themselves', async (t) => {
  const { relay, open } = await start(t)
  const one = await open('HELLO 3 SETNAME dt:chaos:one')
  const other = await open('CLIENT SETNAME sentinel-0123abcd-cmd')
  await until('both are known', () => one.echoed.length > 0 && other.echoed.length > 0)
  t.strictSame(
    relay.peers().map(({ name }) => name),
    ['dt:chaos:one', 'sentinel-0123abcd'],
  )
  relay.refuse(({ name }) => name === 'sentinel-0123abcd')
  await until('it is cut', () => other.closed)
  const again = await open('CLIENT SETNAME sentinel-0123abcd-cmd')
  await until('and refused', () => again.closed)
  t.notOk(one.closed)
})

t.test('a stall may begin in the middle of something', async (t) => {
  const { relay, received, open } = await start(t)
  const client = await open('dt:chaos.')
  await until('it is delivered', () => client.echoed.length === 9)
  relay.shape(['proxy'], 'requests', { stalled: true, afterBytes: 5 })
  client.socket.write('abc')
  client.socket.write('defg')
  await until('it is delivered', () => client.echoed.length === 14)
  await sleep(50)
  t.equal(received[0].bytes.toString(), 'dt:chaos.abcde')
  relay.heal()
  await until('it is delivered', () => client.echoed.length === 16)
  t.equal(received[0].bytes.toString(), 'dt:chaos.abcdefg')
})

t.test('or right behind a command, whatever comes before it and wherever that was cut', async (t) => {
  const { relay, received, open } = await start(t)
  const client = await open('dt:chaos.')
  await until('it is delivered', () => client.echoed.length === 9)
  relay.shape(['proxy'], 'requests', { stalled: true, behind: 'DECRBY' })
  const first = '*2\r\n$3\r\nGET\r\n$1\r\na\r\n'
  const half = '*3\r\n$6\r\nDECRBY\r\n$2\r\nx*\r\n$3\r\n100\r\n'
  client.socket.write(first)
  await until('it is delivered', () => client.echoed.length === 9 + first.length)
  client.socket.write(`${first}${half}*3\r\n$6\r\nINCRBY\r\n$2\r\ny*\r\n$3\r\n100\r\n${half}`)
  await until('it is delivered', () => client.echoed.length === 9 + 2 * first.length + half.length)
  await sleep(50)
  t.equal(received[0].bytes.toString(), `dt:chaos.${first}${first}${half}`)
})
