import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { PauseWatch } from '../../src/base/pause-watch.js'

function busyFor(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

t.test('a process that did not run hears of it before it does anything else', async (t) => {
  const pauses: number[] = []
  const watch = new PauseWatch((ms) => pauses.push(ms))
  t.teardown(() => watch.stop())
  watch.start()
  await sleep(250)
  watch.check()
  t.same(pauses, [], 'it was awake')
  busyFor(700)
  watch.check()
  t.equal(pauses.length, 1)
  t.ok(pauses[0] >= 600 && pauses[0] < 1500, `${pauses[0]} ms`)
  watch.check()
  t.equal(pauses.length, 1, 'and hears of it once')
  busyFor(700)
  await sleep(150)
  t.equal(pauses.length, 2, 'also when nobody asks')
})

t.test('a clock that was set, as after a sleep of the machine, counts as a pause', async (t) => {
  const pauses: number[] = []
  const watch = new PauseWatch((ms) => pauses.push(ms))
  t.teardown(() => watch.stop())
  watch.start()
  const { now } = Date
  t.teardown(() => {
    Date.now = now
  })
  Date.now = () => now() + 3_600_000
  watch.check()
  t.equal(pauses.length, 1)
  t.ok(pauses[0] >= 3_600_000)
})

t.test('nothing is said before the start and after the stop', async (t) => {
  const pauses: number[] = []
  const watch = new PauseWatch((ms) => pauses.push(ms))
  busyFor(600)
  watch.check()
  watch.start()
  watch.stop()
  busyFor(600)
  watch.check()
  t.same(pauses, [])
})
