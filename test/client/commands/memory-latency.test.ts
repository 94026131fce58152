import t from 'tap'
import { latencyGraph } from '../../../src/client/commands/sparkline.js'
import { startProxy, startRedis } from '../../helpers/proxy.js'
import { itemsOf, type Node, readReply, textOf } from '../../helpers/raw-reply.js'
import { until } from '../../helpers/until.js'

/* MEMORY and LATENCY of a ring: made of what each of its servers says [design §7 Settings]. */

const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1, downAfterMs: 60_000 })
const redis = await startRedis(t)
const client = await proxy.connect()
const members = await Promise.all(['dt-1', 'dt-2', 'dt-3'].map((name) => proxy.connectTo(name)))
const ask = async (...words: string[]) => readReply(await client.ask(...words))

/** A flat array of names and values, by the names. */
function fields(node: Node): Map<string, Node> {
  const items = itemsOf(node)
  return new Map(items.flatMap((item, i) => (i % 2 === 0 ? [[textOf(item), items[i + 1]] as const] : [])))
}

const number = (of: Map<string, Node>, name: string) => Number(textOf(of.get(name) as Node))

t.test('MEMORY STATS sums up what can be, and counts each key once', async (t) => {
  await client.pipeline(Array.from({ length: 200 }, (_, i) => ['SET', `k${i}`, 'v'.repeat(100)]))
  const ours = fields(await ask('MEMORY', 'STATS'))
  const plain = await redis.connect()
  await plain.ask('SET', 'k', 'v')
  const theirs = fields(readReply(await plain.ask('MEMORY', 'STATS')))
  t.same([...ours.keys()], [...theirs.keys()], 'the fields of Redis in its order')
  t.equal(number(ours, 'keys.count'), 200)
  const each = await Promise.all(members.map(async (member) => fields(readReply(await member.ask('MEMORY', 'STATS')))))
  const sum = (name: string) => each.reduce((all, one) => all + number(one, name), 0)
  t.equal(number(ours, 'startup.allocated'), sum('startup.allocated'))
  t.ok(Math.abs(number(ours, 'total.allocated') / sum('total.allocated') - 1) < 0.2)
  t.ok(number(ours, 'keys.bytes-per-key') > 2 * 100, 'with both copies')
  const share = (100 * number(ours, 'total.allocated')) / number(ours, 'peak.allocated')
  t.ok(Math.abs(number(ours, 'peak.percentage') - share) < 0.01)
  for (const name of ['allocator-fragmentation.ratio', 'allocator-rss.ratio', 'rss-overhead.ratio', 'fragmentation']) {
    const values = each.map((one) => number(one, name))
    const value = number(ours, name)
    t.ok(value > Math.min(...values) * 0.8 && value < Math.max(...values) * 1.2, `${name}: ${value} of ${values}`)
  }
  const database = fields(ours.get('db.0') as Node)
  t.same([...database.keys()], [...fields(theirs.get('db.0') as Node).keys()])
})

