import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import {
  type Asker,
  CLIENT_BYTES_MAX,
  EXPECTED_BYTES_MAX,
  estimateAfter,
  ReplyBudget,
  type Share,
  UNTAKEN_BYTES_MAX,
} from '../../src/client/reply-budget.js'
import { places } from '../../src/order/reply-slot.js'

const MEGABYTE = 1024 * 1024

/** Asks members for replies of one size, as many at a time as one client may have. */
class Reader implements Asker {
  outstanding = 0
  answered = 0

  constructor(
    private readonly budget: ReplyBudget,
    private readonly bytes: number,
    private left = Number.POSITIVE_INFINITY,
    private readonly shares: readonly Share[] = budget.of('dt-1'),
  ) {}

  takeTurn(): void {
    while (this.left > 0 && (this.outstanding === 0 || (this.outstanding + 1) * this.bytes <= CLIENT_BYTES_MAX)) {
      const verdict = this.budget.judge(this, this.shares, this.bytes, this.outstanding, 0, 'large')
      if (typeof verdict === 'object') verdict.wait(this)
      if (verdict !== 'ask') return
      this.outstanding++
      this.left--
      for (const share of this.shares) share.expect(this.bytes)
    }
  }

  /** A member answers. */
  answer(): void {
    this.outstanding--
    this.answered++
    for (const share of this.shares) share.came(this.bytes)
    this.takeTurn()
  }
}

t.test('what is expected of a member has a limit for all, and they have turns', async (t) => {
  const budget = new ReplyBudget()
  const [share] = budget.of('dt-1')
  const readers = Array.from({ length: 50 }, () => new Reader(budget, MEGABYTE))
  for (const reader of readers) reader.takeTurn()
  for (let i = 0; i < 2000; i++) {
    const oldest = readers.filter(({ outstanding }) => outstanding > 0)
    oldest[i % oldest.length].answer()
    if (share.expectedBytes > EXPECTED_BYTES_MAX) t.fail(`${share.expectedBytes} bytes are expected`)
    await nextTurn()
  }
  for (const { answered } of readers) t.ok(answered >= 10, `one of 50 has ${answered} of 2000`)
})

t.test('one reply may be larger than the limit, and is asked for in its turn', async (t) => {
  const budget = new ReplyBudget()
  const small = Array.from({ length: 20 }, () => new Reader(budget, MEGABYTE))
  for (const reader of small) reader.takeTurn()
  const large = new Reader(budget, EXPECTED_BYTES_MAX, 1)
  large.takeTurn()
  t.equal(large.outstanding, 0)
  for (let i = 0; i < 500 && large.outstanding === 0; i++) {
    small.find(({ outstanding }) => outstanding > 0)?.answer()
    await nextTurn()
  }
  t.equal(large.outstanding, 1)
})

t.test('while clients have much to take only who has taken everything asks, for one reply', async (t) => {
  const budget = new ReplyBudget()
  const asker = new Reader(budget, MEGABYTE)
  const share = budget.of('dt-1')
  budget.untakenBytes = UNTAKEN_BYTES_MAX
  t.equal(budget.judge(asker, share, MEGABYTE, 0, 0, 'large'), 'ask')
  t.equal(budget.judge(asker, share, MEGABYTE, 1, 0, 'large'), 'take first')
  t.equal(budget.judge(asker, share, MEGABYTE, 0, 1, 'large'), 'take first')
  t.ok(budget.isTooMuch(MEGABYTE))
  budget.untakenBytes -= 2 * MEGABYTE
  t.equal(budget.judge(asker, share, MEGABYTE, 1, 0, 'large'), 'ask')
})

t.test('who has nothing under way and is not known for large replies does not wait', async (t) => {
  const budget = new ReplyBudget()
  const readers = Array.from({ length: 50 }, () => new Reader(budget, MEGABYTE))
  for (const reader of readers) reader.takeTurn()
  const asker = new Reader(budget, 1)
  const share = budget.of('dt-1')
  t.equal(budget.judge(asker, share, 100_000, 0, 0, 'small'), 'ask')
  t.equal(budget.judge(asker, share, 100_000, 1, 0, 'small'), share[0], 'it waits for a turn')
  t.equal(budget.judge(asker, share, MEGABYTE, 0, 0, 'unknown'), 'ask')
  budget.sawLarge(MEGABYTE)
  for (let i = 0; i < EXPECTED_BYTES_MAX / MEGABYTE; i++) share[0].expect(MEGABYTE)
  t.equal(
    budget.judge(asker, share, MEGABYTE, 0, 0, 'unknown'),
    share[0],
    'unless they may well be large, and are many',
  )
  t.equal(budget.judge(asker, share, 100_000, 0, 0, 'small'), 'ask')
})

