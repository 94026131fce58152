import { parseArgs } from 'node:util'
import { inlineHotPaths } from '../../src/base/engine.js'
import { count, Progress, table } from '../../src/cli/terminal.js'
import { describeMachine } from '../support/run-bench.js'
import { CASES } from './cases.js'
import { withLink } from './link.js'
import { type Micro, type MicroResult, measureMicro } from './measure.js'

/*
 * `npm run bench:micro`: what the parts of the data path cost by themselves, to see in a minute what a change does to one
 * of them. They fail nobody: a part may become slower when the whole becomes faster.
 */

const USAGE = `Usage: npm run bench:micro -- [options]

CPU time of the parts of the data path, in nanoseconds.

  --only TEXT  those whose name has this in it
  --samples N  how often each is measured (default 15)
  --json       print JSON instead of a table
`

const progress = new Progress(process.stderr)

async function measureAll(cases: readonly Micro[], samples: number): Promise<MicroResult[]> {
  const results: MicroResult[] = []
  for (const [i, each] of cases.entries()) {
    progress.show([`${i + 1} of ${cases.length}: ${each.name}`])
    results.push(await measureMicro(each, samples))
  }
  progress.clear()
  return results
}

const flag = { type: 'boolean', default: false } as const
const options = {
  only: { type: 'string', default: '' },
  samples: { type: 'string', default: '15' },
  json: flag,
  help: flag,
} as const
const { values } = parseArgs({ options })
if (values.help) {
  process.stdout.write(USAGE)
} else {
  inlineHotPaths()
  const machine = describeMachine()
  const results = await withLink((links) =>
    measureAll(
      [...CASES, ...links].filter(({ name }) => name.includes(values.only)),
      Number(values.samples),
    ),
  )
  const columns = [{ head: 'ns' }, ...['median', 'least', 'most'].map((head) => ({ head, align: 'right' as const }))]
  const rows = results.map(({ name, nanoseconds: { median, min, max } }) => [
    name,
    ...[median, min, max].map((value) => (value < 100 ? value.toFixed(1) : count(value))),
  ])
  const text = `${table(process.stdout, columns, rows)}\n${machine.model}, Node ${machine.node}\n`
  process.stdout.write(values.json ? `${JSON.stringify({ machine, results }, null, 1)}\n` : text)
}
