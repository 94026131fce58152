import { svg, svgText } from './svg.js'

const LIGHT = ['#b35900', '#0969da', '#1a7f37', '#8250df']
const DARK = ['#f0a04b', '#58a6ff', '#56d364', '#d2a8ff']

/** At most this many series can be told apart by colour. */
export const SERIES_MAX = LIGHT.length

export interface Page {
  readonly title: string
  /** Pixels, as everywhere. */
  readonly width: number
  readonly height: number
  readonly margin: number
  /** CSS of marks that only this figure has. */
  readonly styles?: string
}

/**
 * A whole figure: an SVG document that draws its own background, light or dark as the reader prefers. What is on it gets
 * its colours by classes: `paper`, `ink`, `faint`, `grid`, `axis`, `ideal`, and `s0` … for the series (`m0` … with the
 * background inside).
 */
export function page({ title, width, height, margin, styles = '' }: Page, content: readonly string[]): string {
  return `${svg(
    'svg',
    { xmlns: 'http://www.w3.org/2000/svg', viewBox: `0 0 ${width} ${height}`, width, height, role: 'img' },
    svg('title', {}, svgText(title)),
    svg('style', {}, stylesheet(styles)),
    svg('rect', { class: 'paper', width, height }),
    svg('text', { class: 'ink title', x: margin, y: 42 }, svgText(title)),
    ...content,
  )}\n`
}

function stylesheet(more: string): string {
  const colours = (series: readonly string[], paper: string, ink: string, faint: string, grid: string): string[] => [
    `.paper{fill:${paper}} .ink{fill:${ink}} .faint{fill:${faint}} .grid{stroke:${grid}} .axis,.ideal{stroke:${ink}}`,
    ...series.map((colour, i) => `.s${i}{stroke:${colour};fill:${colour}} .m${i}{stroke:${colour};fill:${paper}}`),
  ]
  return [
    '',
    'text{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;font-size:12px}',
    '.title{font-size:20px;font-weight:600} .name{font-size:14px;font-weight:600}',
    '.grid,.axis{stroke-width:1} .ideal{stroke-width:1.5;stroke-dasharray:5 4;fill:none}',
    ...(more === '' ? [] : [more]),
    ...colours(LIGHT, '#ffffff', '#1f2328', '#59636e', '#e4e8ec'),
    '@media (prefers-color-scheme:dark){',
    ...colours(DARK, '#0d1117', '#e6edf3', '#9198a1', '#262c35'),
    '}',
    '',
  ].join('\n')
}
