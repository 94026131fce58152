import type { ProxyFigures } from './figures.js'

const MB = 1024 * 1024

/** One line of the table: what happened in some seconds up to `atSeconds`. */
export interface Row extends ProxyFigures {
  readonly atSeconds: number
  /** Faults that began in it. */
  readonly faults: Readonly<Record<string, number>>
  readonly replies: number
  /** Since the line before. */
  readonly seconds: number
  /** Of pipelines of four commands, and of one command of a kind. */
  readonly p50Ms: number
  readonly p99Ms: number
  readonly mostMs: number
  readonly errors: Readonly<Record<string, number>>
}

export interface SoakReport {
  readonly seed: number
  readonly seconds: number
  readonly replies: number
  readonly rows: readonly Row[]
  /** All faults by kind, and all errors. */
  readonly faults: Readonly<Record<string, number>>
  readonly errors: Readonly<Record<string, number>>
  /** How long the ring took to come to rest after the last one. */
  readonly restedMs: number
  readonly verify: string
  /** What may not happen. */
  readonly violations: readonly string[]
}

/** The growth of memory from a third of the time on, once everything has happened, that is taken for none. */
const GROWTH_FACTOR = 1.5
const GROWTH_BYTES = 32 * MB

/** What is wrong with how memory went; undefined when it stayed. Below two minutes nobody can tell. */
export function memoryFault(rows: readonly Row[]): string | undefined {
  const begin = rows.find(({ atSeconds }) => atSeconds >= (rows.at(-1)?.atSeconds ?? 0) / 3)
  const end = rows.at(-1)
  if (begin === undefined || end === undefined || end.atSeconds < 120) return undefined
  if (end.rssBytes <= begin.rssBytes * GROWTH_FACTOR + GROWTH_BYTES) return undefined
  return `the proxy's memory has grown from ${inMb(begin.rssBytes)} MB after ${begin.atSeconds} s to ${inMb(end.rssBytes)} MB`
}

export function tableOf({
  rows,
  seed,
  seconds,
  replies,
  faults,
  errors,
  restedMs,
  verify,
  violations,
}: SoakReport): string {
  const head = [
    's',
    'replies/s',
    'p50 ms',
    'p99 ms',
    'most ms',
    'RSS MB',
    'heap MB',
    'lag p99',
    'lag most',
    'faults',
    'errors',
  ]
  const lines = rows.map((row) => [
    String(row.atSeconds),
    (row.replies / row.seconds).toFixed(0),
    ...[row.p50Ms, row.p99Ms, row.mostMs].map((ms) => ms.toFixed(1)),
    ...[row.rssBytes, row.heapBytes].map(inMb),
    ...[row.lagP99Ms, row.lagMostMs].map((ms) => ms.toFixed(1)),
    counted(row.faults),
    counted(row.errors),
  ])
  const widths = head.map((_, i) => Math.max(...[head, ...lines].map((line) => line[i].length)))
  const last = head.length - 2
  const shown = [head, ...lines].map((line) =>
    line
      .map((text, i) => (i < last ? text.padStart(widths[i]) : text.padEnd(widths[i])))
      .join('  ')
      .trimEnd(),
  )
  return `${shown.join('\n')}

seed ${seed}, ${seconds} s: ${replies} replies; faults: ${counted(faults) || 'none'}; errors: ${counted(errors) || 'none'}
at rest ${(restedMs / 1000).toFixed(1)} s after the last fault; ${verify}
${violations.length} violations${violations.map((violation) => `\n  ${violation}`).join('')}
`
}

function counted(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ')
}

function inMb(bytes: number): string {
  return (bytes / MB).toFixed(0)
}
