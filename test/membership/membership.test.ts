import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { LocalRing, LocalServer } from '../../src/local/local-ring.js'
import { freePorts } from '../../src/local/ports.js'
import { memberConfig } from '../../src/local/server-config.js'
import { declareDown, forgive, PATIENT_MS } from '../helpers/sentinels.js'
import { until } from '../helpers/until.js'
import { Follower } from './follower.js'

t.test('three Sentinels and their servers', async (t) => {
  const ring = await startRing(t, { nodes: 3 })
  const follower = new Follower(ring.sentinelAddresses)
  t.teardown(() => follower.stop())

  await t.test('the first members are all of them', async (t) => {
    await follower.membership.start()
    t.equal(follower.ring, 'dt-1 dt-2 dt-3')
    t.match(follower.membership.status(), {
      sentinels: ring.sentinelAddresses.map((address) => ({ address, reachable: true, tilt: false, error: '' })),
      masters: ring.members.map(({ name, port }) => ({ name, port, link: 'up', flags: [], inRing: true, why: '' })),
    })
  })

  await t.test('a killed member is suspect at once and leaves the ring when it is odown', async (t) => {
    await ring.kill('dt-2')
    await follower.until('suspect', () => follower.ring === 'dt-1 dt-2(suspect) dt-3')
    t.match(follower.status('dt-2'), { link: 'down', inRing: true })
    t.same(follower.status('dt-2')?.flags, [], 'whatever the Sentinels say')
    await declareDown(ring, 'dt-2')
    await follower.until('leaving', () => follower.ring === 'dt-1 dt-3')
    t.match(follower.status('dt-2'), { link: 'down', flags: ['s_down', 'o_down'], inRing: false, why: /odown/ })
    t.ok(follower.lines.some((line) => line === 'dt-2 leaves the ring, because it is odown'))
  })

  await t.test('it comes back when it is started again', async (t) => {
    await forgive(ring, 'dt-2')
    await ring.restart('dt-2')
    await follower.until('joining', () => follower.ring === 'dt-1 dt-2 dt-3')
    t.ok(follower.lines.some((line) => line === 'dt-2 joins the ring, because it is up'))
  })

  await t.test('a restart that no Sentinel notices takes nobody out', async (t) => {
    const before = follower.rings.length
    await ring.restart('dt-3')
    await follower.until('up', () => follower.ring === 'dt-1 dt-2 dt-3' && follower.rings.length > before)
    t.ok(follower.rings.slice(before).every((names) => names === 'dt-1 dt-2 dt-3'))
  })

  await t.test('a paused member leaves, and joins after it goes on although its connection never broke', async (t) => {
    ring.pause('dt-1')
    await declareDown(ring, 'dt-1')
    await follower.until('leaving', () => follower.ring === 'dt-2 dt-3')
    await sleep(500)
    t.equal(follower.ring, 'dt-2 dt-3')
    await forgive(ring, 'dt-1')
    ring.resume('dt-1')
    await follower.until('joining', () => follower.ring === 'dt-1 dt-2 dt-3')
    t.notOk(follower.lines.includes('dt-1 cannot be reached: closed'), 'that we close a link is no news')
  })

  await t.test('SENTINEL MONITOR on one of the Sentinels brings a new member', async (t) => {
    const [port] = await freePorts(1)
    const server = new LocalServer('dt-4', port, join(t.testdir(), 'dt-4'), 'member', () => {})
    server.configure(memberConfig(server, []))
    t.teardown(() => server.kill())
    await server.start()
    sentinel(ring, 1, 'MONITOR', 'dt-4', '127.0.0.1', String(port), '2')
    await follower.until('joining', () => follower.ring === 'dt-1 dt-2 dt-3 dt-4')

    // It is gone when nobody monitors it any more; only one does.
    sentinel(ring, 1, 'REMOVE', 'dt-4')
    await follower.until('leaving', () => follower.ring === 'dt-1 dt-2 dt-3')
    t.equal(follower.status('dt-4'), undefined)
  })

  await t.test('a master whose name does not match is no member', async (t) => {
    sentinel(ring, 1, 'MONITOR', 'other', '127.0.0.1', String(ring.members[0].port), '2')
    await sleep(1300)
    t.equal(follower.ring, 'dt-1 dt-2 dt-3')
    t.equal(follower.status('other'), undefined)
    sentinel(ring, 1, 'REMOVE', 'other')
  })

  await t.test('SENTINEL REMOVE takes a member out when the last Sentinel has heard of it', async (t) => {
    sentinel(ring, 1, 'REMOVE', 'dt-3')
    sentinel(ring, 2, 'REMOVE', 'dt-3')
    await sleep(1300)
    t.equal(follower.ring, 'dt-1 dt-2 dt-3')
    sentinel(ring, 3, 'REMOVE', 'dt-3')
    await follower.until('leaving', () => follower.ring === 'dt-1 dt-2')
    t.same(follower.forgotten, ['dt-4', 'dt-3'])
    for (const i of [1, 2, 3]) sentinel(ring, i, 'MONITOR', 'dt-3', '127.0.0.1', String(ring.members[2].port), '2')
    await follower.until('joining', () => follower.ring === 'dt-1 dt-2 dt-3')
  })

  await t.test('one Sentinel dies and changes nothing; the other two decide', async (t) => {
    const publications = follower.published.length
    await ring.kill('sentinel-1')
    await follower.until('notice', () => follower.membership.status().sentinels.some(({ reachable }) => !reachable))
    t.equal(follower.published.length, publications)
    await ring.kill('dt-2')
    await declareDown(ring, 'dt-2')
    await follower.until('leaving', () => follower.ring === 'dt-1 dt-3')
    await forgive(ring, 'dt-2')
    await ring.restart('dt-2')
    await follower.until('joining', () => follower.ring === 'dt-1 dt-2 dt-3')
  })

  await t.test('without any Sentinel the view stays, and they are found again', async (t) => {
    await ring.kill('sentinel-2')
    await ring.kill('sentinel-3')
    await follower.until('loneliness', () => follower.lines.some((line) => line.includes('no Sentinel can be reached')))
    await ring.kill('dt-1')
    await sleep(2500)
    t.equal(follower.ring, 'dt-1(suspect) dt-2 dt-3')
    t.equal(follower.lines.filter((line) => line.includes('no Sentinel can be reached')).length, 1)
    await Promise.all(['sentinel-1', 'sentinel-2', 'sentinel-3'].map((name) => ring.restart(name)))
    await declareDown(ring, 'dt-1')
    await follower.until('leaving', () => follower.ring === 'dt-2 dt-3')
  })

  await t.test('after its stop it tells nothing, although its links are closed', async (t) => {
    const [publications, lines] = [follower.published.length, follower.lines.length]
    await follower.stop()
    t.same([follower.published.length, follower.lines.length], [publications, lines])
  })
})

