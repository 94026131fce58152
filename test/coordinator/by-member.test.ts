import fc from 'fast-check'
import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { keyOfId } from '../../src/base/key-id.js'
import { findKeys } from '../../src/command/keys.js'
import { rowNamed } from '../../src/command/table.js'
import type { DoubtfulWrite } from '../../src/order/doubt.js'
import { keyIds } from '../../src/order/key-ids.js'
import type { Order } from '../../src/order/order.js'
import type { ReplySlot } from '../../src/order/reply-slot.js'
import type { Route } from '../../src/order/router.js'
import { Swaps } from '../../src/order/swaps.js'
import { type Frame, frameIn, frameOf } from '../../src/resp/frame.js'
import { parseRequest } from '../../src/resp/request-parser.js'
import { Apply } from '../../src/serving/apply.js'
import type { OneRoute } from '../../src/serving/one-route.js'
import { ByMember } from '../../src/serving/several/by-member.js'
import { split } from '../../src/serving/several/split.js'
import { slotFor } from '../helpers/fake-slot.js'

/** A key, with its database if it is not the first. */
function nameOf(id: string): string {
  const { db, key } = keyOfId(id)
  return db === 0 ? String(key) : `${db} ${key}`
}

const OK = '+OK'
const LOST = 'lost'

interface Emitted {
  readonly bytes: Buffer
  readonly sink: ReplySink
  readonly tag: number
}

/** One member: what it was sent, oldest first. */
class Member {
  readonly emitted: Emitted[] = []
  ready = true
  answering: Buffer = Buffer.alloc(0)
  /** The keys that it says have expired. */
  readonly expiredIds = new Set<string>()
  readonly expirations: { readonly any: boolean; take(ids: readonly string[]): unknown }

  constructor(readonly name: string) {
    const { expiredIds } = this
    this.expirations = {
      get any() {
        return expiredIds.size > 0
      },
      take: (ids) => {
        const which = ids.flatMap((id, i) => (expiredIds.delete(id) ? [i] : [])).join(' ')
        return which === '' ? undefined : { which, unsure: false }
      },
    }
  }

  emit(buf: Buffer, start: number, end: number, _owned: boolean, _db: number, sink: ReplySink, tag: number): void {
    this.emitted.push({ bytes: Buffer.from(buf.subarray(start, end)), sink, tag })
  }

  emitFrame(frame: Frame, db: number, sink: ReplySink, tag: number): void {
    this.emit(frame.buf, frame.start, frame.end, frame.owned, db, sink, tag)
  }

  /** The commands that it was sent, as texts. */
  get commands(): string[] {
    return this.emitted.map(({ bytes }) => parseRequest(frameIn(bytes)).join(' '))
  }

  /** The same happens to every command that it has not answered. */
  does(outcome: string): void {
    for (const { bytes, sink, tag } of this.emitted.splice(0)) {
      this.answering = bytes
      const reply = Buffer.from(`${outcome}\r\n`)
      if (outcome === LOST) sink.onLost(tag, bytes, 0, bytes.length)
      else sink.onReply(tag, reply, 0, reply.length, outcome.startsWith('-') ? 1 : 0)
      reply.fill(0)
    }
  }
}

/** A ring where the first character of a key names its replica set: by the members' letters in `sets`, the master first. */
class Ring {
  readonly members = new Map<string, Member>()
  reply: string | undefined
  /** `member: key`, and how the doubts were answered. */
  readonly doubts: string[] = []
  differences = 0
  /** Writes that wait for a view to be marked. */
  readonly unmarked: { acknowledge(): void }[] = []
  readonly order: Order
  private readonly routes = new Map<string, Route>()
  private readonly doubtful: { write: DoubtfulWrite; tag: number }[] = []

  constructor(sets: Readonly<Record<string, string>>, more: object = {}) {
    for (const [set, letters] of Object.entries(sets)) {
      const natural = [...letters].map((letter) => this.member(letter))
      this.routes.set(set, {
        natural,
        targets: natural,
        pending: [],
        writable: () => natural.every((m) => m.ready),
      } as never)
    }
    const router = { routeOfKey: (buf: Buffer, start: number) => this.routes.get(String.fromCharCode(buf[start])) }
    const order = {
      ...{
        router,
        memory: { anyFull: false },
        lanes: { active: 0 },
        uncertainty: { active: false },
        owedSweeps: { any: false },
      },
      ...{
        absences: { any: false },
        watches: { any: false },
        awaited: { any: false },
        pieces: { aheads: { any: false } },
        stats: { writes: 0, outcomesUnknown: 0, unequalExpiries: 0 },
      },
      acknowledgement: { open: true, forget: () => {}, wait: (write: never) => this.unmarked.push(write) },
      ...{ swaps: new Swaps(), lostReads: { noteWrite: () => {} }, verdicts: { await: () => {}, settled: () => {} } },
      keyIds: (row: never, frame: Frame, db: number) => keyIds(row, frame, db, 16),
      noteDifference: () => this.differences++,
      lone: { inquire: () => {}, note: () => {} },
      doubts: {
        any: false,
        note: (link: Link, ids: readonly string[], write: DoubtfulWrite, tag: number) => {
          for (const id of ids) this.doubts.push(`${link.name}: ${nameOf(id)}`)
          this.doubtful.push({ write, tag })
        },
        untilMarked: () => {},
      },
      ...more,
    }
    this.order = order as unknown as Order
  }

