import t from 'tap'
import { runFuzz } from './run-fuzz.js'

/* A short run of `npm run fuzz`; how long replies take beside it is not judged here, where other tests run at the same time. */

t.test('ten seconds of attacks break nothing, and no reply to others is wrong', { timeout: 120_000 }, async (t) => {
  const report = await runFuzz(t, { seconds: 10, seed: 7, clients: 8 }, (text) => t.comment(text))
  t.same(report.faults, [])
  t.ok(report.sessions > 50, `${report.sessions} sessions`)
  t.ok(report.checkedReplies > 500, `${report.checkedReplies} replies`)
})
