import fc from 'fast-check'
import t from 'tap'
import { frameOf, ownFrame } from '../../src/resp/frame.js'
import { FRAME, RequestFramer } from '../../src/resp/request-framer.js'
import { parseRequest } from '../../src/resp/request-parser.js'
import { inParts } from './framing.js'

t.test('gives the arguments of a frame, whatever bytes they have', async (t) => {
  const property = fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { minLength: 1, maxLength: 30 }), (args) => {
    const buffers = args.map((arg) => Buffer.from(arg))
    t.same(parseRequest(frameOf(buffers)), buffers)
  })
  fc.assert(property, { numRuns: 200 })
})

t.test('gives the arguments of a frame among others in a chunk', async (t) => {
  const framer = new RequestFramer({ maxBulkBytes: 1000 })
  framer.feed(Buffer.concat([frameOf(['PING']).buf, frameOf(['GET', '__proto__']).buf, frameOf(['DEL', 'a', '']).buf]))
  const commands: string[][] = []
  while (framer.next() === FRAME) commands.push(parseRequest(framer).map(String))
  t.same(commands, [['PING'], ['GET', '__proto__'], ['DEL', 'a', '']])
})

t.test('gives arguments of many bytes, and many arguments', async (t) => {
  const big = Buffer.alloc(10_000_000, 'v')
  const [, , value] = parseRequest(frameOf(['SET', 'k', big]))
  t.ok(value.equals(big))
  t.equal(parseRequest(frameOf(new Array(200_000).fill('a'))).length, 200_000)
})

t.test('a frame that is kept reads the same when the framer has gone on', async (t) => {
  const commands = Array.from({ length: 20 }, (_, i) => ['SET', `key${i}`, 'v'.repeat(i % 4 === 0 ? 80_000 : i)])
  const bytes = Buffer.concat(commands.map((args) => frameOf(args).buf))
  const framer = new RequestFramer({ maxBulkBytes: 100_000 })
  const kept = []
  const shared = Buffer.alloc(30_000)
  for (const part of inParts(bytes, shared.length)) {
    part.copy(shared)
    framer.feed(shared.subarray(0, part.length))
    while (framer.next() === FRAME) kept.push(ownFrame(framer))
  }
  t.same(
    kept.map((frame) => parseRequest(frame).map(String)),
    commands,
  )
})
