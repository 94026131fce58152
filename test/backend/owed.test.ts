import t from 'tap'
import { BEGIN, Block, END } from '../../src/backend/block.js'
import { Expirations } from '../../src/backend/expirations.js'
import { ExpiryPushes } from '../../src/backend/expiry-pushes.js'
import { InFlight } from '../../src/backend/in-flight.js'
import { Owed } from '../../src/backend/owed.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { Selection } from '../../src/backend/selection.js'
import { Segment, SendLog } from '../../src/backend/send-log.js'
import { OK } from '../../src/resp/encode.js'
import { frameOf } from '../../src/resp/frame.js'

t.test(
  'what a server has not answered is shown with the database of each, also what stands in a transaction',
  async (t) => {
    const inFlight = new InFlight()
    const selection = new Selection(() => inFlight)
    const owed = new Owed(
      () => inFlight,
      () => selection,
      () => 0,
    )
    const seen = () => {
      const all: string[] = []
      owed.visit((buf, start, end, db) => all.push(`${db} ${buf.toString('latin1', start, end)}`))
      return all
    }
    const segmentOf = (text: string) => new Segment(Buffer.from(text), false)
    const reader: ReplySink = { onReply: () => {}, onLost: () => {} }
    const expiryPushes = new ExpiryPushes(new Expirations(() => ({ pushed: 0, taken: 0 })))
    const host = { expiryPushes, onBlockRefused: () => {}, blockBegun: () => {} }

    inFlight.push(reader, 0, segmentOf('one'), 0, 3)
    inFlight.push(selection, 4, segmentOf('select 4'), 0, 8)
    inFlight.push(reader, 0, segmentOf('..two'), 2, 5)
    const block = new Block(host, inFlight, new SendLog())
    block.add(reader, 0, segmentOf('three'), 0, 5)
    block.add(selection, 2, segmentOf('select 2'), 0, 8)
    block.addRun({ ...reader, onRun: () => {} }, 0, segmentOf('four, five'), 0, 10, 2)
    inFlight.push(block, BEGIN, segmentOf('multi'), 0, 5)
    inFlight.push(block, END, segmentOf('exec'), 0, 4)
    inFlight.push(reader, 0, segmentOf('six'), 0, 3)
    t.same(seen(), ['0 one', '4 two', '4 three', '2 four, five', '2 six'])

    for (let answered = 0; answered < 2; answered++) {
      inFlight.shift()
      inFlight.sink.onReply(inFlight.tag, OK, 0, OK.length, 0)
    }
    t.same(
      seen(),
      ['4 two', '4 three', '2 four, five', '2 six'],
      'the SELECT that is answered counts for what is behind it',
    )
    selection.begin()
    t.equal(frameOf(['SELECT', '7']).buf.compare(selection.change(7)), 0)
    t.equal(seen()[0], '0 two', 'a new connection is in database 0')
  },
)
