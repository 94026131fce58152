import t from 'tap'
import { writeOwner } from '../../src/membership/marker.js'
import { AnotherProxy, PausableProxy } from '../helpers/another-proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { startRing } from '../helpers/ring.js'
import { until } from '../helpers/until.js'

/*
 * `dt serve --standby`: a proxy that waits until nobody serves the ring, and serves it then.
 */

const ON_A_PORT = { admin: { port: 0 } }

/** Starts one that finds another at work, and resolves when it has said so. */
async function standsBy(t: Tap, ring: Awaited<ReturnType<typeof startRing>>): Promise<Standby> {
  const proxy = AnotherProxy.of(t, ring, { standby: true, config: ON_A_PORT })
  const started = proxy.start()
  started.catch(() => {}) // Who waits for it hears of it.
  await until(
    'it stands by',
    () => proxy.log.about(/^it stands by: run [0-9a-f]{40}, process \d+ on \S+, serves the ring$/)[0],
  )
  return { proxy, started }
}

type Tap = Parameters<typeof startRing>[0]
interface Standby {
  readonly proxy: AnotherProxy
  readonly started: Promise<void>
}

async function readyz({ proxy }: AnotherProxy): Promise<{ readonly status: number; readonly text: string }> {
  const { host, port } = proxy.adminAddress!
  const answer = await fetch(`http://${host}:${port}/readyz`)
  return { status: answer.status, text: await answer.text() }
}

t.test(
  'it accepts nobody, is not ready and says why, and disturbs nobody; who is killed is followed at once',
  async (t) => {
    const ring = await startRing(t)
    const first = await PausableProxy.start(t, ring)
    const client = await first.connect()
    const { proxy, started } = await standsBy(t, ring)
    t.equal(proxy.port, 0)
    t.same(await readyz(proxy).then(({ status }) => status), 503)
    t.match((await readyz(proxy)).text, /it stands by: run [0-9a-f]{40}, .* serves the ring/)
    const standing = async () => {
      const { host, port } = proxy.proxy.adminAddress!
      return /^dt_standing_by (.*)$/m.exec(await (await fetch(`http://${host}:${port}/metrics`)).text())?.[1]
    }
    t.equal(await standing(), '1')
    let acknowledged = 0
    while (acknowledged < 2000) {
      if (String(await client.ask('INCR', 'n')) !== `:${acknowledged + 1}\r\n`) break
      acknowledged++
    }
    t.equal(acknowledged, 2000)
    t.notMatch(first.output, /another proxy/)

    client.send('INCR n\r\n'.repeat(100))
    first.child.kill('SIGKILL')
    await started
    t.match(proxy.log.about(/^going on in place of run [0-9a-f]{40}, process \d+/), [{ level: 40 }])
    t.equal(await standing(), '0')
    const next = await proxy.connect()
    const value = Number(String(await next.ask('INCR', 'n')).slice(1)) - 1
    t.ok(value >= 2000 && value <= 2100, `${value}: all that was acknowledged`)
    t.equal((await readyz(proxy)).status, 200)
  },
)

t.test('who has stopped in order leaves nothing in doubt', async (t) => {
  const ring = await startRing(t)
  const first = await AnotherProxy.started(t, ring)
  await (await first.connect()).ask('SET', 'k', 'v')
  const { proxy, started } = await standsBy(t, ring)
  await first.proxy.stop(true)
  await started
  t.equal(String(await (await proxy.connect()).ask('GET', 'k')), '$1\r\nv\r\n')
  t.same(proxy.log.about(/did not stop in order/), [])
})

