import fc from 'fast-check'
import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { type KeyId, keyOfId } from '../../src/base/key-id.js'
import { rowNamed } from '../../src/command/table.js'
import type { DoubtfulWrite } from '../../src/order/doubt.js'
import { keyIds } from '../../src/order/key-ids.js'
import type { Order } from '../../src/order/order.js'
import type { Route } from '../../src/order/router.js'
import { Swaps } from '../../src/order/swaps.js'
import { type Frame, frameOf } from '../../src/resp/frame.js'
import { Apply } from '../../src/serving/apply.js'
import { PlainWrites } from '../../src/serving/plain-writes.js'
import { slotFor } from '../helpers/fake-slot.js'

const SET = rowNamed('set')!
const ROUTES = ['a', 'ab', 'abc', 'bca', 'cd', 'dab']

/** A member: what it was sent and has not answered, oldest first. */
class Member {
  readonly ready = true
  readonly emitted: { readonly bytes: Buffer; readonly sink: ReplySink; readonly tag: number }[] = []
  answering: Buffer = Buffer.alloc(0)
  readonly expired = new Set<string>()
  readonly expirations: { readonly any: boolean; take(ids: readonly KeyId[]): unknown }

  constructor(readonly name: string) {
    const { expired } = this
    this.expirations = {
      get any() {
        return expired.size > 0
      },
      take: (ids) => {
        const which = ids.flatMap((id, i) => (expired.delete(String(keyOfId(id).key)) ? [i] : [])).join(' ')
        return which === '' ? undefined : { which, unsure: false }
      },
    }
  }

  emit(buf: Buffer, start: number, end: number, _owned: boolean, _db: number, sink: ReplySink, tag: number): void {
    this.emitted.push({ bytes: Buffer.from(buf.subarray(start, end)), sink, tag })
  }

  answer(reply: string): void {
    const first = this.emitted.shift()
    if (first === undefined) return
    this.answering = first.bytes
    const buf = Buffer.from(`xx${reply}\r\nyy`)
    try {
      first.sink.onReply(first.tag, buf, 2, buf.length - 2, reply.startsWith('-') ? 4 : 0)
    } catch {
      // As the link does.
      first.sink.onLost(first.tag, first.bytes, 0, first.bytes.length)
    }
    buf.fill(0)
  }

  breaks(): void {
    for (const { bytes, sink, tag } of this.emitted.splice(0)) sink.onLost(tag, bytes, 0, bytes.length)
  }
}

/** Writes on replica sets that share members, and everything that can be seen of what becomes of them. */
class World {
  readonly seen: string[] = []
  readonly members = new Map([...'abcd'].map((name) => [name, new Member(name)]))
  private readonly routes: Route[]
  private readonly unmarked: { acknowledge(): void }[] = []
  private readonly doubtful: { readonly write: DoubtfulWrite; readonly tag: number }[] = []
  private readonly acknowledgement = {
    open: true,
    forget: () => {},
    wait: (write: { acknowledge(): void }) => this.unmarked.push(write),
  }
  readonly order: Order
  private readonly plain: PlainWrites
  private count = 0
  /** The next reply cannot be handed over. */
  isFailing = false

  /** @param isPlain whether writes go the quick way, where they may */
  constructor(private readonly isPlain: boolean) {
    this.routes = ROUTES.map((letters) => {
      const natural = [...letters].map((letter) => this.members.get(letter)!)
      return { natural, targets: natural, pending: [] } as never
    })
    const nobody = { await: () => {}, settled: () => {}, noteWrite: () => {} }
    this.order = {
      ...{ lanes: { active: 0 }, lostReads: nobody, verdicts: nobody, acknowledgement: this.acknowledgement },
      ...{ stats: { writes: 0, outcomesUnknown: 0, unequalExpiries: 0 }, swaps: new Swaps() },
      router: { routeOfKey: (key: Buffer) => this.routes[Number(key.toString()[0])] },
      keyIds: (row: never, frame: Frame, db: number) => keyIds(row, frame, db, 16),
      noteDifference: ({ name }: Member, reply: Buffer, other: Buffer) =>
        this.seen.push(`${name}: ${reply} not ${other}`),
      lone: { inquire: () => {}, note: ({ name }: Link) => this.seen.push(`${name} is outvoted`) } as never,
      absences: { isSweeping: false } as never,
      doubts: {
        any: false,
        note: (link: Link, ids: readonly KeyId[], write: DoubtfulWrite, tag: number) => {
          this.seen.push(`in doubt on ${link.name}: ${ids.map((id) => keyOfId(id).key).join()}`)
          this.doubtful.push({ write, tag })
        },
        untilMarked: () => {},
      },
    } as unknown as Order
    this.plain = new PlainWrites(this.order)
  }

