import fc from 'fast-check'
import t from 'tap'
import {
  CIRCLE_SIZE,
  rangeContains,
  rangeDifference,
  rangeSize,
  rangesOverlap,
  type TokenRange,
} from '../../src/ring/token-range.js'

const identifier = fc.oneof(
  fc.constantFrom(0, 1, 2, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1),
  fc.integer({ min: 0, max: 2 ** 32 - 1 }),
)
const range: fc.Arbitrary<TokenRange> = fc.record({ from: identifier, to: identifier })

/** The range's part of the line 0 … 2^32 - 1, as pairs of first and last: the definition, said differently. */
function pieces({ from, to }: TokenRange): [number, number][] {
  if (from < to) return [[from + 1, to]]
  const last = CIRCLE_SIZE - 1
  return from === last
    ? [[0, to]]
    : [
        [0, to],
        [from + 1, last],
      ]
}

const inside = (range: TokenRange, x: number): boolean => pieces(range).some(([first, last]) => first <= x && x <= last)

t.test('a range excludes its beginning and includes its end', async (t) => {
  const range = { from: 10, to: 12 }
  t.strictSame(
    [9, 10, 11, 12, 13].filter((x) => rangeContains(range, x)),
    [11, 12],
  )
  t.equal(rangeSize(range), 2)
})

t.test('a range may cross zero', async (t) => {
  const range = { from: 2 ** 32 - 2, to: 1 }
  t.strictSame(
    [2 ** 32 - 2, 2 ** 32 - 1, 0, 1, 2].filter((x) => rangeContains(range, x)),
    [2 ** 32 - 1, 0, 1],
  )
  t.equal(rangeSize(range), 3)
})

t.test('a range that ends where it begins is the whole circle', async (t) => {
  const range = { from: 5, to: 5 }
  t.strictSame(
    [0, 4, 5, 6, 2 ** 32 - 1].filter((x) => !rangeContains(range, x)),
    [],
  )
  t.equal(rangeSize(range), CIRCLE_SIZE)
})

t.test('containment and size agree with the definition', async () => {
  fc.assert(fc.property(range, identifier, (range, x) => rangeContains(range, x) === inside(range, x)))
  fc.assert(
    fc.property(range, (range) => {
      const size = pieces(range).reduce((sum, [first, last]) => sum + last - first + 1, 0)
      return rangeSize(range) === size
    }),
  )
})

t.test('ranges overlap when they have an identifier in common', async () => {
  fc.assert(
    fc.property(range, range, (a, b) => {
      const common = pieces(a).some(([a1, a2]) => pieces(b).some(([b1, b2]) => Math.max(a1, b1) <= Math.min(a2, b2)))
      return rangesOverlap(a, b) === common
    }),
    { numRuns: 1000 },
  )
})

t.test('the difference has what the first range has and the second has not', async (t) => {
  fc.assert(
    fc.property(range, range, fc.array(identifier), (a, b, others) => {
      const rest = rangeDifference(a, b)
      const ends = [a.from, a.to, b.from, b.to].flatMap((x) => [(x - 1) >>> 0, x, (x + 1) >>> 0])
      for (const x of [...ends, ...others]) {
        const holders = rest.filter((part) => rangeContains(part, x)).length
        if (holders !== (rangeContains(a, x) && !rangeContains(b, x) ? 1 : 0)) return false
      }
      return true
    }),
    { numRuns: 2000 },
  )
  t.strictSame(rangeDifference({ from: 10, to: 50 }, { from: 20, to: 30 }), [
    { from: 10, to: 20 },
    { from: 30, to: 50 },
  ])
  t.strictSame(rangeDifference({ from: 10, to: 50 }, { from: 40, to: 20 }), [{ from: 20, to: 40 }])
  t.strictSame(rangeDifference({ from: 10, to: 50 }, { from: 7, to: 7 }), [])
})
