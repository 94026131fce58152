import t, { type Test } from 'tap'
import { cannotSave } from '../helpers/cannot-save.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { counter, outstanding, replicasOf } from '../helpers/ring-state.js'
import { declareDown } from '../helpers/sentinels.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * Commands on single elements of keys on several servers: LMOVE, SMOVE, LMPOP, MSETNX and their like look at the keys first
 * and then write, and nobody sees or does anything in between [design §7 Several keys].
 */

interface Story {
  readonly proxy: TestProxy
  readonly watcher: RawClient
  /** Lists on dt-1 and dt-2 alone, and on dt-3 and dt-4 alone. */
  readonly source: string
  readonly destination: string
}

async function begin(t: Test, config = {}): Promise<Story> {
  const proxy = await startProxy(t, { nodes: 4, replicas: 1, config })
  const watcher = await proxy.connect()
  const keyOn = async (...members: string[]) => {
    for (let i = 0; ; i++) {
      const replicas = await replicasOf(watcher, `list:${i}`)
      if (String(replicas) === String(members)) return `list:${i}`
    }
  }
  return { proxy, watcher, source: await keyOn('dt-1', 'dt-2'), destination: await keyOn('dt-3', 'dt-4') }
}

/** Sends a command that looks at something which a member that stands still has. */
async function lookAtStill(proxy: TestProxy, watcher: RawClient, member: string, ...args: string[]) {
  proxy.ring.pause(member)
  const reply = (await proxy.connect()).ask(...args).then(String)
  await until('it looks', async () => (await outstanding(watcher, member)) > 0)
  return { reply }
}

t.test('what others write meanwhile comes behind it, each client’s in its order', async (t) => {
  const { proxy, watcher, source, destination } = await begin(t)
  await watcher.ask('RPUSH', source, 'a', 'b')
  const { reply } = await lookAtStill(proxy, watcher, 'dt-1', 'LMOVE', source, destination, 'LEFT', 'RIGHT')
  const [one, other] = [await proxy.connect(), await proxy.connect()]
  const replies = one.pipeline([
    ['RPUSH', destination, 'c'],
    ['LRANGE', destination, '0', '-1'],
    ['DEL', source, destination],
  ])
  await until('they wait', async () => (await counter(watcher, 'gate_waits')) > 0)
  const read = other.ask('EXISTS', source, destination)
  t.equal(
    String(await watcher.ask('SET', `{${destination}}else`, 'where')).slice(0, 1),
    '+',
    'other keys notice nothing',
  )
  proxy.ring.resume('dt-1')
  t.equal(await reply, '$1\r\na\r\n')
  t.same((await replies).map(String), [':2\r\n', '*2\r\n$1\r\na\r\n$1\r\nc\r\n', ':2\r\n'])
  t.match(String(await read), /^:[02]\r\n$/, 'before all of it or behind it')
  t.same((await ringSnapshot(proxy)).faults, [])
})

for (const sweep of [['FLUSHALL'], ['FLUSHDB'], ['SWAPDB', '0', '1']]) {
  t.test(`${sweep[0]} comes before it or behind it`, async (t) => {
    const { proxy, watcher, source, destination } = await begin(t)
    await watcher.ask('RPUSH', source, 'a', 'b')
    const { reply } = await lookAtStill(proxy, watcher, 'dt-1', 'LMOVE', source, destination, 'LEFT', 'RIGHT')
    const swept = (await proxy.connect()).ask(...sweep)
    await until('it waits', async () => (await counter(watcher, 'gates')) === 2)
    proxy.ring.resume('dt-1')
    t.equal(await reply, '$1\r\na\r\n')
    t.equal(String(await swept), '+OK\r\n')
    t.equal(String(await watcher.ask('EXISTS', source, destination)), ':0\r\n')
    if (sweep[0] === 'SWAPDB') {
      await watcher.ask('SELECT', '1')
      t.equal(String(await watcher.ask('EXISTS', source, destination)), ':2\r\n')
    }
    t.same((await ringSnapshot(proxy)).faults, [])
  })
}

t.test('nobody waits behind one that waits for a server', async (t) => {
  const { proxy, watcher, source, destination } = await begin(t)
  await watcher.ask('RPUSH', source, 'a')
  await proxy.ring.kill('dt-1')
  await until('it is noticed', async () => (await counter(watcher, 'links_up')) === 3)
  const reply = (await proxy.connect()).ask('LMOVE', source, destination, 'LEFT', 'RIGHT')
  await until('it waits', async () => (await counter(watcher, 'waits')) > 0)
  t.equal(String(await watcher.ask('RPUSH', destination, 'b')), ':1\r\n')
  t.equal(String(await watcher.ask('LLEN', source)), ':1\r\n', 'its keys can be read and written')
  await declareDown(proxy.ring, 'dt-1')
  t.equal(String(await reply), '$1\r\na\r\n')
  t.equal(String(await watcher.ask('LRANGE', destination, '0', '-1')), '*2\r\n$1\r\nb\r\n$1\r\na\r\n')
})

