import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { METRICS } from '../../src/admin/metric-table.js'
import type { ConfigInput } from '../../src/config/config.js'
import { Membership } from '../../src/membership/membership.js'
import { identifierOfKey } from '../../src/ring/identifier.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy } from '../helpers/proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { declareDown } from '../helpers/sentinels.js'
import { until } from '../helpers/until.js'

const TOKEN = 'to be said'

const proxy = await startProxy(t, { nodes: 3, sentinels: 1, config: { admin: { port: 0, token: TOKEN } } })
const { host, port } = proxy.proxy.adminAddress as { host: string; port: number }
const client = await proxy.connect()

function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> {
  return fetch(`http://${host}:${port}${path}`, { headers, method })
}

/** What has happened, as the page has it: the last thing first. */
async function happened(): Promise<string[]> {
  const reader = (await ask('/events', { authorization: `Bearer ${TOKEN}` })).body?.getReader()
  const [first] = new TextDecoder().decode((await reader?.read())?.value).split('\n\n')
  await reader?.cancel()
  return JSON.parse(first.replace(/^data: /, '')).events.map(({ text }: { text: string }) => text)
}

/** A key of which this server is the master. */
function keyOf(member: string): string {
  const { ring, setOfRange } = proxy.view
  const isItsMaster = (key: string) => {
    return setOfRange[ring.rangeOf(identifierOfKey(Buffer.from(key), 0, key.length))].natural[0].name === member
  }
  return Array.from({ length: 1000 }, (_, i) => `k${i}`).find(isItsMaster)!
}

/** The samples of /metrics, by their names with the labels. */
async function samples(): Promise<Map<string, number>> {
  const body = await (await ask('/metrics', { authorization: `Bearer ${TOKEN}` })).text()
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))
}

t.test('what is alive and serves says so, without a token', async (t) => {
  const health = await ask('/healthz')
  t.same([health.status, await health.text()], [200, 'ok\n'])
  const ready = await ask('/readyz')
  t.same([ready.status, await ready.text()], [200, 'ready\n'])
  t.equal((await ask('/readyz', {}, 'HEAD')).status, 200)
  const json = await ask('/readyz', { accept: 'application/json' })
  t.same(await json.json(), { ready: true, why: '', warnings: [] })
})

t.test('nobody but who has the token reads the metrics, and nobody changes anything', async (t) => {
  for (const said of [
    {},
    { authorization: `Basic ${btoa('x:a guess')}` },
    { authorization: 'Bearer' },
    { authorization: 'Bearer a guess' },
    { authorization: TOKEN },
  ]) {
    const refused = await ask('/metrics', said as Record<string, string>)
    t.equal(refused.status, 401)
    t.match(refused.headers.get('www-authenticate'), /Basic.*Bearer/)
    t.notMatch(await refused.text(), TOKEN)
  }
  t.equal((await ask('/metrics', { authorization: `Bearer ${TOKEN}` }, 'POST')).status, 405)
  t.equal((await ask('/nothing', { authorization: `Bearer ${TOKEN}` })).status, 404)
})

t.test('the page and what it asks for', async (t) => {
  const headers = { authorization: `Basic ${btoa(`anybody:${TOKEN}`)}` }
  for (const [path, type] of [
    ['/', 'text/html'],
    ['/page.css', 'text/css'],
    ['/page.js', 'text/javascript'],
  ]) {
    t.equal((await ask(path)).status, 401, path)
    const answer = await ask(path, headers)
    t.equal(answer.status, 200, path)
    t.match(answer.headers.get('content-type'), type)
    t.match(answer.headers.get('content-security-policy'), "default-src 'self'")
  }
  const place = (await (await ask('/locate?key=user%3A1', headers)).json()) as { replicas: string[] }
  const located = (await client.ask('DT', 'LOCATE', 'user:1')).toString()
  t.match(located, place.replicas[0])
  t.equal(place.replicas.length, 3)

  t.equal((await ask('/events')).status, 401)
  const reader = (await ask('/events', headers)).body?.getReader()
  const first = JSON.parse(new TextDecoder().decode((await reader?.read())?.value).replace(/^data: /, ''))
  t.equal(first.ready, true)
  t.equal(first.members.length, 3)
  t.equal(first.ranges.length, 3 * 64)
  t.match(
    new TextDecoder().decode((await reader?.read())?.value),
    /^data: (?!.*"ranges")/,
    'ranges come again with a new view',
  )
  await reader?.cancel()
})

t.test('what does not speak HTTP is sent away, and the others are served', async (t) => {
  const odd = connect(port, host)
  odd.write('PING\r\n\r\n')
  odd.resume()
  await once(odd, 'close')
  t.equal((await ask('/healthz')).status, 200)
})

