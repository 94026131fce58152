import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Violation } from './checkers/violation.js'
import { DEFECTS, nodeArgsOf } from './defects/defects.js'
import { FIRST_VERSION } from './defects/first-version.js'
import type { Sought } from './defects/sought.js'
import { FAULTS } from './faults.js'
import { summarize } from './report.js'
import { type ChaosOptions, runChaos } from './run-chaos.js'
import { WORKLOADS } from './workloads.js'

const USAGE = `Usage: npm run chaos:defects -- [options] [defect …]

Runs the harness against a proxy with one deliberate defect after the other (default: all of them), under the faults that
show it, in rounds with a seed each, until a check finds it. Before them it runs the same faults without a defect, in which
nothing may be found.

  --seconds N   for so long things go wrong for each defect (default 60)
  --seed N      of the first round (default 1)
  --program DIR find what the first version did wrong in a build of it (808aea3) in that directory
  --show        print what was found

Exits with 0 when every defect was found, and nothing where there is none.
`

/** Things go wrong for so long in a round: a defect that shows at once is known soon after. */
const ROUND_SECONDS = 15
/** A process that ended, a fault that could not be brought about, or a search that was given up says nothing of the defect. */
const HOLLOW = new Set(['crash', 'fault', 'undecided'])
/** Nor does an answer that came late, on a machine that has other things to do, unless that is what the defect does. */
const LATE = 'availability'
/** In a ring without fronts, and in one with them. */
const NO_DEFECT: Readonly<Record<string, { readonly fronts: number }>> = {
  none: { fronts: 0 },
  'none-with-fronts': { fronts: 2 },
}

interface Found {
  readonly name: string
  /** By which checks, with the first of each; empty when none did. */
  readonly violations: readonly Violation[]
  /** For how long things had gone wrong, and until it was known. */
  readonly chaosSeconds: number
  readonly seconds: number
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: '1' },
      program: { type: 'string' },
      show: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const program = values.program === undefined ? undefined : resolve(values.program)
  const all: Readonly<Record<string, Sought>> = program === undefined ? DEFECTS : FIRST_VERSION
  const names = positionals.length > 0 ? positionals : [...(program ? [] : Object.keys(NO_DEFECT)), ...Object.keys(all)]
  for (const name of names) {
    if (!(name in NO_DEFECT) && all[name] === undefined) throw new Error(`there is no defect '${name}'`)
  }
  say(row('defect', 'found', 'chaos', 'after', 'by'))
  let wrong = 0
  for (const name of names) {
    const sought = name in NO_DEFECT ? allFaults(NO_DEFECT[name].fronts) : all[name]
    const found = await find(name, sought, program, Number(values.seconds), Number(values.seed), values.show)
    const isFound = found.violations.some(isTelling(sought))
    const isRight = name in NO_DEFECT ? found.violations.length === 0 : isFound
    if (!isRight) wrong++
    const by = found.violations.map(({ check, message }) =>
      HOLLOW.has(check) ? `${check}: ${message.split('\n')[0]}` : check,
    )
    const seconds = (value: number) => `${value.toFixed(0)} s`
    const text = isFound ? 'yes' : 'no'
    say(
      row(
        name,
        isRight ? text : text.toUpperCase(),
        seconds(found.chaosSeconds),
        seconds(found.seconds),
        by.join(', '),
      ),
    )
  }
  say(wrong === 0 ? `\nAll as it should be.\n` : `\n${wrong} of ${names.length} are NOT as they should be.\n`)
  return wrong === 0 ? 0 : 1
}

/** Rounds until a check says that something is wrong, or the time is over. */
async function find(
  name: string,
  sought: Sought,
  program: string | undefined,
  seconds: number,
  firstSeed: number,
  show: boolean,
): Promise<Found> {
  const dir = mkdtempSync(join(tmpdir(), `dt-defect-${name}-`))
  const startedMs = performance.now()
  const violations = new Map<string, Violation>()
  let chaosSeconds = 0
  for (let seed = firstSeed; ![...violations.values()].some(isTelling(sought)) && chaosSeconds < seconds; seed++) {
    const { roundSeconds = ROUND_SECONDS } = sought
    const least = Math.max(roundSeconds, ...sought.faults.map((fault) => FAULTS[fault].leastSeconds ?? 0))
    const ofRound = Math.min(least, seconds - chaosSeconds)
    const options: ChaosOptions = {
      seed,
      seconds: ofRound,
      nodes: 5,
      replicas: 2,
      stateFile: false,
      clients: 10,
      ballast: sought.ballast ?? 2000,
      ...sought.ring,
      workloads: sought.workloads ?? WORKLOADS,
      faults: sought.faults,
      program,
      dir: join(dir, String(seed)),
      nodeArgs: name in NO_DEFECT || program !== undefined ? [] : nodeArgsOf(name),
      stopAtFirst: true,
    }
    let found: readonly Violation[]
    try {
      const report = await runChaos(options, () => {})
      const undecided = report.history.undecided.map((key) => ({ check: 'undecided', key, message: '', witness: [] }))
      found = [...report.violations, ...undecided]
      if ((show || name in NO_DEFECT) && found.length > 0) process.stderr.write(summarize(report))
    } catch (error) {
      found = [{ check: 'crash', key: '', message: (error as Error).message, witness: [] }]
    }
    chaosSeconds += ofRound
    for (const violation of found) if (!violations.has(violation.check)) violations.set(violation.check, violation)
  }
  // What was found where there is no defect has to be looked into.
  if (name in NO_DEFECT && violations.size > 0) say(`Logs and data are in ${dir}\n`)
  else rmSync(dir, { recursive: true, force: true })
  return { name, violations: [...violations.values()], chaosSeconds, seconds: (performance.now() - startedMs) / 1000 }
}

function isTelling({ isLate }: Sought): (violation: Violation) => boolean {
  return ({ check }) => !HOLLOW.has(check) && (check !== LATE || isLate === true)
}

/** Everything that the defects are looked for with. */
function allFaults(fronts: number): Sought {
  const defects = Object.values<Sought>(DEFECTS).filter(({ ring }) => (ring?.fronts ?? 0) > 0 === fronts > 0)
  return { summary: 'none', ring: { fronts }, faults: [...new Set(defects.flatMap(({ faults }) => faults))] }
}

function row(name: string, found: string, chaos: string, seconds: string, by: string): string {
  return `${name.padEnd(32)}${found.padEnd(7)}${chaos.padStart(5)}${seconds.padStart(8)}   ${by}\n`
}

function say(text: string): void {
  process.stdout.write(text)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
process.exit(
  await main().catch((error: Error) => {
    process.stderr.write(`chaos:defects: ${error.stack}\n`)
    return 2
  }),
)
