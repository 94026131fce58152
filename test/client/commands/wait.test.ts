import t from 'tap'
import { answersAlike } from '../../helpers/alike.js'
import { startProxy, startRedis } from '../../helpers/proxy.js'
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
  for (const wanted of ['0', '1', '2', '9', '-5', '9223372036854775807']) {
    // Redis would wait for more of them, for ever.
    t.equal((await client.ask('WAIT', wanted, '0')).toString(), ':2\r\n', `${wanted} wanted`)
  }
})

t.test('WAIT does not count a backup that is not reachable', async (t) => {
  const client = await proxy.connect()
  const backups = async () => (await client.ask('WAIT', '2', '0')).toString()
  await proxy.ring.kill('dt-2')
  t.equal(await until('another number', async () => (await backups()) !== ':2\r\n' && backups()), ':1\r\n')
  await proxy.ring.restart('dt-2')
  t.equal(await until('another number', async () => (await backups()) !== ':1\r\n' && backups()), ':2\r\n')
})
