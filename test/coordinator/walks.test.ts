import t, { type Test } from 'tap'
import type { Link } from '../../src/backend/link.js'
import { keyId } from '../../src/base/key-id.js'
import type { Router } from '../../src/order/router.js'
import { Generations, generationOf, Walks } from '../../src/serving/keyspace/walks.js'
import { itemsOf, readReply, textOf } from '../helpers/raw-reply.js'
import { type ScriptedRing, startScriptedRing } from '../helpers/scripted-ring.js'
import { bulk } from '../helpers/scripted-server.js'
import { until } from '../helpers/until.js'

function routerOf(epoch: number, ...runIds: string[]): Router {
  return { view: { epoch }, links: runIds.map((runId) => ({ info: { runId } })) } as unknown as Router
}

t.test('the number of a generation that is remembered is not given to another one', async (t) => {
  const generations = new Generations()
  const first = generations.numberOf('0')
  t.equal(first, generationOf('0'))
  let same = 1
  while (generationOf(String(same)) !== first) same++
  t.equal(generations.numberOf(String(same)), first + 1)
  t.equal(generations.numberOf('0'), first)
  t.equal(generations.textOf(first + 1), String(same))
  const numbers = new Set(Array.from({ length: 900 }, (_, i) => generations.numberOf(`text ${i}`)))
  t.equal(numbers.size, 900)
  for (let i = 0; i < 2000; i++) generations.numberOf(`other ${i}`)
  t.equal(generations.textOf(first), undefined, 'it is not remembered for ever')
})

t.test('a walk is found by its generation as long as view and processes are the same', async (t) => {
  const walks = new Walks()
  const router = routerOf(3, 'a', 'b')
  const all = walks.of(router, [])
  const without = walks.of(router, ['dt-2', 'dt-1', 'dt-2'])
  t.same(walks.find(router, all.generation), all)
  t.same(walks.find(router, without.generation)?.away, ['dt-1', 'dt-2'])
  for (const other of [routerOf(4, 'a', 'b'), routerOf(3, 'a', 'c'), routerOf(3, 'a')]) {
    t.equal(walks.find(other, all.generation), undefined)
    t.equal(walks.find(other, without.generation), undefined)
    t.notOk(walks.isCurrent(other, without))
  }
  t.ok(walks.isCurrent(routerOf(3, 'a', 'b'), without))
  t.same(new Walks().find(router, all.generation), all, 'also by the next proxy')
  t.equal(walks.find(router, walks.ofProcess({ info: { runId: 'a' } } as unknown as Link)), undefined)
})

const KEYS = Array.from({ length: 40 }, (_, i) => `key:${i}`)
const PAGE = 4

/** Every server holds all keys, and gives a few of them at a time. */
function scripted(args: string[]): string | undefined {
  if (args[0] !== 'SCAN') return undefined
  const from = Number(args[1])
  const page = KEYS.slice(from, from + PAGE)
  const next = from + PAGE < KEYS.length ? from + PAGE : 0
  return `*2\r\n${bulk(String(next))}*${page.length}\r\n${page.map(bulk).join('')}`
}

/** Walks to the end; `before` is told before each call how many there were. Gives the number of calls. */
async function walk(t: Test, ring: ScriptedRing, before: (calls: number) => unknown): Promise<number> {
  const found = new Set<string>()
  let cursor = '0'
  for (let calls = 1; ; calls++) {
    await before(calls)
    const [next, keys] = itemsOf(readReply(Buffer.from(await ring.ask('SCAN', cursor, 'COUNT', '1'), 'latin1')))
    for (const key of itemsOf(keys)) found.add(textOf(key))
    cursor = textOf(next)
    if (cursor === '0') {
      t.same([...found].sort(), [...KEYS].sort(), 'none is missed')
      return calls
    }
    if (calls > 500) throw new Error('the walk does not end')
  }
}

t.test('a walk goes on when members stop serving for an instant, however often', async (t) => {
  const ring = await startScriptedRing(t, scripted, { nodes: 4, replicas: 1 })
  const quiet = await walk(t, ring, () => {})
  const { links } = ring.order.router
  const flapping = await walk(t, ring, (calls) => {
    const link = links[calls % links.length]
    // The repair fails and is tried again, or is not needed any more: nobody serves before that.
    ring.order.doubts.note(link, [keyId(0, Buffer.from('in doubt'), 0, 8)])
    t.notOk(link.serving)
  })
  t.equal(flapping, quiet)
})

t.test('a walk begins again at most once for each member that goes away when it is its turn', async (t) => {
  const ring = await startScriptedRing(t, scripted, { nodes: 4, replicas: 1 })
  const quiet = await walk(t, ring, () => {})
  const { links } = ring.order.router
  // Connections break all the time, each for a moment.
  const calls = await walk(t, ring, async (calls) => {
    if (calls % 3 !== 0) return
    const at = (calls / 3) % links.length
    ring.servers[at].connection.destroy()
    await until('its link is down', () => !links[at].ready)
  })
  t.ok(calls <= quiet * (links.length + 1), `${calls} calls, ${quiet} when all is quiet`)
})

t.test('what a member that is away would tell others do, and it is left out when it is back', async (t) => {
  const ring = await startScriptedRing(t, scripted, { nodes: 3, replicas: 1 })
  const [first] = ring.order.router.links
  let down = true
  ring.servers[0].onConnection = (socket) => down && socket.destroy()
  ring.servers[0].connection.destroy()
  await until('its link is down', () => !first.ready)
  ring.servers[0].received.length = 0
  await walk(t, ring, async (calls) => {
    if (calls !== 3) return
    down = false
    await until('it is back', () => first.serving)
  })
  t.equal(ring.servers[0].commands('SCAN').length, 0)
})