t.test('a Sentinel that was stopped is in tilt, and decides nothing', async (t) => {
  const ring = await startRing(t, { nodes: 2, sentinels: 1 })
  const follower = new Follower(ring.sentinelAddresses)
  t.teardown(() => follower.stop())
  await follower.membership.start()

  ring.pause('sentinel-1')
  await follower.until('silence', () => !follower.membership.status().sentinels[0].reachable)
  await sleep(2500)
  ring.resume('sentinel-1')
  await follower.until('tilt', () => follower.membership.status().sentinels[0].tilt)
  await ring.kill('dt-2')
  await declareDown(ring, 'dt-2')
  await sleep(2500)
  t.equal(follower.ring, 'dt-1 dt-2(suspect)')
  t.match(follower.membership.status().sentinels[0], { reachable: true, tilt: true })
})

t.test('a server that is down at the start does not hold up the first view', async (t) => {
  const ring = await startRing(t, { nodes: 3 })
  await ring.kill('dt-3')
  await declareDown(ring, 'dt-3')
  for (const { port } of ring.sentinels) {
    await until('this Sentinel says so', async () => {
      return /flags\n.*o_down/.test(redisCli(port, 'SENTINEL', 'MASTER', 'dt-3'))
    })
  }
  const follower = new Follower(ring.sentinelAddresses)
  t.teardown(() => follower.stop())
  await follower.membership.start()
  t.equal(follower.ring, 'dt-1 dt-2')
  t.match(follower.status('dt-3'), { inRing: false, why: /says odown/ })
  await ring.restart('dt-3')
  await follower.until('joining', () => follower.ring === 'dt-1 dt-2 dt-3')
})

t.test('the start waits for Sentinels that are not there yet', async (t) => {
  const ring = await startRing(t, { nodes: 1 })
  const addresses = ring.sentinelAddresses
  for (const { name } of ring.sentinels) await ring.kill(name)
  const follower = new Follower(addresses)
  t.teardown(() => follower.stop())
  const started = follower.membership.start()
  await follower.until('loneliness', () => follower.lines.some((line) => line.includes('no Sentinel can be reached')))
  for (const { name } of ring.sentinels) await ring.restart(name)
  await started
  t.equal(follower.ring, 'dt-1')
})

t.test('stopping before the first view ends the start', async (t) => {
  const [port] = await freePorts(1)
  const follower = new Follower([`127.0.0.1:${port}`])
  const started = follower.membership.start()
  await follower.stop()
  await t.rejects(started, { message: 'stopped before the first view' })
})

async function startRing(t: Test, options: { nodes: number; sentinels?: number }): Promise<LocalRing> {
  const ring = new LocalRing({ dir: t.testdir(), downAfterMs: PATIENT_MS, ...options })
  t.teardown(() => ring.stop())
  await ring.start()
  return ring
}

/** SENTINEL commands are local to each Sentinel; `i` counts from 1. */
function sentinel(ring: LocalRing, i: number, ...args: string[]): void {
  const reply = redisCli(ring.sentinels[i - 1].port, 'SENTINEL', ...args)
  if (reply.trim() !== 'OK') throw new Error(`SENTINEL ${args.join(' ')} answered ${reply}`)
}

function redisCli(port: number, ...args: string[]): string {
  return execFileSync('redis-cli', ['-p', String(port), ...args], { encoding: 'utf8' })
}
