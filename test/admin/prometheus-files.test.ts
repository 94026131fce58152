import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { METRICS } from '../../src/admin/metric-table.js'

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly do: string }
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

t.test(
  'Prometheus takes both files',
  { skip: !has('promtool') && 'promtool (Debian: prometheus) is not there' },
  async (t) => {
    t.match(execFileSync('promtool', ['check', 'config', 'conf/prometheus.yml'], { encoding: 'utf8' }), 'SUCCESS')
  },
)

function has(program: string): boolean {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
