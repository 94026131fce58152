import fc from 'fast-check'
import t from 'tap'
import { SEGMENT_BYTES, type Segment, SendLog } from '../../src/backend/send-log.js'
import { release, takeLarge } from '../../src/base/large-buffers.js'

/** A frame whose every byte depends on its number, so that bytes of others show. */
function frame(n: number, size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, i) => (n * 31 + i * 7) & 255))
}

/** What a link does with the log: frames in, flushes, answers in the order of the frames. */
const steps = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        size: fc.oneof(
          { weight: 9, arbitrary: fc.integer({ min: 1, max: 300 }) },
          fc.integer({ min: 1, max: 100_000 }),
        ),
        owned: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.constant('flush' as const) },
    { weight: 3, arbitrary: fc.nat(12) },
  ),
  { maxLength: 200 },
)

t.test('every frame is written once, in order, and can be read where it lies until it is answered', async () => {
  fc.assert(
    fc.property(steps, (steps) => {
      const log = new SendLog()
      const appended: Buffer[] = []
      const written: Buffer[] = []
      const open: { segment: Segment; offset: number; bytes: Buffer }[] = []
      let flushed = 0
      let answered = 0
      const flush = () => {
        // The socket takes the bytes at once or later: a copy made now is what it gets.
        for (const part of log.takeUnsent()) written.push(Buffer.from(part))
        flushed = appended.length
      }
      for (const step of steps) {
        if (step === 'flush') flush()
        else if (typeof step === 'number') {
          for (let i = 0; i < step && answered < flushed; i++, answered++) log.release(open.shift()!.segment)
        } else {
          const bytes = frame(appended.length, step.size)
          const around = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('after')])
          log.append(around, 6, 6 + bytes.length, step.owned)
          open.push({ segment: log.segment, offset: log.offset, bytes })
          appended.push(bytes)
          if (!step.owned) around.fill(0xff)
        }
        for (const { segment, offset, bytes } of open) {
          if (!segment.buf.subarray(offset, offset + bytes.length).equals(bytes)) return false
        }
      }
      flush()
      return Buffer.concat(written).equals(Buffer.concat(appended))
    }),
    { numRuns: 200 },
  )
})

t.test('segments whose frames are answered are used again, so that a busy link allocates nothing', async (t) => {
  const log = new SendLog()
  const bytes = frame(1, 1000)
  const buffers = new Set<Buffer>()
  for (let round = 0; round < 100; round++) {
    const open: Segment[] = []
    for (let i = 0; i < 200; i++) {
      log.append(bytes, 0, bytes.length, false)
      open.push(log.segment)
      buffers.add(log.segment.buf)
    }
    log.takeUnsent()
    for (const segment of open) log.release(segment)
  }
  const needed = Math.ceil((200 * 1000) / SEGMENT_BYTES) + 1
  t.ok(buffers.size <= needed, `${buffers.size} segments for ${needed}`)
})

t.test('a large frame is not copied when its bytes are given away, and is when they are not', async (t) => {
  const log = new SendLog()
  const large = frame(1, 70_000)
  log.append(large, 0, large.length, true)
  t.equal(log.segment.buf.buffer, large.buffer)
  log.append(large, 0, large.length, false)
  t.not(log.segment.buf.buffer, large.buffer)
  t.ok(Buffer.concat(log.takeUnsent()).equals(Buffer.concat([large, large])))
})

t.test('the buffer of a large frame is held until the frame is answered', async (t) => {
  const log = new SendLog()
  const large = takeLarge(100_000)
  large.fill('x')
  log.append(large, 10, 80_010, false)
  const { segment, offset } = log
  t.equal(segment.buf.buffer, large.buffer)
  t.equal(offset, 0)
  release(large)
  const other = takeLarge(100_000)
  t.not(other, large)
  release(other)
  t.ok(Buffer.concat(log.takeUnsent()).equals(Buffer.alloc(80_000, 'x')))
  log.release(segment)
  const [one, two] = [takeLarge(100_000), takeLarge(100_000)]
  t.ok(one === large || two === large, 'and then used again')
  release(one)
  release(two)
})

t.test('a large frame keeps its place between small ones', async (t) => {
  const log = new SendLog()
  for (const bytes of [Buffer.from('one '), Buffer.alloc(65_536, 'x'), Buffer.from(' two')]) {
    log.append(bytes, 0, bytes.length, false)
  }
  t.equal(Buffer.concat(log.takeUnsent()).toString(), `one ${'x'.repeat(65_536)} two`)
  t.same(log.takeUnsent(), [], 'written once')
})
