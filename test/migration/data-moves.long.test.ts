import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { buildView } from '../../src/view/build-view.js'
import { Random } from '../chaos/random.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import { randomWrite } from '../helpers/random-writes.js'
import { counter, membersOf } from '../helpers/ring-state.js'
import { declareDown, forgive } from '../helpers/sentinels.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

const ALLOWED =
  /^-(WRONGTYPE|BUSYGROUP|NOGROUP|ERR no such key|ERR index out of range|ERR value is not an integer|ERR hash value|ERR The ID specified in XADD)/

/** Clients that write whatever they can think of, until they are told to stop; then the errors that they met. */
function writeUntilStopped(proxy: TestProxy, clients: number, seed: number): { stop(): Promise<string[]> } {
  let stopped = false
  const errors: string[] = []
  const write = async (i: number) => {
    const client = await proxy.connect()
    await client.ask('SELECT', i % 3 === 2 ? '7' : '0')
    const random = new Random(seed, `client ${i}`)
    while (!stopped) {
      for (const reply of await client.pipeline(Array.from({ length: 20 }, () => randomWrite(random)))) {
        if (reply[0] === 0x2d && !ALLOWED.test(reply.toString())) errors.push(reply.toString().trim())
      }
    }
    client.close()
  }
  const running = Promise.all(Array.from({ length: clients }, (_, i) => write(i)))
  return {
    async stop() {
      stopped = true
      await running
      return errors
    },
  }
}

/** Waits until every key is on exactly the replica set that it has on a ring of these members, and equal there. */
async function placedOn(proxy: TestProxy, names: readonly string[]): Promise<number> {
  const { ringId, replicas, virtualNodes } = proxy.view
  const members = proxy.view.members.filter(({ name }) => names.includes(name))
  const settled = { ...proxy, view: buildView(ringId, 1, replicas, virtualNodes, members) }
  let faults: string[] = []
  try {
    return await until(
      'placement',
      async () => {
        // To read the whole ring takes the proxy's own time from it, for they are one process here.
        await sleep(300)
        const found = await ringSnapshot(settled)
        faults = found.faults
        return faults.length === 0 ? found.keys.size : undefined
      },
      40_000,
    )
  } catch {
    throw new Error(`${faults.length} faults: ${faults.slice(0, 5).join('\n')}`)
  }
}

async function sentinels(proxy: TestProxy, ...args: string[]): Promise<void> {
  for (const { name } of proxy.ring.sentinels) {
    const client = await proxy.connectTo(name)
    const reply = String(await client.ask(...args))
    if (!reply.startsWith('+OK')) throw new Error(reply)
    client.close()
  }
}

const FIVE = ['dt-1', 'dt-2', 'dt-3', 'dt-4', 'dt-5']
const FOUR = FIVE.slice(0, 4)

t.test('data moves by itself, under load, and nothing is lost', async (t) => {
  const proxy = await startProxy(t, { nodes: 5, replicas: 2 })
  const client = await proxy.connect()
  for (let i = 0; i < 20_000; i += 500) {
    await client.pipeline(
      Array.from({ length: 500 }, (_, k) => ['SET', `still:${i + k}`, `value ${i + k}`, 'PX', '9999999']),
    )
  }

  await t.test('a member that is removed from Sentinel leaves, and its copies are made elsewhere', async (t) => {
    const writers = writeUntilStopped(proxy, 6, 1)
    await sentinels(proxy, 'SENTINEL', 'REMOVE', 'dt-5')
    await until('four members', async () => (await membersOf(client)) === FOUR.join(' '))
    await sleep(500)
    t.same(await writers.stop(), [])
    t.ok((await placedOn(proxy, FOUR)) >= 20_000)
  })

  await t.test('a member that joins gets its ranges, and the copies that it displaces go', async (t) => {
    const writers = writeUntilStopped(proxy, 6, 2)
    const { port } = proxy.ring.server('dt-5')
    await sentinels(proxy, 'SENTINEL', 'MONITOR', 'dt-5', '127.0.0.1', String(port), '2')
    await forgive(proxy.ring, 'dt-5')
    await until('five members', async () => (await membersOf(client)) === FIVE.join(' '))
    await sleep(1500)
    t.same(await writers.stop(), [])
    t.ok((await placedOn(proxy, FIVE)) >= 20_000)
  })

  await t.test('a member that dies is replaced, and one that comes back is filled anew', async (t) => {
    const writers = writeUntilStopped(proxy, 6, 3)
    await proxy.ring.kill('dt-2')
    await declareDown(proxy.ring, 'dt-2')
    await until('four members', async () => (await membersOf(client)) === 'dt-1 dt-3 dt-4 dt-5')
    await sleep(500)
    const errors = await writers.stop()
    t.same(
      errors.filter((text) => !text.includes('outcome')),
      [],
    )
    await forgive(proxy.ring, 'dt-2')
    await proxy.ring.restart('dt-2')
    await until('five members', async () => (await membersOf(client)) === FIVE.join(' '))
    t.ok((await placedOn(proxy, FIVE)) >= 20_000)
  })

  await t.test('a member that restarts empty at once, before any Sentinel notices, is filled anew', async (t) => {
    const writers = writeUntilStopped(proxy, 6, 4)
    await proxy.ring.restart('dt-3', { empty: true })
    await sleep(1000)
    const errors = await writers.stop()
    t.same(
      errors.filter((text) => !text.includes('outcome')),
      [],
    )
    t.ok((await placedOn(proxy, FIVE)) >= 20_000)
  })

  for (let i = 0; i < 20_000; i += 500) {
    const replies = await client.pipeline(Array.from({ length: 500 }, (_, k) => ['GET', `still:${i + k}`]))
    const wrong = replies.findIndex((reply, k) => !reply.toString().includes(`value ${i + k}\r\n`))
    t.equal(wrong, -1, `still:${i} …`)
  }
  t.comment(
    `differences ${await counter(client, 'differences')}, unequal expiries ${await counter(client, 'unequal_expiries')}`,
  )
})