  /** Sends SET for one of five keys of a replica set. */
  write(route: number): void {
    const number = ++this.count
    const frame = frameOf(['SET', `${route} ${number % 5}`, `value ${number}`])
    const slot = slotFor((reply) => {
      if (this.isFailing) {
        this.isFailing = false
        throw new Error('nobody expects this')
      }
      this.seen.push(`write ${number}: ${reply}`)
    })
    const to = this.routes[route]
    if (this.isPlain && PlainWrites.suits(SET, frame, to)) this.plain.emit(to, frame, SET, slot)
    else Apply.emit(this.order, to, frame, SET, slot)
    frame.buf.fill(0)
  }

  settle(hasWrite: boolean): void {
    for (const { write, tag } of this.doubtful.splice(0)) write.settled(tag, hasWrite)
  }

  mark(isMarked: boolean): void {
    this.acknowledgement.open = isMarked
    if (isMarked) for (const write of this.unmarked.splice(0)) write.acknowledge()
  }

  get figures(): string {
    const under = [...this.members.values()].map(({ emitted }) => emitted.length)
    return JSON.stringify({ ...this.order.stats, under })
  }
}

type Step = (world: World) => void

const member = fc.constantFrom(...'abcd')
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.nat(ROUTES.length - 1).map(
      (route): Step =>
        (world) =>
          world.write(route),
    ),
  },
  {
    weight: 16,
    arbitrary: fc
      .tuple(member, fc.oneof({ weight: 12, arbitrary: fc.constant('+OK') }, fc.constantFrom('-OOM no', ':1', '+NO')))
      .map(
        ([name, reply]): Step =>
          (world) =>
            world.members.get(name)!.answer(reply),
      ),
  },
  member.map(
    (name): Step =>
      (world) =>
        world.members.get(name)!.breaks(),
  ),
  fc.tuple(member, fc.nat(ROUTES.length - 1), fc.nat(4)).map(
    ([name, route, i]): Step =>
      (world) =>
        void world.members.get(name)!.expired.add(`${route} ${i}`),
  ),
  fc.boolean().map(
    (hasWrite): Step =>
      (world) =>
        world.settle(hasWrite),
  ),
  fc.boolean().map(
    (isMarked): Step =>
      (world) =>
        world.mark(isMarked),
  ),
  fc.constant<Step>((world) => world.order.swaps.add(0, 5, [])),
)

t.test('whatever happens to plain writes ends as if each had been an Apply of its own', async () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 200 }), (story) => {
      const [plain, apply] = [new World(true), new World(false)]
      for (const step of story) {
        for (const world of [plain, apply]) step(world)
        if (plain.seen.join('\n') !== apply.seen.join('\n')) return false
      }
      for (const world of [plain, apply]) {
        world.mark(true)
        for (const each of world.members.values()) while (each.emitted.length > 0) each.answer('+OK')
        world.settle(true)
      }
      return plain.seen.join('\n') === apply.seen.join('\n') && plain.figures === apply.figures
    }),
    { numRuns: 1000 },
  )
})

t.test('many more writes than ever before may be under way, and each is answered once', async (t) => {
  const world = new World(true)
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 5000; i++) world.write(i % ROUTES.length)
    for (const each of world.members.values()) while (each.emitted.length > 0) each.answer('+OK')
  }
  t.equal(world.seen.length, 15_000)
  t.equal(new Set(world.seen).size, 15_000)
})

t.test(
  'a reply that cannot be handed over is one that was lost, and its place is used by one write at a time',
  async (t) => {
    const world = new World(true)
    world.write(2)
    for (const name of 'ab') world.members.get(name)!.answer('+OK')
    world.isFailing = true
    world.members.get('c')!.answer('+OK')
    t.same(world.seen, ['in doubt on c: 2 1'])
    for (let i = 0; i < 10; i++) world.write(3)
    world.settle(true)
    for (const each of world.members.values()) while (each.emitted.length > 0) each.answer('+OK')
    const numbers = [1, ...Array.from({ length: 10 }, (_, i) => i + 2)]
    t.same(
      world.seen.slice(1),
      numbers.map((number) => `write ${number}: +OK\r\n`),
    )
  },
)

t.test('only what all replicas answer alike goes this way', async (t) => {
  const [a, b] = ['a', 'b'].map((name) => ({ name }))
  const suits = (args: string[], natural: unknown[], targets = natural) =>
    PlainWrites.suits(rowNamed(args[0])!, frameOf(args), { natural, targets } as unknown as Route)
  t.ok(suits(['set', 'k', 'v'], [a, b]))
  t.notOk(suits(['set', 'k', 'v', 'NX'], [a, b]), 'options may make it answer something else')
  t.notOk(suits(['append', 'k', 'v'], [a, b]))
  t.notOk(suits(['set', 'k', 'v'], [a], [a, b]), 'a pending replica answers for nobody')
  t.notOk(suits(['set', 'k', 'v'], Array(17).fill(a)))
})
