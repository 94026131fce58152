import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, type TestProxyOptions } from '../helpers/proxy.js'
import { keysAt, membersOf, nodeStates, replicasOf } from '../helpers/ring-state.js'
import { declareDown, forgive, tellSentinels } from '../helpers/sentinels.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

/*
 * A script stops its server for as long as it takes [design §7 Scripts]: who would stand behind it is told so as by Redis, the
 * others go on, and it can be killed.
 */

const MEMBER = 'dt-2'
const ALL = 'dt-1 dt-2 dt-3 dt-4'
const BUSY = '-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.\r\n'
const NOT_BUSY = '-NOTBUSY No scripts in execution right now.\r\n'
const KILLED = /^-ERR Script killed by user with SCRIPT KILL\.\.\. script: [0-9a-f]{40}, on @user_script:\d\.\r\n$/
const UNKNOWN = /^-ERR the outcome of this write is unknown/
const FOREVER = 'redis.call("GET", KEYS[1]) while true do end'
/** Writes, and goes on for so many ms. */
const WRITES = `redis.call('INCR', KEYS[1])
local s, m = unpack(redis.call('TIME'))
repeat local s2, m2 = unpack(redis.call('TIME')) until (s2 - s) * 1000 + (m2 - m) / 1000 >= tonumber(ARGV[1])
return redis.call('INCR', KEYS[1])`

async function begin(t: Test, options: TestProxyOptions = {}) {
  const lines = new LogLines()
  const proxy = await startProxy(t, { memberConfig: ['busy-reply-threshold 300'], log: lines.log, ...options })
  const [caller, other] = [await proxy.connect(), await proxy.connect()]
  const [key, second] = await keysAt(other, MEMBER, 0, 2)
  const [backup] = await keysAt(other, MEMBER, 1, 1)
  const elsewhere = await until('a key of other servers', async () => {
    const random = `key:${Math.floor(Math.random() * 1e6)}`
    return (await replicasOf(other, random)).includes(MEMBER) ? undefined : random
  })
  const direct = await proxy.connectTo(MEMBER)
  // What is sent before that waits for the end of the script.
  const isBusy = async () => {
    await until('its server says that it is busy', async () => String(await direct.ask('PING')) === BUSY)
    await sleep(600)
  }
  const isOver = async () => {
    await until('all are up', async () => Object.values(await nodeStates(other)).every((state) => state === 'up'))
    await until('all is equal', async () => (await ringSnapshot(proxy)).faults.length === 0, 30_000)
    t.match(await verify(other), { state: 'done', differences: 0, complete: 1 })
  }
  return { proxy, lines, caller, other, key, second, backup, elsewhere, isBusy, isOver }
}

t.test('who would stand behind a long script is told BUSY, the others are served, and it is killed', async (t) => {
  const { caller, other, proxy, key, second, backup, elsewhere, isBusy, isOver } = await begin(t)
  t.equal(String(await other.ask('SCRIPT', 'KILL')), NOT_BUSY)
  const early = await proxy.connect()
  await early.pipeline([['MULTI'], ['SET', second, 'early']])
  const called = caller.ask('EVAL', FOREVER, '1', key)
  await isBusy()
  for (const command of [
    ['GET', key],
    ['SET', second, 'v'],
    ['SET', backup, 'v'],
    ['MGET', elsewhere, second],
  ]) {
    t.equal(String(await other.ask(...command)), BUSY, command.join(' '))
  }
  for (const command of [['DBSIZE'], ['KEYS', '*'], ['FLUSHALL'], ['EVAL', 'return 1', '1', key]]) {
    t.equal(String(await other.ask(...command)), BUSY, command.join(' '))
  }
  for (const command of [
    ['SET', elsewhere, 'v'],
    ['EVAL', "return redis.call('SET', KEYS[1], 'v')", '1', elsewhere],
  ]) {
    t.equal(String(await other.ask(...command)), '+OK\r\n', command.join(' '))
  }
  t.equal(String(await other.ask('EVAL', 'return 1', '0')), ':1\r\n')
  t.equal(String(await other.ask('GET', backup)), '$-1\r\n', 'its master is another one')
  const queued = await other.pipeline([['MULTI'], ['SET', second, 'v'], ['EXEC']])
  t.same(queued.map(String), ['+OK\r\n', BUSY, '-EXECABORT Transaction discarded because of previous errors.\r\n'])
  t.equal(String(await early.ask('EXEC')), `-EXECABORT Transaction discarded because of: ${BUSY.slice(1)}`)
  t.equal(String(await early.ask('EXEC')), '-ERR EXEC without MULTI\r\n')
  t.equal(String(await other.ask('SCRIPT', 'KILL')), '+OK\r\n')
  t.match(String(await called), KILLED)
  t.equal(String(await other.ask('SET', second, 'v')), '+OK\r\n')
  t.equal(String(await other.ask('SCRIPT', 'KILL')), NOT_BUSY)
  await isOver()
})

