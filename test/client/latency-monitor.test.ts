import t from 'tap'
import { LatencyMonitor } from '../../src/client/latency-monitor.js'

t.test('what is shorter than the threshold is no event, and without one nothing is', async (t) => {
  const monitor = new LatencyMonitor()
  monitor.note('command', 1e9)
  t.equal(monitor.events.size, 0)
  monitor.thresholdMs = 10
  monitor.note('command', 9999)
  t.equal(monitor.events.size, 0)
  monitor.note('command', 10_999)
  t.equal(monitor.events.get('command')?.mostMs, 10)
  monitor.thresholdMs = 0
  monitor.note('command', 1e9)
  t.equal(monitor.events.get('command')?.mostMs, 10, 'what there was stays')
})

t.test('of one second the longest is kept, and the longest of all times', async (t) => {
  const monitor = new LatencyMonitor()
  monitor.thresholdMs = 1
  for (const ms of [5, 80, 20]) monitor.note('command', ms * 1000)
  const { samples, mostMs } = monitor.events.get('command')!
  t.ok(samples.length <= 2)
  t.equal(Math.max(...samples.map(([, ms]) => ms)), 80)
  t.equal(mostMs, 80)
  monitor.thresholdMs = 0
})

t.test('events are forgotten by their names, or all', async (t) => {
  const monitor = new LatencyMonitor()
  monitor.thresholdMs = 1
  for (const event of ['command', 'fast-command', 'event-loop'] as const) monitor.note(event, 5000)
  t.same(monitor.reset(['command', 'nosuch']), ['command'])
  t.same(monitor.reset([]), ['fast-command', 'event-loop'])
  t.same(monitor.reset([]), [])
  monitor.thresholdMs = 0
})
