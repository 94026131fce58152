import t from 'tap'
import { Block } from '../../src/backend/block.js'
import { Expirations } from '../../src/backend/expirations.js'
import { ExpiryPushes } from '../../src/backend/expiry-pushes.js'
import { InFlight } from '../../src/backend/in-flight.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { Segment, SendLog } from '../../src/backend/send-log.js'

/** Two commands between MULTI and EXEC on a link that breaks when the oldest command has waited for so many ms. */
function lostAfter(waitedMs: number, isFirst = true): string[] {
  const told: string[] = []
  const sink: ReplySink = {
    onReply: () => told.push('reply'),
    onLost: (tag) => told.push(`lost ${tag}`),
    onStuck: (tag) => told.push(`stuck ${tag}`),
  }
  const inFlight = new InFlight()
  const segment = new Segment(Buffer.alloc(1), false)
  const log = new SendLog()
  const block = new Block(new ExpiryPushes(new Expirations(() => ({ pushed: 0, taken: 0 }))), () => {})
  const other = { onReply: () => {}, onLost: () => {} }
  segment.unanswered = 9
  if (!isFirst) inFlight.push(other, 0, segment, 0, 0)
  inFlight.push(block, -1, segment, 0, 0)
  const { pushed } = inFlight
  for (const tag of [1, 2]) inFlight.push(sink, tag, segment, 0, 0)
  block.take(inFlight, log, pushed)
  inFlight.push(block, -2, segment, 0, 0)
  inFlight.lose(waitedMs)
  return told
}

t.test('whoever waits for a command of a transaction is told that it may be what its server was silent for', (t) => {
  t.same(lostAfter(1000), ['stuck 1', 'stuck 2'])
  t.same(lostAfter(10), ['lost 1', 'lost 2'])
  t.same(lostAfter(1000, false), ['lost 1', 'lost 2'], 'another one was there before')
  t.end()
})
