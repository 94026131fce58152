import { collectDefaultMetrics, Registry } from 'prom-client'
import { BOUNDS_S, type Histogram } from '../client/durations.js'
import type { Server } from '../client/server.js'
import { METRICS, type Metric, type Scrape, scrapeOf } from './metric-table.js'

/** A line of what Prometheus reads. */
interface Line {
  readonly metricName: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** The metrics of the process and of the ring, as Prometheus reads them. */
export interface Metrics {
  readonly contentType: string
  text(): Promise<string>
}

/** What is counted and measured is looked at when somebody asks, all of it at one moment. */
export function metricsOf(server: Server): Metrics {
  const registry = new Registry()
  // Event loop, garbage collection, memory, processor time.
  collectDefaultMetrics({ register: registry })
  let now: Scrape
  for (const metric of METRICS) {
    const { name, help, kind } = metric
    // prom-client's own classes count; these have counted already. It asks them all in one turn.
    const shown = {
      name,
      help,
      type: kind,
      get: async () => ({ name, help, type: kind, values: linesOf(metric, now) }),
    }
    registry.registerMetric(shown as never)
  }
  return {
    contentType: registry.contentType,
    text: () => {
      now = scrapeOf(server)
      return registry.metrics()
    },
  }
}

function linesOf(metric: Metric, now: Scrape): Line[] {
  const { name } = metric
  if (metric.kind === 'histogram') {
    return metric.value(now).flatMap(([labels, histogram]) => histogramLines(name, labels, histogram))
  }
  const value = metric.value(now)
  const samples = typeof value === 'number' ? ([[{}, value]] as const) : value
  return samples.map(([labels, value]) => ({ metricName: name, labels, value }))
}

/** Each bucket has all that is below its bound. */
function histogramLines(name: string, labels: Line['labels'], { counts, sumS }: Histogram): Line[] {
  let below = 0
  const buckets = counts.map((count, i): Line => {
    below += count
    const le = i < BOUNDS_S.length ? String(BOUNDS_S[i]) : '+Inf'
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: below }
  })
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sumS },
    { metricName: `${name}_count`, labels, value: below },
  ]
}
