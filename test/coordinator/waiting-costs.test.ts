import t, { type Test } from 'tap'
import type { Order } from '../../src/order/order.js'
import { RingInMemory } from '../helpers/ring-in-memory.js'

const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** How often it is found out whom keys concern: what a look at all keys of a command takes time for. */
function countLooks(order: Order): () => number {
  let looks = 0
  const counted =
    <A extends unknown[], R>(original: (...args: A) => R) =>
    (...args: A) => {
      looks++
      return original(...args)
    }
  order.keyIds = counted(order.keyIds.bind(order))
  const { router } = order
  router.routeOfKey = counted(router.routeOfKey.bind(router))
  return () => looks
}

/** Much happens that does not concern who waits for the member that is away. */
async function muchHappens({ order, replicas }: RingInMemory): Promise<void> {
  for (let i = 0; i < 20; i++) {
    order.waiting.wake()
    order.waiting.retry()
    const release = order.lanes.hold(replicas[0].asLink, ['0:other'], {
      emit: () => {},
      dropped: () => {},
      covered: () => {},
    })
    release()
    await later(12)
  }
}

function begin(t: Test) {
  const ring = new RingInMemory(t)
  const [, , last] = ring.replicas
  return { ring, last, client: ring.client(), looks: countLooks(ring.order) }
}

const keys = Array.from({ length: 100 }, (_, i) => `k${i}`)

t.test('what waits for a server looks at its commands and keys once, whatever happens elsewhere', async (t) => {
  const waits: Record<string, (client: ReturnType<RingInMemory['client']>) => void> = {
    'a transaction': (client) => client.exec(...keys.map((key) => `SET ${key} 1`)),
    'a transaction with what the server chooses': (client) => client.exec('GET k', ...keys.map((key) => `SPOP ${key}`)),
  }
  for (const [what, sends] of Object.entries(waits)) {
    const { ring, last, client, looks } = begin(t)
    ring.breaks(last)
    sends(client)
    await later(5)
    const before = looks()
    t.ok(before >= keys.length, what)
    await muchHappens(ring)
    t.equal(looks(), before, `${what}: nobody looks`)
    t.same(client.heard, [])
    ring.returns(last)
    await later(5)
    t.equal(last.asked[0], 'MULTI', `${what}: it leaves as soon as the server is there`)
    t.equal(ring.order.gates.active, 0)
  }
})

t.test('what waits for keys looks at the one that stands in its way', async (t) => {
  const { ring, client, looks } = begin(t)
  const [master] = ring.replicas
  const release = ring.order.lanes.hold(master.asLink, ['0:k50'], {
    emit: () => {},
    dropped: () => {},
    covered: () => {},
  })
  client.exec(...keys.map((key) => `SET ${key} 1`))
  await later(5)
  const before = looks()
  const { lanes } = ring.order
  let asked = 0
  const isAnyHeld = lanes.isAnyHeld.bind(lanes)
  lanes.isAnyHeld = (link, ids) => {
    asked++
    return isAnyHeld(link, ids)
  }
  const wakes = 50
  for (let i = 0; i < wakes; i++) ring.order.waiting.wake()
  await later(5)
  t.equal(looks(), before)
  t.ok(asked <= wakes * 3, `${asked} looks at lanes`)
  t.notOk(master.asked.includes('MULTI'))
  release()
  await later(5)
  t.ok(master.asked.includes('MULTI'))
})

t.test('those who may go on do so one after the other, and others are served in between', async (t) => {
  const { ring, last, client } = begin(t)
  ring.breaks(last)
  for (let i = 0; i < 3; i++) client.exec(`INCR k${i}`)
  await later(5)
  const left = () => last.asked.filter((command) => command === 'MULTI').length
  ring.returns(last)
  for (let turn = 1; turn <= 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    t.ok(left() <= turn + 1, `${left()} have left after ${turn} turns`)
  }
  await later(20)
  t.equal(left(), 3)
})

t.test('a server that goes while a transaction waits for keys lets others pass', async (t) => {
  const { ring, client } = begin(t)
  const [master, , last] = ring.replicas
  ring.order.lanes.hold(master.asLink, ['0:k'], { emit: () => {}, dropped: () => {}, covered: () => {} })
  client.exec('INCR k', 'INCR other')
  await later(5)
  t.equal(ring.order.gates.active, 1)
  ring.breaks(last)
  await later(150)
  t.equal(ring.order.gates.active, 0)
})

t.test('a client that has gone is waited with no longer', async (t) => {
  const { ring, last, client } = begin(t)
  ring.breaks(last)
  client.exec('SET k 1')
  await later(5)
  client.disconnects()
  await later(150)
  t.match(client.heard, [/^EXEC: -CLUSTERDOWN /])
})

t.test('a plan, and what is cut by servers, wait like that', async (t) => {
  const pairs = keys.map((key) => `${key} 1`).join(' ')
  for (const command of [`MSETNX ${pairs}`, `MSET ${pairs}`, `DEL ${keys.join(' ')}`]) {
    // Two replicas of four members: the keys lie on several servers.
    const ring = new RingInMemory(t, ['dt-1', 'dt-2', 'dt-3', 'dt-4'])
    const client = ring.client()
    ring.breaks(ring.replicas[1])
    const looks = countLooks(ring.order)
    client.send(command)
    await later(5)
    const before = looks()
    t.ok(before >= keys.length)
    await muchHappens(ring)
    t.equal(looks(), before, command.slice(0, 20))
    t.same(client.heard, [])
  }
})
