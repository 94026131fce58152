import { LINE_CHART_STYLES, type Line, lineChart, lineLegend } from './line-chart.js'
import { page, SERIES_MAX } from './page.js'
import type { LossOptions, LossResult } from './simulate-loss.js'
import { axisTicks, svg, svgText } from './svg.js'

/* A row for each number of servers: how likely a loss is, and how large one is. All places are in pixels. */
const WIDTH = 960
const MARGIN = 28
const HEADER_HEIGHT = 112
const COLUMN_GAP = 24
const PANEL = { width: (WIDTH - 2 * MARGIN - COLUMN_GAP) / 2, height: 300 }

/** At most this many numbers of virtual nodes can be told apart: a Redis Cluster takes one of the colours. */
export const LOSS_SERIES_MAX = SERIES_MAX - 1

/** The results as an SVG document. */
export function lossFigure(options: LossOptions, results: readonly LossResult[]): string {
  const { nodes, virtualNodes, replicas, seeds, orders } = options
  const seriesOf = (result: LossResult) =>
    result.virtualNodes === undefined ? virtualNodes.length : virtualNodes.indexOf(result.virtualNodes)
  const panels = nodes.flatMap((count, row) => {
    const own = results.filter((result) => result.nodes === count)
    const y = HEADER_HEIGHT + row * PANEL.height
    const chart = (column: number, name: string, valuesOf: (result: LossResult) => readonly (number | undefined)[]) =>
      lineChart({
        name,
        place: { x: MARGIN + column * (PANEL.width + COLUMN_GAP), y, ...PANEL },
        x: {
          label: 'servers that fail at once, f',
          ...{ min: 0, max: count, ticks: axisTicks(count, 10).filter((tick) => tick <= count && tick % 1 === 0) },
          format: String,
        },
        y: { label: '', min: 0, max: 1, ticks: [0, 0.2, 0.4, 0.6, 0.8, 1], format: (v) => `${Math.round(v * 100)} %` },
        lines: own.map((result): Line => {
          const points = valuesOf(result).flatMap((value, f) => (value === undefined ? [] : [[f, value] as const]))
          return { series: seriesOf(result), points }
        }),
      })
    return [
      chart(0, `N = ${count}: probability that some key is lost`, ({ probability }) => probability),
      chart(1, `N = ${count}: share of the keys that a loss takes`, ({ shareIfAny }) => shareIfAny),
    ]
  })
  const words = `${replicas + 1} copies of each key. DT: ${seeds.length} rings of the proxy's own code, ${orders} orders of failure each; Redis Cluster: exact.`
  const entries = [
    ...virtualNodes.map((count, series) => ({ series, label: storeName(count) })),
    { series: virtualNodes.length, label: storeName(undefined) },
  ]
  return page(
    {
      title: 'Losing data when f of N servers fail at once',
      ...{ width: WIDTH, height: HEADER_HEIGHT + nodes.length * PANEL.height + MARGIN / 2, margin: MARGIN },
      styles: LINE_CHART_STYLES,
    },
    [svg('text', { class: 'faint', x: MARGIN, y: 65 }, svgText(words)), ...lineLegend(entries, MARGIN, 88), ...panels],
  )
}

/** How a store is called in figure and table; undefined is a Redis Cluster. */
export function storeName(virtualNodes: number | undefined): string {
  if (virtualNodes === undefined) return 'Redis Cluster'
  return virtualNodes === 1 ? 'DT, 1 virtual node' : `DT, ${virtualNodes} virtual nodes`
}
