import { collectDefaultMetrics, Registry } from 'prom-client'
import { METRICS } from '../src/admin/metric-table.js'

const HEADER = `# Metrics

Made from the table of metrics by \`npm run docs\`: change the table, not this page.

This is what \`/metrics\` shows ([Watching it](../README.md#watching-it)). A counter only grows, but for \`CONFIG RESETSTAT\` and a new start of the
proxy; a histogram has the series \`_bucket\`, \`_sum\` and \`_count\`. There are as many series as there are members, Sentinels, codes of errors and
classes of commands; none grows with keys or clients.

The classes: \`proxy\` (answered by the proxy itself, refusals among them), \`read\`, \`write\`, \`script\`, \`transaction\` (\`EXEC\`, \`WATCH\`), \`blocking\`
(may wait for an element, which then does not count), \`keyspace\` (over all servers) and \`channels\`. Histograms have buckets from 16 µs to 16 s, each twice as wide
as the one before, and times are exact to about 16 µs. Of a write that several servers have, the member is the one that answered last. \`PING\` alone is not timed.
`

/** docs/metrics.md: all metrics, ours and those of the process. */
export function metricsPage(): string {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const own = METRICS.map(({ name, kind, labels = [], help }) => row(name, kind, labels, help))
  const ofProcess = (registry.getMetricsAsArray() as unknown as Shown[]).map((metric) => {
    return row(metric.name, metric.constructor.name.toLowerCase(), metric.labelNames ?? [], `${metric.help}`)
  })
  registry.clear()
  return `${HEADER}\n## Of the ring\n\n${table(own)}\n## Of the process\n\nThose of [prom-client](https://github.com/siimon/prom-client), in its words.\n\n${table(ofProcess)}`
}

interface Shown {
  readonly name: string
  readonly help: string
  readonly labelNames?: readonly string[]
}

function row(name: string, kind: string, labels: readonly string[], help: string): string {
  return `| \`${name}\` | ${kind} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${help} |`
}

function table(rows: readonly string[]): string {
  return `| name | kind | labels | |\n|---|---|---|---|\n${rows.join('\n')}\n`
}