t.test('what one member owes does not hold up those who ask others', async (t) => {
  const budget = new ReplyBudget()
  const of = (...names: string[]) => names.flatMap((name) => budget.of(name))
  const silent = Array.from({ length: 50 }, () => new Reader(budget, MEGABYTE, 50, of('dt-1')))
  for (const reader of silent) reader.takeTurn()
  const several = new Reader(budget, MEGABYTE, 50, of('dt-2', 'dt-1', 'dt-3'))
  several.takeTurn()
  t.equal(several.outstanding, 0, 'who asks it, too, waits, and has nothing meanwhile')
  const reader = new Reader(budget, MEGABYTE, 50, of('dt-2', 'dt-3'))
  reader.takeTurn()
  for (let i = 0; i < 40; i++) {
    t.equal(reader.outstanding, 4)
    reader.answer()
  }
})

t.test('a member that has answered nothing for a while may be asked for as much again, once', async (t) => {
  const budget = new ReplyBudget()
  const [share] = budget.of('dt-1')
  const readers = Array.from({ length: 50 }, () => new Reader(budget, MEGABYTE))
  for (const reader of readers) reader.takeTurn()
  t.equal(share.expectedBytes, EXPECTED_BYTES_MAX)
  for (let i = 0; i < 5; i++) budget.passStuck()
  t.equal(share.expectedBytes, 2 * EXPECTED_BYTES_MAX)
  for (const reader of readers) while (reader.outstanding > 0 && share.expectedBytes > 0) reader.answer()
  for (let i = 0; i < 2000 && share.expectedBytes > 0; i++) {
    readers.find(({ outstanding }) => outstanding > 0)?.answer()
    if (share.expectedBytes > 2 * EXPECTED_BYTES_MAX) t.fail('too much is expected')
    await nextTurn()
  }
})

t.test('who asks several members has his turn although others ask each of them all the time', async (t) => {
  const budget = new ReplyBudget()
  const names = ['dt-1', 'dt-2', 'dt-3']
  const readers = names.flatMap((name) =>
    Array.from({ length: 20 }, () => new Reader(budget, MEGABYTE, Number.POSITIVE_INFINITY, budget.of(name))),
  )
  const several = new Reader(
    budget,
    MEGABYTE,
    Number.POSITIVE_INFINITY,
    names.flatMap((name) => budget.of(name)),
  )
  for (const reader of [...readers, several]) reader.takeTurn()
  for (let i = 0; i < 3000; i++) {
    const asked = [...readers, several].filter(({ outstanding }) => outstanding > 0)
    asked[(i * 7) % asked.length].answer()
    await nextTurn()
  }
  t.ok(several.answered >= 5, `it has ${several.answered} of 3000`)
})

t.test('large values are remembered for a while', async (t) => {
  const budget = new ReplyBudget()
  budget.sawLarge(200_000)
  const { prior } = budget
  t.ok(prior >= 200_000)
  budget.forgetLarge()
  t.equal(budget.prior, prior, 'it was seen since the last look')
  budget.sawLarge(100_000)
  budget.forgetLarge()
  t.ok(budget.prior < prior && budget.prior > 0)
  budget.forgetLarge()
  t.equal(budget.prior, 0)
})

t.test('large values are forgotten when a million commands had nothing to do with them', async (t) => {
  const budget = new ReplyBudget()
  budget.sawLarge(200_000)
  places.taken += 900_000
  budget.lookAtMemory()
  t.ok(budget.prior > 0)
  budget.sawLarge(100_000)
  places.taken += 900_000
  budget.lookAtMemory()
  t.ok(budget.prior > 0, 'another one has been seen since')
  places.taken += 200_000
  budget.lookAtMemory()
  t.equal(budget.prior, 0)
})

t.test('a client is expected to get what it got, and rare large replies are forgotten', async (t) => {
  t.equal(estimateAfter(0, 100), 0)
  t.equal(estimateAfter(0, MEGABYTE), MEGABYTE)
  t.equal(estimateAfter(MEGABYTE, 2 * MEGABYTE), 2 * MEGABYTE)
  t.equal(estimateAfter(0, 100 * MEGABYTE), EXPECTED_BYTES_MAX, 'never more than may be expected in all')
  let estimate = MEGABYTE
  let replies = 0
  for (; estimate > 0; replies++) estimate = estimateAfter(estimate, 100)
  t.ok(replies > 10 && replies < 40, `${replies} small replies`)
  for (let i = 0; i < 100; i++) estimate = estimateAfter(estimateAfter(estimate, 5), MEGABYTE)
  t.equal(estimate, MEGABYTE)
})
