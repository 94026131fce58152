import t from 'tap'
import { breakLink, breakLinkIfUp } from '../helpers/break-link.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, type Teardown, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { keysAt, nodeStates } from '../helpers/ring-state.js'
import { declareDown } from '../helpers/sentinels.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

const MEMBER = 'dt-2'

/** What became of attempts to add one to a number that was read before, each by its client's own transaction. */
interface Counted {
  done: number
  lostRace: number
  unknown: number
}

async function start(t: Teardown, nodes = 4): Promise<TestProxy> {
  return startProxy(t, {
    nodes,
    downAfterMs: 20_000,
    log: new LogLines().log,
    config: { limits: { unavailableTimeoutMs: 20_000 }, backend: { reconnectMaxMs: 100 } },
  })
}

/** One attempt; sometimes all of it in one batch, sometimes with writes beside it that change nothing. */
async function addOne(client: RawClient, key: string, other: string, counted: Counted): Promise<void> {
  await client.ask('WATCH', key)
  const read = /^\$\d+\r\n(\d+)/.exec(String(await client.ask('GET', key)))
  if (read === null) {
    await client.ask('UNWATCH')
    return
  }
  const next = String(Number(read[1]) + 1)
  if (Math.random() < 0.3) await client.ask('SETNX', key, '0')
  const reply = String((await client.pipeline([['MULTI'], ['SET', key, next], ['INCR', other], ['EXEC']])).at(-1))
  if (reply.startsWith('*2')) counted.done++
  else if (reply === '*-1\r\n') counted.lostRace++
  else if (/^-ERR the outcome of this transaction is unknown/.test(reply)) counted.unknown++
  else if (!/^-CLUSTERDOWN/.test(reply)) throw new Error(reply)
}

/** Clients that add to a few keys until they are told that it is enough. */
async function addTo(proxy: TestProxy, keys: readonly string[], whatever: () => Promise<void>) {
  const clients = await Promise.all(Array.from({ length: 6 }, () => proxy.connect()))
  const counted = keys.map((): Counted => ({ done: 0, lostRace: 0, unknown: 0 }))
  for (const key of keys) await clients[0].ask('SET', key, '0')
  let over = false
  const adding = clients.map(async (client) => {
    while (!over) {
      const i = Math.floor(Math.random() * keys.length)
      await addOne(client, keys[i], `by:${keys[i]}`, counted[i])
    }
  })
  await whatever()
  over = true
  await Promise.all(adding)
  return counted
}

async function numberAt(client: RawClient, key: string): Promise<number> {
  return Number(/\r\n(\d+)/.exec(String(await client.ask('GET', key)))?.[1])
}

async function checkSums(
  t: { ok: (is: boolean, text: string) => void },
  proxy: TestProxy,
  keys: readonly string[],
  counted: readonly Counted[],
) {
  const client = await proxy.connect()
  await until('all members serve', async () => Object.values(await nodeStates(client)).every((state) => state === 'up'))
  for (const [i, key] of keys.entries()) {
    const { done, lostRace, unknown } = counted[i]
    const [value, beside] = [await numberAt(client, key), await numberAt(client, `by:${key}`)]
    const text = `${key} is ${value}, beside it ${beside}: ${done} done, ${lostRace} lost their race, ${unknown} unknown`
    t.ok(value >= done && value <= done + unknown, text)
    t.ok(done > 0 && (unknown > 0 || value === beside), text)
  }
  await until('all replicas are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
}

const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

t.test('of those who read the same value and write the next one, one succeeds', async (t) => {
  const proxy = await start(t)
  const keys = ['a', 'b']
  const counted = await addTo(proxy, keys, () => later(2500))
  t.ok(counted.every(({ lostRace }) => lostRace > 0))
  await checkSums(t, proxy, keys, counted)
})

t.test('so it is while links break, and while the master fails', async (t) => {
  const proxy = await start(t)
  const client = await proxy.connect()
  const keys = [...(await keysAt(client, MEMBER, 0, 1)), ...(await keysAt(client, MEMBER, 1, 1))]
  const member = await proxy.connectTo(MEMBER)
  const counted = await addTo(proxy, keys, async () => {
    for (let i = 0; i < 15; i++) {
      await breakLinkIfUp(member)
      await later(60)
    }
    await proxy.ring.kill(MEMBER)
    await declareDown(proxy.ring, MEMBER)
    await later(500)
    await proxy.ring.restart(MEMBER)
    await later(2500)
  })
  await checkSums(t, proxy, keys, counted)
})

t.test('the master changes, or its connection, between WATCH and EXEC: nothing is executed', async (t) => {
  const proxy = await start(t)
  const [client, watcher] = [await proxy.connect(), await proxy.connect(3)]
  const [key] = await keysAt(watcher, MEMBER, 0, 1)
  const member = await proxy.connectTo(MEMBER)
  for (const each of [client, watcher]) await each.pipeline([['WATCH', key], ['MULTI'], ['INCR', key]])
  await breakLink(member)
  t.equal(String(await client.ask('EXEC')), '*-1\r\n')
  t.equal(String(await watcher.ask('EXEC')), '_\r\n')
  t.match(String((await client.pipeline([['WATCH', key], ['MULTI'], ['INCR', key], ['EXEC']])).at(-1)), /^\*1\r\n:1/)
})

t.test('WATCH waits for the master, and says so when it waits in vain', async (t) => {
  const proxy = await startProxy(t, {
    downAfterMs: 20_000,
    config: { limits: { unavailableTimeoutMs: 300 }, backend: { reconnectMaxMs: 100 } },
  })
  const [client, watcher] = [await proxy.connect(), await proxy.connect()]
  const [key] = await keysAt(watcher, MEMBER, 0, 1)
  await proxy.ring.kill(MEMBER)
  await until('the link is down', async () => (await nodeStates(watcher))[MEMBER] !== 'up')
  t.match(
    String(await client.ask('WATCH', key)),
    /^-CLUSTERDOWN a server that holds this key .* not applied, try again/,
  )
  t.equal(String((await client.pipeline([['MULTI'], ['PING'], ['EXEC']])).at(-1)), '*-1\r\n', 'nobody looked after it')
  t.match(String((await client.pipeline([['MULTI'], ['PING'], ['EXEC']])).at(-1)), /^\*1\r\n\+PONG/)
})

t.test('DISCARD, UNWATCH, RESET, a refused EXEC and the end of the connection end the watching', async (t) => {
  const proxy = await start(t, 3)
  const [client, writer] = [await proxy.connect(), await proxy.connect()]
  const endings = [
    [['MULTI'], ['DISCARD']],
    [['UNWATCH']],
    [['RESET']],
    [['MULTI'], ['NOSUCH'], ['EXEC']],
    [['MULTI'], ['EXEC', 'x']],
  ]
  for (const ending of endings) {
    await client.ask('WATCH', 'k')
    await client.pipeline(ending)
    await writer.ask('INCR', 'k')
    t.match(String((await client.pipeline([['MULTI'], ['PING'], ['EXEC']])).at(-1)), /^\*1\r\n\+PONG/, ending.join(' '))
  }
  await client.ask('WATCH', 'k')
  await writer.ask('INCR', 'k')
  t.match(String(await writer.ask('CLIENT', 'LIST')), / flags=d /)
})
