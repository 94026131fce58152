import t from 'tap'
import { lookupCommand } from '../../../src/command/table.js'
import { argumentOf, type Frame, frameOf } from '../../../src/resp/frame.js'
import { parseRequest } from '../../../src/resp/request-parser.js'
import { QueuedFrames } from '../../../src/serving/transaction/queued-frames.js'

const row = lookupCommand(Buffer.from('set'), 0, 3)!

/** A frame as the framer gives it: a view of what the next command overwrites. */
function viewOf(args: readonly string[]): Frame {
  const frame = frameOf(args)
  const buf = Buffer.concat([Buffer.from('before'), frame.buf])
  const shift = (places: ArrayLike<number>) => Array.from(places, (place) => place + 6)
  const { argc, argStart, argEnd } = frame
  return { buf, start: 6, end: buf.length, argc, argStart: shift(argStart), argEnd: shift(argEnd), owned: false }
}

t.test('queued commands come out as they went in', (t) => {
  const queued = new QueuedFrames()
  const sizes = [0, 1, 200, 300, 5000, 70_000, 3, 65_000, 200_000, 10]
  const commands = sizes.map((size, i) => ['SET', `key:${i}`, 'x'.repeat(size)])
  let bytes = 0
  for (const [i, command] of commands.entries()) {
    const frame = i % 4 === 3 ? frameOf(command) : viewOf(command)
    bytes += frame.end - frame.start
    queued.push(frame, row)
    if (!frame.owned) frame.buf.fill(0)
  }
  t.equal(queued.length, commands.length)
  t.equal(queued.bytes, bytes)
  const found = [...queued]
  t.same(
    found.map(({ frame }) => Array.from({ length: frame.argc }, (_, i) => String(argumentOf(frame, i)))),
    commands,
  )
  t.same(
    found.map(({ frame }) => parseRequest(frame).map(String)),
    commands,
  )
  t.ok(found.every((each) => each.row === row && each.frame.owned))
  t.end()
})

t.test('many small ones lie in few buffers', (t) => {
  const queued = new QueuedFrames()
  const frame = viewOf(['SET', 'a', '1'])
  const count = 100_000
  for (let i = 0; i < count; i++) queued.push(frame, row)
  const bufs = new Set([...queued].map((each) => each.frame.buf))
  const held = [...bufs].reduce((sum, { length }) => sum + length, 0)
  t.ok(bufs.size < 60, `${bufs.size} buffers`)
  t.ok(held < queued.bytes * 1.1)
  t.end()
})
