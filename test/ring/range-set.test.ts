import fc from 'fast-check'
import t from 'tap'
import { RangeSet } from '../../src/ring/range-set.js'
import type { TokenRange } from '../../src/ring/token-range.js'

const identifier = fc.integer({ min: 0, max: 2 ** 32 - 1 })
/** Few tokens next to each other, and around zero, so that ranges touch. */
const token = fc.oneof(identifier, fc.constantFrom(0, 1, 2, 3, 2 ** 32 - 2, 2 ** 32 - 1))

/** The ranges between tokens on the circle. */
function rangesBetween(tokens: readonly number[]): TokenRange[] {
  return tokens.map((to, i) => ({ from: tokens[(i + tokens.length - 1) % tokens.length], to }))
}

const sets = fc
  .uniqueArray(token, { minLength: 2, maxLength: 12 })
  .map((tokens) => tokens.sort((a, b) => a - b))
  .chain((tokens) => fc.record({ tokens: fc.constant(tokens), chosen: fc.subarray(rangesBetween(tokens)) }))

function isIn({ from, to }: TokenRange, at: number): boolean {
  return from < to ? at > from && at <= to : at > from || at <= to
}

t.test('a set has the identifiers of its ranges and no others', async () => {
  fc.assert(
    fc.property(sets, fc.array(token, { minLength: 1 }), ({ tokens, chosen }, others) => {
      const set = new RangeSet(chosen)
      return [...tokens, ...others].every((at) => set.has(at) === chosen.some((range) => isIn(range, at)))
    }),
  )
})

t.test('a range is covered when every part of it is in the set, however it is cut', async () => {
  fc.assert(
    fc.property(sets, token, token, ({ tokens, chosen }, from, to) => {
      if (from === to) return true
      const range = { from, to }
      const set = new RangeSet(chosen)
      // Membership changes at tokens alone: the first identifier and the one behind every token decide.
      const looks = [from, ...tokens].map((at) => (at + 1) >>> 0).filter((at) => isIn(range, at))
      return set.covers(range) === looks.every((at) => set.has(at))
    }),
  )
})

t.test('an empty set covers nothing', async (t) => {
  const set = new RangeSet([])
  t.ok(set.isEmpty)
  t.notOk(set.covers({ from: 5, to: 9 }))
  t.notOk(new RangeSet([{ from: 9, to: 5 }]).isEmpty)
})
