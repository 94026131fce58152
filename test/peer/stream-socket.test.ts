import t from 'tap'
import { User } from '../../src/acl/user.js'
import { Session } from '../../src/client/session.js'
import type { PeerOutput } from '../../src/peer/peer-output.js'
import { type Answering, StreamSocket } from '../../src/peer/stream-socket.js'
import { MESSAGE, STATUS, WINDOW_BYTES } from '../../src/peer/wire.js'

/** The connection to the front: what was said on it. */
class Carrier {
  readonly said: string[] = []
  sentBytes = 0
  isFull = false
  isGone = false
  readonly output = {
    data: (_stream: number, bytes: Buffer, start: number, end: number) => {
      this.sentBytes += end - start
      if (bytes[start] !== 0) this.said.push(bytes.toString('latin1', start, end))
    },
    message: (type: number, _stream: number, flags = 0, number = 0) => this.said.push(`${type} ${flags} ${number}`),
    json: (type: number, _stream: number, value: object) => this.said.push(`${type} ${JSON.stringify(value)}`),
  } as unknown as PeerOutput

  constructor() {
    Object.defineProperty(this.output, 'isFull', { get: () => this.isFull })
  }

  hasLeft = false
  touched() {}
  leave() {}
  gone() {
    this.isGone = true
  }
}

/** The connection of a client, which keeps what it reads, and stops reading when it is told to. */
class Client implements Answering {
  readonly id = 3
  readonly session = new Session(new User('default', { allChannels: true }), true)
  read = ''
  goesOn = true
  pendingBytes = 0
  place: Buffer | undefined
  readonly queue = { length: 0 } as Answering['queue']
  readonly framer = { bufferedBytes: 0 } as Answering['framer']

  receive(bytes: Buffer, size: number) {
    this.read += bytes.toString('latin1', 0, size)
    return this.goesOn
  }
  room() {
    return this.place
  }
  filled(size: number) {
    this.read += this.place?.toString('latin1', 0, size)
    this.place = undefined
    return this.goesOn
  }
}

function stream(): { carrier: Carrier; client: Client; socket: StreamSocket } {
  const carrier = new Carrier()
  const client = new Client()
  const socket = new StreamSocket(5, carrier)
  socket.begin(client)
  return { carrier, client, socket }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

t.test('what the client does not take waits, and its end behind it', async (t) => {
  const { carrier, socket } = stream()
  let drains = 0
  socket.on('drain', () => drains++)
  t.equal(socket.write(Buffer.alloc(WINDOW_BYTES - 10)), true)
  t.equal(socket.write(Buffer.alloc(110)), false)
  t.equal(socket.writableLength, 100)
  t.equal(socket.writableNeedDrain, true)
  socket.end(Buffer.from('last'))
  t.equal(socket.writableLength, 104)
  t.equal(carrier.sentBytes, WINDOW_BYTES)
  socket.taken(50)
  t.equal(socket.writableLength, 54)
  t.equal(drains, 0)
  carrier.isFull = true
  socket.taken(1000)
  t.equal(socket.writableLength, 54, 'the other proxy takes nothing')
  carrier.isFull = false
  socket.sendOn()
  t.equal(socket.writableLength, 0)
  t.equal(drains, 1)
  t.same(carrier.said, ['last', `${MESSAGE.end} 0 0`])
  t.ok(carrier.isGone)
})

t.test('who is not read from loses nothing, and its last byte comes last', async (t) => {
  const { client, socket } = stream()
  let ends = 0
  socket.on('end', () => ends++)
  client.goesOn = false
  socket.received(Buffer.from('a'))
  socket.received(Buffer.from('b'))
  socket.inputOver()
  t.equal(client.read, 'a')
  socket.resume()
  socket.pause()
  await turn()
  t.equal(client.read, 'a', 'it has thought better of it')
  client.goesOn = true
  socket.resume()
  socket.received(Buffer.from('c'))
  t.equal(client.read, 'a', 'in the order in which it came')
  await turn()
  t.same([client.read, ends], ['abc', 1])
})

t.test('a large value goes where it is gathered', async (t) => {
  const { client, socket } = stream()
  client.place = Buffer.alloc(4)
  socket.received(Buffer.from('1234rest'))
  t.equal(client.read, '1234rest')
})

t.test('how far it is: what is served, and whether somebody waits', async (t) => {
  const { carrier, client, socket } = stream()
  socket.received(Buffer.from('GET'))
  Object.assign(client.framer, { bufferedBytes: 3 })
  socket.tell()
  Object.assign(client.framer, { bufferedBytes: 0 })
  client.pendingBytes = 7
  socket.tell()
  client.pendingBytes = 0
  Object.assign(client.queue, { length: 1 })
  socket.tell()
  Object.assign(client.queue, { length: 0 })
  client.goesOn = false
  socket.received(Buffer.from('GET'))
  socket.received(Buffer.from('GET'))
  socket.tell()
  t.same(carrier.said.slice(1), [
    `${MESSAGE.status} ${STATUS.portable | STATUS.whole} 3`,
    `${MESSAGE.status} ${STATUS.portable | STATUS.settled} 3`,
    `${MESSAGE.status} ${STATUS.portable | STATUS.whole} 3`,
    `${MESSAGE.status} ${STATUS.portable | STATUS.whole} 6`,
  ])
})

t.test('what it has set for itself is said when it changes, and not while there is more than that', async (t) => {
  const { carrier, client, socket } = stream()
  const said = (state: object) =>
    `${MESSAGE.session} ${JSON.stringify({
      ...{ id: 3, user: 'default', authenticated: true, proto: 2, db: 0, noEvict: false, noTouch: false },
      ...{ name: '', libName: '', libVersion: '', ...state },
    })}`
  const status = (flags: number) => `${MESSAGE.status} ${STATUS.settled | STATUS.whole | flags} 0`
  socket.tell()
  socket.tell()
  client.session.db = 5
  client.session.beginTransaction()
  socket.tell()
  client.session.endTransaction()
  socket.tell()
  t.same(carrier.said, [
    ...[said({}), status(STATUS.portable), status(STATUS.portable)],
    ...[status(0), said({ db: 5 }), status(STATUS.portable)],
  ])
})

t.test('the front hears now and then how much has been served', async (t) => {
  const { carrier, socket } = stream()
  const bytes = Buffer.alloc(10_000)
  for (let i = 0; i < 14; i++) socket.received(bytes)
  t.same(carrier.said, [`${MESSAGE.taken} 0 70000`, `${MESSAGE.taken} 0 70000`])
})

t.test('who is gone is told nothing, and nothing comes from him', async (t) => {
  const { carrier, client, socket } = stream()
  let closes = 0
  socket.once('close', () => closes++)
  socket.gone()
  socket.received(Buffer.from('a'))
  socket.write(Buffer.from('b'))
  socket.end()
  socket.destroy()
  await turn()
  t.same([carrier.said, client.read, closes], [[], '', 1])
})
