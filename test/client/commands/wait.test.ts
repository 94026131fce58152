import t from 'tap'
import { answersAlike } from '../../helpers/alike.js'
import { startProxy, startRedis } from '../../helpers/proxy.js'
import { keysAt } from '../../helpers/ring-state.js'
import { until } from '../../helpers/until.js'

const proxy = await startProxy(t, { nodes: 3, replicas: 2, downAfterMs: 60_000 })
const redis = await startRedis(t)

t.test('WAIT refuses what Redis refuses', async (t) => {
  for (const proto of [2, 3] as const) {
    const [ours, theirs] = await Promise.all([proxy.connect(proto), redis.connect(proto)])
    await answersAlike(t, ours, theirs, [
      ['WAIT'],
      ['WAIT', '1'],
      ['WAIT', '1', '2', '3'],
      ['WAIT', 'x', 'y'],
      ['WAIT', '', '0'],
      ['WAIT', '01', '0'],
      ['WAIT', '9223372036854775808', '0'],
      ['WAIT', '0', 'y'],
      ['WAIT', '0', '1.5'],
      ['WAIT', '0', '-1'],
      ['WAIT', 'x', '-1'],
    ])
  }
})

t.test('WAIT says at once how many backups every acknowledged write has', async (t) => {
  const client = await proxy.connect()
  await client.ask('SET', 'a', 'b')
  for (const wanted of ['0', '1', '2', '-5']) {
    t.equal((await client.ask('WAIT', wanted, '0')).toString(), ':2\r\n', `${wanted} wanted`)
  }
})

t.test('who wants more than there are waits as with Redis, and can be ended', async (t) => {
  const [client, admin] = [await proxy.connect(), await proxy.connect()]
  for (const wanted of ['3', '9223372036854775807']) {
    t.equal((await client.ask('WAIT', wanted, '20')).toString(), ':2\r\n', 'its time is over')
  }
  await client.ask('MULTI')
  await client.ask('WAIT', '3', '0')
  t.equal((await client.ask('EXEC')).toString(), '*1\r\n:2\r\n', 'in EXEC it does not wait')
  const id = (await client.ask('CLIENT', 'ID')).toString().slice(1).trim()
  const waits = async (words: string) => {
    client.send(words)
    const line = async () => (await admin.ask('CLIENT', 'LIST', 'ID', id)).toString()
    await until('it waits', async () => / flags=b .* cmd=wait /.test(await line()))
    t.match((await admin.ask('INFO', 'clients')).toString(), /blocked_clients:1\r/)
  }
  await waits('WAIT 3 0\r\nPING\r\n')
  t.equal((await admin.ask('CLIENT', 'UNBLOCK', id)).toString(), ':1\r\n')
  t.equal((await client.reply()).toString(), ':2\r\n')
  t.equal((await client.reply()).toString(), '+PONG\r\n')
  await waits('WAIT 3 0\r\n')
  t.equal((await admin.ask('CLIENT', 'UNBLOCK', id, 'ERROR')).toString(), ':1\r\n')
  t.equal((await client.reply()).toString(), '-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n')
  t.equal((await admin.ask('CLIENT', 'UNBLOCK', id)).toString(), ':0\r\n')
  await waits('WAIT 3 0\r\n')
  client.close()
  await until('nobody waits', async () => /blocked_clients:0\r/.test((await admin.ask('INFO', 'clients')).toString()))
})

t.test('WAIT waits for a backup that is not reachable, and does not count it', async (t) => {
  const [client, waiter] = [await proxy.connect(), await proxy.connect()]
  const backups = async () => (await client.ask('WAIT', '0', '0')).toString()
  await proxy.ring.kill('dt-2')
  t.equal(await until('another number', async () => (await backups()) !== ':2\r\n' && backups()), ':1\r\n')
  t.equal((await client.ask('WAIT', '1', '0')).toString(), ':1\r\n')
  t.equal((await client.ask('WAIT', '2', '30')).toString(), ':1\r\n')
  waiter.send('WAIT 2 0\r\n')
  await proxy.ring.restart('dt-2')
  t.equal((await waiter.reply()).toString(), ':2\r\n', 'it is there again')
  t.equal(await backups(), ':2\r\n')
})

t.test('behind writes that are not acknowledged yet it says what is so when they are', async (t) => {
  const small = await startProxy(t, { nodes: 2, replicas: 1, downAfterMs: 1000 })
  const [client, other] = [await small.connect(), await small.connect()]
  const [a, b] = await keysAt(client, 'dt-1', 0, 2)
  const [master, backup] = await Promise.all(['dt-1', 'dt-2'].map((name) => small.connectTo(name)))
  await backup.ask('CLIENT', 'PAUSE', '60000', 'WRITE')
  client.send(`SET ${a} 1\r\nWAIT 1 100\r\nPING\r\n`)
  other.send(`SET ${b} 1\r\nMULTI\r\nWAIT 1 0\r\nPING\r\nEXEC\r\n`)
  for (const key of [a, b])
    await until('it is written', async () => String(await master.ask('EXISTS', key)) === ':1\r\n')
  await small.ring.kill('dt-2')
  t.equal(String(await client.reply()), '+OK\r\n', 'on one server, which is all there are')
  t.equal(String(await client.reply()), ':0\r\n')
  t.equal(String(await client.reply()), '+PONG\r\n')
  for (const reply of ['+OK\r\n', '+OK\r\n', '+QUEUED\r\n', '+QUEUED\r\n', '*2\r\n:0\r\n+PONG\r\n'])
    t.equal(String(await other.reply()), reply)
})