t.test('who is stopped is followed, too, and can do nothing when it wakes', async (t) => {
  const ring = await startRing(t)
  const first = await PausableProxy.start(t, ring)
  const client = await first.connect()
  await client.ask('SET', 'k', 'before')
  const { proxy, started } = await standsBy(t, ring)
  first.pause()
  client.send('SET k late\r\nGET k\r\n')
  await started
  const next = await proxy.connect()
  t.equal(String(await next.ask('GET', 'k')), '$6\r\nbefore\r\n')
  first.wake()
  t.equal(await first.exit, 1)
  t.match(first.output, /another proxy has taken over/)
  t.equal(String(await next.ask('GET', 'k')), '$6\r\nbefore\r\n')
})

t.test('of several that stand by one goes on, and the next one after it', async (t) => {
  const ring = await startRing(t)
  const first = await PausableProxy.start(t, ring)
  const standbys = [await standsBy(t, ring), await standsBy(t, ring), await standsBy(t, ring)]
  first.child.kill('SIGKILL')
  // Two may have begun in the same moment: then the one with the later term has shut out the other.
  const serving = await Promise.any(standbys.map(async (each) => each.started.then(() => each)))
  await (await serving.proxy.connect()).ask('SET', 'k', 'v')
  const others = standbys.filter((each) => each !== serving && each.proxy.log.about(/has taken over/).length === 0)
  t.ok(others.length >= 1)
  t.same(
    others.map(({ proxy }) => proxy.port),
    others.map(() => 0),
  )
  await serving.proxy.proxy.stop(true)
  const next = await Promise.any(others.map(async (each) => each.started.then(() => each)))
  t.equal(String(await (await next.proxy.connect()).ask('GET', 'k')), '$1\r\nv\r\n')
})

t.test(
  'who has been left the ring by an owner that has stopped in order is not forestalled, as long as he is there',
  async (t) => {
    const ring = await startRing(t)
    const first = await AnotherProxy.started(t, ring)
    await (await first.connect()).ask('SET', 'k', 'v')
    await first.proxy.stop(true)
    const successor = 'f'.repeat(40)
    const connections = await Promise.all(
      ['dt-1', 'dt-2', 'dt-3'].map((name) => RawClient.connect(ring.server(name).port, 3)),
    )
    t.teardown(() => {
      for (const connection of connections) connection.close()
    })
    for (const connection of connections) {
      await connection.ask('CLIENT', 'SETNAME', `dt:dt:${successor}`)
      const said = String(await connection.ask('FCALL_RO', 'dt_owner', '0'))
      const {
        ring: ringId,
        acknowledged,
        ...owner
      } = JSON.parse(said.slice(said.indexOf('{'), said.lastIndexOf('}') + 1))
      t.equal(owner.clean, true)
      const [term, epoch] = acknowledged
      await connection.ask(...writeOwner({ ...owner, ringId, successor, acknowledged: { term, epoch } }))
    }
    const proxy = AnotherProxy.of(t, ring, { standby: true })
    const started = proxy.start()
    started.catch(() => {}) // Who waits for it hears of it.
    await until(
      'it stands by',
      () => proxy.log.about(/^it stands by: run [0-9a-f]{40}, .* has left the ring to run f{40}$/)[0],
    )
    t.equal(proxy.port, 0)
    for (const connection of connections) connection.close()
    await started
    t.equal(String(await (await proxy.connect()).ask('GET', 'k')), '$1\r\nv\r\n')
    t.same(proxy.log.about(/did not stop in order/), [])
  },
)

t.test('it ends in order while it stands by', async (t) => {
  const ring = await startRing(t)
  const first = await AnotherProxy.started(t, ring)
  const { proxy, started } = await standsBy(t, ring)
  await proxy.proxy.stop(true)
  await t.rejects(started, { message: 'stopped while it stood by' })
  t.equal(String(await (await first.connect()).ask('SET', 'k', 'v')), '+OK\r\n')
})

t.test('a ring that nobody serves is served by it like by any other', async (t) => {
  const ring = await startRing(t)
  const proxy = await AnotherProxy.started(t, ring, { standby: true })
  t.equal(String(await (await proxy.connect()).ask('SET', 'k', 'v')), '+OK\r\n')
})
