import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import { membersOf } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

async function sentinels(proxy: TestProxy, ...args: string[]): Promise<void> {
  for (const { name } of proxy.ring.sentinels) {
    const client = await proxy.connectTo(name)
    await client.ask(...args)
    client.close()
  }
}

async function fill(proxy: TestProxy, db: number, keys: number): Promise<void> {
  const client = await proxy.connect()
  await client.ask('SELECT', String(db))
  for (let i = 0; i < keys; i += 500) {
    const value = `${db} `.repeat(60)
    await client.pipeline(Array.from({ length: 500 }, (_, k) => ['SET', `key:${i + k}`, value]))
  }
  client.close()
}

/** A ring of three servers with keys in some databases, which a fourth is just joining, slowly. */
async function joining(t: Test, keys: Readonly<Record<number, number>>) {
  const proxy = await startProxy(t, { nodes: 4, config: { migration: { maxBytesPerSecond: 150_000 } } })
  const client = await proxy.connect()
  await sentinels(proxy, 'SENTINEL', 'REMOVE', 'dt-4')
  await until('three members', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3')
  for (const [db, count] of Object.entries(keys)) await fill(proxy, Number(db), count)
  const { port } = proxy.ring.server('dt-4')
  await sentinels(proxy, 'SENTINEL', 'MONITOR', 'dt-4', '127.0.0.1', String(port), '2')
  await until('some keys have moved', async () => {
    const copied = /\$4\r\nkeys\r\n:(\d+)/.exec(String(await client.ask('DT', 'MIGRATIONS')))
    return Number(copied?.[1] ?? 0) > 300
  })
  return { proxy, client }
}

async function placed(proxy: TestProxy): Promise<number> {
  const client = await proxy.connect()
  await until(
    'nothing is pending',
    async () => /pending-ranges\r\n:0/.test(String(await client.ask('DT', 'VIEW'))),
    40_000,
  )
  let faults: string[] = []
  const found = await until('placement', async () => {
    const snapshot = await ringSnapshot(proxy)
    faults = snapshot.faults
    if (faults.length > 0) await sleep(200)
    return faults.length === 0 ? snapshot : undefined
  }).catch(() => {
    throw new Error(`${faults.length} faults: ${faults.slice(0, 5).join('\n')}`)
  })
  return found.keys.size
}

t.test('databases that are swapped while a member joins are on it as they are elsewhere', async (t) => {
  const { proxy, client } = await joining(t, { 0: 3000, 1: 1000 })
  t.equal(String(await client.ask('SWAPDB', '0', '1')), '+OK\r\n')
  t.equal(String(await client.ask('APPEND', 'key:2999', 'x')), ':1\r\n')
  t.equal(await placed(proxy), 4001)
})

t.test('a database that was not there when a member began to join is moved with what it was swapped for', async (t) => {
  const { proxy, client } = await joining(t, { 0: 3000 })
  t.equal(String(await client.ask('SWAPDB', '0', '9')), '+OK\r\n')
  t.equal(await placed(proxy), 3000)
})

t.test('what is emptied while a member joins is not brought back', async (t) => {
  const { proxy, client } = await joining(t, { 0: 2000, 1: 2000 })
  t.equal(String(await client.ask('FLUSHDB')), '+OK\r\n')
  t.equal(String(await client.ask('APPEND', 'key:1999', 'x')), ':1\r\n')
  t.equal(await placed(proxy), 2001)
  t.equal(String(await client.ask('FLUSHALL')), '+OK\r\n')
  t.equal(await placed(proxy), 0)
})
