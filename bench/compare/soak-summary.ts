import { LINE_CHART_STYLES, lineChart } from '../../src/simulate/line-chart.js'
import { page } from '../../src/simulate/page.js'
import { summarize } from '../../src/simulate/summary.js'
import { axisTicks, svg, svgText } from '../../src/simulate/svg.js'
import type { Spread } from './results.js'
import type { Soak, SoakPoint } from './results-data.js'

/**
 * How much the memory grew: its median while the last quarter of the commands was served, and its least and most then,
 * as ratios to the median of the second quarter. The first one is left out: code gets warm, buffers get their size.
 * Undefined for a run that was too short.
 */
export function soakSpread({ commands, points }: Pick<Soak, 'commands' | 'points'>): Spread | undefined {
  const quarter = (number: number) => {
    const inIt = (point: SoakPoint) =>
      point.commands > ((number - 1) / 4) * commands && point.commands <= (number / 4) * commands
    return points.filter(inIt).map(({ rssBytes }) => rssBytes)
  }
  const [second, last] = [quarter(2), quarter(4)]
  if (second.length === 0 || last.length === 0) return undefined
  const [{ median: before }, after] = [summarize(second), summarize(last)]
  return { median: after.median / before, min: after.min / before, max: after.max / before }
}

const WIDTH = 960
const MARGIN = 28
const HEADER_HEIGHT = 84
const PANEL_HEIGHT = 280

/** The memory of the proxy over the commands that it has served. */
export function soakFigure({ commands, points }: Pick<Soak, 'commands' | 'points'>): string {
  const millions = axisTicks(commands / 1e6, 10)
  const megabytes = axisTicks(Math.max(...points.map(({ rssBytes }) => rssBytes)) / 1e6, 5)
  const words = '80 % GET and 20 % SET with three copies, 50 connections, P=64, 16-byte values.'
  return page(
    {
      title: 'Memory of the proxy over the commands that it has served',
      ...{ width: WIDTH, height: HEADER_HEIGHT + PANEL_HEIGHT + MARGIN / 2, margin: MARGIN, styles: LINE_CHART_STYLES },
    },
    [
      svg('text', { class: 'faint', x: MARGIN, y: 65 }, svgText(words)),
      lineChart({
        name: 'Resident set size',
        place: { x: MARGIN, y: HEADER_HEIGHT, width: WIDTH - 2 * MARGIN, height: PANEL_HEIGHT },
        x: axis('million commands', millions),
        y: axis('MB', megabytes),
        lines: [{ series: 1, points: points.map((point) => [point.commands / 1e6, point.rssBytes / 1e6] as const) }],
      }),
    ],
  )
}

function axis(label: string, ticks: readonly number[]) {
  const format = (value: number) => value.toLocaleString('en-US')
  return { label, min: 0, max: ticks[ticks.length - 1], ticks, format }
}
