import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { names, number } from '../chaos/options.js'
import { tableOf } from './report.js'
import { DEFAULT_FAULTS, runSoak } from './run-soak.js'

/** What harms members and links and needs no client's help. */
const MORE_FAULTS = ['wipe', 'partition', 'slow', 'stall', 'lose', 'gone']
const POSSIBLE = [...DEFAULT_FAULTS, ...MORE_FAULTS]

const USAGE = `Usage: npm run soak -- [options]

Starts a ring of five real servers with three copies, Sentinels and a proxy,
and speaks to it at moderate load for long, while members are killed and
paused and links are cut. Shows as a table how the proxy fares: replies, how
long they took, memory, lag of its event loop, faults, and errors that clients
got.

  --minutes N      for so long (default 30)
  --seconds N      the same in seconds
  --seed N         of the faults (default: from the clock)
  --clients N      that know each reply (default 4); half as many more say
                   one of everything
  --faults a,b     default ${DEFAULT_FAULTS.join()}; or 'none', or 'all'. There are
                   also ${MORE_FAULTS.join(', ')}
  --dir DIR        where servers keep data and logs (default: a temporary
                   directory, removed when all went well)
  --json           the report as JSON instead of the table

Exits with 0 when nothing ended by itself, no reply was wrong, each error said
what became of its command, the ring came to rest, all copies are equal, and
memory did not grow from a third of the time on.
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '30' },
      seconds: { type: 'string' },
      seed: { type: 'string' },
      clients: { type: 'string', default: '4' },
      faults: { type: 'string', default: DEFAULT_FAULTS.join() },
      dir: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const dir = values.dir ?? mkdtempSync(join(tmpdir(), 'dt-soak-'))
  mkdirSync(dir, { recursive: true })
  const report = await runSoak(
    {
      seconds:
        values.seconds === undefined ? 60 * number('--minutes', values.minutes) : number('--seconds', values.seconds),
      seed: values.seed === undefined ? Date.now() % 1_000_000 : number('--seed', values.seed),
      faults: names('--faults', values.faults, POSSIBLE),
      clients: number('--clients', values.clients),
      dir,
    },
    (line) => process.stderr.write(`${line}\n`),
  )
  process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : tableOf(report))
  const isWell = report.violations.length === 0
  if (isWell && values.dir === undefined) rmSync(dir, { recursive: true, force: true })
  else process.stderr.write(`Logs and data are in ${dir}\n`)
  return isWell ? 0 : 1
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
process.exit(
  await main().catch((error: Error) => {
    process.stderr.write(`soak: ${error.stack}\n`)
    return 2
  }),
)
