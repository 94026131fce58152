import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Patience } from './patience.js'
import { Latencies } from './well-behaved.js'

/* What the fuzzer itself goes by. */

t.test('what this process has not run counts as no time of others', async (t) => {
  const patience = new Patience(300)
  t.notOk(patience.isOver)
  // As one that was stopped, or had no processor: what has come meanwhile is read behind this.
  const untilMs = performance.now() + 600
  while (performance.now() < untilMs);
  t.notOk(patience.isOver)
  let looks = 0
  for (; !patience.isOver; looks++) await sleep(5)
  t.ok(looks > 3, `${looks} looks`)
})

t.test('the 99th percentile of many times is within 2 %', async (t) => {
  const latencies = new Latencies()
  latencies.note(1000)
  t.equal(latencies.p99('alone'), 0, 'nowhere')
  latencies.into = 'alone'
  for (let i = 1; i <= 100_000; i++) latencies.note(i / 1000)
  t.ok(Math.abs(latencies.p99('alone') / 99 - 1) < 0.021, `${latencies.p99('alone')}`)
  t.equal(latencies.p99('beside'), 0)
  latencies.into = 'beside'
  latencies.note(0)
  latencies.note(1e9)
  t.ok(latencies.p99('beside') > 10_000)
})