  member(letter: string): Member {
    if (!this.members.has(letter)) this.members.set(letter, new Member(letter))
    return this.members.get(letter)!
  }

  send(...args: string[]): this {
    const frame = frameOf(args)
    const row = rowNamed(args[0].toLowerCase())!
    const keys: number[] = []
    const slot = slotFor((reply) => {
      if (this.reply !== undefined) throw new Error('the client was answered twice')
      this.reply = reply.trim()
    })
    const serve = (route: Route, part: Frame, row: never, partSlot: ReplySlot) =>
      Apply.emit(this.order, route, part, row, partSlot)
    split({ order: this.order, serve } as unknown as OneRoute, frame, row, slot, keys, findKeys(row, frame, keys), 0)
    frame.buf.fill(0)
    return this
  }

  /** All doubts are settled: the members have the writes now, or not. */
  settle(hasWrite: boolean): this {
    for (const { write, tag } of this.doubtful.splice(0)) write?.settled(tag, hasWrite)
    return this
  }

  get sent(): Record<string, string[]> {
    return Object.fromEntries([...this.members].map(([letter, member]) => [letter, member.commands]))
  }
}

const SETS = { '1': 'abc', '2': 'bcd', '3': 'cda' }

t.test('each member gets one command with all keys of which it has a replica', async (t) => {
  const ring = new Ring(SETS).send('MSET', '1x', 'v1', '2x', 'v2', '1y', 'v3', '3x', 'v4')
  t.same(ring.sent, {
    a: ['MSET 1x v1 1y v3 3x v4'],
    b: ['MSET 1x v1 2x v2 1y v3'],
    c: ['MSET 1x v1 2x v2 1y v3 3x v4'],
    d: ['MSET 2x v2 3x v4'],
  })
  for (const letter of 'dac') ring.member(letter).does(OK)
  t.equal(ring.reply, undefined, 'nothing is acknowledged before everybody has answered')
  ring.member('b').does(OK)
  t.equal(ring.reply, OK)
  t.same(ring.doubts, [])
})

t.test('the order of two values for one key is kept', async (t) => {
  const ring = new Ring(SETS).send('MSET', '1x', 'first', '2x', 'v', '1x', 'second')
  t.same(ring.sent.a, ['MSET 1x first 1x second'])
})

t.test('a member that is lost has its own keys in doubt, and no others', async (t) => {
  const ring = new Ring(SETS).send('MSET', '1x', 'v', '2x', 'v', '3x', 'v')
  for (const letter of 'cab') ring.member(letter).does(OK)
  ring.member('d').does(LOST)
  t.same(ring.doubts, ['d: 2x', 'd: 3x'])
  t.equal(ring.reply, undefined)
  t.equal(ring.settle(true).reply, OK)
})

t.test('a member that refuses what the masters have is mended before the client hears of it', async (t) => {
  const ring = new Ring(SETS).send('MSET', '1x', 'v', '2x', 'v')
  for (const letter of 'ab') ring.member(letter).does(OK)
  ring.member('d').does('-OOM no memory')
  ring.member('c').does(OK)
  t.same(ring.doubts, ['d: 2x', 'c: 2x'])
  t.equal(ring.differences, 1)
  t.equal(ring.settle(true).reply, OK)
})

t.test('a master that refuses has the last word on its own keys', async (t) => {
  const ring = new Ring(SETS).send('MSET', '1x', 'v', '2x', 'v')
  for (const letter of 'bcd') ring.member(letter).does(OK)
  ring.member('a').does('-OOM no memory')
  t.same(ring.doubts, ['b: 1x', 'c: 1x'])
  t.equal(ring.settle(true).reply, "-OOM no memory (other keys of this 'mset' were written)")
})

t.test('a key whose database is swapped meanwhile is in doubt by both of its names', async (t) => {
  const ring = new Ring(SETS).send('MSET', '1x', 'v', '2x', 'v')
  ring.order.swaps.add(0, 5, [])
  ring.member('d').does(LOST)
  t.same(ring.doubts, ['d: 2x', 'd: 5 2x'])
})

