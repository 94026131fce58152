import fc from 'fast-check'
import t from 'tap'
import { hold, release } from '../../src/base/large-buffers.js'
import { FRAME, NEED_MORE, PROTOCOL_ERROR, RequestFramer } from '../../src/resp/request-framer.js'
import { cpuMs } from '../helpers/cpu-time.js'
import { cutAt, everySplit, frameChunks, inParts, latin1 } from './framing.js'
import { refused, unfinished } from './hostile.js'

const encode = (...args: string[]) => `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`

/** Pieces of a stream and the commands that they are. */
const pieces: [bytes: string, ...commands: string[][]][] = [
  [encode('SET', 'key', 'value'), ['SET', 'key', 'value']],
  [encode('PING'), ['PING']],
  [encode('SET', '', ''), ['SET', '', '']],
  [encode('SET', 'k\r\n$3\r\n', '\0\xff*1\r\n'), ['SET', 'k\r\n$3\r\n', '\0\xff*1\r\n']],
  [encode('SET', 'k', 'v'.repeat(123)), ['SET', 'k', 'v'.repeat(123)]],
  [encode('MSET', ...'abcdefghijklmnopqrstuvwxyz'), ['MSET', ...'abcdefghijklmnopqrstuvwxyz']],
  ['*0\r\n'],
  ['*-5\r\n'],
  ['\r\n\n \t \r\n'],
  ['PING\r\n', ['PING']],
  ['get  key\n', ['get', 'key']],
  ["ECHO \"a\\x41\\n\" 'it\\'s'\r\n", ['ECHO', 'aA\n', "it's"]],
  ['*1\rx$4\r\nPING\r\n', ['PING']],
  ['*2\r\n$4\rxECHO!!$2\r\nhi\n\r', ['ECHO', 'hi']],
  [encode('GET', 'key'), ['GET', 'key']],
]
const corpus = latin1(pieces.map(([bytes]) => bytes).join(''))
const corpusCommands = pieces.flatMap(([, ...commands]) => commands)

t.test('a stream gives the same commands wherever it is cut in two', async (t) => {
  for (const chunks of everySplit(corpus)) {
    const { commands, error } = frameChunks(chunks)
    t.same(commands, corpusCommands, `cut at ${chunks[0].length}`)
    t.equal(error, '')
  }
})

t.test('a stream gives the same commands in chunks of any one size', async (t) => {
  for (let size = 1; size <= corpus.length; size++) {
    t.same(frameChunks(inParts(corpus, size)).commands, corpusCommands, `${size} bytes`)
  }
})

t.test('a stream gives the same commands when the reader stops before any of them', async (t) => {
  for (let at = 0; at <= corpusCommands.length; at++) {
    for (const chunks of [[corpus], inParts(corpus, 40), inParts(corpus, 7)]) {
      let n = 0
      t.same(frameChunks(chunks, { stops: () => n++ === at }).commands, corpusCommands)
    }
  }
  t.same(frameChunks(inParts(corpus, 100), { stops: () => true }).commands, corpusCommands, 'before each one')
})

/** A way to write a command down: strict, sloppy or inline. */
const anyCommand = fc.record({
  args: fc.array(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
    {
      minLength: 1,
      maxLength: 12,
    },
  ),
  form: fc.constantFrom('strict', 'sloppy', 'inline', 'strict', 'strict'),
})

function written({ args, form }: { args: string[]; form: string }): string {
  if (form === 'strict') return encode(...args)
  if (form === 'sloppy') return `*${args.length}\r?${args.map((arg) => `$${arg.length}\r.${arg}#!`).join('')}`
  return `${args.map(quoted).join(' ')}\n`
}

