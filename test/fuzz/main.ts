import { parseArgs } from 'node:util'
import { type FuzzReport, inMb, runFuzz } from './run-fuzz.js'

const USAGE = `Usage: npm run fuzz -- [options]

Starts a ring of real servers and a proxy, and lets at it clients of every bad kind: random commands, wrong lengths, changed
bytes, pieces of any size, much announced and not sent, floods that nobody reads; RESP2, RESP3, inline, TLS. Beside them
well-behaved clients know every reply, and how long it took alone and beside attacks.

  --seconds N      for so long (default 60)
  --seed N         of the first session (default: from the clock)
  --clients N      sessions at the same time (default 8)
  --sessions A-B   only these sessions of the seed, as a fault has named them
  --json           the report as JSON instead of text

Exits with 0 when nothing ended, no reply was wrong, memory stayed within the settings, all copies are equal, and the 99th
percentile of the well-behaved clients was at most twice as long beside attacks as alone.
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
    const ratio = report.p99BesideMs / report.p99AloneMs
    process.stdout.write(values.json ? `${JSON.stringify({ ...report, ratio })}\n` : text(report, ratio))
    return report.faults.length === 0 && (ratio <= SLOWER_MAX || values.sessions !== undefined) ? 0 : 1
  } finally {
    for (const end of ends) await end()
  }
}

function rangeOf(text: string | undefined): [number, number] | undefined {
  if (text === undefined) return undefined
  const [first, last = first] = text.split('-').map(Number)
  return [first, last + 1]
}

function text(report: FuzzReport, ratio: number): string {
  const { seed, sessions, sentBytes, replies, checkedReplies, p99AloneMs, p99BesideMs, faults } = report
  const { rssBeforeBytes, rssPeakBytes, rssAfterBytes } = report
  return `seed ${seed}: ${sessions} sessions, ${inMb(sentBytes)} sent, ${replies} replies; ${checkedReplies} replies of well-behaved clients checked
p99 ${p99AloneMs.toFixed(2)} ms alone, ${p99BesideMs.toFixed(2)} ms beside attacks: ${ratio.toFixed(2)} times (at most ${SLOWER_MAX})
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
