import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { checkHistory } from './checkers/check-history.js'
import { DEFECTS, nodeArgsOf } from './defects/defects.js'
import { DEFAULT_FAULTS, DEFAULT_FAULTS_OF_FRONTS, FAULTS } from './faults.js'
import { describe, readHistory, writeHistory } from './history.js'
import { names, number } from './options.js'
import { summarize } from './report.js'
import { type ChaosReport, type Progress, runChaos } from './run-chaos.js'
import { drawFronts, drawSettings, FLUSHABLE, type Settings } from './settings.js'
import { WORKLOADS } from './workloads.js'

const USAGE = `Usage: npm run chaos -- [options]

Starts a ring of real processes, drives it with clients, lets things go wrong, and checks every promise [design §2].

  --seconds N       how long things go wrong (default 60)
  --seed N          the same seed plans the same operations and faults (default: from the clock)
  --nodes N         members (default: 3 to 6, by the seed)
  --replicas R      backups of each key (default: 1 or 2, by the seed)
  --state-file X    yes or no: whether the proxy keeps a state file (default: by the seed)
  --fronts N        proxies that send their clients on to the one that owns the ring, or 'some': 1 or 2, by the seed (default 0)
  --clients N       clients at the same time (default 10)
  --faults a,b      only these faults, 'none', 'all', or those that are not by name alone (default)
  --workloads a,b   only these workloads
  --ballast N       keys that are written beforehand (default 2000)
  --program DIR     another build of the proxy, the directory with its dist
  --defect NAME     with this deliberate defect in the proxy (and without --faults: under the faults that show it)
  --dir DIR         where servers keep data and logs (default: a temporary directory, removed when all went well)
  --history FILE    where the history is written (default: in DIR)
  --replay FILE     check a history again instead
  --list            name the faults and workloads

Exits with 0 when there was no violation and something was checked.
`

/** Below these numbers a run has proved nothing. */
const OPERATIONS_MIN_PER_SECOND = 20

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string' },
      nodes: { type: 'string' },
      replicas: { type: 'string' },
      'state-file': { type: 'string' },
      program: { type: 'string' },
      fronts: { type: 'string' },
      clients: { type: 'string', default: '10' },
      faults: { type: 'string' },
      workloads: { type: 'string' },
      ballast: { type: 'string', default: '2000' },
      defect: { type: 'string' },
      dir: { type: 'string' },
      history: { type: 'string' },
      replay: { type: 'string' },
      list: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  if (values.help) return say(USAGE)
  if (values.list) return say(listing())
  if (values.replay !== undefined) return replay(values.replay)

  const dir = values.dir ?? mkdtempSync(join(tmpdir(), 'dt-chaos-'))
  mkdirSync(dir, { recursive: true })
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : number('--seed', values.seed)
  const drawn = drawSettings(seed)
  const defect = values.defect === undefined ? undefined : DEFECTS[values.defect]
  if (values.defect !== undefined && defect === undefined)
    throw new Error(`there is no defect '${values.defect}'; see --list`)
  const { fronts: asked = String(defect?.ring?.fronts ?? 0) } = values
  const fronts = asked === 'some' ? drawFronts(seed) : number('--fronts', asked)
  const common = {
    seed,
    seconds: number('--seconds', values.seconds),
    nodes: values.nodes === undefined ? drawn.nodes : number('--nodes', values.nodes),
    replicas: values.replicas === undefined ? drawn.replicas : number('--replicas', values.replicas),
    stateFile: values['state-file'] === undefined ? drawn.stateFile : values['state-file'] === 'yes',
    fronts,
    program: values.program === undefined ? undefined : resolve(values.program),
    clients: number('--clients', values.clients),
    ballast: number('--ballast', values.ballast),
    dir,
  }
  const byItself =
    defect === undefined && values.faults === undefined ? choiceOf(drawn, fronts) : { faults: '', workloads: 'all' }
  const report = await runChaos(
    {
      ...common,
      faults: names('--faults', values.faults ?? defect?.faults.join(',') ?? byItself.faults, Object.keys(FAULTS)),
      workloads: names('--workloads', values.workloads ?? byItself.workloads, WORKLOADS),
      nodeArgs: values.defect === undefined ? [] : nodeArgsOf(values.defect),
    },
    showProgress,
  )
  clearProgress()
  say(summarize(report))
  const passed = judge(report)
  if (passed && values.dir === undefined && values.history === undefined) rmSync(dir, { recursive: true, force: true })
  else {
    const file = values.history ?? join(dir, 'history.jsonl')
    const { options, startedMs, faults } = report
    writeHistory(file, { seed: options.seed, startedMs, options, faults }, report.operations)
    say(`The history is in ${file}, logs and data in ${dir}\n`)
  }
  return passed ? 0 : 1
}

/** The faults and workloads of a run for which none are named. */
function choiceOf({ flushAll }: Settings, fronts: number): { faults: string; workloads: string } {
  const all = fronts > 0 ? DEFAULT_FAULTS_OF_FRONTS : DEFAULT_FAULTS
  if (!flushAll) return { faults: all.join(','), workloads: 'all' }
  const faults = all.filter((name) => name !== 'swap')
  return { faults: [...faults, 'flushall'].join(','), workloads: FLUSHABLE.join(',') }
}

function judge({ violations, history, operations, options, keysPlaced }: ChaosReport): boolean {
  const done = operations.filter(({ outcome }) => outcome.kind === 'ok').length
  const enough = done >= OPERATIONS_MIN_PER_SECOND * options.seconds && keysPlaced > 0
  if (!enough) say(`Only ${done} operations were answered and ${keysPlaced} keys compared: nothing is proved.\n`)
  return enough && violations.length === 0 && history.undecided.length === 0
}

function replay(file: string): number {
  const { header, operations } = readHistory(file)
  const { violations, undecided, checked } = checkHistory(operations)
  for (const { check, key, message, witness } of violations) {
    say(`- ${check}, ${JSON.stringify(key)}: ${message}\n`)
    for (const operation of witness) say(`    ${describe(operation, header.startedMs)}\n`)
  }
  for (const key of undecided) say(`undecided: ${JSON.stringify(key)}\n`)
  const keys = [...checked.values()].reduce((sum, { keys: count }) => sum + count, 0)
  say(`${operations.length} operations on ${keys} keys: ${violations.length} violations\n`)
  return violations.length === 0 && undecided.length === 0 && keys > 0 ? 0 : 1
}

function listing(): string {
  const faults = Object.entries(FAULTS).map(([name, { summary }]) => `  ${name.padEnd(22)}${summary}\n`)
  const defects = Object.entries(DEFECTS).map(([name, { summary }]) => `  ${name.padEnd(32)}${summary}\n`)
  return `Faults:\n${faults.join('')}\nWorkloads:\n  ${WORKLOADS.join(', ')}\n\nDefects:\n${defects.join('')}`
}

function showProgress({ phase, operations, unknown, failed, faults, going }: Progress): void {
  if (!process.stderr.isTTY) return
  const counts = `${operations} operations (${failed} not applied, ${unknown} unknown), ${faults} faults`
  const line = `${phase}: ${counts}${going === '' ? '' : `: ${going}`}`
  process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`)
}

function clearProgress(): void {
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
}

function say(text: string): number {
  process.stdout.write(text)
  return 0
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
process.exit(
  await main().catch((error: Error) => {
    process.stderr.write(`chaos: ${error.stack}\n`)
    return 2
  }),
)
