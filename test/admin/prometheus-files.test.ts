import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { collectDefaultMetrics, Registry } from 'prom-client'
import t from 'tap'
import { parse } from 'yaml'
import { METRICS } from '../../src/admin/metric-table.js'
import { hasProgram } from '../helpers/has-program.js'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly do: string }
}

interface Panel {
  readonly id: number
  readonly title: string
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

const alerts = parse(readFileSync('conf/alerts.yml', 'utf8')) as { groups: { rules: Rule[] }[] }
const rules = alerts.groups.flatMap(({ rules }) => rules)

t.test('each alert asks for metrics that there are, and says what to do', async (t) => {
  const known = new Set(METRICS.map(({ name }) => name))
  t.ok(rules.length >= 10)
  for (const { alert, expr, labels, annotations } of rules) {
    for (const [name] of expr.matchAll(/\bdt_[a-z_]+/g)) t.ok(known.has(name), `${alert}: ${name}`)
    t.match(labels.severity, /^(page|ticket)$/, alert)
    t.match(annotations.summary, /\.$/, alert)
    t.match(annotations.do, /\.$/, alert)
  }
})

t.test('the dashboard asks for metrics that there are, by labels that they have', async (t) => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const ofProcess = registry.getMetricsAsArray().map(({ name }) => name)
  registry.clear()
  const labelsOf = new Map<string, readonly string[]>(ofProcess.map((name) => [name, []]))
  for (const { name, kind, labels = [] } of METRICS) {
    const series = kind === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name]
    for (const each of series) labelsOf.set(each, labels)
  }
  const dashboard = JSON.parse(readFileSync('conf/grafana.json', 'utf8')) as { panels: Panel[] }
  const targets = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map((target) => ({ title, ...target })))
  t.ok(targets.length >= 40)
  const shown = new Set<string>()
  for (const { title, expr, legendFormat } of targets) {
    const names = [...expr.matchAll(/\b(?:dt|nodejs|process)_[a-z0-9_]+/g)].map(([name]) => name)
    for (const name of names) t.ok(labelsOf.has(name), `${title}: ${name}`)
    for (const name of names) shown.add(name.replace(/_(bucket|sum|count)$/, ''))
    const labels = names.flatMap((name) => labelsOf.get(name) ?? [])
    for (const [, label] of legendFormat.matchAll(/{{(\w+)}}/g)) t.ok(labels.includes(label), `${title}: ${label}`)
    for (const [, by] of expr.matchAll(/by \(([^)]*)\)/g)) {
      for (const label of by.split(', ')) t.ok(label === 'le' || labels.includes(label), `${title}: by ${label}`)
    }
  }
  t.ok(shown.size >= 35, 'and shows most of them')
  t.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
})

t.test(
  'Prometheus takes both files',
  {
    skip: !hasProgram('promtool') && 'there is no promtool on the PATH (Debian: apt-get install prometheus)',
  },
  async (t) => {
    t.match(execFileSync('promtool', ['check', 'config', 'conf/prometheus.yml'], { encoding: 'utf8' }), 'SUCCESS')
  },
)