t.test('who asks whether it is alive is answered, however many are silent or watch', async (t) => {
  const authorization = `Authorization: Bearer ${TOKEN}\r\n\r\n`
  const sockets = Array.from({ length: 150 }, () => connect(port, host))
  t.teardown(() => sockets.map((socket) => socket.destroy()))
  for (const socket of sockets) socket.on('error', () => {})
  await Promise.all(sockets.map((socket) => once(socket, 'connect')))
  t.equal((await ask('/healthz')).status, 200, 'silent')
  for (const socket of sockets) socket.write(`GET /events HTTP/1.1\r\nHost: x\r\n${authorization}`)
  t.equal((await ask('/healthz')).status, 200, 'watching')
  const bearer = { authorization: `Bearer ${TOKEN}` }
  const newest = (await ask('/events', bearer)).body?.getReader()
  t.match(
    new TextDecoder().decode((await newest?.read())?.value),
    /^data: \{/,
    'who opens the page sees it, though none of them reads',
  )
  await newest?.cancel()
  const head = await ask('/events', bearer, 'HEAD')
  t.same([head.status, head.headers.get('content-type')], [200, 'text/event-stream'])
})

t.test('of a connection one request is served at a time', async (t) => {
  const socket = connect(port, host)
  socket.on('error', () => {})
  let bytes = 0
  socket.on('data', ({ length }) => (bytes += length))
  socket.write(`GET /metrics HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`.repeat(500))
  await once(socket, 'close')
  t.ok(bytes < 1_000_000, `${bytes}`)
})

t.test('the metrics are those of the table, and count what happens', async (t) => {
  const before = await samples()
  await client.ask('SET', 'a', '1')
  await client.ask('GET', 'a')
  await client.ask('LPUSH', 'a', 'x')
  const after = await samples()
  const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0)
  t.equal(grown('dt_commands_total'), 3)
  t.equal(grown('dt_reads_total'), 1)
  t.equal(grown('dt_writes_total'), 2)
  t.equal(grown('dt_error_replies_total{code="WRONGTYPE"}'), 1)
  t.equal(after.get('dt_clients'), 1)
  t.equal(after.get('dt_ready'), 1)
  t.equal(after.get('dt_members'), 3)
  t.equal(after.get('dt_ranges_short'), 0)
  for (const name of ['dt-1', 'dt-2', 'dt-3']) {
    t.equal(after.get(`dt_link_up{member="${name}"}`), 1)
    t.equal(after.get(`dt_member_state{member="${name}",state="up"}`), 1)
  }
  const body = await (await ask('/metrics', { authorization: `Bearer ${TOKEN}` })).text()
  for (const { name, kind } of METRICS) t.match(body, `# TYPE ${name} ${kind}\n`)
  t.match(body, 'nodejs_eventloop_lag_p99_seconds')
})

t.test('commands that are split over servers are counted, in whichever way they are sent', async (t) => {
  const keys = [keyOf('dt-1'), keyOf('dt-2'), keyOf('dt-3')]
  for (const command of [
    ['MSET', ...keys.flatMap((key) => [key, 'v'])],
    ['MGET', ...keys],
    ['EXISTS', ...keys],
    ['DEL', ...keys],
    ['XREAD', 'STREAMS', ...keys, '0', '0', '0'],
    ['RPOPLPUSH', keys[0], keys[1]],
  ]) {
    const before = (await samples()).get('dt_split_commands_total') ?? 0
    await client.ask(...command)
    t.equal((await samples()).get('dt_split_commands_total'), before + 1, command[0])
  }
  await client.ask('MGET', keys[0], keys[0])
  t.equal((await samples()).get('dt_split_commands_total'), 6, 'that was on one')
})

