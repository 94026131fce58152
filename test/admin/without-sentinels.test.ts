import t from 'tap'
import { readinessOf } from '../../src/admin/readiness.js'
import type { Server } from '../../src/client/server.js'
import type { MembershipStatus } from '../../src/membership/membership.js'
import { buildView } from '../../src/view/build-view.js'
import type { Member } from '../../src/view/view.js'
import { startProxy } from '../helpers/proxy.js'
import { until } from '../helpers/until.js'

/* Nobody can declare a server down: its keys are not given to others, and whoever looks is told so. */

const MEMBERS = ['dt-1', 'dt-2'].map((name): Member => ({ name, host: 'localhost', port: 1, state: 'up' }))

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

t.test('a server has left, and no Sentinel can be told', async (t) => {
  const { proxy, ring, connect } = await startProxy(t, {
    ...{ nodes: 3, replicas: 1, sentinels: 1 },
    config: { admin: { port: 0 } },
  })
  const { host, port } = proxy.adminAddress as { host: string; port: number }
  const client = await connect()
  await ring.kill('sentinel-1')
  await client.ask('DT', 'REMOVE', 'dt-3')
  const reason =
    'it has left the ring, and Sentinels monitor it still: they are told to forget it as soon as they answer'
  await until('DT NODES says why it stands there', async () =>
    String(await client.ask('DT', 'NODES')).includes(`out\r\n$3\r\nwhy\r\n$${reason.length}\r\n${reason}\r\n`),
  )
  t.match(await (await fetch(`http://${host}:${port}/readyz`)).text(), `dt-3: ${reason}\n`)
})

t.test('a quorum that cannot be reached, and a clock that is apart, are known without asking', async (t) => {
  const { proxy, ring } = await startProxy(t, { nodes: 2, replicas: 1, sentinels: 2, config: { admin: { port: 0 } } })
  const { host, port } = proxy.adminAddress as { host: string; port: number }
  const text = async (path: string) => (await fetch(`http://${host}:${port}${path}`)).text()
  t.match(await text('/metrics'), /^dt_member_quorum\{member="dt-1"\} 2$/m)
  t.match(await text('/metrics'), /^dt_member_clock_offset_seconds\{member="dt-1"\} -?[\d.e-]+$/m)
  t.equal(await text('/readyz'), 'ready\n')
  await ring.kill('sentinel-2')
  await until('it is said', async () =>
    /^1 Sentinels answer, and the quorum of dt-1, dt-2 is more/m.test(await text('/readyz')),
  )
})

t.test('a clock that is apart', async (t) => {
  const link = { ready: true, full: false, clockOffsetMs: 45_012 }
  const server = {
    clients: { isDraining: false },
    keeper: { departed: () => [] },
    links: { get: (name: string) => (name === 'dt-1' ? link : { ...link, clockOffsetMs: -40 }) },
    order: {
      router: { view: buildView('ring', 1, 1, 8, MEMBERS) },
      opening: { isOpen: true, why: () => '' },
      pieces: { failed: { of: () => [] } },
    },
    outvoted: { of: () => 0 },
    peers: () => ({ owner: undefined, fronts: [] }),
    stateFileFault: () => undefined,
    stats: { sinceUnavailableMs: Number.POSITIVE_INFINITY },
  } as unknown as Server
  const masters = MEMBERS.map(({ name }) => ({ name, why: '', quorum: 1 }))
  const status = { masters, sentinels: [{ address: 'a:1', reachable: true }] } as unknown as MembershipStatus
  t.match(readinessOf(server, status), {
    ready: true,
    warnings: [/^the clock of dt-1 is 45012 ms ahead of the proxy's/],
  })
})
