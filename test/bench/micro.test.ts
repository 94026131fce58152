import t from 'tap'
import { CASES, kept } from '../../bench/micro/cases.js'
import { measureMicro } from '../../bench/micro/measure.js'

t.test('a piece is done until its time can be told, and the time is that of one', async (t) => {
  let most = 0
  const spin = {
    name: 'a sum of a thousand roots',
    run: (times: number) => {
      most = Math.max(most, times)
      for (let i = 0; i < times * 1000; i++) kept.sum += Math.sqrt(i)
      return times
    },
  }
  const { name, nanoseconds } = await measureMicro(spin, 3)
  t.equal(name, spin.name)
  t.ok(most > 1000, 'a clock of microseconds needs many')
  t.ok(nanoseconds.min > 0 && nanoseconds.min <= nanoseconds.median && nanoseconds.median <= nanoseconds.max)
})

t.test('every piece of the data path does as much as it says', async (t) => {
  for (const { name, run } of CASES) {
    const before = kept.sum
    const done = await run(1)
    t.ok(done >= 1, name)
    t.not(kept.sum, before, `${name} has a result`)
  }
})
