import { count, duration } from '../../src/cli/terminal.js'
import { type Line, linesOf, type Spread } from './results.js'
import type { Comparison, ResultsData, Soak } from './results-data.js'
import { soakSpread } from './soak-summary.js'
import { SYSTEM_TITLES } from './systems.js'
import { foundText, inUnit, limitText, machineText, milliseconds, orderOf, rowOf, verdictText } from './table.js'
import { judge, type Verdict } from './targets.js'

/** bench/results.md: the targets, all figures, and how they were found. */
export function report(data: ResultsData): string {
  const { comparison, soak } = data
  const sections = [
    '# What a command costs',
    'Written by `npm run bench`; [README.md](README.md) says how to read it.',
    ...(comparison === undefined ? [] : comparisonSections(comparison, soak)),
    ...(soak === undefined ? [] : soakSections(soak)),
  ]
  return `${sections.join('\n\n')}\n`
}

/** Every target with what was found. */
export function verdictsOf({ comparison, soak }: ResultsData): Verdict[] {
  const further = Object.fromEntries(
    (comparison?.further ?? []).filter(({ system }) => system === 'dt-r2').map(({ name, value }) => [name, value]),
  )
  const flat = soak === undefined ? undefined : soakSpread(soak)
  return judge(linesOf(comparison?.samples ?? []), flat === undefined ? further : { ...further, soak: flat })
}

function comparisonSections(comparison: Comparison, soak: Soak | undefined): string[] {
  const { about, samples, further, notes, rounds, seconds } = comparison
  const lines = linesOf(samples)
  const verdicts = verdictsOf({ comparison, ...(soak === undefined ? {} : { soak }) })
  const missed = verdicts.filter(({ met }) => met === false)
  const judged = verdicts.filter(({ met }) => met !== undefined)
  const hasTwemproxy = lines.some(({ system }) => system === 'twemproxy')
  return [
    machineText(about),
    `Each row was measured on every system in turn, ${rounds} times, about ${seconds} s each time. Figures are medians, in brackets the least and the most; ratios are those of two figures of the same round.`,
    ...notes,
    ...(hasTwemproxy
      ? [
          '![CPU time per command as a ratio to twemproxy, with the targets](results.svg)',
          '## Targets',
          `${judged.length - missed.length} of ${judged.length} are met. Ratios are to twemproxy, those of transactions to the same commands without one.`,
          targetsTable(verdicts),
          ...reasons(missed),
        ]
      : ['Twemproxy was not there to compare with, so that there are no ratios to it.']),
    '## Figures',
    figuresTable(lines),
    '## Further figures',
    markdownTable(
      ['', 'median', 'least to most', '99 %'],
      further.map(({ title, value, unit, p99 }) => {
        const text = (each: number) => inUnit(each, unit)
        const range = value.min === value.max ? '' : `${text(value.min)} to ${text(value.max)}`
        return [title, text(value.median), range, p99 === undefined ? '' : text(p99)]
      }),
    ),
  ]
}

function reasons(missed: readonly Verdict[]): string[] {
  const items = missed.flatMap(({ title, why }) => (why === undefined ? [] : [`- **${title}**: ${why}`]))
  return items.length === 0 ? [] : [items.join('\n')]
}

function targetsTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map((verdict) => [
    ...[verdict.title, limitText(verdict), foundText(verdict)],
    verdict.met === false ? '**missed**' : verdictText(verdict),
  ])
  return markdownTable(['', 'target', 'found', ''], rows)
}

const HEADS = ['', 'P', '', 'commands/s', 'p50 ms', 'p99 ms', 'CPU µs/command', 'peak RSS MB']
const RATIO_HEADS = ['CPU/twemproxy', 'commands/twemproxy', 'p50/twemproxy', 'CPU/Redis', 'commands/Redis', 'p50/Redis']

function figuresTable(lines: readonly Line[]): string {
  const rows = orderOf(lines).map((line, i, all) => {
    const first = i === 0 || all[i - 1].row !== line.row
    const { toRedis } = line
    const toTwemproxy = line.system === 'redis' ? undefined : line.toTwemproxy
    const ratioText = (spread: Spread | undefined) => (spread === undefined ? '' : ranged(spread, (x) => x.toFixed(2)))
    return [
      ...(first ? [rowOf(line).title, String(rowOf(line).pipeline)] : ['', '']),
      SYSTEM_TITLES[line.system],
      ranged(line.perSecond, count),
      ranged(line.p50Ms, milliseconds),
      ranged(line.p99Ms, milliseconds),
      ranged(line.cpuMicros, (micros) => micros.toFixed(2)),
      ranged(line.peakRssBytes, (bytes) => (bytes / 1e6).toFixed(0)),
      ...[toTwemproxy?.cpuMicros, toTwemproxy?.perSecond, toTwemproxy?.p50Ms].map(ratioText),
      ...[toRedis?.cpuMicros, toRedis?.perSecond, toRedis?.p50Ms].map(ratioText),
    ]
  })
  return markdownTable([...HEADS, ...RATIO_HEADS], rows)
}

function ranged({ median, min, max }: Spread, text: (value: number) => string): string {
  return `${text(median)} (${text(min)}–${text(max)})`
}

function soakSections(soak: Soak): string[] {
  const { commands, points, about } = soak
  const flat = soakSpread(soak)
  const last = points[points.length - 1]
  const rss = points.map(({ rssBytes }) => rssBytes / 1e6)
  return [
    '## Memory over many commands',
    machineText(about),
    '![Memory of the proxy over the commands that it has served](soak.svg)',
    `${count(commands)} commands, 80 % GET and 20 % SET with three copies (P=64, 50 connections, 16-byte values), in ${duration(last.seconds)}. The proxy had ${Math.min(...rss).toFixed(0)} to ${Math.max(...rss).toFixed(0)} MB in use${flat === undefined ? '' : `; the median of the last quarter is ${flat.median.toFixed(2)} × that of the second`}.`,
  ]
}

function markdownTable(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  const rule = heads.map((_, i) => (i === 0 || heads[i] === '' ? '---' : '---:'))
  return [line(heads), line(rule), ...rows.map(line)].join('\n')
}
