import t from 'tap'
import { startProxy } from '../helpers/proxy.js'
import { counter } from '../helpers/ring-state.js'
import { run } from '../helpers/run.js'
import { ringSnapshot } from '../helpers/snapshot.js'

/** The default list of redis-benchmark 7.0, as it names them. */
const DEFAULT_TESTS = [
  'PING_INLINE',
  'PING_MBULK',
  'SET',
  'GET',
  'INCR',
  'LPUSH',
  'RPUSH',
  'LPOP',
  'RPOP',
  'SADD',
  'HSET',
  'SPOP',
  'ZADD',
  'ZPOPMIN',
  'LPUSH (needed to benchmark LRANGE)',
  'LRANGE_100 (first 100 elements)',
  'LRANGE_300 (first 300 elements)',
  'LRANGE_500 (first 500 elements)',
  'LRANGE_600 (first 600 elements)',
  'MSET (10 keys)',
]

t.test('redis-benchmark', async (t) => {
  const proxy = await startProxy(t)
  const benchmark = async (...args: string[]) => {
    const { stdout, stderr, code } = await run('redis-benchmark', ['-p', String(proxy.port), '--csv', ...args])
    // It ends at the first error reply, and says which one it was.
    t.equal(stderr, '')
    t.equal(code, 0)
    const [header, ...rows] = stdout.trim().split('\n')
    t.match(header, '"test","rps","avg_latency_ms"')
    return rows.map((row) => row.slice(1, -1).split('","'))
  }

  for (const options of [
    ['-c', '50', '-n', '1000'],
    ['-c', '50', '-n', '3000', '-P', '16', '-r', '1000'],
    ['-c', '10', '-n', '1000', '-P', '16', '-r', '1000', '-d', '100', '-3'],
  ]) {
    await t.test(`its default tests, ${options.join(' ')}`, async (t) => {
      const rows = await benchmark(...options)
      t.same(
        rows.map(([test]) => test),
        DEFAULT_TESTS,
      )
      for (const [test, requestsPerSecond] of rows)
        t.ok(Number(requestsPerSecond) > 100, `${test}: ${requestsPerSecond}/s`)
    })
  }

  await t.test('a command of its own, and many connections', async (t) => {
    const rows = await benchmark(
      '-c',
      '300',
      '-n',
      '2000',
      '-P',
      '4',
      '-r',
      '100',
      'SETRANGE',
      'key:__rand_int__',
      '5',
      'x',
    )
    t.equal(rows.length, 1)
  })

  const client = await proxy.connect()
  t.equal(await counter(client, 'differences'), 0)
  t.same((await ringSnapshot(proxy)).faults, [], 'and all that it wrote is where it belongs')
})
