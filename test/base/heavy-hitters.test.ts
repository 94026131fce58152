import t from 'tap'
import { HeavyHitters } from '../../src/base/heavy-hitters.js'

t.test(
  'who weighs more than a part of the whole is found, never counted too low, and at most its error too high',
  async (t) => {
    const hitters = new HeavyHitters(50)
    const truth = new Map<string, number>()
    let total = 0
    for (let i = 0; i < 100_000; i++) {
      // Ten keys have half of it, 20,000 the rest.
      const key = i % 2 === 0 ? `hot:${(i / 2) % 10}` : `cold:${(i * 7919) % 20_000}`
      const weight = 1 + (i % 3)
      truth.set(key, (truth.get(key) ?? 0) + weight)
      total += weight
      hitters.add(key, weight)
    }
    const top = hitters.top(10)
    t.same(
      top.map(({ key }) => key).sort(),
      Array.from({ length: 10 }, (_, i) => `hot:${i}`),
    )
    for (const { key, count, error } of hitters.top(50)) {
      const real = truth.get(key) ?? 0
      if (count < real || count - error > real) t.fail(`${key}: ${count} with an error of ${error}, and really ${real}`)
      if (error > total / 50) t.fail(`${key}: the error is more than one part in 50`)
    }
    t.equal(hitters.top(1000).length, 50, 'however many keys there are')
  },
)

t.test('as long as there is a counter for each, all is exact', async (t) => {
  const hitters = new HeavyHitters(10)
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) hitters.add(key, 2)
  t.same(hitters.top(2), [
    { key: 'a', count: 6, error: 0 },
    { key: 'b', count: 4, error: 0 },
  ])
})

t.test('all can be made lighter, and stay in their order', async (t) => {
  const hitters = new HeavyHitters(3)
  for (const key of ['a', 'b', 'a', 'c', 'a', 'b']) hitters.add(key, 8)
  hitters.scale(0.25)
  hitters.add('d', 1)
  t.same(hitters.top(3), [
    { key: 'a', count: 6, error: 0 },
    { key: 'b', count: 4, error: 0 },
    { key: 'd', count: 3, error: 2 },
  ])
})
