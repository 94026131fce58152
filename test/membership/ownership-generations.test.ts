import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { writeGeneration } from '../../src/membership/marker.js'
import { buildView } from '../../src/view/build-view.js'
import { RawConnection, type RealRedis } from '../helpers/real-redis.js'
import { until } from '../helpers/until.js'
import { marksOf, on, owner, owners, Run, startServers } from './ownership-run.js'

/** Which generations are noted on each server. */
async function generations(servers: readonly RealRedis[]): Promise<number[][]> {
  const marks = await Promise.all(servers.map(marksOf))
  return marks.map((each) => each.generations.map(({ number }) => number))
}

t.test('the generation of whoever takes over is noted, and nothing is left of those before', async (t) => {
  const servers = await startServers(t, 2)
  const first = new Run(t, 'first', servers)
  first.ownership.begin(7)
  await first.up()
  t.same(await generations(servers), [[7], [7]])
  const second = new Run(t, 'second', servers)
  second.ownership.begin(9)
  await second.up()
  t.same(await generations(servers), [[9], [9]])
  await until('the first one is shut out', () => first.deposed !== undefined)
  t.same(await owners(servers), ['second', 'second'])
})

t.test(
  'a server that had a later owner is not taken from him because another one has written over his mark',
  async (t) => {
    const servers = await startServers(t, 2)
    const later = new Run(t, 'later', servers)
    later.ownership.begin(9)
    await later.up()
    // Whatever held up what it wrote.
    await on(servers[0], ...owner('slow', 6))
    const run = new Run(t, 'mine', servers)
    run.ownership.begin(7)
    run.links.connect(run.members()[0])
    await until('it is shut out', () => run.deposed !== undefined)
    t.equal(
      run.deposed,
      'another proxy has taken over the ring dt: dt-1 has been given to one of a later term, which is noted there',
    )
    t.match(run.lines.about(/has taken over/), [{ term: 9, ownTerm: 7, member: 'dt-1' }])
    t.equal(run.turn.held, true)
    t.equal(later.ready(), 2, 'nobody has ended its connections')
    t.same(later.downs, [])
    later.links.get('dt-1')!.reset('for the test')
    await until('it is up again', () => later.ready() === 2)
    t.same(await owners(servers), ['later', 'later'])
  },
)

t.test('after a pause a server that has had a later owner is enough, whatever became of his mark', async (t) => {
  const servers = await startServers(t, 2)
  const run = new Run(t, 'mine', servers)
  run.ownership.begin(7)
  await run.up()
  run.view = buildView('dt', 1, 1, 1, run.members())
  await on(servers[1], ...writeGeneration('dt', { number: 8, runs: ['next'] }))
  run.ownership.stalled(800)
  await until('it is shut out', () => run.deposed !== undefined)
  await sleep(200)
  t.equal(run.turn.held, true, 'whatever the others say')
})

t.test('what an earlier run sends over a connection that it still has is not executed', async (t) => {
  const servers = await startServers(t, 1)
  await on(servers[0], ...owner('earlier', 3))
  const stale = await RawConnection.open(servers[0].port)
  t.teardown(() => stale.close())
  await stale.ask('CLIENT', 'SETNAME', 'dt:dt:earlier')
  await stale.ask('MULTI')
  await stale.ask('SET', 'key', 'late')
  const run = new Run(t, 'mine', servers)
  run.ownership.begin(7)
  await run.up()
  await t.rejects(stale.ask('EXEC'), { message: /closed/ })
  const again = await RawConnection.open(servers[0].port)
  t.teardown(() => again.close())
  await again.ask('CLIENT', 'SETNAME', 'dt:dt:earlier')
  run.links.get('dt-1')!.reset('for the test')
  await until('it is up again', () => run.ready() === 1)
  await t.rejects(again.ask('SET', 'key', 'later'), { message: /closed/ }, 'nor one that came when it was ours')
  t.equal(String(await on(servers[0], 'EXISTS', 'key')), ':0\r\n')
})

t.test('a server that has lost what was noted on it is noted again at its next handshake', async (t) => {
  const servers = await startServers(t, 1)
  const run = new Run(t, 'mine', servers)
  run.ownership.begin(7)
  await run.up()
  for (const lost of [
    ['FUNCTION', 'FLUSH'],
    ['FUNCTION', 'DELETE', 'dt_g_7'],
  ]) {
    await on(servers[0], ...lost)
    run.links.get('dt-1')!.reset('for the test')
    await until('it is up again', () => run.ready() === 1)
    t.same(await generations(servers), [[7]])
  }
})

t.test('a server of another ring is known by its generation alone, and is nobody who takes over', async (t) => {
  const servers = await startServers(t, 2)
  for (const server of servers) await on(server, ...writeGeneration('other', { number: 50, runs: ['x'] }))
  const run = new Run(t, 'mine', servers.slice(0, 1))
  run.ownership.begin(7)
  run.connect()
  await until('it is refused', () => run.ownership.refused.size > 0)
  t.match(run.ownership.refused.get('dt-1'), /^it belongs to the ring other/)
  t.equal(run.deposed, undefined)
  const wiping = new Run(t, 'mine', servers.slice(1), { wipe: true })
  wiping.ownership.begin(7)
  await wiping.up()
  t.same((await generations(servers))[1], [7])
})
