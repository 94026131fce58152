import fc from 'fast-check'
import t from 'tap'
import { ReplyFramer, ReplyProtocolError } from '../../src/resp/reply-framer.js'
import { cutAt, latin1 } from './framing.js'

/*
 * The reply framer hands over runs of OK without scanning them. The same bytes, cut alike, go through a framer that does and
 * through one that scans all, and whatever can be seen of the two must be equal.
 */

interface Lanes {
  deliverOks(buf: Buffer, limit: number): void
}

interface Reading {
  readonly maxBytes: number
  readonly pushesFollow: boolean
}

function trace(chunks: readonly Buffer[], { maxBytes, pushesFollow }: Reading, isQuick: boolean) {
  const steps: string[] = []
  let inLane = false
  let quick = 0
  const framer = new ReplyFramer(
    {
      onReply: (buf, start, end, flags) => {
        if (inLane) quick++
        steps.push(`reply ${flags}: ${buf.toString('latin1', start, end)} left ${framer.bufferedBytes}`)
      },
      onPush: (buf, start, end, place) => {
        steps.push(`push ${place}: ${buf.toString('latin1', start, end)} left ${framer.bufferedBytes}`)
      },
    },
    maxBytes,
  )
  framer.pushesFollow = pushesFollow
  const lanes = framer as unknown as Lanes
  const deliverOks = lanes.deliverOks.bind(framer)
  lanes.deliverOks = (buf, limit) => {
    inLane = true
    if (isQuick) deliverOks(buf, limit)
    inLane = false
  }
  // Behind what was received lies what will come: who reads too far sees just what he hopes for.
  const stream = Buffer.concat(chunks)
  const shared = Buffer.alloc(stream.length)
  let at = 0
  try {
    for (const chunk of chunks) {
      stream.copy(shared, 0, at)
      at += chunk.length
      framer.feed(shared, chunk.length)
      shared.fill(0xee)
      steps.push(`left ${framer.bufferedBytes}`)
    }
  } catch (error) {
    if (!(error instanceof ReplyProtocolError)) throw error
    steps.push(error.message)
  }
  return { text: steps.join('\n'), quick }
}

const replies = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 1, max: 6 }).map((count) => '+OK\r\n'.repeat(count)) },
  fc.constantFrom(
    ...[
      '+OKAY\r\n',
      '+O\r\n',
      '+OK\r\r\n',
      '-OK\r\n',
      '$2\r\nOK\r\n',
      ':5\r\n',
      '+NO\r\n',
      '*2\r\n+OK\r\n+OK\r\n',
      '_\r\n',
    ],
    ...[
      '|1\r\n+a\r\n+b\r\n',
      `|1\r\n+a\r\n+${'b'.repeat(40)}\r\n`,
      '|0\r\n',
      '>1\r\n$1\r\nx\r\n',
      '*2\r\n',
      '>1\r\n+OK\r\n',
      '*3\r\n+OK\r\n>1\r\n+x\r\n:1\r\n:2\r\n',
    ],
    ...[`*1\r\n+${'c'.repeat(60)}\r\n`, '+OK\r\nx', 'OK\r\n'],
  ),
)
const streams = fc.tuple(
  fc.array(replies, { minLength: 1, maxLength: 12 }),
  // Cuts between replies, and anywhere.
  fc.array(fc.nat(12), { maxLength: 4 }),
  fc.array(fc.nat(200), { maxLength: 4 }),
  fc.record({ maxBytes: fc.constantFrom(1_000_000, 50, 20), pushesFollow: fc.boolean() }),
)

t.test('runs of OK give what scanning them would give, wherever the stream is cut', async (t) => {
  let quick = 0
  fc.assert(
    fc.property(streams, ([texts, between, anywhere, reading]) => {
      const ends = between.map((count) => texts.slice(0, count).join('').length)
      const chunks = cutAt(latin1(texts.join('')), [...ends, ...anywhere])
      const both = [true, false].map((isQuick) => trace(chunks, reading, isQuick))
      quick += both[0].quick
      return both[0].text === both[1].text
    }),
    { numRuns: 5000 },
  )
  t.ok(quick > 1000, 'and many go the quick way')
})
