import t from 'tap'
import { Expirations } from '../../src/backend/expirations.js'
import type { Link } from '../../src/backend/link.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { type CopyListener, KeyCopy } from '../../src/order/copy-key.js'
import { Lanes } from '../../src/order/lanes.js'
import { Pieces } from '../../src/order/pieces/pieces.js'

/** A link that is answered by hand. */
class FakeLink {
  readonly expirations = new Expirations(() => ({ pushed: 0, taken: 0 }))
  readonly emitted: { readonly text: string; readonly sink: ReplySink; readonly tag: number }[] = []
  clockOffsetMs = 0

  emit(buf: Buffer, start: number, end: number, _owned: boolean, _db: number, sink: ReplySink, tag: number): void {
    this.emitted.push({ text: buf.latin1Slice(start, end), sink, tag })
  }

  answer(reply: string): void {
    const { sink, tag } = this.emitted.shift()!
    const buf = Buffer.from(reply)
    sink.onReply(tag, buf, 0, buf.length, 0)
  }
}

/** Copies one key whose deadline is so many ms ahead when the copy arrives; gives what its target knows of it then. */
function copied(aheadMs: number, clockOffsetMs: number) {
  const source = new FakeLink()
  const target = new FakeLink()
  target.clockOffsetMs = clockOffsetMs
  const results: string[] = []
  const as = (link: FakeLink) => link as unknown as Link
  const listener: CopyListener = (_target, result) => results.push(result)
  new KeyCopy(new Lanes(() => {}), ['0:k'], as(source), [as(target)], listener, new Pieces(50), 'small')
  source.answer(`:${Date.now() + aheadMs}\r\n`)
  source.answer('$1\r\nx\r\n')
  target.answer('+OK\r\n')
  return { results, known: target.expirations.take(['0:k'], performance.now(), true) }
}

const UNSURE = { which: '0 ', unsure: true }

t.test('a copy that may have come after the deadline is not taken for there', async (t) => {
  t.same(copied(5, 0), { results: ['copied'], known: UNSURE })
  t.same(copied(400, 500), { results: ['copied'], known: UNSURE }, 'by the clock of its server')
})

t.test('neither is one whose snapshot was taken in time, and answered when the deadline had passed', async (t) => {
  t.same(copied(-500, 0), { results: ['copied'], known: UNSURE })
})

t.test('a copy with a later deadline, or none, is', async (t) => {
  t.same(copied(60_000, 0), { results: ['copied'], known: undefined })
  t.same(copied(400, -5000), { results: ['copied'], known: undefined })
})
