import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import {
  type Asker,
  CLIENT_BYTES_MAX,
  EXPECTED_BYTES_MAX,
  estimateAfter,
  ReplyBudget,
  UNTAKEN_BYTES_MAX,
} from '../../src/client/reply-budget.js'

const MEGABYTE = 1024 * 1024

/** Asks for replies of one size, as many at a time as one client may have. */
class Reader implements Asker {
  outstanding = 0
  answered = 0

  constructor(
    private readonly budget: ReplyBudget,
    private readonly bytes: number,
    private left = Number.POSITIVE_INFINITY,
  ) {}

  takeTurn(): void {
    while (this.left > 0 && (this.outstanding === 0 || (this.outstanding + 1) * this.bytes <= CLIENT_BYTES_MAX)) {
      const verdict = this.budget.judge(this, this.bytes, this.outstanding, 0, 'large')
      if (verdict === 'wait for a turn') this.budget.wait(this)
      if (verdict !== 'ask') return
      this.outstanding++
      this.left--
      this.budget.expect(this.bytes)
    }
  }

  /** A member answers. */
  answer(): void {
    this.outstanding--
    this.answered++
    this.budget.came(this.bytes)
    this.takeTurn()
  }
}

t.test('what is expected has a limit for all, and they have turns', async (t) => {
  const budget = new ReplyBudget()
  const readers = Array.from({ length: 50 }, () => new Reader(budget, MEGABYTE))
  for (const reader of readers) reader.takeTurn()
  for (let i = 0; i < 2000; i++) {
    const oldest = readers.filter(({ outstanding }) => outstanding > 0)
    oldest[i % oldest.length].answer()
    if (budget.expectedBytes > EXPECTED_BYTES_MAX) t.fail(`${budget.expectedBytes} bytes are expected`)
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
  budget.untakenBytes = UNTAKEN_BYTES_MAX
  t.equal(budget.judge(asker, MEGABYTE, 0, 0, 'large'), 'ask')
  t.equal(budget.judge(asker, MEGABYTE, 1, 0, 'large'), 'take first')
  t.equal(budget.judge(asker, MEGABYTE, 0, 1, 'large'), 'take first')
  t.ok(budget.isTooMuch(MEGABYTE))
  budget.untakenBytes -= 2 * MEGABYTE
  t.equal(budget.judge(asker, MEGABYTE, 1, 0, 'large'), 'ask')
})

t.test('who has nothing under way and is not known for large replies does not wait', async (t) => {
  const budget = new ReplyBudget()
  const readers = Array.from({ length: 50 }, () => new Reader(budget, MEGABYTE))
  for (const reader of readers) reader.takeTurn()
  const asker = new Reader(budget, 1)
  t.equal(budget.judge(asker, 100_000, 0, 0, 'small'), 'ask')
  t.equal(budget.judge(asker, 100_000, 1, 0, 'small'), 'wait for a turn')
  t.equal(budget.judge(asker, MEGABYTE, 0, 0, 'unknown'), 'ask')
  budget.sawLarge(MEGABYTE)
  for (let i = 0; i < EXPECTED_BYTES_MAX / MEGABYTE; i++) budget.expect(MEGABYTE)
  t.equal(
    budget.judge(asker, MEGABYTE, 0, 0, 'unknown'),
    'wait for a turn',
    'unless they may well be large, and are many',
  )
  t.equal(budget.judge(asker, 100_000, 0, 0, 'small'), 'ask')
})

t.test('what a member owes that stands still does not hold up the others', async (t) => {
  const budget = new ReplyBudget()
  const stuck = Array.from({ length: 4 }, () => new Reader(budget, MEGABYTE))
  for (const reader of stuck) reader.takeTurn()
  const reader = new Reader(budget, MEGABYTE)
  reader.takeTurn()
  t.equal(reader.outstanding, 0)
  budget.passStuck()
  t.equal(reader.outstanding, 4)
  reader.answer()
  t.equal(reader.outstanding, 4)
  budget.leave(reader)
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
