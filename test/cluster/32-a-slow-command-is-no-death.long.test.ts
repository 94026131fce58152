import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy } from '../helpers/proxy.js'
import { throughRelay } from '../helpers/relayed-ring.js'
import { membersOf, nodeStates, outstanding, replicasOf } from '../helpers/ring-state.js'
import { declareDown, forgive, knowEachOther, tellSentinels } from '../helpers/sentinels.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * A write that takes long runs on all replicas of its key at the same time, and the Sentinels, to whom these say nothing
 * meanwhile, declare all of them down [design §8 Membership].
 */

const ALL = 'dt-1 dt-2 dt-3 dt-4'

t.test('a write that takes longer than the Sentinels wait is answered, and nobody is taken out', async (t) => {
  const lines = new LogLines()
  // Two servers that sort: three would take turns on a machine with two cores, and not fall silent together.
  const proxy = await startProxy(t, { nodes: 4, replicas: 1, log: lines.log })
  const [client, other] = [await proxy.connect(), await proxy.connect()]
  // On a quick machine, too, it takes longer than the Sentinels need to agree.
  const ELEMENTS = 2_500_000
  const BATCH = 10_000
  for (let from = 0; from < ELEMENTS; from += BATCH) {
    const values = Array.from({ length: BATCH }, (_, i) => String(Math.imul(from + i, 0x9e3779b1) >>> 0))
    await client.ask('RPUSH', 'list{a}', ...values)
  }
  const replicas = await replicasOf(client, 'list{a}')
  // Long enough for a server to be silent, as any down-after in earnest is.
  for (const name of replicas) await tellSentinels(proxy.ring, 'SET', name, 'down-after-milliseconds', '600')
  const startedAtMs = Date.now()
  const sorted = client.ask('SORT', 'list{a}', 'ALPHA', 'STORE', 'sorted{a}')
  t.equal(String(await sorted), `:${ELEMENTS}\r\n`)
  t.comment(`it took ${Date.now() - startedAtMs} ms`)
  t.ok(lines.about(/is odown and stays/).length >= 1, 'they were declared down')
  t.equal(await membersOf(other), ALL)
  t.same(lines.about(/leaves the ring/), [])
  await until('they are up', async () => Object.values(await nodeStates(other)).every((state) => state === 'up'))
  await client.ask('DEL', 'list{a}', 'sorted{a}')
})