t.test('who has waited in vain is told so, and nothing has happened', async (t) => {
  const { proxy, watcher, source, destination } = await begin(t, { limits: { unavailableTimeoutMs: 300 } })
  await watcher.ask('RPUSH', source, 'a')
  await proxy.ring.kill('dt-3')
  await until('it is noticed', async () => (await counter(watcher, 'links_up')) === 3)
  t.match(String(await watcher.ask('LMOVE', source, destination, 'LEFT', 'RIGHT')), /^-CLUSTERDOWN .* was not applied/)
  t.equal(String(await watcher.ask('LRANGE', source, '0', '-1')), '*1\r\n$1\r\na\r\n')
  t.equal(String(await watcher.ask('EXISTS', destination)), ':0\r\n')
})

t.test('a destination that refuses the element leaves it where it was', async (t) => {
  const { proxy, watcher, source, destination } = await begin(t)
  await watcher.ask('RPUSH', source, 'a')
  await watcher.ask('SADD', `{${source}}set`, 'm')
  await Promise.all(['dt-3', 'dt-4'].map((member) => cannotSave(proxy, member)))
  t.match(String(await watcher.ask('LMOVE', source, destination, 'LEFT', 'RIGHT')), /^-MISCONF/)
  t.match(String(await watcher.ask('SMOVE', `{${source}}set`, `{${destination}}set`, 'm')), /^-MISCONF/)
  t.equal(String(await watcher.ask('LRANGE', source, '0', '-1')), '*1\r\n$1\r\na\r\n')
  t.equal(String(await watcher.ask('SISMEMBER', `{${source}}set`, 'm')), ':1\r\n')
})

t.test('a source that refuses to give it up: the reply says that it is on both sides', async (t) => {
  const { proxy, watcher, source, destination } = await begin(t)
  await watcher.ask('RPUSH', source, 'a')
  await Promise.all(['dt-1', 'dt-2'].map((member) => cannotSave(proxy, member)))
  t.match(
    String(await watcher.ask('LMOVE', source, destination, 'LEFT', 'RIGHT')),
    /^-ERR the outcome of this write is unknown: the destination has the element, .* MISCONF/,
  )
  t.equal(String(await watcher.ask('LRANGE', source, '0', '-1')), '*1\r\n$1\r\na\r\n')
  t.equal(String(await watcher.ask('LRANGE', destination, '0', '-1')), '*1\r\n$1\r\na\r\n')
})

t.test('elements go round many lists while a member dies: none is lost, none is there twice', async (t) => {
  const proxy = await startProxy(t, { nodes: 4, replicas: 1 })
  const watcher = await proxy.connect()
  const lists = Array.from({ length: 12 }, (_, i) => `list:${i}`)
  const sets = Array.from({ length: 12 }, (_, i) => `set:${i}`)
  const elements = Array.from({ length: 60 }, (_, i) => `e${i}`)
  for (const [i, element] of elements.entries()) {
    await watcher.ask('RPUSH', lists[i % lists.length], element)
    await watcher.ask('SADD', sets[i % sets.length], element)
  }
  let over = false
  const failures: string[] = []
  let moves = 0
  const seed = (i: number) => Math.floor(Math.abs(Math.sin(i) * 1e6))
  const movers = Array.from({ length: 6 }, async (_, n) => {
    const client = await proxy.connect()
    for (let i = n * 10_000; !over; i++) {
      const [a, b] = [seed(i) % 12, seed(i + 5000) % 12]
      const command =
        i % 2 === 0
          ? ['LMOVE', lists[a], lists[b], 'LEFT', 'RIGHT']
          : ['SMOVE', sets[a], sets[b], elements[seed(i + 9000) % 60]]
      const reply = String(await client.ask(...command))
      if (reply.startsWith('-')) failures.push(reply)
      moves++
    }
  })
  const seen: string[] = []
  const reader = (async () => {
    const client = await proxy.connect()
    while (!over) {
      const total = String(await client.ask('EXISTS', ...lists))
      if (total.startsWith('-')) seen.push(total)
    }
  })()
  await until('they move', () => moves > 300)
  proxy.ring.pause('dt-2')
  await new Promise((resolve) => setTimeout(resolve, 100))
  await proxy.ring.kill('dt-2')
  await declareDown(proxy.ring, 'dt-2')
  const before = moves
  await until('they move again', () => moves > before + 500)
  over = true
  await Promise.all([...movers, reader])
  t.same(failures, [])
  t.same(seen, [])
  const held: string[] = []
  for (const list of lists) {
    const items = String(await watcher.ask('LRANGE', list, '0', '-1')).match(/e\d+/g) ?? []
    held.push(...items)
  }
  t.same(held.sort(), [...elements].sort(), 'of the lists')
  const members: string[] = []
  for (const set of sets) members.push(...(String(await watcher.ask('SMEMBERS', set)).match(/e\d+/g) ?? []))
  t.same(members.sort(), [...elements].sort(), 'of the sets')
  t.equal(await counter(watcher, 'gates'), 0)
  t.ok((await counter(watcher, 'plans')) > 200)
})
