import { svg, svgText } from './svg.js'

/** CSS that a page with line charts needs. */
export const LINE_CHART_STYLES =
  '.curve{fill:none;stroke-width:2} .dashed{stroke-dasharray:5 4} .dot{stroke-width:1.5} .band{fill-opacity:.1}'

export interface Axis {
  readonly label: string
  readonly min: number
  readonly max: number
  /** Where there is a number, from `min` to `max`. */
  readonly ticks: readonly number[]
  format(value: number): string
}

export interface Line {
  /** Number of its colour; 'ideal' for what is expected, which is dashed. */
  readonly series: number | 'ideal'
  readonly points: readonly (readonly [x: number, y: number])[]
  /** A line, if not given. */
  readonly kind?: 'line' | 'dashed' | 'dots'
}

/** A part of the x axis that has a meaning, shaded over the whole height. */
export interface Band {
  readonly series: number
  readonly from: number
  readonly to: number
  readonly label: string
}

export interface LineChart {
  readonly name: string
  /** Where it stands, axes and labels included, in pixels. */
  readonly place: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }
  readonly x: Axis
  readonly y: Axis
  readonly lines: readonly Line[]
  readonly bands?: readonly Band[]
}

const INSET = { left: 58, top: 34, right: 8, bottom: 48 }

/** Lines and dots over a grid. What lies outside of the axes is drawn at their ends. */
export function lineChart({ name, place, x, y, lines, bands = [] }: LineChart): string {
  const right = place.width - INSET.right
  const bottom = place.height - INSET.bottom
  const xOf = (value: number) => INSET.left + portion(value, x) * (right - INSET.left)
  const yOf = (value: number) => bottom - portion(value, y) * (bottom - INSET.top)
  const marks = [svg('text', { class: 'ink name', x: INSET.left, y: 18 }, svgText(name))]
  for (const { series, from, to, label } of bands) {
    const width = xOf(to) - xOf(from)
    const area = { x: xOf(from), y: INSET.top, width, height: bottom - INSET.top }
    marks.push(svg('rect', { class: `s${series} band`, style: 'stroke:none', ...area }))
    marks.push(svg('text', { class: 'faint', x: xOf(from) + 4, y: INSET.top + 12 }, svgText(label)))
  }
  for (const tick of y.ticks) {
    const at = yOf(tick)
    marks.push(svg('line', { class: tick === y.min ? 'axis' : 'grid', x1: INSET.left, x2: right, y1: at, y2: at }))
    const label = { class: 'faint', x: INSET.left - 8, y: at + 4, 'text-anchor': 'end' }
    marks.push(svg('text', label, svgText(y.format(tick))))
  }
  for (const tick of x.ticks) {
    const label = { class: 'faint', x: xOf(tick), y: bottom + 17, 'text-anchor': 'middle' }
    marks.push(svg('text', label, svgText(x.format(tick))))
  }
  const middle = { class: 'faint', x: (INSET.left + right) / 2, y: bottom + 36, 'text-anchor': 'middle' }
  marks.push(svg('text', middle, svgText(x.label)))
  marks.push(svg('text', { class: 'faint', x: right, y: 18, 'text-anchor': 'end' }, svgText(y.label)))
  for (const { series, points, kind = 'line' } of lines) {
    const colour = series === 'ideal' ? 'ideal' : `s${series}`
    if (kind === 'dots') {
      const dot = series === 'ideal' ? 'ideal' : `m${series} dot`
      for (const [px, py] of points) marks.push(svg('circle', { class: dot, cx: xOf(px), cy: yOf(py), r: 3 }))
      continue
    }
    const corners = points.map(([px, py]) => `${xOf(px).toFixed(1)},${yOf(py).toFixed(1)}`)
    const style = series === 'ideal' ? colour : `${colour} curve${kind === 'dashed' ? ' dashed' : ''}`
    // As an attribute would lose against the colour's own fill, the style of the element says that it has none.
    marks.push(svg('polyline', { class: style, style: 'fill:none', points: corners.join(' ') }))
  }
  return svg('g', { transform: `translate(${place.x} ${place.y})` }, ...marks)
}

/** One entry of a legend: how the line looks, and what it is. */
export interface LegendEntry {
  readonly series: number | 'ideal'
  readonly label: string
  readonly kind?: Line['kind']
}

/** A row of entries that begins at `x`, with its middle at `y`. */
export function lineLegend(entries: readonly LegendEntry[], x: number, y: number): string[] {
  let left = x
  return entries.flatMap(({ series, label, kind = 'line' }) => {
    const at = left
    left += 30 + label.length * 6.3 + 28
    const colour = series === 'ideal' ? 'ideal' : `s${series} curve${kind === 'dashed' ? ' dashed' : ''}`
    const mark =
      kind === 'dots' && series !== 'ideal'
        ? svg('circle', { class: `m${series} dot`, cx: at + 12, cy: y, r: 3 })
        : svg('line', { class: colour, x1: at, x2: at + 24, y1: y, y2: y })
    return [mark, svg('text', { class: 'ink', x: at + 30, y: y + 4 }, svgText(label))]
  })
}

function portion(value: number, { min, max }: Axis): number {
  return max === min ? 0 : Math.min(1, Math.max(0, (value - min) / (max - min)))
}
