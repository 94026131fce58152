import t from 'tap'
import { faultsIn, verdictIn } from '../many.js'
import { describeSettings, drawSettings } from '../settings.js'

const REPORT = `
seed 3: 5 members, 2 backups, no state file, 15 s

workload   operations      ok
all              2000    2000

fault       times   members
blackhole       2         3
kill-proxy      1         0
3 more were planned and found no room

2 VIOLATIONS
- linearizable, "0/expiring:22:0": no order of its operations
    [8.9 – 10.8] client 6: get
- placement: differs, "0 x": 1 copies, such as
- verify: DT VERIFY: 2151 keys, 2 differences, complete 1
`

t.test('what a run has done and found is read from its report', async (t) => {
  t.equal(faultsIn(REPORT), 3)
  t.equal(faultsIn('nothing'), 0)
  t.equal(verdictIn(REPORT, false), 'FAILED: linearizable, placement: differs, verify')
  t.equal(verdictIn('chaos: Error: the proxy ended 5 times\n', false), 'FAILED: chaos: Error: the proxy ended 5 times')
  t.equal(verdictIn(REPORT, true), 'passed')
})

t.test('seeds choose rings of all kinds', async (t) => {
  const drawn = Array.from({ length: 200 }, (_, seed) => drawSettings(seed))
  const kinds = new Set(drawn.map(describeSettings))
  t.equal(kinds.size, 4 * 2 * 2)
  t.ok(drawn.some(({ flushAll }) => flushAll) && drawn.some(({ flushAll }) => !flushAll))
  t.strictSame(drawSettings(7), drawSettings(7))
})