t.test('nothing is acknowledged before the view is marked', async (t) => {
  const ring = new Ring(SETS).send('MSET', '1x', 'v', '2x', 'v')
  const acknowledgement = ring.order.acknowledgement as { open: boolean }
  acknowledgement.open = false
  for (const letter of 'abcd') ring.member(letter).does(OK)
  t.equal(ring.reply, undefined)
  acknowledgement.open = true
  for (const write of ring.unmarked) write.acknowledge()
  t.equal(ring.reply, OK)
})

t.test('keys are cut by replica set when something stands against it, and where a key has no copies', async (t) => {
  const apart = { a: ['MSET 1x v'], b: ['MSET 1x v', 'MSET 2x v'], c: ['MSET 1x v', 'MSET 2x v'], d: ['MSET 2x v'] }
  const sent = (more: object, sets: Record<string, string> = SETS) =>
    new Ring(sets, more).send('MSET', '1x', 'v', '2x', 'v').sent
  t.same(sent({ uncertainty: { active: true, isSettled: () => true } }), apart)
  t.same(sent({ lanes: { active: 1, mayHold: () => true, isAnyHeld: () => false } }), apart)
  t.same(sent({ memory: { anyFull: true, refuses: () => false } }), apart)
  t.same(sent({}, { '1': 'a', '2': 'b' }), { a: ['MSET 1x v'], b: ['MSET 2x v'] })
  const route = { natural: [{}, {}], pending: [], writable: () => true } as unknown as Route
  const suits = (more: object, name = 'mset') =>
    ByMember.suits(new Ring({}).order, rowNamed(name)!, [route, { ...route, ...more } as Route], 2)
  t.equal(suits({}), true)
  t.equal(suits({ pending: [{}] }), false, 'whether a pending replica gets it is decided key by key')
  t.equal(suits({ writable: () => false }), false, 'what can be written is not kept waiting')
  t.equal(suits({}, 'del'), false, 'a number of keys is that of their masters')
  t.equal(suits({}, 'mget'), false)
})

t.test('whatever the members do, it ends as if each replica set had been written by itself', async () => {
  const letters = ['a', 'b', 'c', 'd', 'e']
  const set = fc.shuffledSubarray(letters, { minLength: 2, maxLength: 3 }).map((some) => some.join(''))
  const sets = fc.tuple(set, set, set).map(([first, second, third]) => ({ '1': first, '2': second, '3': third }))
  const key = fc.tuple(fc.constantFrom('1', '2', '3'), fc.constantFrom('x', 'y')).map((parts) => parts.join(''))
  const keys = fc.array(key, { minLength: 2, maxLength: 8 })
  const outcome = fc.oneof(
    { weight: 4, arbitrary: fc.constant(OK) },
    { weight: 1, arbitrary: fc.constantFrom(LOST, '-OOM no memory', '-MISCONF no disk') },
  )
  const event = fc.record({ outcome, expired: fc.option(key), swaps: fc.constantFrom(false, false, false, true) })
  const story = fc.record({
    ...{ sets, keys, order: fc.shuffledSubarray(letters, { minLength: 5 }), hasWrite: fc.boolean() },
    ...{ events: fc.array(event, { minLength: 5, maxLength: 5 }), open: fc.boolean() },
  })
  let together = 0
  fc.assert(
    fc.property(story, ({ sets, keys, order, events, open, hasWrite }) => {
      const tell = (more: object) => {
        const ring = new Ring(sets, more).send('MSET', ...keys.flatMap((key, i) => [key, `v${i}`]))
        const commands = Object.values(ring.sent).flat().length
        ;(ring.order.acknowledgement as { open: boolean }).open = open
        const replies: (string | undefined)[] = []
        for (const [i, letter] of order.entries()) {
          const { outcome, expired, swaps } = events[i]
          if (swaps) ring.order.swaps.add(0, 1, [])
          if (expired !== null) ring.member(letter).expiredIds.add(`0:${expired}`)
          ring.member(letter).does(outcome)
          replies.push(ring.reply)
        }
        ring.settle(hasWrite)
        ;(ring.order.acknowledgement as { open: boolean }).open = true
        for (const write of ring.unmarked) write.acknowledge()
        const { reply, doubts, differences } = ring
        return { commands, told: { reply, replies, doubts: [...doubts].sort(), differences, stats: ring.order.stats } }
      }
      const one = tell({})
      // What is held elsewhere keeps the keys apart and changes nothing else.
      const apart = tell({ lanes: { active: 1, mayHold: () => true, isAnyHeld: () => false } })
      if (one.commands < apart.commands) together++
      return JSON.stringify(one.told) === JSON.stringify(apart.told)
    }),
    { numRuns: 3000 },
  )
  t.ok(together > 1000, 'most of them were sent together')
})
