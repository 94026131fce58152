import t from 'tap'
import { comparisonFigure } from '../../bench/compare/figure.js'
import { report, verdictsOf } from '../../bench/compare/report.js'
import { soakFigure, soakSpread } from '../../bench/compare/soak-summary.js'
import { resultTables } from '../../bench/compare/table.js'
import { ABOUT, wholeComparison } from './samples.js'

const idle = {
  ...{ name: 'idle' as const, system: 'dt-r2' as const, title: 'memory', unit: 'bytes' as const },
  value: { median: 3e8, min: 3e8, max: 3e8 },
}
const points = Array.from({ length: 100 }, (_, i) => ({ seconds: i + 1, commands: (i + 1) * 10, rssBytes: 1e8 }))
const soak = { about: ABOUT, commands: 1000, points }

t.test('the results name the machine, the commit, every target and every row', async (t) => {
  const text = report({ comparison: { ...wholeComparison(), further: [idle], notes: ['A note.'] }, soak })
  t.match(text, '2026-01-02 03:04 UTC, commit 1a2b3c4. 2 × a processor, Node v20.3.0, Redis 7.0.15, twemproxy 0.5.0')
  t.match(text, '| GET, P=16: CPU | ≤ 0.80 × | 0.50 × (0.50 to 0.50) | met |')
  t.match(text, '| GET, P=64: CPU | ≤ 0.38 × | 0.50 × (0.50 to 0.50) | **missed** |')
  t.match(text, '| memory with 10,000 idle connections | ≤ 250 MB | 300 MB (300 to 300) | **missed** |')
  t.match(text, '| start of dt serve to its first reply | ≤ 500 ms | not measured |  |')
  t.match(text, /\| GET \| 1 \| Redis \| 100 \(100–100\) \|/)
  t.match(text, '1,000 commands, 80 % GET and 20 % SET')
  t.match(text, '\nA note.\n')
})

t.test('a row that is missed is explained where it is known why', async (t) => {
  const { samples, ...rest } = wholeComparison()
  const slower = samples.map((each) => ({ ...each, cpuMicros: each.system === 'dt-r2' ? 50 : each.cpuMicros }))
  const text = report({ comparison: { ...rest, samples: slower } })
  t.match(text, /^- \*\*SET, 1 MB, 3 copies: CPU\*\*: .*three servers/m)
  t.notMatch(report({ comparison: wholeComparison() }), /^- \*\*SET, 1 MB, 3 copies/m)
})

t.test('without twemproxy there are figures and no verdicts on ratios', async (t) => {
  const comparison = wholeComparison(['twemproxy'])
  const text = report({ comparison })
  t.notMatch(text, '## Targets')
  t.match(text, '| GET | 1 | Redis |')
  t.equal(comparisonFigure(comparison.samples), undefined)
  t.same(
    verdictsOf({ comparison }).filter(({ met }) => met !== undefined),
    [],
  )
})

t.test('a terminal gets colours, a file gets none', async (t) => {
  const comparison = { ...wholeComparison(), further: [idle] }
  const verdicts = verdictsOf({ comparison })
  const out = { write: () => {}, isTTY: true, hasColors: () => true }
  t.match(resultTables(out, comparison, verdicts), '\x1b[31mmissed')
  const plain = resultTables({ write: () => {} }, comparison, verdicts)
  t.notMatch(plain, '\x1b')
  t.match(plain, /^GET, P=64: CPU +≤ 0.38 × +0.50 × \(0.50 to 0.50\) +missed$/m)
})

t.test('the figure has a mark for each row on DT, and none beside the page', async (t) => {
  const { samples } = wholeComparison()
  const figure = comparisonFigure(samples) as string
  const rows = new Set(samples.filter(({ system }) => system.startsWith('dt')).map((each) => each.row + each.system))
  const inLegend = 3
  t.equal(figure.match(/<circle/g)?.length, rows.size + inLegend)
  t.match(figure, 'prefers-color-scheme:dark')
  t.notMatch(figure, 'NaN')
  const [, height] = /viewBox="0 0 960 ([0-9]+)"/.exec(figure) as RegExpExecArray
  const lowest = Math.max(...[...figure.matchAll(/cy="([0-9.]+)"/g)].map(([, cy]) => Number(cy)))
  t.ok(lowest + 128 < Number(height))
})

t.test('growth is the last quarter of the commands to the second', async (t) => {
  t.match(soakSpread(soak), { median: 1, min: 1, max: 1 })
  const growing = points.map((point, i) => ({ ...point, rssBytes: i < 50 ? 1e8 : 1.5e8 }))
  t.equal(soakSpread({ ...soak, points: growing })?.median, 1.5)
  const settling = points.map((point, i) => ({ ...point, rssBytes: i < 25 ? 5e7 : 1e8 }))
  t.equal(soakSpread({ ...soak, points: settling })?.median, 1)
  t.equal(soakSpread({ commands: 10, points: points.slice(0, 1) }), undefined)
  t.match(soakFigure(soak), /<polyline/)
})
