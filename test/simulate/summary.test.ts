import fc from 'fast-check'
import t from 'tap'
import { summarize } from '../../src/simulate/summary.js'

t.test('the percentiles stand between the samples in proportion', async (t) => {
  const samples = [50, 10, 40, 20, 30]
  t.strictSame(summarize(samples), { min: 10, p5: 12, p25: 20, median: 30, p75: 40, p95: 48, max: 50, mean: 30 })
  t.strictSame(samples, [50, 10, 40, 20, 30], 'the samples stay as they are')
})

t.test('a single sample is every percentile', async (t) => {
  t.strictSame(summarize([7]), { min: 7, p5: 7, p25: 7, median: 7, p75: 7, p95: 7, max: 7, mean: 7 })
})

t.test('the numbers of a summary ascend', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { minLength: 1 }), (samples) => {
      const { min, p5, p25, median, p75, p95, max, mean } = summarize(samples)
      return (
        min <= p5 &&
        p5 <= p25 &&
        p25 <= median &&
        median <= p75 &&
        p75 <= p95 &&
        p95 <= max &&
        min <= mean &&
        mean <= max
      )
    }),
  )
})
