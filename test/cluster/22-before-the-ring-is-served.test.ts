import { connect } from 'node:net'
import t from 'tap'
import { AnotherProxy } from '../helpers/another-proxy.js'
import { startRing } from '../helpers/ring.js'
import { replicasOf } from '../helpers/ring-state.js'
import { comeBack, declareDown } from '../helpers/sentinels.js'
import { settled } from '../helpers/settled.js'
import { until } from '../helpers/until.js'

/** Then the members alone know where the ring stopped. */
const WITHOUT_FILE = { stateFile: 'none' }
/** What the proxy answers by itself, with what the answer has to look like. */
const OWN: readonly (readonly [string[], RegExp])[] = [
  [['PING'], /^\+PONG/],
  [['ECHO', 'x'], /^\$1\r\nx/],
  [['HELLO', '2'], /server\r\n\$5\r\nredis/],
  [['CLIENT', 'ID'], /^:\d/],
  [['CLIENT', 'LIST'], /cmd=client\|list/],
  [['COMMAND', 'COUNT'], /^:\d\d\d/],
  [['CONFIG', 'GET', 'maxclients'], /maxclients/],
  [['SELECT', '3'], /^\+OK/],
  [['SELECT', '0'], /^\+OK/],
  [['INFO'], /dt_serving:0\r\ndt_not_serving_because:.+\r\n/],
  [['DT', 'NODES'], /dt-1/],
  [['DT', 'RING'], /^\*0/],
  [['DT', 'LOCATE', 'a'], /replicas\r\n\*0/],
  [['DT', 'MIGRATIONS'], /^\*0/],
  [['DT', 'VERIFY', 'STATUS'], /^\$-1/],
]
/** What needs the ring: one command of each way of serving. */
const NEED_THE_RING: readonly string[][] = [
  ['GET', 'a'],
  ['SET', 'a', '1'],
  ['SPOP', 'a'],
  ['EXPIRE', 'a', '10'],
  ['MGET', 'a', 'b', 'c'],
  ['MSET', 'a', '1', 'b', '2', 'c', '3'],
  ['DEL', 'a', 'b', 'c'],
  ['DBSIZE'],
  ['KEYS', '*'],
  ['SCAN', '0'],
  ['SSCAN', 'a', '0'],
  ['RANDOMKEY'],
  ['FLUSHALL'],
  ['SWAPDB', '0', '1'],
  ['RENAME', 'a', 'b'],
  ['SUNIONSTORE', 'a', 'b', 'c'],
  ['LMOVE', 'a', 'b', 'LEFT', 'RIGHT'],
  ['MSETNX', 'a', '1', 'b', '2', 'c', '3'],
  ['WATCH', 'a'],
  ['DT', 'PLAN', 'REMOVE', 'dt-1'],
  ['DT', 'ADD', 'dt-9', '127.0.0.1:1'],
  ['DT', 'REMOVE', 'dt-1'],
  ['DT', 'CANCEL', 'dt-1'],
  ['DT', 'VERIFY'],
]

t.test('a start that is refused listens, says why at once, and goes on when enough members have come', async (t) => {
  const ring = await startRing(t)
  const first = await AnotherProxy.started(t, ring, WITHOUT_FILE)
  t.equal(String(await (await first.connect()).ask('SET', 'a', 'value')), '+OK\r\n')
  await first.proxy.stop()
  for (const name of ['dt-2', 'dt-3', 'dt-4']) await ring.kill(name)
  await declareDown(ring, 'dt-2', 'dt-3', 'dt-4')

  const second = AnotherProxy.of(t, ring, WITHOUT_FILE)
  const { started } = await second.listens()
  const client = await second.connect()
  const early = await second.connect()
  early.send('GET a\r\nPING\r\n')
  const why = 'only 1 of the 4 members of epoch \\d+ have answered with a marker \\(dt-1\\)'
  await until('it is known why', async () => new RegExp(why).test(String(await client.ask('DT', 'VIEW'))))
  const refused = new RegExp(
    `^-CLUSTERDOWN nothing is served yet: ${why}, .*--accept-epoch \\d+ .*; the command was not applied\r\n$`,
  )
  t.match(String(await early.reply()), refused, 'who waited is told, too')
  t.equal(String(await early.reply()), '+PONG\r\n', 'and goes on')
  for (const [command, answer] of OWN) t.match(String(await client.ask(...command)), answer, command.join(' '))
  for (const command of NEED_THE_RING) t.match(String(await client.ask(...command)), refused, command.join(' '))
  await client.ask('UNWATCH')
  for (const commands of [
    [
      ['SET', 'a', '1'],
      ['INCR', 'b'],
    ],
    [['INCR', 'a'], ['RENAME', 'b', 'c'], ['DBSIZE']],
  ]) {
    const replies = (await client.pipeline([['MULTI'], ...commands, ['EXEC']])).map(String)
    t.same(replies.slice(0, -1), ['+OK\r\n', ...commands.map(() => '+QUEUED\r\n')], 'MULTI needs nobody')
    t.match(replies.at(-1), refused)
  }

  await comeBack(ring, 'dt-2', 'dt-3')
  await started
  t.equal(String(await client.ask('GET', 'a')), '$5\r\nvalue\r\n')
  t.equal(String(await client.ask('SET', 'a', 'later')), '+OK\r\n')
  t.match(String(await client.ask('DT', 'VIEW')), /serving\r\n:1\r\n\$3\r\nwhy\r\n\$0\r\n/)
  await comeBack(ring, 'dt-4')
  t.equal(await settled(ring), 1)
})

