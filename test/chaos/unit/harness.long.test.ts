import t from 'tap'
import { temporaryDirectory } from '../../helpers/temporary-directory.js'
import type { ChaosRing } from '../chaos-ring.js'
import { nodeArgsOf } from '../defects/defects.js'
import { summarize } from '../report.js'
import { type ChaosOptions, runChaos } from '../run-chaos.js'
import { WORKLOADS } from '../workloads.js'

/*
 * The harness with real processes: it passes a ring that does what it should, and does not pass one that, by something
 * that only a test can do to it, does not.
 */

/** Starting, stopping, and reading members again and again that will never be right, take their time. */
t.setTimeout(110_000)

function chaos(dir: string, options: Partial<ChaosOptions>) {
  return runChaos(
    {
      seed: 7,
      seconds: 3,
      nodes: 4,
      replicas: 2,
      stateFile: false,
      clients: 6,
      workloads: WORKLOADS,
      faults: [],
      dir,
      nodeArgs: [],
      ballast: 100,
      ...options,
    },
    () => {},
  )
}

t.test('nothing is found where nothing goes wrong', async (t) => {
  const report = await chaos(temporaryDirectory(t), {})
  t.strictSame(report.violations, [])
  t.strictSame(report.history.undecided, [])
  t.equal(report.history.checked.size, WORKLOADS.length - 1, 'what is carried at a deadline is checked as a deadline')
  t.ok(report.operations.length > 500 && report.keysPlaced > 100, summarize(report))
})

t.test('a backup that got other values than the master is found', async (t) => {
  const sabotage = (ring: ChaosRing) => {
    // What clients write changes on the way to one member, which nobody there can notice.
    ring.member('dt-2').relay.tamper = (bytes) =>
      Buffer.from(bytes.toString('latin1').replace(/\nc\d\./g, '\nc9.'), 'latin1')
  }
  // Of three copies, one whose replies stand alone makes the proxy look at all copies, and mend them.
  const report = await chaos(temporaryDirectory(t), { sabotage, replicas: 1, workloads: ['register', 'tagged'] })
  const checks = new Set(report.violations.map(({ check }) => check))
  t.ok(checks.has('placement: differs'), summarize(report))
  t.ok(
    ['wrong reply', 'stranger', 'linearizable', 'future'].some((check) => checks.has(check)),
    [...checks].join(),
  )
})

t.test('a proxy whose replies come in another order than the commands is found', async (t) => {
  const report = await chaos(temporaryDirectory(t), { nodeArgs: nodeArgsOf('replies-by-arrival'), stopAtFirst: true })
  t.not(report.violations.length, 0)
})
