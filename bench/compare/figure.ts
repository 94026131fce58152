import { page } from '../../src/simulate/page.js'
import { axisTicks, svg, svgText } from '../../src/simulate/svg.js'
import { type Line, linesOf, type Sample } from './results.js'
import { orderOf, rowOf } from './table.js'
import { TARGETS } from './targets.js'

/*
 * A line for each row of the table on DT: its CPU time per command as a ratio to twemproxy's in the same round, with the
 * target where there is one. Places in pixels.
 */
const WIDTH = 960
const MARGIN = 28
const HEADER_HEIGHT = 128
const ROW_HEIGHT = 21
const GROUP_GAP = 12
const LABEL_WIDTH = 244
const MICROS_WIDTH = 150
const PLOT_WIDTH = WIDTH - 2 * MARGIN - LABEL_WIDTH - MICROS_WIDTH
const STYLES = '.range{stroke-width:2} .target{fill-opacity:.8} .zone{fill-opacity:.13}'
/** As the colours' own stroke would win over a class that has none. */
const bare = { style: 'stroke:none' }
const KINDS = ['reads', '1 copy', '3 copies']
/** Of the colours of a page: green is for what is reached. */
const SERIES = [1, 0, 3]

/** The figure, or undefined where there is nothing to compare with. */
export function comparisonFigure(samples: readonly Sample[]): string | undefined {
  const all = linesOf(samples)
  const lines = orderOf(all).filter(({ system, toTwemproxy }) => system.startsWith('dt') && toTwemproxy !== undefined)
  if (lines.length === 0) return undefined
  const most = Math.max(1.5, ...lines.map(({ toTwemproxy }) => toTwemproxy!.cpuMicros.max))
  const ticks = axisTicks(most, 8)
  const xOf = (ratio: number) => (ratio / ticks[ticks.length - 1]) * PLOT_WIDTH
  const marks: string[] = []
  let y = 0
  for (const [i, line] of lines.entries()) {
    if (i > 0 && groupOf(lines[i - 1]) !== groupOf(line)) y += GROUP_GAP
    const before = all.find(({ row, system }) => row === line.row && system === 'twemproxy')
    marks.push(...rowMarks(line, before, y, xOf))
    y += ROW_HEIGHT
  }
  const plot = svg(
    'g',
    { transform: `translate(${MARGIN + LABEL_WIDTH} ${HEADER_HEIGHT})` },
    ...ticks.flatMap((tick) => {
      const at = xOf(tick)
      const kind = tick === 0 ? 'axis' : 'grid'
      const label = { class: 'faint', x: at, y: -8, 'text-anchor': 'middle' }
      return [
        svg('line', { class: kind, x1: at, x2: at, y1: 0, y2: y }),
        svg('text', label, svgText(`${Number(tick.toFixed(2))} ×`)),
      ]
    }),
    svg('line', { class: 'ideal', x1: xOf(1), x2: xOf(1), y1: 0, y2: y }),
    svg('text', { class: 'faint', x: PLOT_WIDTH + MICROS_WIDTH, y: -8, 'text-anchor': 'end' }, 'µs, twemproxy → DT'),
    ...marks,
  )
  const title = 'CPU time of the proxy per command, as a ratio to twemproxy'
  const height = HEADER_HEIGHT + y + MARGIN
  return page({ title, width: WIDTH, height, margin: MARGIN, styles: STYLES }, [...legend(), plot])
}

function groupOf(line: Line): string {
  const { group, pipeline } = rowOf(line)
  return `${group} ${pipeline}`
}

/** 0 for what only reads, else by its copies. */
function kindOf(line: Line): number {
  if (line.system === 'dt-r0') return 1
  return /^(GET|MGET)/.test(rowOf(line).title) ? 0 : 2
}

function rowMarks(line: Line, before: Line | undefined, top: number, xOf: (ratio: number) => number): string[] {
  const { title, pipeline, oneCopy } = rowOf(line)
  const y = top + ROW_HEIGHT / 2
  const colour = `s${SERIES[kindOf(line)]}`
  const { median, min, max } = line.toTwemproxy!.cpuMicros
  const copies = oneCopy ? `, ${KINDS[kindOf(line)]}` : ''
  const micros = [before, line].map((each) => microsText(each?.cpuMicros.median ?? Number.NaN)).join(' → ')
  const target = TARGETS.find(
    ({ of }) => 'row' in of && of.figure === 'cpuMicros' && of.row === line.row && of.system === line.system,
  )?.atMost
  const right = { class: 'faint', x: PLOT_WIDTH + MICROS_WIDTH, y: y + 4, 'text-anchor': 'end' }
  return [
    svg('text', { class: 'ink', x: -LABEL_WIDTH, y: y + 4 }, svgText(`${title}${copies}`)),
    svg('text', { class: 'faint', x: -10, y: y + 4, 'text-anchor': 'end' }, svgText(`P=${pipeline}`)),
    ...(target === undefined
      ? []
      : [
          svg('rect', { class: 's2 zone', ...bare, x: 0, y: top + 3, width: xOf(target), height: ROW_HEIGHT - 6 }),
          svg('rect', {
            class: 's2 target',
            ...bare,
            x: xOf(target) - 1,
            y: top + 3,
            width: 2,
            height: ROW_HEIGHT - 6,
          }),
        ]),
    svg('line', { class: `${colour} range`, x1: xOf(min), x2: xOf(max), y1: y, y2: y }),
    svg('circle', { class: `${colour} dot`, cx: xOf(median), cy: y, r: 4.5 }),
    svg('text', right, svgText(micros)),
  ]
}

function microsText(micros: number): string {
  return micros < 100 ? micros.toFixed(micros < 10 ? 2 : 1) : micros.toFixed(0)
}

function legend(): string[] {
  const words = 'Dot: median of the rounds; line: least to most. Left of the dashed line DT takes less than twemproxy.'
  const marks = [svg('text', { class: 'faint', x: MARGIN, y: 65 }, svgText(words))]
  let x = MARGIN
  const entry = (mark: string, label: string) => {
    marks.push(mark, svg('text', { class: 'ink', x: x + 26, y: 92 }, svgText(label)))
    x += 26 + label.length * 6.3 + 26
  }
  for (const [i, kind] of KINDS.entries()) {
    entry(svg('circle', { class: `s${SERIES[i]} dot`, cx: x + 10, cy: 88, r: 4.5 }), i === 0 ? kind : `writes, ${kind}`)
  }
  entry(svg('rect', { class: 's2 zone', ...bare, x, y: 81, width: 20, height: 14 }), 'within the target')
  return marks
}