function quoted(arg: string): string {
  const hex = (c: string) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`
  return `"${arg.replace(/[^a-z ]/gi, hex)}"`
}

t.test('any commands, in any form, cut anywhere, with stops anywhere, come out as they were written', async (t) => {
  const property = fc.property(
    fc.array(anyCommand, { maxLength: 12 }),
    fc.array(fc.nat(), { maxLength: 8 }),
    fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }),
    (commands, places, stops) => {
      const bytes = latin1(commands.map(written).join(''))
      let n = 0
      const framed = frameChunks(cutAt(bytes, places), { stops: () => stops[n++ % stops.length] })
      t.same(
        framed.commands,
        commands.map(({ args }) => args),
      )
      t.equal(framed.framer.bufferedBytes, 0)
    },
  )
  fc.assert(property, { numRuns: 400 })
})

t.test('feeding on without asking for commands loses nothing', async (t) => {
  const framer = new RequestFramer({ maxBulkBytes: 1000 })
  for (const part of inParts(corpus, 11)) framer.feed(Buffer.from(part))
  t.equal(framer.bufferedBytes, corpus.length)
  let count = 0
  while (framer.next() === FRAME) count++
  t.equal(count, corpusCommands.length)
})

t.test('a command that lies whole in a chunk is described there', async (t) => {
  const chunk = latin1(encode('SET', 'key', 'value') + encode('GET', 'key'))
  const framer = new RequestFramer({ maxBulkBytes: 1000 })
  framer.feed(chunk)
  t.equal(framer.next(), FRAME)
  t.equal(framer.buf, chunk)
  t.equal(framer.owned, false)
  t.same([framer.start, framer.end, framer.argc], [0, 33, 3])
  t.same([framer.argStart[1], framer.argEnd[1]], [17, 20])
  t.equal(framer.next(), FRAME)
  t.equal(framer.buf, chunk)
  t.same([framer.start, framer.end, framer.argc], [33, chunk.length, 2])
  t.equal(framer.next(), NEED_MORE)
})

t.test('a command whose beginning came earlier is accumulated, those behind it are not', async (t) => {
  const bytes = latin1(encode('SET', 'key', 'v'.repeat(3000)) + encode('GET', 'key').repeat(3000))
  const framer = new RequestFramer({ maxBulkBytes: 10_000 })
  framer.feed(Buffer.from(bytes.subarray(0, 100)))
  t.equal(framer.next(), NEED_MORE)
  t.equal(framer.bufferedBytes, 100)
  const rest = Buffer.from(bytes.subarray(100))
  framer.feed(rest)
  t.equal(framer.next(), FRAME)
  t.not(framer.buf, rest)
  let inChunk = 0
  while (framer.next() === FRAME) if (framer.buf === rest) inChunk++
  t.equal(inChunk, 3000)
})

t.test('a big accumulated command stays as it is while it is held', async (t) => {
  const framer = new RequestFramer({ maxBulkBytes: 100_000 })
  const bytes = latin1(encode('SET', 'k', 'v'.repeat(70_000)))
  const receive = () => {
    framer.feed(bytes.subarray(0, 30_000))
    t.equal(framer.next(), NEED_MORE)
    framer.feed(bytes.subarray(30_000))
    t.equal(framer.next(), FRAME)
    t.equal(framer.owned, false)
    return framer.buf
  }
  const buf = receive()
  t.ok(hold(buf))
  const { start, end } = framer
  for (let i = 0; i < 3; i++) t.not(receive(), buf)
  t.ok(buf.subarray(start, end).equals(bytes))
  const last = framer.buf
  t.ok(hold(last))
  release(buf)
  t.equal(receive(), buf, 'and its buffer is used again afterwards')
  release(last)
})

t.test('the rest of a large argument is read to where it belongs, and no byte more', async (t) => {
  const bytes = latin1(encode('SET', 'k', 'v'.repeat(200_000)))
  const framer = new RequestFramer({ maxBulkBytes: 1_000_000 })
  t.equal(framer.room, undefined)
  framer.feed(bytes.subarray(0, 60_000))
  t.equal(framer.next(), NEED_MORE)
  const room = framer.room
  t.equal(room?.length, bytes.length - 60_000)
  bytes.copy(room!, 0, 60_000, 120_000)
  framer.filled(60_000)
  t.equal(framer.next(), NEED_MORE)
  t.equal(framer.room?.length, bytes.length - 120_000)
  // The rest may also come as a chunk, with the next command behind it.
  framer.feed(Buffer.concat([bytes.subarray(120_000), latin1(encode('PING'))]))
  t.equal(framer.next(), FRAME)
  t.ok(framer.buf.subarray(framer.start, framer.end).equals(bytes))
  t.equal(framer.room, undefined)
  t.equal(framer.next(), FRAME)
  t.equal(framer.argc, 1)
  t.equal(framer.next(), NEED_MORE)
  t.equal(framer.room, undefined)
})

t.test('who stops reading with commands left has no room: they are read before more bytes come', async (t) => {
  const bytes = latin1(encode('SET', 'k', 'v'.repeat(140_000)))
  const framer = new RequestFramer({ maxBulkBytes: 1_000_000 })
  framer.feed(bytes.subarray(0, 60_000))
  t.equal(framer.next(), NEED_MORE)
  bytes.copy(framer.room!, 0, 60_000, 100_000)
  framer.filled(40_000)
  t.equal(framer.next(), NEED_MORE)
  t.equal(framer.room?.length, bytes.length - 100_000)
  framer.feed(Buffer.concat([bytes.subarray(100_000), latin1(encode('PING').repeat(3))]))
  t.equal(framer.next(), FRAME)
  t.ok(framer.buf.subarray(framer.start, framer.end).equals(bytes))
  framer.retain()
  t.equal(framer.room, undefined)
  for (let i = 0; i < 3; i++) {
    t.equal(framer.next(), FRAME)
    t.equal(framer.argc, 1)
  }
  t.equal(framer.next(), NEED_MORE)
})

t.test('several commands that were retained together come out one by one, big ones among them', async (t) => {
  const commands = Array.from({ length: 30 }, (_, i) => ['SET', `key${i}`, 'x'.repeat(i % 3 === 0 ? 90_000 : 10)])
  const bytes = latin1(commands.map((args) => encode(...args)).join(''))
  t.same(frameChunks([bytes], { stops: () => true }).commands, commands)
  t.same(frameChunks(inParts(bytes, 250_000), { stops: () => true }).commands, commands)
})

t.test('a command that was put back is the next one again, with more bytes behind it', async (t) => {
  const commands = Array.from({ length: 30 }, (_, i) => ['SET', `key${i}`, 'x'.repeat(i % 3 === 0 ? 90_000 : 10)])
  const sloppy = 'GET inline\r\n\r\n*2\r-$3\r-GET\r-$6\r-sloppy\r-'
  const bytes = latin1(commands.map((args) => encode(...args) + sloppy).join(''))
  const expected = commands.flatMap((args) => [args, ['GET', 'inline'], ['GET', 'sloppy']])
  for (const size of [bytes.length, 250_000, 65_536, 1000]) {
    let n = 0
    const options = { putsBack: () => n++ % 2 === 0, stops: () => n % 3 === 0 }
    t.same(frameChunks(inParts(bytes, size), options).commands, expected)
  }
})

for (const [name, text, expected, before = []] of refused) {
  t.test(`refuses ${name}`, async (t) => {
    for (const chunks of everySplit(latin1(text))) {
      const { commands, error, framer } = frameChunks(chunks)
      t.equal(error, expected, `cut at ${chunks[0].length}`)
      t.same(commands, before)
      framer.feed(latin1(encode('PING')))
      t.equal(framer.next(), PROTOCOL_ERROR, 'and reads nothing any more')
    }
  })
}

t.test('the error reply has the bytes of Redis, also where they are no UTF-8', async (t) => {
  const { framer } = frameChunks([latin1('*1\r\n\xff\r\n')])
  t.same(framer.errorMessage, latin1("ERR Protocol error: expected '$', got '\xff'"))
})

for (const [name, text] of unfinished) {
  t.test(`waits for the rest of ${name}`, async (t) => {
    const bytes = latin1(text)
    for (const chunks of bytes.length > 1000 ? [[bytes], inParts(bytes, 1000)] : everySplit(bytes)) {
      const { commands, error, framer } = frameChunks(chunks)
      t.equal(error, '')
      t.same(commands, [])
      t.ok(framer.bufferedBytes <= bytes.length)
    }
  })
}

t.test('a line without an end is refused after 65,536 bytes, not before', async (t) => {
  for (const [head, error] of [
    ['', 'too big inline request'],
    ['*', 'too big mbulk count string'],
    ['*1\r\n', 'too big bulk count string'],
    ['*1\r\n$', 'too big bulk count string'],
    // Nothing behind a NUL ends a line.
    ['PING\0\r\n', 'too big inline request'],
    ['*1\0\r\n', 'too big mbulk count string'],
  ]) {
    const lineFrom = head.startsWith('*1\r\n') ? 4 : 0
    const fits = latin1(head + '1'.repeat(65536 - (head.length - lineFrom)))
    for (const size of [1, 1000, 16384, 100_000]) {
      t.equal(frameChunks(inParts(fits, size)).error, '', `${JSON.stringify(head)} in parts of ${size}`)
      t.equal(frameChunks([...inParts(fits, size), latin1('1')]).error, error)
    }
  }
})

t.test('the longest inline command', async (t) => {
  const word = 'x'.repeat(65530)
  t.same(frameChunks(inParts(latin1(`ECHO ${word}\n`), 9999)).commands, [['ECHO', word]])
})

t.test('who is not logged in may send 10 arguments of 16,384 bytes', async (t) => {
  const frame = (text: string, authenticated: boolean) => frameChunks([latin1(text)], { authenticated })
  const ten = encode(...'abcdefghij')
  const eleven = encode(...'abcdefghijk')
  const long = encode('a', 'x'.repeat(16384))
  const longer = encode('a', 'x'.repeat(16385))
  t.equal(frame(ten, false).commands.length, 1)
  t.equal(frame(eleven, false).error, 'unauthenticated multibulk length')
  t.equal(frame('*2147483648\r\n', false).error, 'invalid multibulk length', 'the other limits come first')
  t.equal(frame('*0\r\n*-7\r\nPING\r\n', false).commands.length, 1)
  t.equal(frame(long, false).commands.length, 1)
  t.equal(frame(longer, false).error, 'unauthenticated bulk length')
  t.equal(frame('*1\r\n$536870913\r\n', false).error, 'invalid bulk length')
  t.equal(frame('*1\r\nx\r\n', false).error, "expected '$', got 'x'")
  t.equal(frame(`${'a '.repeat(20)}\r\n`, false).commands[0].length, 20, 'inline commands may be longer')
  t.equal(frame(eleven + longer, true).commands.length, 2)
})

t.test('logging in lifts the limits for the very next command', async (t) => {
  const framer = new RequestFramer({ maxBulkBytes: 100_000 })
  framer.authenticated = false
  framer.feed(latin1(encode('AUTH', 'secret') + encode(...'abcdefghijklmnop')))
  t.equal(framer.next(), FRAME)
  framer.authenticated = true
  t.equal(framer.next(), FRAME)
  t.equal(framer.argc, 16)
})

t.test('the limit of a value is the one that was given', async (t) => {
  for (const maxBulkBytes of [5, 1000]) {
    const fits = encode('ECHO', 'x'.repeat(maxBulkBytes))
    const tooLong = encode('ECHO', 'x'.repeat(maxBulkBytes + 1))
    t.equal(frameChunks([latin1(fits)], { maxBulkBytes }).commands.length, 1)
    t.equal(frameChunks([latin1(tooLong)], { maxBulkBytes }).error, 'invalid bulk length')
    t.equal(frameChunks([latin1(tooLong)], { maxBulkBytes, authenticated: false }).error, 'invalid bulk length')
  }
})

t.test('logging in does not make good what was refused before', async (t) => {
  const framer = new RequestFramer({ maxBulkBytes: 100_000 })
  framer.authenticated = false
  framer.feed(latin1(encode('ECHO', 'x'.repeat(20_000))))
  t.equal(framer.next(), PROTOCOL_ERROR)
  framer.authenticated = true
  t.equal(framer.next(), PROTOCOL_ERROR)
})

t.test('nothing is allocated ahead of what was received', async (t) => {
  const before = process.memoryUsage().arrayBuffers
  const framers = Array.from({ length: 100 }, (_, i) => {
    const framer = new RequestFramer({ maxBulkBytes: 512 * 1024 * 1024 })
    framer.feed(latin1(i % 2 === 0 ? '*2147483647\r\n$4\r\nPING\r\n$4' : '*2147483647\r\n$536870912\r\nxy'))
    t.equal(framer.next(), NEED_MORE)
    framer.feed(latin1('00000000'.repeat(100)))
    return framer
  })
  t.ok(process.memoryUsage().arrayBuffers - before < 1_000_000)
  t.equal(framers.length, 100)
})

t.test('a value of 1 MB is gathered in one place from its first read on', async (t) => {
  const bytes = latin1(encode('SET', 'k', 'v'.repeat(1024 * 1024)))
  for (const first of [40_000, 65_536]) {
    const framer = new RequestFramer({ maxBulkBytes: 10_000_000 })
    framer.feed(bytes.subarray(0, first))
    t.equal(framer.next(), NEED_MORE)
    const { room } = framer
    t.equal(room?.length, bytes.length - first)
    bytes.copy(room!, 0, first)
    framer.filled(bytes.length - first)
    t.equal(framer.next(), FRAME)
    t.equal(framer.buf.buffer, room!.buffer)
    t.ok(framer.buf.subarray(framer.start, framer.end).equals(bytes))
  }
})

t.test('of what is announced no more is allocated than 32 times what has come, in few steps', async (t) => {
  const bytes = latin1(encode('SET', 'k', 'v'.repeat(3_000_000)))
  const framer = new RequestFramer({ maxBulkBytes: 10_000_000 })
  const shared = Buffer.alloc(65_536)
  const places = new Map<ArrayBufferLike, number>()
  bytes.copy(shared, 0, 0, 6000)
  framer.feed(shared, 6000)
  t.equal(framer.next(), NEED_MORE)
  for (let at = 6000; at < bytes.length; ) {
    const { room } = framer
    const size = Math.min(room?.length ?? shared.length, 50_000, bytes.length - at)
    if (room !== undefined) {
      places.set(room.buffer, at)
      // Sizes are rounded up by an eighth.
      if (room.byteOffset + room.length > 36 * at) t.fail(`${room.byteOffset + room.length} bytes for ${at}`)
    }
    bytes.copy(room ?? shared, 0, at, at + size)
    at += size
    if (room === undefined) framer.feed(shared, size)
    else framer.filled(size)
    t.equal(framer.next(), at < bytes.length ? NEED_MORE : FRAME)
  }
  t.ok(framer.buf.subarray(framer.start, framer.end).equals(bytes))
  t.equal(places.size, 2)
})

t.test('an idle connection keeps no memory of a big command', async (t) => {
  const framer = new RequestFramer({ maxBulkBytes: 100_000_000 })
  for (const args of [
    ['SET', 'k', 'v'.repeat(2_000_000)],
    ['DEL', ...'a'.repeat(5000)],
  ]) {
    for (const part of inParts(latin1(encode(...args)), 65536)) framer.feed(part)
    t.equal(framer.next(), FRAME)
    t.equal(framer.next(), NEED_MORE)
    t.equal(framer.argStart.length, 16)
    t.equal(framer.buf.length, 0)
    t.equal(framer.bufferedBytes, 0)
  }
})

t.test('a pipeline of 10,000 commands', async (t) => {
  const commands = Array.from({ length: 10_000 }, (_, i) => ['SET', `key:${i}`, 'v'.repeat(i % 50)])
  const bytes = latin1(commands.map((args) => encode(...args)).join(''))
  for (const chunks of [[bytes], inParts(bytes, 65536), inParts(bytes, 1448)]) {
    t.same(frameChunks(chunks).commands, commands)
  }
})

t.test('a command of 200,000 arguments in small chunks', async (t) => {
  const args = Array.from({ length: 200_000 }, (_, i) => `${i}`)
  const [command] = frameChunks(
    inParts(latin1(`*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`), 1448),
  ).commands
  t.same(command, args)
})

t.test('a value of 64 MB in chunks of 64 KB takes no quadratic time', async (t) => {
  const size = 64 * 1024 * 1024
  const head = latin1(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${size}\r\n`)
  const chunk = Buffer.alloc(65536, 'v')
  const framer = new RequestFramer({ maxBulkBytes: 512 * 1024 * 1024 })
  const tookMs = cpuMs(() => {
    framer.feed(head)
    framer.next()
    for (let i = 0; i < size / chunk.length; i++) {
      framer.feed(chunk)
      if (framer.next() !== NEED_MORE) throw new Error('too early')
    }
    framer.feed(latin1('\r\n'))
    t.equal(framer.next(), FRAME)
  })
  t.ok(tookMs < 2000, `${tookMs} ms`)
  t.equal(framer.argEnd[2] - framer.argStart[2], size)
  t.ok(framer.buf.length <= framer.end + 65536, 'and hardly more memory than the command has bytes')
})

t.test('a line that arrives byte by byte is scanned once', async (t) => {
  const tookMs = cpuMs(() => {
    for (const head of ['', '*', '*1\r\n$', 'PING\0']) {
      const framer = new RequestFramer({ maxBulkBytes: 1000 })
      framer.feed(latin1(head))
      framer.next()
      const byte = latin1('1')
      for (let i = 0; i < 65_000; i++) {
        framer.feed(byte)
        if (framer.next() !== NEED_MORE) throw new Error('too early')
      }
    }
  })
  t.ok(tookMs < 2000, `${tookMs} ms`)
})
