import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { rowNamed } from '../../src/command/table.js'
import type { DoubtfulWrite } from '../../src/order/doubt.js'
import { Lanes } from '../../src/order/lanes.js'
import type { Order } from '../../src/order/order.js'
import type { ReplySlot } from '../../src/order/reply-slot.js'
import type { Route } from '../../src/order/router.js'
import { Swaps } from '../../src/order/swaps.js'
import { type Frame, frameOf } from '../../src/resp/frame.js'
import { parseRequest } from '../../src/resp/request-parser.js'
import { MasterFirst } from '../../src/serving/master-first.js'

/** A SPOP of a key on some replicas; on those in brackets it is in doubt. */
class Story {
  reply: string | undefined
  /** What each member was sent. */
  readonly sent: Record<string, string> = {}
  readonly doubted: string[] = []
  inDoubt: string[]
  private readonly sinks = new Map<string, { sink: ReplySink; tag: number }>()

  constructor(...replicas: string[]) {
    const names = replicas.map((name) => name.replace(/[()]/g, ''))
    this.inDoubt = names.filter((name) => replicas.includes(`(${name})`))
    const natural = names.map((name) => this.link(name))
    const route = { natural, pending: [], targets: natural } as unknown as Route
    const order = {
      router: { routeOfKey: () => route },
      stats: { writes: 0, outcomesUnknown: 0, unequalExpiries: 0 },
      lanes: new Lanes(() => {}),
      swaps: new Swaps(),
      lostReads: { noteWrite: () => {} },
      acknowledgement: { open: true, forget: () => {} },
      verdicts: { await: () => {}, settled: () => {} },
      keyIds: () => ['0:key'],
      doubts: {
        any: true,
        isInDoubt: ({ name }: Link) => this.inDoubt.includes(name),
        copies: { begin: () => () => {} },
        note: ({ name }: Link, _ids: string[], write?: DoubtfulWrite) => {
          if (write !== undefined) this.doubted.push(name)
        },
      },
    } as unknown as Order
    const slot = {
      ...{ proto: 2, db: 0, abandoned: false },
      finish: (buf: Buffer, start: number, end: number) => {
        this.reply = buf.toString('latin1', start, end).trim()
      },
    } as unknown as ReplySlot
    MasterFirst.emit(order, route, frameOf(['SPOP', 'key']), rowNamed('spop')!, slot, false)
  }

  answers(name: string, reply: string): this {
    const { sink, tag } = this.sinks.get(name)!
    const buf = Buffer.from(`${reply}\r\n`)
    sink.onReply(tag, buf, 0, buf.length, 0)
    return this
  }

  private link(name: string): Link {
    return {
      name,
      expirations: { any: false, traffic: () => ({ pushed: 0, taken: 0 }) },
      emitFrame: (frame: Frame, _db: number, sink: ReplySink, tag: number) => {
        this.sent[name] = parseRequest(frame).map(String).join(' ')
        this.sinks.set(name, { sink, tag })
      },
    } as unknown as Link
  }
}

t.test('the master chooses, and the others do what it did', async (t) => {
  const story = new Story('a', 'b', 'c')
  t.same(story.sent, { a: 'SPOP key' })
  story.answers('a', '$1\r\nx')
  t.same(story.sent, { a: 'SPOP key', b: 'SREM key x', c: 'SREM key x' })
  t.match(story.answers('b', ':1').answers('c', ':1').reply, /x$/)
})

t.test('while the key is in doubt on it the first one chooses that has all earlier writes', async (t) => {
  const story = new Story('(a)', '(b)', 'c')
  t.same(story.sent, { c: 'SPOP key' })
  story.answers('c', '$1\r\nx')
  t.same(story.sent, { a: 'SREM key x', b: 'SREM key x', c: 'SPOP key' })
  t.match(story.answers('a', ':0').answers('b', ':1').reply, /x$/)
})

t.test('when it is in doubt everywhere the word of the master counts', async (t) => {
  t.same(new Story('(a)', '(b)').sent, { a: 'SPOP key' })
})

t.test('what was chosen by one that has come into doubt since is not done by the others', async (t) => {
  const story = new Story('a', 'b')
  story.inDoubt = ['a']
  story.answers('a', '$1\r\nx')
  t.same(story.sent, { a: 'SPOP key' })
  t.same(story.doubted, ['a'])
  t.match(story.reply, /^-ERR the outcome of this write is unknown/)
})
