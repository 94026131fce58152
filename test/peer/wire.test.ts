import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import { PeerOutput } from '../../src/peer/peer-output.js'
import { MESSAGE, MessageReader, type MessageSink, STATUS } from '../../src/peer/wire.js'

/** What is written to it, and whether it says that it has left. */
class Written extends EventEmitter {
  readonly chunks: Buffer[] = []
  writableLength = 0
  destroyed = false
  cork() {}
  uncork() {}
  write(bytes: Buffer) {
    this.chunks.push(Buffer.from(bytes))
    return true
  }
}

/** What is found, the bytes of a stream as one text however they come. */
class Found implements MessageSink {
  readonly all: string[] = []
  data(stream: number, bytes: Buffer) {
    const before = this.all.at(-1) ?? ''
    if (before.startsWith(`${stream}: `)) this.all[this.all.length - 1] = before + bytes.toString()
    else this.all.push(`${stream}: ${bytes}`)
  }
  message(type: number, stream: number, flags: number, number: number, body: Buffer) {
    this.all.push(`${type} ${stream} ${flags} ${number} ${body}`)
  }
}

function written(say: (output: PeerOutput) => void): Buffer {
  const socket = new Written()
  const output = new PeerOutput(socket as unknown as Socket, () => {})
  say(output)
  output.flush()
  return Buffer.concat(socket.chunks)
}

t.test('messages are found however they are cut', async (t) => {
  const bytes = written((output) => {
    output.json(MESSAGE.open, 1, { address: '10.0.0.1:5' })
    output.data(1, Buffer.from('-GET k-'), 1, 6)
    output.message(MESSAGE.status, 2, STATUS.settled, 0xffff_fffe)
    output.data(7, Buffer.from('PING'), 0, 4)
    output.message(MESSAGE.close, 0xffff_ffff)
  })
  const expected = ['2 1 0 0 {"address":"10.0.0.1:5"}', '1: GET k', '4 2 1 4294967294 ', '7: PING', '7 4294967295 0 0 ']
  for (let cut = 0; cut <= bytes.length; cut++) {
    const found = new Found()
    const reader = new MessageReader(found)
    reader.read(bytes.subarray(0, cut), cut)
    reader.read(bytes.subarray(cut), bytes.length - cut)
    t.same(found.all, expected, `cut at ${cut}`)
  }
  const found = new Found()
  const reader = new MessageReader(found)
  for (const byte of bytes) reader.read(Buffer.of(byte), 1)
  t.same(found.all, expected, 'byte by byte')
})

t.test('large messages go through many buffers, whole', async (t) => {
  const text = Array.from({ length: 40_000 }, (_, i) => `${i},`).join('')
  const found = new Found()
  const bytes = written((output) => {
    for (let stream = 1; stream < 4; stream++) output.data(stream, Buffer.from(text), 0, text.length)
    output.json(MESSAGE.greeting, 0, { long: 'x'.repeat(30_000) })
  })
  const reader = new MessageReader(found)
  for (let at = 0; at < bytes.length; at += 65_536) {
    const part = bytes.subarray(at, at + 65_536)
    reader.read(part, part.length)
  }
  t.same(found.all.slice(0, 3), [`1: ${text}`, `2: ${text}`, `3: ${text}`])
  t.equal(found.all.length, 4)
})

t.test('what no proxy says is refused', async (t) => {
  for (const head of [Buffer.alloc(16), Buffer.alloc(16, 0xff), Buffer.from('GET / HTTP/1.1\r\n')]) {
    t.throws(() => new MessageReader(new Found()).read(head, 16), { message: /^there is no message \d+$/ })
  }
  const long = Buffer.alloc(16)
  long[0] = MESSAGE.greeting
  long.writeUInt32LE(1_000_000, 8)
  t.throws(() => new MessageReader(new Found()).read(long, 16), { message: 'a message has 1000000 bytes' })
})
