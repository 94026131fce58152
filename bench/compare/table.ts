import { type Column, count, type Output, size, styled, table } from '../../src/cli/terminal.js'
import type { FurtherFigure } from './further.js'
import { type Line, linesOf, type Spread } from './results.js'
import type { About, Comparison } from './results-data.js'
import { ROWS } from './rows.js'
import { SYSTEM_NAMES, SYSTEM_TITLES } from './systems.js'
import type { Verdict } from './targets.js'

/** Everything that a run has found, for a terminal or a file. */
export function resultTables(
  out: Output,
  { about, samples, further, notes }: Comparison,
  verdicts: readonly Verdict[],
): string {
  const parts = [figuresTable(out, linesOf(samples)), furtherTable(out, further), targetsTable(out, verdicts)]
  return [...parts.filter((text) => text !== ''), `${[machineText(about), ...notes].join('\n')}\n`].join('\n')
}

const right = (head: string): Column => ({ head, align: 'right' })
const FIGURE_COLUMNS = [
  ...[{ head: '' }, right('P'), { head: '' }, right('commands/s'), right('p50 ms'), right('p99 ms'), right('CPU µs')],
  ...[right('peak RSS'), right('CPU ratio'), right('commands ratio'), right('to Redis')],
]
const FIGURES_WORDS =
  'Medians; CPU time of the process per command. The ratios of CPU and commands are to twemproxy in the same round\n' +
  '(least to most), the last one is that of the commands to Redis.\n'

function figuresTable(out: Output, lines: readonly Line[]): string {
  if (lines.length === 0) return ''
  const rows = orderOf(lines).map((line, i, all) => {
    const { title, pipeline } = rowOf(line)
    const first = i === 0 || all[i - 1].row !== line.row
    const toTwemproxy = line.system === 'redis' ? undefined : line.toTwemproxy
    const times = (spread: Spread | undefined) => (spread === undefined ? '' : ratio(spread.median))
    return [
      ...(first ? [title, String(pipeline)] : ['', '']),
      ...[SYSTEM_TITLES[line.system], count(line.perSecond.median), milliseconds(line.p50Ms.median)],
      ...[milliseconds(line.p99Ms.median), line.cpuMicros.median.toFixed(2), size(line.peakRssBytes.median)],
      ...[withRange(toTwemproxy?.cpuMicros), times(toTwemproxy?.perSecond), times(line.toRedis?.perSecond)],
    ]
  })
  return `${table(out, FIGURE_COLUMNS, rows)}${FIGURES_WORDS}`
}

function furtherTable(out: Output, further: readonly FurtherFigure[]): string {
  if (further.length === 0) return ''
  const rows = further.map(({ title, unit, value, p99 }) => {
    const text = (each: number | undefined) => (each === undefined ? '' : inUnit(each, unit))
    return [title, ...[value.median, value.min, p99, value.max].map(text)]
  })
  return table(out, [{ head: '' }, ...['median', 'least', '99 %', 'most'].map(right)], rows)
}

function targetsTable(out: Output, verdicts: readonly Verdict[]): string {
  const measured = verdicts.filter(({ value }) => value !== undefined)
  if (measured.length === 0) return ''
  const rows = measured.map((verdict) => [verdict.title, limitText(verdict), foundText(verdict), verdictText(verdict)])
  const columns = [{ head: 'target' }, right(''), { head: 'found (least to most)' }, { head: '' }]
  return table(out, columns, rows, (text, column, row) => {
    if (column !== 3) return text
    return styled(out, measured[row].met ? 'green' : 'red', text)
  })
}

export function orderOf(lines: readonly Line[]): Line[] {
  const placeOf = ({ row, system }: Line) =>
    ROWS.findIndex(({ id }) => id === row) * SYSTEM_NAMES.length + SYSTEM_NAMES.indexOf(system)
  return [...lines].sort((a, b) => placeOf(a) - placeOf(b))
}

export function rowOf({ row }: Line) {
  return ROWS.find(({ id }) => id === row)!
}

/** `≤ 1.10 ×`, `≥ 1.00 ×`, `≤ 500 ms` */
export function limitText({ atMost, atLeast, unit }: Verdict): string {
  return atMost === undefined ? `≥ ${inUnit(atLeast as number, unit)}` : `≤ ${inUnit(atMost, unit)}`
}

/** `0.93 × (0.91 to 0.97)`, or `not measured` */
export function foundText({ value, unit }: Verdict): string {
  if (value === undefined) return 'not measured'
  return `${inUnit(value.median, unit)} (${bare(value.min, unit)} to ${bare(value.max, unit)})`
}

export function verdictText({ met }: Verdict): string {
  return met === undefined ? '' : met ? 'met' : 'missed'
}

export function inUnit(value: number, unit: Verdict['unit']): string {
  return `${bare(value, unit)} ${{ ratio: '×', ms: 'ms', bytes: 'MB' }[unit]}`
}

function bare(value: number, unit: Verdict['unit']): string {
  if (unit === 'ratio') return ratio(value)
  if (unit === 'bytes') return (value / 1e6).toFixed(0)
  return value >= 10 ? value.toFixed(0) : value.toFixed(2)
}

/** A connection by itself waits for some hundredths of a millisecond. */
export function milliseconds(ms: number): string {
  return ms.toFixed(ms < 1 ? 3 : 2)
}

function ratio(value: number): string {
  return value.toFixed(2)
}

function withRange(spread: Spread | undefined): string {
  return spread === undefined ? '' : `${ratio(spread.median)} (${ratio(spread.min)} to ${ratio(spread.max)})`
}

/** When, with which state of the sources, and on what machine. */
export function machineText({ date, commit, machine, loadAtEnd, twemproxy }: About): string {
  const { cpus, model, node, redis, loadAtStart } = machine
  const programs = `Node ${node}, Redis ${redis}${twemproxy === undefined ? '' : `, twemproxy ${twemproxy}`}`
  const load = `load ${loadAtStart.toFixed(1)} before and ${loadAtEnd.toFixed(1)} after`
  return `${date.slice(0, 16).replace('T', ' ')} UTC, commit ${commit}. ${cpus} × ${model}, ${programs}, ${load}.`
}
