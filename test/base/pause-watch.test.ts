import t from 'tap'
import { PauseWatch } from '../../src/base/pause-watch.js'
import { until } from '../helpers/until.js'

function busyFor(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; );
}

t.test('a process that did not run hears of it before it does anything else', async (t) => {
  const pauses: number[] = []
  const watch = new PauseWatch((ms) => pauses.push(ms))
  t.teardown(() => watch.stop())
  const before = performance.now()
  watch.start()
  busyFor(700)
  watch.check()
  const atMost = performance.now() - before
  t.equal(pauses.length, 1)
  t.ok(pauses[0] >= 600 && pauses[0] <= Math.ceil(atMost) + 1, `${pauses[0]} of ${atMost} ms`)
  watch.check()
  t.equal(pauses.length, 1, 'and hears of it once')
  busyFor(700)
  await until('it hears of it also when nobody asks', () => pauses.length === 2)
})

t.test('a process that looks often enough hears nothing', async (t) => {
  const { now } = Date
  const { performance } = globalThis
  const clock = { wallMs: now(), monotonicMs: Math.round(performance.now()) }
  t.teardown(() => {
    Date.now = now
    globalThis.performance = performance
  })
  Date.now = () => clock.wallMs
  globalThis.performance = Object.assign(Object.create(performance), { now: () => clock.monotonicMs })
  const pauses: number[] = []
  const watch = new PauseWatch((ms) => pauses.push(ms))
  t.teardown(() => watch.stop())
  watch.start()
  for (const ms of [0, 100, 400, 500]) {
    clock.wallMs += ms
    clock.monotonicMs += ms
    watch.check()
  }
  t.same(pauses, [])
  clock.wallMs += 501
  watch.check()
  clock.monotonicMs += 502
  watch.check()
  t.same(pauses, [501, 502], 'one of the clocks is enough')
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