t.test('texts for people stand under the names of the servers where they differ', async (t) => {
  const text = textOf(await ask('MEMORY', 'MALLOC-STATS'))
  t.same(text.match(/^# dt-\d$/gm), ['# dt-1', '# dt-2', '# dt-3'])
  t.equal(text.match(/Begin jemalloc statistics/g)?.length, 3)
})

t.test('events of all servers are one list, and the threshold is set on all of them', async (t) => {
  t.equal(String(await client.ask('CONFIG', 'SET', 'latency-monitor-threshold', '30')), '+OK\r\n')
  for (const member of members)
    t.match(String(await member.ask('CONFIG', 'GET', 'latency-monitor-threshold')), /\r\n30\r\n$/)
  const busy = (ms: number) => [
    'EVAL',
    `local function us() local n = redis.call('TIME'); return n[1] * 1000000 + n[2] end
     local from = us(); while us() - from < ${ms * 1000} do end`,
    '0',
  ]
  const longest = async () => {
    const events = itemsOf(await ask('LATENCY', 'LATEST')).map((item) => itemsOf(item).map(textOf))
    return Number(events.find(([name]) => name === 'command')?.[3] ?? 0)
  }
  await members[1].ask(...busy(600))
  t.ok((await longest()) >= 600)
  await client.ask('LATENCY', 'RESET')
  // Whatever a busy machine has made slow since.
  t.ok((await longest()) < 600, 'what there was is forgotten')
  await members[0].ask(...busy(40))
  await members[2].ask(...busy(90))
  const [event] = itemsOf(await ask('LATENCY', 'LATEST')).filter((item) => textOf(itemsOf(item)[0]) === 'command')
  const [, , , most] = itemsOf(event).map(textOf)
  t.ok(Number(most) >= 90, `the longest of all took ${most} ms`)
  const samples = itemsOf(await ask('LATENCY', 'HISTORY', 'command')).map((item) =>
    itemsOf(item).map(textOf).map(Number),
  )
  t.ok(samples.some(([, ms]) => ms >= 90))
  t.equal(new Set(samples.map(([at]) => at)).size, samples.length, 'one for a second')
  const graph = textOf(await ask('LATENCY', 'GRAPH', 'command'))
  t.match(graph, `command - high ${most} ms, low `)
  t.match(textOf(await ask('LATENCY', 'DOCTOR')), /^# the proxy\n[^#]*^# dt-1\n/m)
  t.equal(String(await client.ask('LATENCY', 'RESET', 'command', 'command', 'nosuch')), ':1\r\n')
  t.equal(String(await client.ask('LATENCY', 'GRAPH', 'command')), "-ERR No samples available for event 'command'\r\n")
  for (const member of members) t.same(itemsOf(readReply(await member.ask('LATENCY', 'HISTORY', 'command'))), [])
  await client.ask('CONFIG', 'SET', 'latency-monitor-threshold', '0')
})

t.test("what clients have waited for is the proxy's own, whatever the servers have seen", async (t) => {
  await client.ask('CONFIG', 'SET', 'latency-monitor-threshold', '300')
  t.match(String(await client.ask('CONFIG', 'GET', 'latency-monitor-threshold')), /\r\n300\r\n$/)
  for (const member of members) await member.ask('CONFIG', 'SET', 'latency-monitor-threshold', '0')
  await client.ask('LATENCY', 'RESET')
  // The servers hold back what they are sent, and take no time for it.
  const late = async (...words: string[]) => {
    for (const member of members) await member.ask('CLIENT', 'PAUSE', '500')
    await client.ask(...words)
  }
  const events = async () =>
    new Map(
      itemsOf(await ask('LATENCY', 'LATEST')).map((item) => [textOf(itemsOf(item)[0]), itemsOf(item).map(textOf)]),
    )
  await late('GET', 'k1')
  await late('SLOWLOG', 'LEN')
  t.same(
    [...(await events()).keys()].filter((name) => name !== 'event-loop'),
    ['fast-command'],
  )
  await late('KEYS', 'nosuch*')
  await client.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '-1')
  await late('KEYS', 'nosuch*')
  const [command, fast] = ['command', 'fast-command'].map(async (name) =>
    (await events()).get(name)!.slice(1).map(Number),
  )
  for (const [at, latest, most] of [await command, await fast]) {
    t.ok(Math.abs(at - Date.now() / 1000) < 30, 'the time of day in seconds')
    t.ok(latest >= 300 && most >= latest && most < 30_000, `${latest} ${most}`)
  }
  t.match(String(await client.ask('LATENCY', 'HISTORY', 'fast-command')), /^\*[12]\r\n\*2\r\n:\d+\r\n:\d+\r\n/)
  t.match(
    textOf(await ask('LATENCY', 'GRAPH', 'fast-command')),
    /^fast-command - high \d+ ms, low \d+ ms \(all time high \d+ ms\)\n-{80}\n/,
  )
  t.match(textOf(await ask('LATENCY', 'DOCTOR')), /^# the proxy\n1\. .*\n.*DT SLOWLOG GET/s)
  t.equal(String(await client.ask('LATENCY', 'RESET', 'command')), ':1\r\n')
  t.notOk((await events()).has('command'))

  // This process is the proxy, too.
  const untilMs = performance.now() + 700
  while (performance.now() < untilMs);
  await until('it has noticed', async () => (await events()).has('event-loop'))
  await client.ask('CONFIG', 'SET', 'latency-monitor-threshold', '0', 'slowlog-log-slower-than', '10000')
  await client.ask('LATENCY', 'RESET')
  await late('GET', 'k1')
  t.equal((await events()).size, 0)
})

t.test("the graph is Redis's own", async (t) => {
  const plain = await redis.connect()
  const nothing = ['LATENCY', 'GRAPH', "it's no event\0at all"]
  t.equal(String(await client.ask(...nothing)), String(await plain.ask(...nothing)), 'up to a NUL')
  await plain.ask('CONFIG', 'SET', 'latency-monitor-threshold', '1')
  for (const seconds of ['0.003', '0.05', '0.02']) {
    await plain.ask(
      'EVAL',
      `local n=redis.call('TIME') local from=n[1]*1000000+n[2]
      while true do n=redis.call('TIME') if n[1]*1000000+n[2]-from>${Number(seconds) * 1e6} then break end end`,
      '0',
    )
    await new Promise((resolve) => setTimeout(resolve, 1050))
  }
  const history = itemsOf(readReply(await plain.ask('LATENCY', 'HISTORY', 'command'))).map((item) => {
    const [at, ms] = itemsOf(item).map(textOf).map(Number)
    return [at, ms] as const
  })
  t.ok(history.length >= 3, `${history.length} samples`)
  const most = Math.max(...history.map(([, ms]) => ms))
  // The labels say how long ago, so the second has to be the same.
  await until('both were made in one second', async () => {
    const before = Math.floor(Date.now() / 1000)
    const theirs = textOf(readReply(await plain.ask('LATENCY', 'GRAPH', 'command')))
    if (Math.floor(Date.now() / 1000) !== before) return false
    t.equal(latencyGraph('command', history, most, before), theirs)
    return true
  })
  const many = Array.from({ length: 100 }, (_, i) => [i, 5] as const)
  t.equal(latencyGraph('x', many, 7, 90_000).split('\n').length, 2 + 2 * (4 + 1 + 2) + 1 + 1, 'two rows of graphs')
})

t.test('a histogram counts the calls of all servers, up to each time', async (t) => {
  await client.ask('CONFIG', 'RESETSTAT')
  await client.pipeline(Array.from({ length: 300 }, (_, i) => ['GET', `k${i}`]))
  const command = fields(await ask('LATENCY', 'HISTOGRAM', 'get', 'nosuch'))
  t.same([...command.keys()], ['get'])
  const get = fields(command.get('get') as Node)
  t.equal(number(get, 'calls'), 300)
  const buckets = [...fields(get.get('histogram_usec') as Node)].map(([us, count]) => [
    Number(us),
    Number(textOf(count)),
  ])
  t.same(
    buckets,
    [...buckets].sort(([a, m], [b, n]) => a - b || m - n),
  )
  t.equal(buckets.at(-1)?.[1], 300)
  const three = await proxy.connect(3)
  t.match(
    String(await three.ask('LATENCY', 'HISTOGRAM', 'get')),
    /^%1\r\n\$3\r\nget\r\n%2\r\n\$5\r\ncalls\r\n:300\r\n\$14\r\n/,
  )
})

t.test('who does not answer is named', async (t) => {
  await proxy.ring.kill('dt-2')
  t.match(textOf(await ask('MEMORY', 'MALLOC-STATS')), /^# dt-2\nIt has not answered\.$/m)
  t.equal(textOf(fields(await ask('MEMORY', 'STATS')).get('dt.not-answered') as Node), 'dt-2')
  t.match(
    String(await client.ask('MEMORY', 'PURGE')),
    /^-ERR it was not done by all servers, by the others it was \(dt-2 has not answered\); send it again\r\n/,
  )
  await proxy.ring.kill('dt-1')
  await proxy.ring.kill('dt-3')
  t.match(String(await client.ask('LATENCY', 'HISTOGRAM')), /^-ERR no server of the ring has answered/)
  t.equal(String(await client.ask('LATENCY', 'LATEST')), '*0\r\n', 'the proxy has its own to tell')
})
