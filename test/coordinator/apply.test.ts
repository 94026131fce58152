import t from 'tap'
import type { Expired } from '../../src/backend/expirations.js'
import { FieldExpirations } from '../../src/backend/field-expirations.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { rowNamed } from '../../src/command/table.js'
import { foundMore } from '../../src/command/written.js'
import type { DoubtfulWrite } from '../../src/order/doubt.js'
import type { Order } from '../../src/order/order.js'
import type { Route } from '../../src/order/router.js'
import { Swaps } from '../../src/order/swaps.js'
import { frameOf } from '../../src/resp/frame.js'
import { Apply } from '../../src/serving/apply.js'
import { slotFor } from '../helpers/fake-slot.js'

/** One INCR on its way to some replicas, by their names; a name in brackets is a pending replica. */
class Story {
  reply: string | undefined
  differences = 0
  readonly outvoted: string[] = []
  /** Members that may be without an earlier write of the key. */
  earlier: readonly string[] = []
  /** Members on which the key came into doubt. */
  readonly doubted: string[] = []
  /** The keys, and those that have got other replicas than the write was sent to. */
  ids = ['0:key']
  readonly elsewhere = new Map<string, { name: string }[]>()
  private expired: Expired | undefined
  private readonly sinks = new Map<string, { sink: ReplySink; tag: number }>()
  private readonly frame = frameOf(['INCR', 'key'])
  private natural: { name: string; expirations?: { fields: FieldExpirations } }[]
  private readonly waiting = new Map<string, { write: DoubtfulWrite; tag: number }>()

  constructor(...replicas: string[]) {
    const link = (name: string) => ({
      name,
      ready: true,
      info: { kind: { product: 'Redis', version: '8.6.3' } },
      answering: this.frame.buf,
      expirations: {
        any: true,
        fields: new FieldExpirations(),
        take: () => {
          const known = this.expired
          this.expired = undefined
          return known
        },
      },
      emit: (_b: Buffer, _s: number, _e: number, _o: boolean, _db: number, sink: ReplySink, tag: number) =>
        this.sinks.set(name, { sink, tag }),
    })
    this.natural = replicas.filter((name) => !name.startsWith('(')).map(link)
    const pending = replicas.filter((name) => name.startsWith('(')).map((name) => link(name.slice(1, -1)))
    const { natural } = this
    const route = { natural, pending, targets: [...natural, ...pending] } as unknown as Route
    const order = {
      router: {
        routeOfKey: (key: Buffer) => {
          const natural = this.elsewhere.get(key.toString()) ?? this.natural
          return { natural, targets: natural }
        },
      },
      stats: { writes: 0, outcomesUnknown: 0, unequalExpiries: 0 },
      lanes: { active: 0 },
      swaps: new Swaps(),
      lostReads: { noteWrite: () => {} },
      acknowledgement: { open: true, forget: () => {} },
      verdicts: { await: () => {}, settled: () => {} },
      keyIds: () => this.ids,
      noteDifference: () => this.differences++,
      lone: { inquire: () => {}, note: ({ name }: { name: string }) => this.outvoted.push(name) },
      absences: { isSweeping: false },
      doubts: {
        any: true,
        isInDoubt: ({ name }: { name: string }) => this.earlier.includes(name),
        note: ({ name }: { name: string }, _ids: string[], write: DoubtfulWrite, tag: number) => {
          this.doubted.push(name)
          if (write !== undefined) this.waiting.set(name, { write, tag })
        },
      },
    } as unknown as Order
    const slot = slotFor((reply) => {
      if (this.reply !== undefined) throw new Error('the client was answered twice')
      this.reply = reply.trim()
    })
    Apply.emit(order, route, this.frame, rowNamed('incr')!, slot)
  }

  /** `expired`: what its server knows of the keys at that moment. */
  answers(name: string, reply: string, expired?: Expired): this {
    this.expired = expired
    const { sink, tag } = this.sinks.get(name)!
    const buf = Buffer.from(`${reply}\r\n`)
    sink.onReply(tag, buf, 0, buf.length, 0)
    buf.fill(0)
    return this
  }

  /** Its server says that fields of the key have expired. */
  removesFields(name: string): this {
    this.natural.find((link) => link.name === name)!.expirations!.fields.note(this.ids[0], performance.now())
    return this
  }

  breaks(name: string): this {
    const { sink, tag } = this.sinks.get(name)!
    sink.onLost(tag, this.frame.buf, this.frame.start, this.frame.end)
    return this
  }

  /** It is no replica of the key any more: what it has does not matter. */
  leaves(name: string): this {
    this.natural = this.natural.filter((each) => each.name !== name)
    return this.settles(name, false)
  }

  /** The doubt about the member is settled: it has the write now, or not and does not matter any more. */
  settles(name: string, hasWrite = true): this {
    const { write, tag } = this.waiting.get(name)!
    write.settled(tag, hasWrite)
    return this
  }
}

