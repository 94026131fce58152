import type { Violation } from './checkers/violation.js'
import { describe, type Operation } from './history.js'
import type { FaultRecord } from './nemesis.js'
import type { ChaosReport } from './run-chaos.js'
import { describeSettings } from './settings.js'

/** How many violations of one kind are shown whole. */
const SHOWN = 3

/** What a run did and found, for people. */
export function summarize(report: ChaosReport): string {
  const { options, operations, faults, history, violations, keysPlaced, verify, startedMs, skippedFaults, ceded } =
    report
  const lines: string[] = ['']
  const count = (kind: string) => operations.filter(({ outcome }) => outcome.kind === kind).length
  lines.push(`seed ${options.seed}: ${describeSettings(options)}, ${options.seconds} s`, '')
  lines.push(
    ...table([
      ['workload', 'operations', 'ok', 'not applied', 'unknown', 'keys', 'violations'],
      ...[...history.checked].map(([workload, { keys, violations: wrong }]) => {
        const of = operations.filter((operation) => operation.workload === workload)
        const kinds = ['ok', 'failed', 'unknown'].map((kind) => of.filter((one) => one.outcome.kind === kind).length)
        return [workload, of.length, ...kinds, keys, wrong]
      }),
      ['all', operations.length, count('ok'), count('failed'), count('unknown'), '', violations.length],
    ]),
  )
  if (faults.length > 0) {
    lines.push('', ...table([['fault', 'times', 'members'], ...countFaults(faults)]))
    if (skippedFaults > 0) lines.push(`${skippedFaults} more were planned and found no room`)
  }
  if (options.fronts !== undefined && options.fronts > 0)
    lines.push(`${ceded} owners ended because a front had gone on`)
  lines.push('', `${keysPlaced} keys compared on all members; DT VERIFY: ${verify}`)
  lines.push(`${report.untouched} times it is known that no fault touched what was asked`)
  for (const key of history.undecided) lines.push(`undecided: ${JSON.stringify(key)}: the search was given up`)
  if (history.unchecked > 0) lines.push(`${history.unchecked} keys were not looked at any more`)
  lines.push('', violations.length === 0 ? 'No violations.' : `${violations.length} VIOLATIONS`)
  const shown = new Map<string, number>()
  for (const violation of violations) {
    const before = shown.get(violation.check) ?? 0
    shown.set(violation.check, before + 1)
    if (before < SHOWN) lines.push(...show(violation, faults, startedMs))
  }
  for (const [check, number] of shown) if (number > SHOWN) lines.push(`… and ${number - SHOWN} more of '${check}'`)
  return `${lines.join('\n')}\n`
}

function show({ check, key, message, witness }: Violation, faults: readonly FaultRecord[], originMs: number): string[] {
  const head = `- ${check}${key === '' ? '' : `, ${JSON.stringify(key)}`}: ${message}`
  const lines = [head, ...abridged(witness.map((operation) => `    ${describe(operation, originMs)}`))]
  const near = faultsNear(witness, faults, originMs)
  return near === '' ? lines : [...lines, `    meanwhile: ${near}`]
}

/** How many operations of a long witness are shown at its beginning and at its end, where it goes wrong. */
const FIRST = 3
const LAST = 9

function abridged(lines: readonly string[]): string[] {
  if (lines.length <= FIRST + LAST + 1) return [...lines]
  return [...lines.slice(0, FIRST), `    … ${lines.length - FIRST - LAST} more …`, ...lines.slice(-LAST)]
}

/** The faults that went on while the operations of a witness did, or shortly before. */
function faultsNear(witness: readonly Operation[], faults: readonly FaultRecord[], originMs: number): string {
  if (witness.length === 0) return ''
  const ends = witness.map(({ invokedMs, returnedMs }) => (Number.isFinite(returnedMs) ? returnedMs : invokedMs))
  const fromMs = Math.min(...witness.map(({ invokedMs }) => invokedMs)) - 2000
  const toMs = Math.max(...ends)
  const seconds = (ms: number) => ((ms - originMs) / 1000).toFixed(2)
  return faults
    .filter(({ startedMs, healedMs }) => startedMs <= toMs && healedMs >= fromMs)
    .map(({ fault, targets, startedMs, healedMs }) => {
      return `${[fault, ...targets].join(' ')} [${seconds(startedMs)} – ${seconds(healedMs)}]`
    })
    .join(', ')
}

function countFaults(faults: readonly FaultRecord[]): (string | number)[][] {
  const counts = new Map<string, { times: number; members: number }>()
  for (const { fault, targets } of faults) {
    const count = counts.get(fault) ?? { times: 0, members: 0 }
    counts.set(fault, { times: count.times + 1, members: count.members + targets.length })
  }
  return [...counts].map(([fault, { times, members }]) => [fault, times, members])
}

function table(rows: readonly (readonly (string | number)[])[]): string[] {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => String(row[i]).length)))
  return rows.map((row) =>
    row.map((cell, i) => (i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]))).join('   '),
  )
}