t.test('how long commands take is told by class and by member, waiting, server and proxy apart', async (t) => {
  const key = keyOf('dt-2')
  const direct = await proxy.connectTo('dt-2')
  const before = await samples()
  await direct.ask('CLIENT', 'PAUSE', '150')
  const errorsBefore = before.get('dt_command_errors_total{class="write"}') ?? 0
  await client.ask('SET', key, '1')
  await client.ask('LPUSH', key, 'x')
  await client.ask('PUBLISH', 'channel', 'x')
  const after = await samples()
  const grown = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0)
  t.equal(grown('dt_command_duration_seconds_count{class="write"}'), 2)
  t.equal(grown('dt_command_duration_seconds_count{class="channels"}'), 1)
  t.equal(grown('dt_command_server_seconds_bucket{class="write",le="0.064"}'), 1, 'one was quick')
  t.equal(grown('dt_command_server_seconds_bucket{class="write",le="+Inf"}'), 2)
  t.ok(grown('dt_member_server_seconds_sum{member="dt-2"}') > 0.1)
  t.ok(grown('dt_member_waiting_seconds_sum{member="dt-2"}') < 0.1)
  t.ok(grown('dt_member_proxy_seconds_sum{member="dt-2"}') < 0.1)
  const parts = ['waiting', 'server', 'proxy'].map((part) => grown(`dt_command_${part}_seconds_sum{class="write"}`))
  const sum = parts.reduce((all, one) => all + one, 0)
  t.ok(Math.abs(sum - grown('dt_command_duration_seconds_sum{class="write"}')) < 0.001, 'the parts are the whole')
  t.equal((after.get('dt_command_errors_total{class="write"}') ?? 0) - errorsBefore, 1)
  t.ok(grown('dt_link_sent_bytes_total{member="dt-2"}') > 0)
  t.ok(grown('dt_link_received_bytes_total{member="dt-2"}') > 0)
  t.equal(after.get('dt_link_state{member="dt-2",state="ready"}'), 1)
  direct.close()
})

t.test('however many metrics there are, the membership is asked once a scrape', async (t) => {
  let asked = 0
  const { status } = Membership.prototype
  t.teardown(() => (Membership.prototype.status = status))
  Membership.prototype.status = function (this: Membership) {
    asked++
    return status.call(this)
  }
  const counts: number[] = []
  for (let i = 0; i < 3; i++) {
    const before = asked
    await samples()
    counts.push(asked - before)
  }
  t.equal(Math.min(...counts), 1, 'but for what the page asks every second')
})

t.test('names follow the conventions', async (t) => {
  for (const { name, kind, help } of METRICS) {
    t.match(name, /^dt_[a-z_]+[a-z]$/)
    t.equal(name.endsWith('_total'), kind === 'counter', name)
    t.match(help, /\.$/, name)
  }
  t.equal(new Set(METRICS.map(({ name }) => name)).size, METRICS.length)
})

t.test('a port that another one has is told before clients are accepted', async (t) => {
  const lines = new LogLines()
  const settings = { nodes: 1, replicas: 0, sentinels: 1, config: { admin: { port } }, log: lines.log }
  await t.rejects(startProxy(t, settings), {
    message: /^admin.port \d+ of 127.0.0.1 cannot be listened on: .*EADDRINUSE/,
  })
  t.same(lines.about(/clients are accepted/), [])
})

t.test(
  'a port that other machines reach, without a token or with one that others may read on the way, is told of at the start',
  async (t) => {
    const toldOf = async (admin: ConfigInput['admin']) => {
      const lines = new LogLines()
      const { proxy } = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1, config: { admin }, log: lines.log })
      await proxy.stop()
      return lines.about(/the page and the metrics/).map(({ msg }) => msg)
    }
    t.match(await toldOf({ port: 0, host: '0.0.0.0' }), [/everybody who reaches this machine .*; set admin\.token/])
    t.match(await toldOf({ port: 0, host: '0.0.0.0', token: 'x' }), [/in plain bytes; set admin\.tlsCertFile/])
    t.same(await toldOf({ port: 0 }), [])
  },
)

t.test('a member without memory is seen where people look, and so is that it has some again', async (t) => {
  const member = await RawClient.connect(proxy.ring.server('dt-2').port)
  t.teardown(() => member.close())
  const readyz = async () => (await ask('/readyz')).text()
  await member.ask('CONFIG', 'SET', 'maxmemory', '1')
  await until('it is said', async () =>
    /^ready\ndt-2: it is out of memory: writes on its keys are refused/.test(await readyz()),
  )
  const words = 'dt-2: it is out of memory: writes on its keys are refused'
  await until('the page says when', async () => (await happened()).includes(words))
  await member.ask('CONFIG', 'SET', 'maxmemory', '0')
  await until('all is well', async () => (await readyz()) === 'ready\n')
  const over = 'dt-2 is up, and nothing is said against it any more'
  await until('the page says so', async () => (await happened()).includes(over))
  const [last, first] = await happened()
  t.same([first, last], [words, over], 'each of it once')
})

t.test('a member that is away is seen, and clients are served all the same', async (t) => {
  await proxy.ring.kill('dt-2')
  await until('the link is down', async () => (await samples()).get('dt_link_up{member="dt-2"}') === 0)
  const ready = await ask('/readyz')
  t.equal(ready.status, 200)
  t.match(await ready.text(), /^ready\n(.+\n)?dt-2: its link is down/)
  await declareDown(proxy.ring, 'dt-2')
  const words = /^dt-2: Sentinel \S+ says odown; its link is down: ECONNREFUSED/m
  await until('what is known of its link is said as well', async () => words.test(await (await ask('/readyz')).text()))
})
