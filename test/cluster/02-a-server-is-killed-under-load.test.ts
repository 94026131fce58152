import t from 'tap'
import { CheckingClient } from '../helpers/checking-client.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy } from '../helpers/proxy.js'
import { membersOf, replicasOf } from '../helpers/ring-state.js'
import { declareDown, forgive } from '../helpers/sentinels.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

const CLIENTS = 20
const DEPTH = 16

t.test('kill -9 of a server under load from pipelining clients', async (t) => {
  const lines = new LogLines()
  const proxy = await startProxy(t, { log: lines.log })
  const watcher = await proxy.connect()
  const keys = Array.from({ length: 60 }, (_, i) => `steady:${i}`)
  for (const key of keys) await watcher.ask('SET', key, `value of ${key}`)
  const mastered: string[] = []
  for (const key of keys) if ((await replicasOf(watcher, key))[0] === 'dt-2') mastered.push(key)
  t.ok(mastered.length > 0, `dt-2 is the master of ${mastered.length} keys that are read all the time`)

  const clients: CheckingClient[] = []
  for (let i = 0; i < CLIENTS; i++) clients.push(new CheckingClient(await proxy.connect(), `client-${i}`))
  const count = (field: 'replies' | 'unknown' | 'notApplied' | 'overtaken') =>
    clients.reduce((sum, client) => sum + client[field], 0)
  const running = clients.map((client) => client.run(DEPTH))
  await until('everybody is at work', () => clients.every(({ replies }) => replies > 10 * DEPTH))

  await proxy.ring.kill('dt-2')
  let reads = 0
  for (let rounds = 1; lines.about(/leaves the ring/, 'dt-2').length === 0; rounds++) {
    for (const key of mastered) {
      const reply = String(await watcher.ask('GET', key))
      if (reply !== `$${key.length + 9}\r\nvalue of ${key}\r\n`) t.fail(`GET ${key} was answered by ${reply}`)
      reads++
    }
    if (rounds === 10) {
      t.same(lines.about(/leaves the ring/), [], `${reads} reads of its keys before it left the ring`)
      await declareDown(proxy.ring, 'dt-2')
    }
  }
  t.equal(await membersOf(watcher), 'dt-1 dt-3 dt-4')

  // Everybody is served by those who are left.
  const [repliesThen, errorsThen] = [clients.map(({ replies }) => replies), count('unknown') + count('notApplied')]
  const rounds = (n: number) => () => clients.every(({ replies }, i) => replies > repliesThen[i] + n * DEPTH)
  await until('everybody goes on', rounds(2))
  const errorsOfThose = count('unknown') + count('notApplied')
  await until('everybody works on', rounds(20))
  t.equal(count('unknown') + count('notApplied'), errorsOfThose, 'without an error')
  t.ok(errorsOfThose - errorsThen < CLIENTS * DEPTH)

  for (const client of clients) client.stop()
  await Promise.all(running)
  for (const client of clients) await client.readAll()
  t.same(
    clients.flatMap(({ violations }) => violations),
    [],
    `of ${count('replies')} replies none was wrong, or another client's`,
  )
  t.comment(`${count('unknown')} outcomes unknown, ${count('notApplied')} not applied, ${count('overtaken')} overtaken`)

  // It comes back, and its data with it, while the clients go on.
  const again = clients.map((client) => client.run(DEPTH))
  await forgive(proxy.ring, 'dt-2')
  await proxy.ring.restart('dt-2')
  await until('dt-2 joins', () => lines.about(/joins the ring/, 'dt-2').length > 0)
  await until('it is a member', async () => (await membersOf(watcher)) === 'dt-1 dt-2 dt-3 dt-4')
  for (const client of clients) client.stop()
  await Promise.all(again)
  await until('every key has its copies', async () => (await ringSnapshot(proxy)).faults.length === 0)
  for (const client of clients) await client.readAll()
  t.same(
    clients.flatMap(({ violations }) => violations),
    [],
    'nobody has read anything old',
  )
  const late = new CheckingClient(await proxy.connect(), 'late')
  for (let i = 0; i < 20; i++) await late.pipeline(DEPTH)
  t.same(late.violations, [])
  t.equal(late.unknown + late.notApplied, 0)
})
