import t from 'tap'
import { Random } from '../random.js'

const take = (random: Random, count: number) => Array.from({ length: count }, () => random.next())

t.test('the same seed and name give the same numbers, others give others', async (t) => {
  t.strictSame(take(new Random(7, 'client 1'), 50), take(new Random(7, 'client 1'), 50))
  const sequences = [new Random(7, 'client 2'), new Random(8, 'client 1'), new Random(7, 'faults')]
  const first = take(new Random(7, 'client 1'), 1)[0]
  for (const sequence of sequences) t.not(sequence.next(), first)
})

t.test('numbers are spread evenly, and stay in their bounds', async (t) => {
  const random = new Random(1, 'spread')
  const counts = new Array(10).fill(0)
  for (let i = 0; i < 20_000; i++) counts[random.below(10)]++
  for (const count of counts) t.ok(count > 1800 && count < 2200, `${count} of 2000`)
  const between = new Set(Array.from({ length: 200 }, () => random.between(3, 5)))
  t.strictSame([...between].sort(), [3, 4, 5])
})

t.test('a sample has different items', async (t) => {
  const random = new Random(1, 'sample')
  t.strictSame(random.sample([1, 2, 3], 5).sort(), [1, 2, 3])
  t.equal(new Set(random.sample([1, 2, 3, 4, 5], 3)).size, 3)
})
