import fc from 'fast-check'
import t from 'tap'
import { InFlight } from '../../src/backend/in-flight.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { Segment } from '../../src/backend/send-log.js'

const aSink = (): ReplySink => ({ onReply: () => {}, onLost: () => {} })

t.test('entries come out as they went in, whatever the depth', async () => {
  const sinks = [aSink(), aSink(), aSink()]
  const segments = [new Segment(Buffer.alloc(8), true), new Segment(Buffer.alloc(8), false)]
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(400), fc.nat(400)), { maxLength: 12 }), (rounds) => {
      const inFlight = new InFlight()
      const expected: number[] = []
      let next = 0
      for (const [pushes, shifts] of rounds) {
        for (let i = 0; i < pushes; i++, next++) {
          inFlight.push(sinks[next % 3], next % 7, segments[next % 2], next, next + 3)
          expected.push(next)
        }
        for (let i = 0; i < shifts; i++) {
          const n = expected.shift()
          if (inFlight.shift() !== (n !== undefined)) return false
          if (n === undefined) continue
          const right =
            inFlight.sink === sinks[n % 3] &&
            inFlight.tag === n % 7 &&
            inFlight.segment === segments[n % 2] &&
            inFlight.start === n &&
            inFlight.end === n + 3
          if (!right) return false
        }
        if (inFlight.length !== expected.length) return false
      }
      return true
    }),
  )
})

t.test('an empty queue says so and keeps the entry that was taken last', async (t) => {
  const inFlight = new InFlight()
  t.equal(inFlight.shift(), false)
  const sink = aSink()
  inFlight.push(sink, 5, new Segment(Buffer.alloc(8), true), 1, 2)
  t.equal(inFlight.shift(), true)
  t.equal(inFlight.shift(), false)
  t.equal(inFlight.sink, sink)
  t.equal(inFlight.tag, 5)
})

t.test('an entry that is inserted comes out before those that it was put before', async (t) => {
  const sinks = [aSink(), aSink()]
  const segment = new Segment(Buffer.alloc(8), false)
  const inFlight = new InFlight()
  // The ring of slots has turned, and is full: it grows in the middle of it.
  for (let i = 0; i < 100; i++) inFlight.push(sinks[0], i, segment, 0, 0)
  for (let i = 0; i < 100; i++) inFlight.shift()
  for (let i = 0; i < 256; i++) inFlight.push(sinks[0], i, segment, i, i + 1)
  inFlight.insert(3, sinks[1], -1, segment, 7, 9)
  inFlight.insert(0, sinks[1], -2, segment, 7, 9)
  const order: number[] = []
  while (inFlight.shift()) {
    order.push(inFlight.tag)
    const [sink, start, end] = inFlight.tag < 0 ? [sinks[1], 7, 9] : [sinks[0], inFlight.tag, inFlight.tag + 1]
    if (inFlight.sink !== sink || inFlight.start !== start || inFlight.end !== end) t.fail(`entry ${inFlight.tag}`)
  }
  t.same(order, [...Array.from({ length: 253 }, (_, i) => i), -1, 253, 254, 255, -2])
})
