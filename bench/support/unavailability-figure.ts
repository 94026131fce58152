import { page } from '../../src/simulate/page.js'
import { svg, svgText } from '../../src/simulate/svg.js'

/** One fault, and what became of requests for each kind of key; times in ms. */
export interface Fault {
  readonly name: string
  readonly kinds: readonly {
    readonly role: 'master' | 'backup' | 'none'
    readonly kind: 'read' | 'write'
    readonly p50: number
    readonly p99: number
    readonly max: number
    readonly samples: number
    readonly failures: number
  }[]
}

/* Two panels, reads and writes, with a row for each fault and in it a line for each kind of key. Places in pixels. */
const WIDTH = 960
const MARGIN = 28
const HEADER_HEIGHT = 132
const ROW_HEIGHT = 44
const LABEL_WIDTH = 262
const PANEL_GAP = 52
const PANEL_WIDTH = (WIDTH - 2 * MARGIN - LABEL_WIDTH - PANEL_GAP) / 2
/** The axis is logarithmic. */
const DECADES = { from: 0, to: 4 }
const ROLES = ['master', 'backup', 'none'] as const
const LABELS = ['the server is their master', 'it has a copy', 'it has none']
const STYLES = '.range{stroke-width:2} .end{stroke-width:2} .dot{stroke:none}'

/** How long requests took, by fault: a dot for the median, a line to the 99th percentile, a stroke at the maximum. */
export function unavailabilityFigure(faults: readonly Fault[]): string {
  const height = HEADER_HEIGHT + faults.length * ROW_HEIGHT + 58
  const words =
    'The longest that a request for a key took, errors retried. Dot: median; end of the line: 99th percentile; stroke: maximum.'
  let x = MARGIN
  const legend = LABELS.flatMap((label, i) => {
    const at = x
    x += 18 + label.length * 6.3 + 28
    return [
      svg('circle', { class: `s${i} dot`, cx: at + 5, cy: 88, r: 4 }),
      svg('text', { class: 'ink', x: at + 18, y: 92 }, svgText(label)),
    ]
  })
  const labels = faults.map(({ name }, row) =>
    svg('text', { class: 'ink', x: MARGIN, y: HEADER_HEIGHT + (row + 0.5) * ROW_HEIGHT + 4 }, svgText(name)),
  )
  const panels = (['read', 'write'] as const).map((kind, column) => {
    const left = MARGIN + LABEL_WIDTH + column * (PANEL_WIDTH + PANEL_GAP)
    return svg('g', { transform: `translate(${left} ${HEADER_HEIGHT})` }, ...panel(kind, faults))
  })
  return page({ title: 'Unavailability by kind of fault', width: WIDTH, height, margin: MARGIN, styles: STYLES }, [
    svg('text', { class: 'faint', x: MARGIN, y: 65 }, svgText(words)),
    ...legend,
    ...labels,
    ...panels,
  ])
}

function panel(kind: 'read' | 'write', faults: readonly Fault[]): string[] {
  const bottom = faults.length * ROW_HEIGHT
  const marks = [svg('text', { class: 'ink name', x: 0, y: -10 }, svgText(kind === 'read' ? 'Reads' : 'Writes'))]
  for (let decade = DECADES.from; decade <= DECADES.to; decade++) {
    const at = xOf(10 ** decade)
    const name = decade < 3 ? `${10 ** decade} ms` : `${10 ** (decade - 3)} s`
    marks.push(svg('line', { class: 'grid', x1: at, x2: at, y1: 0, y2: bottom }))
    marks.push(svg('text', { class: 'faint', x: at, y: bottom + 18, 'text-anchor': 'middle' }, svgText(name)))
  }
  for (const [row, { kinds }] of faults.entries()) {
    const top = row * ROW_HEIGHT
    if (row > 0) marks.push(svg('line', { class: 'grid', x1: 0, x2: PANEL_WIDTH, y1: top, y2: top }))
    for (const [i, role] of ROLES.entries()) {
      const found = kinds.find((each) => each.role === role && each.kind === kind)
      if (found === undefined) continue
      const y = top + ROW_HEIGHT / 2 + (i - 1) * 12
      const [p50, p99, max] = [found.p50, found.p99, found.max].map(xOf)
      marks.push(svg('line', { class: `s${i} range`, x1: p50, x2: p99, y1: y, y2: y }))
      marks.push(svg('line', { class: `s${i} end`, x1: max, x2: max, y1: y - 4, y2: y + 4 }))
      marks.push(svg('circle', { class: `s${i} dot`, cx: p50, cy: y, r: 4 }))
    }
  }
  return marks
}

function xOf(ms: number): number {
  const portion = (Math.log10(Math.max(ms, 1e-9)) - DECADES.from) / (DECADES.to - DECADES.from)
  return Math.min(1, Math.max(0, portion)) * PANEL_WIDTH
}