t.test(
  'one that has written cannot be killed, is not lost when its server is declared down, and nobody is taken out',
  async (t) => {
    const { caller, other, proxy, key, elsewhere, lines, isBusy, isOver } = await begin(t)
    for (const name of ALL.split(' ')) await tellSentinels(proxy.ring, 'SET', name, 'down-after-milliseconds', '700')
    const called = caller.ask('EVAL', WRITES, '1', key, '5000')
    await isBusy()
    t.match(String(await other.ask('SCRIPT', 'KILL')), /^-UNKILLABLE Sorry the script already executed write commands /)
    await until('it is declared down', () => lines.about(/is odown and stays: it executes a script/).length > 0)
    t.equal(String(await other.ask('INCR', elsewhere)), ':1\r\n')
    t.equal(String(await called), ':2\r\n')
    t.equal(String(await other.ask('GET', key)), '$1\r\n2\r\n')
    await isOver()
    t.equal(await membersOf(other), ALL)
    t.same(lines.about(/leaves the ring/), [])
  },
)

t.test('a script on keys of several others, which nobody has sent before, does not wait for it', async (t) => {
  const proxy = await startProxy(t, { memberConfig: ['busy-reply-threshold 300'], replicas: 1 })
  const [caller, other, direct] = [await proxy.connect(), await proxy.connect(), await proxy.connectTo('dt-1')]
  const [key] = await keysAt(other, 'dt-1', 0, 1)
  const byServers = new Map<string, string>()
  for (let i = 0; byServers.size < 2; i++) {
    const replicas = await replicasOf(other, `key:${i}`)
    if (!replicas.includes('dt-1')) byServers.set(String(replicas), `key:${i}`)
  }
  const called = caller.ask('EVAL', FOREVER, '1', key)
  await until('its server says that it is busy', async () => String(await direct.ask('PING')) === BUSY)
  await sleep(600)
  const counts = "return {redis.call('INCR', KEYS[1]), redis.call('INCR', KEYS[2])}"
  t.equal(String(await other.ask('EVAL', counts, '2', ...byServers.values())), '*2\r\n:1\r\n:1\r\n')
  t.equal(String(await other.ask('SCRIPT', 'KILL')), '+OK\r\n')
  t.match(String(await called), KILLED)
})

t.test('the Sentinels kill one that has not written', async (t) => {
  const { caller, other, proxy, key, isOver } = await begin(t)
  for (const name of ALL.split(' ')) await tellSentinels(proxy.ring, 'SET', name, 'down-after-milliseconds', '700')
  t.match(String(await caller.ask('EVAL', FOREVER, '1', key)), KILLED)
  await isOver()
  t.equal(await membersOf(other), ALL)
})

t.test(
  'one that takes longer than limits.scriptMs is given up: its server leaves, and is repaired when it is back',
  async (t) => {
    const { caller, other, proxy, key, second, lines, isBusy, isOver } = await begin(t, {
      config: { limits: { scriptMs: 1500 } },
    })
    t.equal(String(await other.ask('SET', key, '10')), '+OK\r\n')
    const called = caller.ask('EVAL', WRITES, '1', key, '5000')
    await isBusy()
    await declareDown(proxy.ring, MEMBER)
    t.match(String(await called), UNKNOWN)
    t.ok(lines.about(/is given up: a script/).length > 0)
    await until('it is out', async () => !(await membersOf(other)).includes(MEMBER))
    t.equal(String(await other.ask('SET', second, 'v')), '+OK\r\n')
    t.match(String(await other.ask('SCRIPT', 'KILL')), /^-UNKILLABLE /, 'it still runs there')
    await forgive(proxy.ring, MEMBER)
    await until('it is back', async () => (await membersOf(other)) === ALL, 20_000)
    await isOver()
    t.equal(String(await other.ask('GET', key)), '$2\r\n10\r\n', 'what nobody else has')
  },
)

t.test('a server that is dead while a script runs on it is taken out all the same', async (t) => {
  const { caller, other, proxy, key, second, lines, isBusy, isOver } = await begin(t)
  const called = caller.ask('EVAL', WRITES, '1', key, '60000')
  await isBusy()
  proxy.ring.pause(MEMBER)
  await sleep(300)
  await declareDown(proxy.ring, MEMBER)
  await until('it is out', async () => !(await membersOf(other)).includes(MEMBER))
  t.equal(lines.about(/leaves the ring/).length, 1)
  t.match(String(await called), UNKNOWN)
  t.equal(String(await other.ask('SET', second, 'v')), '+OK\r\n')
  proxy.ring.resume(MEMBER)
  await proxy.ring.kill(MEMBER)
  await forgive(proxy.ring, MEMBER)
  await proxy.ring.restart(MEMBER)
  await until('it is back', async () => (await membersOf(other)) === ALL)
  await isOver()
})
