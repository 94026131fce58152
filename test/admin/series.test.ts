import t from 'tap'
import { METRICS, type Scrape } from '../../src/admin/metric-table.js'
import { buildView, emptyView } from '../../src/view/build-view.js'

/* A series is one by its name and labels: Prometheus takes the first of two, and says nothing. */

const migration = (member: string, reason: string, keys: number, secondsLeft?: number) => ({
  ...{ member, reason, sources: ['dt-1'], step: 'copying', seconds: 1, failed: [] },
  ...{ keys, keysTotal: 10 * keys, bytes: 100 * keys, secondsLeft },
})

t.test('members that receive several migrations', async (t) => {
  const now = {
    moving: [
      migration('dt-2', 'leave', 1, 5),
      migration('dt-2', 'failure', 2),
      migration('dt-2', 'failure', 3, 7),
      migration('dt-2', 'failure', 4, 6),
      migration('dt-3', 'failure', 5),
    ],
    views: { current: buildView('ring', 1, 1, 8, []) },
    status: { masters: [{ name: 'dt-2' }, { name: 'dt-3' }] },
    order: { pieces: { failed: { of: (name: string) => (name === 'dt-3' ? [{ id: 'x', reason: 'no' }] : []) } } },
  } as unknown as Scrape
  const samples = new Map<string, number>()
  for (const metric of METRICS) {
    if (!metric.name.startsWith('dt_migration_') || metric.kind === 'histogram') continue
    const value = metric.value(now)
    for (const [labels, one] of typeof value === 'number' ? [] : value) {
      t.same(Object.keys(labels), metric.labels, metric.name)
      const series = [metric.name.replace('dt_migration_', ''), ...Object.values(labels)].join(' ')
      t.notOk(samples.has(series), `${series} is there once`)
      samples.set(series, one)
    }
  }
  t.match(Object.fromEntries(samples), {
    ...{ 'keys dt-2 leave': 1, 'keys dt-2 failure': 9, 'keys dt-3 failure': 5 },
    ...{ 'keys_expected dt-2 failure': 90, 'bytes dt-2 failure': 900 },
    ...{ 'left_seconds dt-2 leave': 5, 'left_seconds dt-2 failure': 7 },
    ...{ 'ranges_left dt-2': 0, 'ranges_left dt-3': 0, 'keys_refused dt-2': 0, 'keys_refused dt-3': 1 },
  })
  t.notOk(samples.has('left_seconds dt-3 failure'), 'nothing to estimate from')
})

t.test('of a ring that is not known yet, as one that stands by has it, nothing is missed', async (t) => {
  const now = { views: { current: emptyView('ring', 2, 64, []) }, links: { get: () => undefined } } as unknown as Scrape
  for (const name of ['dt_ranges', 'dt_ranges_short', 'dt_ranges_unserved', 'dt_ranges_unwritable']) {
    const metric = METRICS.find((one) => one.name === name)!
    t.equal(metric.value(now), 0, name)
  }
})
