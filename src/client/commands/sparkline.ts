/** What LATENCY GRAPH draws [Redis sparkline.c, latency.c]. */

const COLUMNS = 80
const ROWS = 4
/** From the lowest on; what is higher is filled below. */
const SIGNS = '_o#'
const STEPS = SIGNS.length * ROWS

/**
 * The samples of an event as a graph of signs.
 *
 * @param samples at which second, and how many ms it took; the oldest first
 * @param mostMs the longest ever
 */
export function latencyGraph(
  event: string,
  samples: readonly (readonly [atSeconds: number, ms: number])[],
  mostMs: number,
  nowSeconds: number,
): string {
  const shown = samples.filter(([, ms]) => ms !== 0)
  const values = shown.map(([, ms]) => ms)
  const [high, low] = values.length === 0 ? [0, 0] : [Math.max(...values), Math.min(...values)]
  const head = `${event} - high ${high} ms, low ${low} ms (all time high ${mostMs} ms)\n${'-'.repeat(COLUMNS)}\n`
  const points = shown.map(([atSeconds, ms]) => ({
    step: stepOf(ms - low, high - low),
    label: ago(nowSeconds - atSeconds),
  }))
  const parts: string[] = []
  for (let from = 0; from < points.length; from += COLUMNS) parts.push(drawn(points.slice(from, from + COLUMNS)))
  return head + parts.join('\n')
}

function stepOf(over: number, range: number): number {
  return Math.min(STEPS - 1, Math.trunc((over * STEPS) / (range === 0 ? 1 : range)))
}

interface Point {
  readonly step: number
  readonly label: string
}

/** The rows of signs, an empty one, and the labels from top to bottom. */
function drawn(points: readonly Point[]): string {
  const lines: string[] = []
  const line = (sign: (point: Point) => string) => lines.push(`${points.map(sign).join('')}\n`)
  for (let row = 0; row < ROWS; row++) {
    line(({ step }) => {
      const sign = step - (ROWS - row - 1) * SIGNS.length
      return sign < 0 ? ' ' : (SIGNS[sign] ?? '|')
    })
  }
  line(() => ' ')
  const longest = Math.max(...points.map(({ label }) => label.length))
  for (let i = 0; i < longest; i++) line(({ label }) => label[i] ?? ' ')
  return lines.join('')
}

function ago(seconds: number): string {
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.trunc(seconds / 60)}m`
  return seconds < 24 * 3600 ? `${Math.trunc(seconds / 3600)}h` : `${Math.trunc(seconds / (24 * 3600))}d`
}