t.test('while the ring is looked for commands wait, in their order, and are served when it is found', async (t) => {
  const ring = await startRing(t)
  const first = await AnotherProxy.started(t, ring)
  t.equal(String(await (await first.connect()).ask('SET', 'n', '1')), '+OK\r\n')
  await first.proxy.stop()
  for (const { name } of ring.sentinels) ring.pause(name)

  // A Sentinel that stood still for two seconds decides nothing for thirty.
  const second = AnotherProxy.of(t, ring, { unavailableTimeoutMs: 120_000 })
  const { started } = await second.listens()
  const writer = await second.connect()
  const counter = await second.connect()
  const selector = await second.connect()
  const local = await second.connect()
  writer.send('INCR n\r\nGET n\r\nPING\r\nMSET x 1 y 2\r\nSPOP none\r\n')
  counter.send('PING\r\nDBSIZE\r\n')
  selector.send('SELECT 99\r\nPING\r\n')
  t.match(String(await local.ask('INFO', 'dt')), /dt_not_serving_because:no Sentinel has answered \(127\.0\.0\.1:/)
  t.equal(String(await counter.reply()), '+PONG\r\n')
  await until('they wait', async () => /dt_waiting:1\r/.test(String(await local.ask('INFO', 'dt'))))
  t.equal(writer.receivedBytes + selector.receivedBytes, 0)

  for (const { name } of ring.sentinels) ring.resume(name)
  await started
  for (const reply of [':2\r\n', '$1\r\n2\r\n', '+PONG\r\n', '+OK\r\n', '$-1\r\n']) {
    t.equal(String(await writer.reply()), reply)
  }
  t.match(String(await counter.reply()), /^:[13]\r\n$/)
  t.equal(String(await selector.reply()), '-ERR DB index is out of range\r\n')
  t.equal(String(await selector.reply()), '+PONG\r\n')
})

t.test('on each server the marker of a new ring stands before what has waited for that', async (t) => {
  const ring = await startRing(t)
  const names = ['dt-1', 'dt-2', 'dt-3', 'dt-4']
  const said = new Map<string, string>()
  for (const name of names) {
    const { port } = ring.server(name)
    const socket = connect(port, '127.0.0.1').on('data', (chunk) => said.set(name, `${said.get(name) ?? ''}${chunk}`))
    t.teardown(() => socket.destroy())
    socket.write('MONITOR\r\n')
    await until('it tells', () => said.get(name)?.startsWith('+OK'))
  }
  // For less than the two seconds after which they would decide nothing.
  for (const { name } of ring.sentinels) ring.pause(name)
  const proxy = AnotherProxy.of(t, ring, WITHOUT_FILE)
  const { started } = await proxy.listens()
  const client = await proxy.connect()
  for (let i = 0; i < 40; i++) client.send(`SET key:${i} v\r\n`)
  const other = await proxy.connect()
  await until('they wait', async () => /dt_waiting:1\r/.test(String(await other.ask('INFO', 'dt'))))
  for (const { name } of ring.sentinels) ring.resume(name)
  await started
  for (let i = 0; i < 40; i++) t.equal(String(await client.reply()), '+OK\r\n')
  for (const name of names) {
    await until('it has told of a write', () => / "SET" "key/.test(said.get(name)!))
    const lines = said.get(name)!.split('\n')
    const marked = lines.findIndex((line) => /"FUNCTION" "LOAD" .*dt_marker/.test(line))
    const written = lines.findIndex((line) => / "SET" "key/.test(line))
    t.ok(marked >= 0 && marked < written, `${name}: ${marked} before ${written}`)
  }
})

t.test('who waits in vain is told what is missing', async (t) => {
  const ring = await startRing(t)
  for (const { name } of ring.sentinels) ring.pause(name)
  const proxy = AnotherProxy.of(t, ring, { unavailableTimeoutMs: 300 })
  const { started } = await proxy.listens()
  const client = await proxy.connect()
  const late =
    /^-CLUSTERDOWN nothing is served yet: no Sentinel has answered \(127\..*\); the command waited \d+ ms and was not applied, try again\r\n$/
  for (const command of [['GET', 'a'], ['SET', 'a', '1'], ['DBSIZE'], ['FLUSHALL'], ['DT', 'VERIFY']]) {
    t.match(String(await client.ask(...command)), late, command.join(' '))
  }
  for (const { name } of ring.sentinels) ring.resume(name)
  await started
  t.equal(String(await client.ask('GET', 'a')), '$-1\r\n', 'nothing was applied')
})

t.test('a proxy that may not start because another one is active tells those who wait', async (t) => {
  const ring = await startRing(t)
  await AnotherProxy.started(t, ring)
  const second = AnotherProxy.of(t, ring)
  const { started } = await second.listens()
  const client = await second.connect()
  client.send('GET a\r\n')
  const reply = client.reply()
  await t.rejects(started, { name: 'UserError', message: /^another proxy serves the ring dt: run/ })
  t.match(
    String(await reply),
    /^-CLUSTERDOWN nothing is served yet: another proxy serves the ring dt: run .*; the command was not applied\r\n$/,
  )
})

t.test(
  'the operator says that the epoch that was found is the last one: the ring goes on with who is there',
  async (t) => {
    const ring = await startRing(t)
    const first = await AnotherProxy.started(t, ring, WITHOUT_FILE)
    const client = await first.connect()
    const held: string[] = []
    const lost: string[] = []
    for (let i = 0; i < 60; i++) {
      t.equal(String(await client.ask('SET', `key:${i}`, 'value')), '+OK\r\n')
      const there = (await replicasOf(client, `key:${i}`)).includes('dt-1')
      ;(there ? held : lost).push(`key:${i}`)
    }
    client.close()
    await first.proxy.stop()
    for (const name of ['dt-2', 'dt-3', 'dt-4']) await ring.kill(name)
    await declareDown(ring, 'dt-2', 'dt-3', 'dt-4')

    const refused = AnotherProxy.of(t, ring, WITHOUT_FILE)
    await refused.listens()
    const [line] = await until('it says with which epoch', () => {
      const found = refused.log.about(/--accept-epoch \d+ goes on/)
      return found.length > 0 ? found : undefined
    })
    const epoch = Number(/--accept-epoch (\d+)/.exec(line.msg)?.[1])
    await refused.proxy.stop()
    const wrong = AnotherProxy.of(t, ring, { ...WITHOUT_FILE, acceptEpoch: epoch + 1 })
    await wrong.listens()
    await until('another epoch is none', () => wrong.log.about(/nothing is served yet: only 1 of the 4/).length > 0)
    await wrong.proxy.stop()

    const accepted = await AnotherProxy.started(t, ring, { ...WITHOUT_FILE, acceptEpoch: epoch })
    const operator = await accepted.connect()
    for (const key of held) t.equal(String(await operator.ask('GET', key)), '$5\r\nvalue\r\n', key)
    for (const key of lost) t.equal(String(await operator.ask('GET', key)), '$-1\r\n', `${key} was on none of them`)
    t.equal(String(await operator.ask('SET', lost[0] ?? 'new', 'new')), '+OK\r\n')
    for (const name of ['dt-2', 'dt-3', 'dt-4']) await comeBack(ring, name)
    t.equal(await settled(ring), held.length + 1, 'the others are filled from it')
    for (const key of held) t.equal(String(await operator.ask('GET', key)), '$5\r\nvalue\r\n', key)
  },
)

t.test('a new ring begins without a server that is not there only when the operator says so', async (t) => {
  const ring = await startRing(t)
  await ring.kill('dt-3')
  await declareDown(ring, 'dt-3')
  const refused = AnotherProxy.of(t, ring)
  await refused.listens()
  const client = await refused.connect()
  await until('it says why', async () => String(await client.ask('DT', 'VIEW')).includes('dt-3 was not reached'))
  t.match(
    String(await client.ask('GET', 'a')),
    /^-CLUSTERDOWN nothing is served yet: nobody has a marker of the ring dt, but dt-3 was not reached and may have one; --accept-epoch 0 begins a new, empty ring; the command was not applied\r\n$/,
  )
  await refused.proxy.stop()
  const accepted = await AnotherProxy.started(t, ring, { acceptEpoch: 0 })
  const operator = await accepted.connect()
  t.equal(String(await operator.ask('SET', 'a', '1')), '+OK\r\n')
  await comeBack(ring, 'dt-3')
  t.equal(await settled(ring), 1)
})