t.test('one of them that is dead is taken out when the others answer', async (t) => {
  const lines = new LogLines()
  const proxy = await startProxy(t, { nodes: 4, replicas: 2, log: lines.log })
  const [client, other] = [await proxy.connect(), await proxy.connect()]
  const replicas = await replicasOf(client, 'key')
  for (const name of replicas) proxy.ring.pause(name)
  const written = client.ask('SET', 'key', 'v')
  await until('it is on its way', async () => (await outstanding(other, replicas[0])) > 0)
  await declareDown(proxy.ring, ...replicas)
  await until('they are declared down', () => lines.about(/is odown and stays/).length === 3)
  await sleep(1000)
  t.equal(await membersOf(other), ALL)
  const [dead, ...alive] = replicas
  for (const name of alive) proxy.ring.resume(name)
  await until('the dead one is out', async () => !(await membersOf(other)).includes(dead))
  t.equal(String(await written), '+OK\r\n')
  t.same(
    lines.about(/leaves the ring/).map(({ member }) => member),
    [dead],
  )
  await forgive(proxy.ring, dead)
  proxy.ring.resume(dead)
  await until('it is back', async () => (await membersOf(other)) === ALL)
  await until('all are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
})

t.test('a read that silences its server is not sent on to the next one, those behind it are', async (t) => {
  const lines = new LogLines()
  const proxy = await startProxy(t, { nodes: 4, replicas: 2, log: lines.log })
  const [slow, behind, other] = [await proxy.connect(), await proxy.connect(), await proxy.connect()]
  const [first] = await replicasOf(other, 'key')
  await other.ask('RPUSH', 'key', 'v')
  // Where a heartbeat has got between, it is that which is asked first, and the read is innocent.
  await until('the read is what it is asked first', async () => {
    await until('nothing is on its way', async () => (await outstanding(other, first)) === 0)
    proxy.ring.pause(first)
    const stuck = slow.ask('LRANGE', 'key', '0', '-1')
    const innocent = behind.ask('LRANGE', 'key', '0', '-1')
    await sleep(1500)
    await declareDown(proxy.ring, first)
    const [reply, next] = [String(await stuck), String(await innocent)]
    t.equal(next, '*1\r\n$1\r\nv\r\n')
    t.match(
      reply,
      /^\*1\r\n\$1\r\nv\r\n$|^-ERR the read was not answered: its server was silent, perhaps because of it/,
    )
    await forgive(proxy.ring, first)
    proxy.ring.resume(first)
    await until('it is back', async () => (await membersOf(other)) === ALL)
    return reply.startsWith('-')
  })
  t.same(
    lines.about(/leaves the ring/).filter(({ member }) => member !== first),
    [],
    'nobody else was declared down',
  )
})

t.test('a transaction that keeps one server from saying anything does not take it out, nor the next one', async (t) => {
  const lines = new LogLines()
  const proxy = await startProxy(t, { nodes: 4, replicas: 2, log: lines.log })
  const [client, other] = [await proxy.connect(), await proxy.connect()]
  await client.ask('SET', 'key', 'v')
  const [master] = await replicasOf(client, 'key')
  // As if its replies were a gigabyte, which takes a server some seconds.
  proxy.ring.pause(master)
  const READS = 500
  await client.ask('MULTI')
  for (let i = 0; i < READS; i++) await client.ask('GET', 'key')
  const answered = client.ask('EXEC')
  await until('it is on its way', async () => (await outstanding(other, master)) > 0)
  await declareDown(proxy.ring, master)
  await until('it is declared down', () => lines.about(/stays: it executes a transaction that takes long/).length > 0)
  await sleep(1000)
  t.equal(await membersOf(other), ALL)
  await forgive(proxy.ring, master)
  proxy.ring.resume(master)
  t.equal(String(await answered), `*${READS}\r\n${'$1\r\nv\r\n'.repeat(READS)}`)
  t.same(lines.about(/leaves the ring/), [])
})

t.test(
  'a read of a large value that keeps its server from saying anything does not take it out, nor the next one',
  async (t) => {
    const lines = new LogLines()
    const proxy = await startProxy(t, { nodes: 3, replicas: 1, log: lines.log })
    const [client, other] = [await proxy.connect(), await proxy.connect()]
    await client.ask('SELECT', '1')
    const BYTES = 256 * 1024 * 1024
    t.equal(String(await client.ask('SETRANGE', 'key', String(BYTES - 1), 'x')), `:${BYTES}\r\n`)
    const [master] = await replicasOf(client, 'key')
    // As if it were copied for the reply, which takes a server on a busy machine a second.
    proxy.ring.pause(master)
    const answered = client.ask('GETRANGE', 'key', '-1', '-1')
    await until('it is on its way', async () => (await outstanding(other, master)) > 0)
    // The proxy has looked why it is silent before the Sentinels say so, which are patient for a second at least.
    await sleep(500)
    await declareDown(proxy.ring, master)
    await until('it is declared down', () => lines.about(/stays: it was asked for large values/).length > 0)
    await sleep(1000)
    t.equal(await membersOf(other), 'dt-1 dt-2 dt-3')
    await forgive(proxy.ring, master)
    proxy.ring.resume(master)
    t.equal(String(await answered), '$1\r\nx\r\n')
    t.same(lines.about(/leaves the ring/), [])
  },
)

t.test(
  'a server from which a large reply is coming is alive, though the Sentinels hear nothing behind it',
  async (t) => {
    const lines = new LogLines()
    const { proxy, relay, client } = await throughRelay(t, { log: lines.log })
    const other = await proxy.connect()
    const key = await (async () => {
      for (let i = 0; ; i++) if ((await replicasOf(other, `key${i}`))[0] === 'dt-9') return `key${i}`
    })()
    const BYTES = 64 * 1024 * 1024
    await client.ask('SETRANGE', key, String(BYTES - 1), 'x')
    await until('the Sentinels can agree about it', () => knowEachOther(proxy.ring, 'dt-9'))
    // It is still coming when the Sentinels have agreed, however busy this machine is.
    relay.slowReplies(2000)
    const answered = client.ask('GET', key)
    await until('it is seen to be large', () => relay.passedSlowly > 4 * 1024 * 1024)
    await declareDown(proxy.ring, 'dt-9')
    await until('it is declared down', () => lines.about(/stays: a large reply is coming from it/).length > 0)
    relay.slowReplies(Number.POSITIVE_INFINITY)
    await forgive(proxy.ring, 'dt-9')
    t.equal((await answered).length, `$${BYTES}\r\n`.length + BYTES + 2)
    t.same(lines.about(/leaves the ring/), [])
    t.equal(await membersOf(other), 'dt-1 dt-2 dt-9')
  },
)
