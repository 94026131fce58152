import { parseArgs } from 'node:util'
import type { Load } from './equal-load.js'
import { type FuzzReport, inMb, runFuzz } from './run-fuzz.js'

const USAGE = `Usage: npm run fuzz -- [options]

Starts a ring of real servers and a proxy, and lets at it clients of every bad kind: random commands, wrong lengths, changed
bytes, pieces of any size, much announced and not sent, floods that nobody reads; RESP2, RESP3, inline, TLS. Beside them
well-behaved clients know every reply, and how long it took: alone, beside attacks, and beside as many ordinary clients
that take as much CPU time, of the proxy and of the machine. These are what attacks are held against: what anybody waits
for whom a machine serves that has as much to do is not what attacks do to him.

  --seconds N      for so long (default 60)
  --seed N         of the first session (default: from the clock)
  --clients N      sessions at the same time (default 8)
  --sessions A-B   only these sessions of the seed, as a fault has named them
  --json           the report as JSON instead of text

Exits with 0 when nothing ended, no reply was wrong, memory stayed within the settings, all copies are equal, and the 99th
percentile of the well-behaved clients was at most twice as long beside attacks as beside ordinary clients.
`

/** How much longer a well-behaved client may wait beside attacks. */
const SLOWER_MAX = 2

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string' },
      clients: { type: 'string', default: '8' },
      sessions: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const ends: (() => unknown)[] = []
  try {
    const report = await runFuzz(
      { teardown: (end) => ends.unshift(end) },
      {
        seconds: Number(values.seconds),
        seed: values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed),
        clients: Number(values.clients),
        sessions: rangeOf(values.sessions),
      },
      (text) => process.stderr.write(`${text}\n`),
    )
    process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : text(report))
    return report.faults.length === 0 && report.ratio <= SLOWER_MAX ? 0 : 1
  } finally {
    for (const end of ends) await end()
  }
}

function rangeOf(text: string | undefined): [number, number] | undefined {
  if (text === undefined) return undefined
  const [first, last = first] = text.split('-').map(Number)
  return [first, last + 1]
}

function text(report: FuzzReport): string {
  const { seed, sessions, sentBytes, replies, checkedReplies, faults } = report
  const { p99AloneMs, p99OrdinaryMs, p99BesideMs, ratio, loadOrdinary, loadBeside } = report
  const load = ({ proxy, others }: Load) => `${proxy.toFixed(2)} and ${others.toFixed(2)} s a second`
  const { rssBeforeBytes, rssPeakBytes, rssAfterBytes } = report
  return `seed ${seed}: ${sessions} sessions, ${inMb(sentBytes)} sent, ${replies} replies; ${checkedReplies} replies of well-behaved clients checked
p99 ${p99OrdinaryMs.toFixed(2)} ms beside ordinary clients, ${p99BesideMs.toFixed(2)} ms beside attacks: ${ratio.toFixed(2)} times in the median of the rounds (at most ${SLOWER_MAX}); ${p99AloneMs.toFixed(2)} ms alone
CPU time of the proxy and of all others: ${load(loadOrdinary)} beside ordinary clients, ${load(loadBeside)} beside attacks
memory ${inMb(rssBeforeBytes)} before, ${inMb(rssPeakBytes)} at most, ${inMb(rssAfterBytes)} after
${faults.length} faults${faults.map((fault) => `\n  ${fault}`).join('')}
`
}

try {
  process.exitCode = await main()
} catch (error) {
  console.error((error as Error).stack)
  process.exitCode = 1
}
