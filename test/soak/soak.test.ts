import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { memoryFault, type Row, tableOf } from './report.js'
import { DEFAULT_FAULTS, runSoak, watch } from './run-soak.js'

/* A short `npm run soak`. */

const MB = 1024 * 1024

t.test('twenty seconds in which members are killed and paused, and links cut', { timeout: 180_000 }, async (t) => {
  const options = { seconds: 20, seed: 4, faults: DEFAULT_FAULTS, clients: 2, dir: temporaryDirectory(t) }
  const report = await runSoak(options, (line) => t.comment(line))
  t.same(report.violations, [])
  t.equal(report.rows.length, 4)
  t.ok(report.replies > 500, `${report.replies} replies`)
  t.ok(Object.keys(report.faults).length > 0, 'something went wrong meanwhile')
  for (const { rssBytes, lagMostMs, mostMs } of report.rows) t.ok(rssBytes > 10 * MB && lagMostMs > 0 && mostMs > 0)
  const lines = tableOf(report).split('\n')
  t.match(lines[0], /^ *s +replies\/s +p50 ms .* faults +errors$/)
  t.equal(lines.indexOf(''), 5, 'a line for each five seconds')
  t.match(lines.at(-2), '0 violations')
})

t.test('a proxy that does not say how it fares for a while is a violation, and not the end of the table', async (t) => {
  const figures = [
    ...['process_resident_memory_bytes 1000', 'nodejs_heap_size_used_bytes 100'],
    ...['nodejs_eventloop_lag_p99_seconds 0.01', 'nodejs_eventloop_lag_max_seconds 0.02'],
  ]
  let asked = 0
  const server = createServer((_request, response) => {
    asked++
    if (asked === 2) response.destroy()
    else response.end(asked === 3 ? `${figures.join('\n')}\n` : '')
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  let replies = 0
  const load = { take: () => ({ replies: ++replies, tookMs: [1], errors: new Map() }) }
  const violations = ['the proxy ended by itself: SIGSEGV']
  const rows = await watch(port, load, { records: [], status: () => '' }, 10, violations, (line) => t.comment(line))
  t.match(rows, [{ atSeconds: 10, rssBytes: 1000, lagMostMs: 20, replies: 1 }])
  t.equal(rows.length, 1)
  t.match(violations, [
    /ended by itself/,
    /^\/metrics did not answer: \/metrics has no process_resident_memory_bytes$/,
    /^\/metrics did not answer: ./,
  ])
})

t.test('memory that grows is a violation, and that of a beginning is not', async (t) => {
  const rows = (...rss: number[]) => rss.map((mb, i) => ({ atSeconds: (i + 1) * 60, rssBytes: mb * MB }) as Row)
  t.equal(memoryFault(rows(60, 100, 110, 100, 120, 125)), undefined)
  t.match(memoryFault(rows(60, 100, 110, 140, 170, 200)), 'has grown from 100 MB after 120 s to 200 MB')
  t.equal(memoryFault(rows(500)), undefined, 'nobody can tell')
})
