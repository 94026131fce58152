import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import { StallWatch } from '../../src/migration/stall-watch.js'
import { keepBusy, noLongerBusy } from '../../src/order/pieces/kept-busy.js'
import { until } from '../helpers/until.js'

const MEGABYTE = 1024 * 1024

t.test('a joining member that owes an answer is stuck, unless it makes room for a large string', async (t) => {
  const link = { name: 'dt-4', ready: true, outstanding: 1, lastReceivedMs: 0 } as unknown as Link
  const stalled: string[] = []
  const watch = new StallWatch(
    () => [link],
    ({ name }) => stalled.push(name),
    50,
  )
  watch.start()
  t.teardown(() => watch.stop())
  keepBusy(link, 500 * MEGABYTE, performance.now())
  await sleep(1500)
  t.same(stalled, [])
  noLongerBusy(link)
  await until('it is let go', async () => stalled.length > 0)
  keepBusy(link, 50 * MEGABYTE, performance.now())
  stalled.length = 0
  await until('what it is given for that has an end', async () => stalled.length > 0)
})
