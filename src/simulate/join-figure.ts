import { page, SERIES_MAX } from './page.js'
import type { JoinOptions, JoinResult } from './simulate-join.js'
import type { Summary } from './summary.js'
import { axisTicks, svg, svgText } from './svg.js'

/*
 * A panel for each size of the ring, two in a row; in it, for each number of keys, one box for each number of virtual
 * nodes. All places are in pixels.
 */
const WIDTH = 960
const MARGIN = 28
const HEADER_HEIGHT = 112
const COLUMN_GAP = 24
const PANEL_HEIGHT = 300
const PLOT = { left: 56, top: 34, bottom: 48 }
const PANEL_WIDTH = (WIDTH - 2 * MARGIN - COLUMN_GAP) / 2

/** At most this many numbers of virtual nodes can be told apart by colour. */
export const FIGURE_SERIES_MAX = SERIES_MAX

const STYLES = '.box{fill-opacity:.28;stroke-width:1.2} .line{stroke-width:1.2} .median{stroke-width:2.4}'

/** The results as an SVG document that draws its own background, light or dark as the reader prefers. */
export function joinFigure(options: JoinOptions, results: readonly JoinResult[]): string {
  const rows = Math.ceil(options.nodes.length / 2)
  const height = HEADER_HEIGHT + rows * PANEL_HEIGHT + MARGIN / 2
  const panels = options.nodes.map((nodes, i) => {
    const x = MARGIN + (i % 2) * (PANEL_WIDTH + COLUMN_GAP)
    const y = HEADER_HEIGHT + Math.floor(i / 2) * PANEL_HEIGHT
    const own = results.filter((result) => result.nodes === nodes)
    return svg('g', { transform: `translate(${x} ${y})` }, ...panel(options, nodes, own))
  })
  const title = 'Keys that change hands when a node joins a ring of N nodes'
  return page({ title, width: WIDTH, height, margin: MARGIN, styles: STYLES }, [...legend(options), ...panels])
}

/** What the marks mean: a line of words, and a line with each series and the ideal. */
function legend(options: JoinOptions): string[] {
  const words = `${options.seeds.length} rings for each box. Box: quartiles and median; whiskers: 5th to 95th percentile; point: mean, which approaches K/(N+1).`
  const marks = [svg('text', { class: 'faint', x: MARGIN, y: 65 }, svgText(words))]
  let x = MARGIN
  const entry = (mark: string[], label: string): void => {
    marks.push(...mark, svg('text', { class: 'ink', x: x + 30, y: 92 }, svgText(label)))
    x += 30 + label.length * 6.3 + 28
  }
  options.virtualNodes.forEach((virtualNodes, i) => {
    const box = svg('rect', { class: `s${i} box`, x: x + 1, y: 81, width: 20, height: 13 })
    const median = svg('line', { class: `s${i} median`, x1: x + 1, x2: x + 21, y1: 88, y2: 88 })
    entry([box, median], virtualNodes === 1 ? '1 virtual node (plain Chord)' : `${virtualNodes} virtual nodes`)
  })
  entry([svg('line', { class: 'ideal', x1: x - 2, x2: x + 24, y1: 88, y2: 88 })], 'K/N')
  return marks
}

function panel(options: JoinOptions, nodes: number, results: readonly JoinResult[]): string[] {
  const { keys } = options
  const greatest = Math.max(...results.map((result) => Math.max(result.keysChangingHands.p95, result.ideal)))
  const ticks = axisTicks(Math.max(greatest, 1), 6)
  const top = Math.max(greatest * 1.04, ticks[ticks.length - 2])
  const bottomY = PANEL_HEIGHT - PLOT.bottom
  const yOf = (value: number): number => bottomY - (value / top) * (bottomY - PLOT.top)
  const groupWidth = (PANEL_WIDTH - PLOT.left) / keys.length
  const xOf = (i: number): number => PLOT.left + (i + 0.5) * groupWidth

  const marks = [svg('text', { class: 'ink name', x: PLOT.left, y: 18 }, svgText(`N = ${nodes}`))]
  for (const tick of ticks.filter((tick) => tick <= top)) {
    const y = yOf(tick)
    marks.push(svg('line', { class: tick === 0 ? 'axis' : 'grid', x1: PLOT.left, x2: PANEL_WIDTH, y1: y, y2: y }))
    marks.push(
      svg('text', { class: 'faint', x: PLOT.left - 8, y: y + 4, 'text-anchor': 'end' }, svgText(grouped(tick))),
    )
  }
  const labelEvery = Math.ceil(36 / groupWidth)
  keys.forEach((count, i) => {
    if (i % labelEvery !== 0) return
    marks.push(
      svg('text', { class: 'faint', x: xOf(i), y: bottomY + 17, 'text-anchor': 'middle' }, svgText(short(count))),
    )
  })
  const middle = (PLOT.left + PANEL_WIDTH) / 2
  marks.push(
    svg('text', { class: 'faint', x: middle, y: bottomY + 36, 'text-anchor': 'middle' }, 'keys on the ring, K'),
  )

  const boxWidth = Math.min(16, (groupWidth * 0.68) / options.virtualNodes.length)
  for (const { virtualNodes, keys: count, keysChangingHands } of results) {
    const series = options.virtualNodes.indexOf(virtualNodes)
    const offset = (series - (options.virtualNodes.length - 1) / 2) * (boxWidth + 1)
    marks.push(...box(keysChangingHands, series, xOf(keys.indexOf(count)) + offset, boxWidth, yOf))
  }
  const ideal = keys.map((count, i) => `${xOf(i).toFixed(1)},${yOf(count / nodes).toFixed(1)}`)
  marks.push(svg('polyline', { class: 'ideal', points: ideal.join(' ') }))
  return marks
}

/** One box with whiskers, standing at `x`. */
function box(summary: Summary, series: number, x: number, width: number, yOf: (value: number) => number): string[] {
  const left = x - width / 2
  const right = x + width / 2
  const [p5, p25, median, p75, p95] = [summary.p5, summary.p25, summary.median, summary.p75, summary.p95].map(yOf)
  const colour = `s${series}`
  return [
    svg('line', { class: `${colour} line`, x1: x, x2: x, y1: p95, y2: p75 }),
    svg('line', { class: `${colour} line`, x1: x, x2: x, y1: p25, y2: p5 }),
    svg('line', { class: `${colour} line`, x1: x - width / 4, x2: x + width / 4, y1: p95, y2: p95 }),
    svg('line', { class: `${colour} line`, x1: x - width / 4, x2: x + width / 4, y1: p5, y2: p5 }),
    svg('rect', { class: `${colour} box`, x: left, y: p75, width, height: p25 - p75 }),
    svg('line', { class: `${colour} median`, x1: left, x2: right, y1: median, y2: median }),
    svg('circle', { class: `m${series} line`, cx: x, cy: yOf(summary.mean), r: 2 }),
  ]
}

/** 10000 as 10,000. */
function grouped(value: number): string {
  return value.toLocaleString('en-US')
}

/** 1500 as 1.5k, so that it fits below a box. */
function short(value: number): string {
  return value < 1000 ? `${value}` : `${value / 1000}k`
}
