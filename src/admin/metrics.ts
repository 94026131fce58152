import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { Server } from '../client/server.js'
import { METRICS } from './metric-table.js'

/** The metrics of the process and of the ring, as Prometheus reads them. Nothing is counted for them on the way of a command. */
export function metricsOf(server: Server): Registry {
  const registry = new Registry()
  // Event loop, garbage collection, memory, processor time.
  collectDefaultMetrics({ register: registry })
  for (const { name, help, kind, labels = [], value } of METRICS) {
    const samples = () => {
      const now = value(server)
      return typeof now === 'number' ? ([[{}, now]] as const) : now
    }
    const about = { name, help, labelNames: [...labels], registers: [registry] }
    if (kind === 'gauge') {
      new Gauge({
        ...about,
        collect() {
          this.reset()
          for (const [of, number] of samples()) this.set(of, number)
        },
      })
    } else {
      new Counter({
        ...about,
        collect() {
          this.reset()
          for (const [of, number] of samples()) this.inc(of, number)
        },
      })
    }
  }
  return registry
}
