import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { RateMeter } from '../../src/client/rate-meter.js'

t.test('a rate is the growth of a counter in a second', async (t) => {
  let counter = 1000
  const meter = new RateMeter(() => [counter, 5])
  t.same(meter.perSecond(), [0, 0], 'nothing is known before it starts')
  meter.start()
  t.teardown(() => meter.stop())
  t.same(meter.perSecond(), [0, 0])
  const startedMs = performance.now()
  while (performance.now() - startedMs < 1100) {
    counter += 10
    await sleep(10)
  }
  const [rate, still] = meter.perSecond()
  const wanted = (counter - 1000) / ((performance.now() - startedMs) / 1000)
  t.ok(Math.abs(rate - wanted) < wanted / 2, `${rate}, about ${wanted}`)
  t.equal(still, 0)
})
