import t from 'tap'
import { benchmarkArguments, parseCsv, runRedisBenchmark, together } from '../../bench/compare/redis-benchmark.js'

const HEAD =
  '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"'
const LINE = '"SET key:__rand_int__ x","50125.32","15.122","0.392","6.703","81.983","96.511","96.703"'

t.test('what redis-benchmark prints is read by the heads of its columns', async (t) => {
  t.same(parseCsv(`${HEAD}\n${LINE}\n`), { perSecond: 50125.32, p50Ms: 6.703, p99Ms: 96.511 })
})

t.test('error replies are no result, and neither is nothing', async (t) => {
  const refused = 'Error from server: WRONGTYPE Operation against a key holding the wrong kind of value'
  t.throws(() => parseCsv(`${HEAD}\n${refused}\n${LINE}\n`), { message: /error reply.*WRONGTYPE/ })
  t.throws(() => parseCsv(''), { message: /found nothing/ })
  t.throws(() => parseCsv(`${HEAD}\n`), { message: /found nothing/ })
  t.throws(() => parseCsv(LINE), { message: /found nothing/ })
})

t.test('the command comes last, and a long value from the input', async (t) => {
  const driver = { clients: 40, command: ['GET', 'key:__rand_int__'], share: 0.8 }
  const run = { port: 7000, driver, pipeline: 16, keys: 100, requests: 5000 }
  const words = '-p 7000 -c 40 -n 5000 -r 100 -P 16 --csv'.split(' ')
  t.same(benchmarkArguments(run), [...words, 'GET', 'key:__rand_int__'])
  const large = { ...run, driver: { ...driver, command: ['SET', 'a'], valueBytes: 1e6 } }
  t.same(benchmarkArguments(large), [...words, '-x', 'SET', 'a'])
})

t.test('programs at the same time add up, each by its part', async (t) => {
  const found = [
    { perSecond: 800, p50Ms: 1, p99Ms: 3 },
    { perSecond: 200, p50Ms: 2, p99Ms: 2 },
  ]
  t.same(together(found, [0.75, 0.25]), { perSecond: 1000, p50Ms: 1.25, p99Ms: 3 })
})

t.test('a run that is aborted ends, also before it has begun', async (t) => {
  const driver = { clients: 1, command: ['PING'], share: 1 }
  const run = { port: 1, driver, pipeline: 1, keys: 1, requests: 1 }
  const reason = new Error('enough')
  await t.rejects(runRedisBenchmark(run, AbortSignal.abort(reason)), reason)
  const later = new AbortController()
  const ended = runRedisBenchmark(run, later.signal)
  later.abort(reason)
  await t.rejects(ended, reason)
})