t.test('the client is answered when the last replica has answered', async (t) => {
  const story = new Story('a', 'b', 'c').answers('b', ':8').answers('a', ':8')
  t.equal(story.reply, undefined)
  t.equal(story.answers('c', ':8').reply, ':8')
  t.same(story.doubted, [])
})

t.test('the master’s reply is the client’s, whoever answers first, and the others are repaired', async (t) => {
  const story = new Story('a', 'b', 'c').answers('c', ':1').answers('b', ':8').answers('a', ':9')
  t.equal(story.reply, undefined, 'not before they are equal')
  t.equal(story.differences, 1)
  t.same(story.doubted, ['c', 'b'])
  t.equal(story.settles('b').settles('c').reply, ':9')
})

t.test('who said something else is in doubt at once, and not only when all have answered', async (t) => {
  const story = new Story('a', 'b', 'c').answers('b', '-OOM no').answers('a', ':8')
  t.same(story.doubted, ['b'], 'nobody is to be repaired from it')
  t.equal(story.settles('b').reply, undefined)
  story.answers('c', '-OOM no')
  t.same(story.doubted, ['b', 'c'])
  t.equal(story.settles('c').reply, ':8')
})

t.test('and again, when another reply counts than that by which it was repaired', async (t) => {
  const story = new Story('a', 'b', 'c').answers('b', ':8').answers('c', '-OOM no')
  t.same(story.doubted, ['c'])
  story.settles('c').answers('a', ':1')
  t.same(story.doubted, ['c', 'b', 'c'])
  t.equal(story.reply, undefined)
  t.equal(story.settles('b').settles('c').reply, ':1')
})

t.test('of two who say something else the third one decides, and a master that stands alone is repaired', async (t) => {
  const story = new Story('a', 'b', 'c').answers('a', ':1').answers('b', ':8')
  t.same(story.doubted, ['a', 'b'], 'nobody is to be repaired from either')
  story.answers('c', ':8')
  t.same([story.doubted, story.outvoted], [['a', 'b'], ['a']])
  t.equal(story.settles('a').settles('b').reply, ':8')

  const late = new Story('a', 'b', 'c').answers('b', ':8').answers('c', ':8').answers('a', ':1')
  t.same([late.doubted, late.outvoted], [['a'], ['a']])
  t.equal(late.settles('a').reply, ':8')
})

t.test('when all three say something else, it is the master that is right', async (t) => {
  const story = new Story('a', 'b', 'c').answers('a', ':1').answers('b', ':8').answers('c', '-OOM no')
  t.same([story.doubted, story.outvoted], [['a', 'b', 'c'], []])
  t.equal(story.settles('a').settles('b').settles('c').reply, ':1')
})

t.test('the master is right, too, when a deadline or an earlier doubt explains the difference', async (t) => {
  const expired = new Story('a', 'b', 'c').answers('a', ':1', { which: '0', unsure: false }).answers('b', ':8')
  t.same(expired.answers('c', ':8').doubted, ['b', 'c'])
  t.equal(expired.settles('b').settles('c').reply, ':1')
  const doubtful = new Story('a', 'b', 'c')
  doubtful.earlier = ['c']
  t.same(doubtful.answers('a', ':1').answers('b', ':8').answers('c', ':8').doubted, ['b', 'c'])
  t.same([expired.outvoted, doubtful.outvoted], [[], []])
})

t.test('so it is when it has just removed fields that have expired, and nobody is outvoted', async (t) => {
  const master = new Story('a', 'b', 'c').removesFields('a').answers('a', ':0').answers('b', ':1').answers('c', ':1')
  t.same([master.doubted, master.outvoted], [['b', 'c'], []])
  t.equal(master.settles('b').settles('c').reply, ':0')
  const backup = new Story('a', 'b', 'c').removesFields('b').answers('a', ':1').answers('b', ':0').answers('c', ':1')
  t.equal(backup.settles('a').settles('b').reply, ':1', 'else the two others are right')
})

t.test('when the one whose reply counts is in doubt, too, nobody knows whose word will be true', async (t) => {
  const story = new Story('a', 'b', 'c').answers('b', ':3')
  // It is being repaired from b, and b comes into doubt only now.
  story.earlier = ['a', 'b', 'c']
  story.answers('a', ':6').answers('c', ':3')
  t.match(story.reply, /^-ERR the outcome of this write is unknown/)
})

t.test('without the master the next replica’s reply counts, not the first to answer', async (t) => {
  const story = new Story('a', 'b', 'c').answers('c', ':1').breaks('a').answers('b', ':8')
  t.same(story.doubted, ['a', 'c'])
  t.equal(story.reply, undefined)
  t.equal(story.settles('c').settles('a').reply, ':8')
})

