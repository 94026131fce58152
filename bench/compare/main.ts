import { parseArgs } from 'node:util'
import { bar, Progress } from '../../src/cli/terminal.js'
import { linesOf, type Sample } from './results.js'
import { fill, runRounds, systemsOf } from './rounds.js'
import { chooseRows, ROWS } from './rows.js'
import { withSystems } from './systems.js'
import { remaining, resultTables } from './table.js'
import { judge } from './targets.js'

const { values } = parseArgs({
  options: {
    rows: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.5' },
    json: { type: 'boolean', default: false },
  },
})
const rows = values.rows === undefined ? ROWS : chooseRows(values.rows.split(','))
const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)]
const interrupt = new AbortController()
process.once('SIGINT', () => interrupt.abort(new Error('interrupted')))
const samples: Sample[] = []
const progress = new Progress(process.stderr)
await withSystems(async ({ all }) => {
  await fill(rows, all)
  const runsPerRound = rows.reduce((sum, row) => sum + systemsOf(row, all).length, 0)
  let startMs = Date.now()
  await runRounds({
    ...{ rows, systems: all, rounds, seconds, signal: interrupt.signal },
    onTrial: (row) => {
      startMs = Date.now()
      progress.show([`a first try of everything: ${row.title}`])
    },
    onSample: (sample) => {
      samples.push(sample)
      const total = rounds * runsPerRound
      const left = remaining(samples.length, total, (Date.now() - startMs) / 1000)
      progress.show([
        `${bar(samples.length, total)}  ${left}`,
        `round ${sample.round}: ${sample.row}, ${sample.system}`,
      ])
    },
  })
}).catch((error) => {
  if (!interrupt.signal.aborted) throw error
})
progress.clear()
const lines = linesOf(samples)
const verdicts = judge(lines, {})
process.stdout.write(
  values.json ? `${JSON.stringify({ lines, verdicts, samples })}\n` : resultTables(process.stdout, lines, verdicts),
)
