import { type Column, count, duration, type Output, size, styled, table } from '../../src/cli/terminal.js'
import type { Line, Spread } from './results.js'
import { ROWS } from './rows.js'
import { SYSTEM_NAMES, SYSTEM_TITLES } from './systems.js'
import type { Verdict } from './targets.js'

/** Both tables for a terminal, or without colours for a file. */
export function resultTables(out: Output, lines: readonly Line[], verdicts: readonly Verdict[]): string {
  return [figuresTable(out, lines), targetsTable(out, verdicts)].filter((text) => text !== '').join('\n')
}

const right = (head: string): Column => ({ head, align: 'right' })
const FIGURE_COLUMNS = [
  ...[{ head: '' }, right('P'), { head: '' }, right('commands/s'), right('p50 ms'), right('p99 ms'), right('CPU µs')],
  ...[right('peak RSS'), right('CPU/twemproxy'), right('commands/twemproxy'), right('commands/Redis')],
]

function figuresTable(out: Output, lines: readonly Line[]): string {
  if (lines.length === 0) return ''
  const rows = orderOf(lines).map((line, i, all) => {
    const { title, pipeline } = rowOf(line)
    const first = i === 0 || all[i - 1].row !== line.row
    const times = (spread: Spread | undefined) => (spread === undefined ? '' : `${ratio(spread.median)} ×`)
    return [
      ...(first ? [title, String(pipeline)] : ['', '']),
      ...[SYSTEM_TITLES[line.system], count(line.perSecond.median), line.p50Ms.median.toFixed(2)],
      ...[line.p99Ms.median.toFixed(2), line.cpuMicros.median.toFixed(2), size(line.peakRssBytes.median)],
      ...[withRange(line.toTwemproxy?.cpuMicros), times(line.toTwemproxy?.perSecond), times(line.toRedis?.perSecond)],
    ]
  })
  return table(out, FIGURE_COLUMNS, rows)
}

function targetsTable(out: Output, verdicts: readonly Verdict[]): string {
  const measured = verdicts.filter(({ value }) => value !== undefined)
  if (measured.length === 0) return ''
  const rows = measured.map((verdict) => [verdict.title, limitOf(verdict), foundOf(verdict), verdictOf(verdict)])
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
export function limitOf({ atMost, atLeast, unit }: Verdict): string {
  return atMost === undefined ? `≥ ${inUnit(atLeast as number, unit)}` : `≤ ${inUnit(atMost, unit)}`
}

/** `0.93 × (0.91 to 0.97)`, or `not measured` */
export function foundOf({ value, unit }: Verdict): string {
  if (value === undefined) return 'not measured'
  return `${inUnit(value.median, unit)} (${bare(value.min, unit)} to ${bare(value.max, unit)})`
}

export function verdictOf({ met }: Verdict): string {
  return met === undefined ? '' : met ? 'met' : 'missed'
}

function inUnit(value: number, unit: Verdict['unit']): string {
  return `${bare(value, unit)} ${{ ratio: '×', ms: 'ms', bytes: 'MB' }[unit]}`
}

function bare(value: number, unit: Verdict['unit']): string {
  if (unit === 'ratio') return ratio(value)
  if (unit === 'bytes') return (value / 1e6).toFixed(0)
  return value >= 10 ? value.toFixed(0) : value.toFixed(2)
}

function ratio(value: number): string {
  return value.toFixed(2)
}

function withRange(spread: Spread | undefined): string {
  return spread === undefined ? '' : `${ratio(spread.median)} × (${ratio(spread.min)} to ${ratio(spread.max)})`
}

/** What a run says while it lasts: its last line, and how long it will go on. */
export function remaining(done: number, total: number, elapsedSeconds: number): string {
  return done === 0 ? '' : `${duration((elapsedSeconds / done) * (total - done))} to go`
}