t.test('a lost replica holds the answer back until it has the write, or has left', async (t) => {
  const lost = () => new Story('a', 'b').answers('a', ':8').breaks('b')
  t.equal(lost().reply, undefined)
  t.equal(lost().settles('b').reply, ':8')
  t.equal(lost().leaves('b').reply, ':8')
})

t.test('a replica that goes on without the write makes the outcome unknown', async (t) => {
  const story = new Story('a', 'b', 'c').answers('a', ':8').breaks('b').answers('c', ':8')
  t.match(story.settles('b', false).reply, /^-ERR the outcome of this write is unknown: the connection to b broke/)
})

t.test('a pending replica’s reply is never the client’s', async (t) => {
  const story = new Story('a', 'b', '(p)').answers('p', ':1').breaks('a').answers('b', ':8')
  t.same(story.doubted, ['a', 'p'])
  t.equal(story.settles('a').settles('p').reply, ':8')
})

t.test('when only pending replicas have answered nobody knows the outcome', async (t) => {
  const story = new Story('a', '(p)', '(q)').answers('p', ':1').answers('q', ':1').breaks('a')
  t.match(story.reply, /^-ERR the outcome of this write is unknown: the connection to a broke/)
})

t.test('when no replica has answered nobody knows the outcome', async (t) => {
  t.match(new Story('a', 'b').breaks('b').breaks('a').reply, /^-ERR the outcome of this write is unknown/)
  t.match(new Story('a').breaks('a').reply, /^-ERR the outcome of this write is unknown/)
})

t.test('a single replica answers for itself', async (t) => {
  t.equal(new Story('a').answers('a', ':8').reply, ':8')
})

t.test('replicas that answered the same are repaired when the keys had expired for some of them only', async (t) => {
  const first = { which: '0 ', unsure: false }
  const second = { which: '1 ', unsure: false }
  const doubted = (...expired: (Expired | undefined)[]) => {
    const story = new Story('a', 'b', 'c')
    for (const [i, name] of ['b', 'c', 'a'].entries()) story.answers(name, ':8', expired[i])
    t.equal(story.reply === undefined, story.doubted.length > 0)
    return story.doubted.join(' ')
  }
  t.equal(doubted(first, first, first), '')
  t.equal(doubted(first, first, undefined), 'b c')
  t.equal(doubted(undefined, first, undefined), 'b c')
  t.equal(doubted(first, first, second), 'b c', 'not the same key')
  const unsure = { which: '0 ', unsure: true }
  t.equal(doubted(unsure, unsure, unsure), 'b c', 'or nobody knows')
})

t.test('who is lost does not count among those who had the key expired', async (t) => {
  const expired = { which: '0 ', unsure: false }
  const story = new Story('a', 'b', 'c').answers('a', ':8', expired).breaks('b').answers('c', ':8', expired)
  t.same(story.doubted, ['b'])
})

t.test('of several keys each has to be with its replicas', async (t) => {
  const settled = (natural: string[]) => {
    const story = new Story('a', 'b', 'c')
    story.ids = ['0:key', '0:other']
    story.elsewhere.set(
      'other',
      natural.map((name) => ({ name, ready: true })),
    )
    return story.answers('a', ':8').answers('c', ':8').breaks('b').leaves('b').reply
  }
  t.equal(settled(['a', 'c']), ':8')
  t.match(settled(['a', 'b']), /^-ERR the outcome of this write is unknown/, 'b is still a replica of the other key')
  t.match(settled(['x', 'y']), /^-ERR the outcome of this write is unknown/, 'nobody of those has it')
})

t.test(
  'who may be without an earlier write of the key is believed by nobody, as long as another one answers',
  async (t) => {
    for (const order of ['abc', 'cba', 'bac']) {
      const story = new Story('a', 'b', 'c')
      story.earlier = ['a']
      for (const name of order) story.answers(name, name === 'a' ? ':1' : ':2')
      story.settles('a').settles('c')
      t.equal(story.reply, ':2', order)
    }
  },
)

t.test('nor who has come into doubt since it answered: it gets what the others have', async (t) => {
  const story = new Story('a', 'b', 'c').answers('a', '-ERR no')
  story.earlier = ['a']
  story.answers('b', ':1').answers('c', ':1')
  t.same(story.doubted, ['a', 'c'])
  t.equal(story.settles('a').settles('c').reply, ':1')
})

t.test('a write has found more where it counts more of what was there, or less of what was not', async (t) => {
  const more = (name: string, one: string, other: string) =>
    foundMore(rowNamed(name)!, Buffer.from(`${one}\r\n`), Buffer.from(`${other}\r\n`))
  t.same([more('hdel', ':1', ':0'), more('hdel', ':0', ':1')], [true, false])
  t.same([more('hset', ':0', ':1'), more('hset', ':1', ':0')], [true, false])
  t.same([more('incr', ':2', ':1'), more('hdel', '-WRONGTYPE', ':0')], [false, false], 'or nobody can tell')
})
