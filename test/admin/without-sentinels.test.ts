import t from 'tap'
import { startProxy } from '../helpers/proxy.js'
import { until } from '../helpers/until.js'

/* Nobody can declare a server down: its keys are not given to others, and whoever looks is told so. */

t.test('all Sentinels are away, and a server dies', async (t) => {
  const config = { admin: { port: 0 }, limits: { unavailableTimeoutMs: 300 } }
  const { proxy, ring, connect } = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1, config })
  const { host, port } = proxy.adminAddress as { host: string; port: number }
  const text = async (path: string) => (await fetch(`http://${host}:${port}${path}`)).text()
  const gauge = async (name: string) => Number(new RegExp(`^${name} (.*)$`, 'm').exec(await text('/metrics'))?.[1])
  const client = await connect()
  t.same([await gauge('dt_ranges_short'), await gauge('dt_ranges_unwritable')], [0, 0])

  await ring.kill('sentinel-1')
  await ring.kill('dt-2')
  await until('the link is down', async () => (await gauge('dt_ranges_unwritable')) > 0)
  t.equal(await gauge('dt_members'), 3, 'it is a member still')
  t.ok((await gauge('dt_ranges_short')) > 0, 'its copies are not there')
  t.equal(await gauge('dt_ranges_unserved'), 0, 'others are read')
  t.match(await text('/readyz'), /^ready\nwrites on the keys of \d+ token ranges wait for dt-2\ndt-2: its link is down/)

  const replies = await client.pipeline(Array.from({ length: 20 }, (_, i) => ['SET', `key:${i}`, 'x']))
  t.ok(replies.some((reply) => String(reply).startsWith('-CLUSTERDOWN ')))
  t.match(await text('/readyz'), /^commands are refused with CLUSTERDOWN, the last one 0 s ago$/m)
  t.match(String(await client.ask('DT', 'DOCTOR')), /commands are refused with CLUSTERDOWN/)

  await ring.kill('dt-1')
  await until('keys of both are not served by anybody', async () => (await gauge('dt_ranges_unserved')) > 0)
  t.match(String(await client.ask('DT', 'DOCTOR')), /the keys of \d+ token ranges wait: .* dt-1 or dt-2/)
})
