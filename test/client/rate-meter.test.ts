import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { RateMeter } from '../../src/client/rate-meter.js'

t.test('a rate is the growth of a counter in a second', async (t) => {
  let counter = 1000
  const reads: { readonly atMs: number; readonly counter: number }[] = []
  const meter = new RateMeter(() => {
    reads.push({ atMs: performance.now(), counter })
    return [counter, 5]
  })
  t.same(meter.perSecond(), [0, 0], 'nothing is known before it starts')
  reads.length = 0
  meter.start()
  t.teardown(() => meter.stop())
  const [first] = reads
  t.same(meter.perSecond(), [0, 0])
  while (reads.length < 6) {
    counter += 10
    await sleep(10)
  }
  const [rate, still] = meter.perSecond()
  const last = reads[reads.length - 1]
  const wanted = ((last.counter - first.counter) * 1000) / (last.atMs - first.atMs)
  t.ok(Math.abs(rate - wanted) < wanted / 2, `${rate}, about ${wanted}`)
  t.equal(still, 0)
})
