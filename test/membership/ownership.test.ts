import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { NOTHING_TAKEN } from '../../src/membership/heartbeats.js'
import { writeMarker, writeOwner } from '../../src/membership/marker.js'
import { NO_PROVENANCE } from '../../src/membership/provenance.js'
import { buildView } from '../../src/view/build-view.js'
import type { Member } from '../../src/view/view.js'
import { RawConnection, RealRedis } from '../helpers/real-redis.js'
import { until } from '../helpers/until.js'
import { fallsAsleep, marksOf, on, owner, owners, Run, startServers } from './ownership-run.js'

t.test('as long as it looks around nothing is written', async (t) => {
  const servers = await startServers(t, 2)
  await on(servers[0], ...owner('earlier', 3))
  const run = await new Run(t, 'mine', servers).up()
  t.same(await owners(servers), ['earlier', undefined])
  const link = run.links.get('dt-1')!
  t.match(await run.ownership.look((args) => link.call(args), link.info!.clientId), {
    rivals: [],
    marks: { owner: { run: 'earlier' } },
  })
})

t.test('a server is claimed before its link is up, with what was noted before', async (t) => {
  const servers = await startServers(t, 2)
  await on(servers[0], ...owner('earlier', 3))
  const run = new Run(t, 'mine', servers)
  run.ownership.begin(7)
  await run.up()
  t.match((await marksOf(servers[0])).owner, {
    run: 'mine',
    term: 7,
    heartbeat: 5,
    clean: true,
    where: 'the place of mine',
    peer: 'mine:6382',
    peerTls: true,
  })
  t.match((await marksOf(servers[1])).owner, { run: 'mine', term: 7, heartbeat: 0, clean: false })
  t.equal(run.ownership.isStrange('dt-1'), true)
  t.equal(run.ownership.servers.get('dt-1')?.marks.owner?.run, 'mine')
})

t.test('connections of an earlier run are killed, those of others are not', async (t) => {
  const servers = await startServers(t, 1)
  const before = await new Run(t, 'before', servers).up()
  const other = await RawConnection.open(servers[0].port)
  await other.ask('CLIENT', 'SETNAME', 'dt:another-ring:x')
  const run = new Run(t, 'mine', servers)
  run.ownership.begin(7)
  await run.up()
  await until('its link has broken', () => before.downs.length > 0)
  t.match(run.lines.about(/a connection of another proxy to dt-1 is ended/), [{ run: 'before' }])
  t.equal(String(await other.ask('PING')), '+PONG\r\n')
  other.close()
})

t.test('connections of our own that were given up are killed before a new one is used', async (t) => {
  const servers = await startServers(t, 1)
  const run = new Run(t, 'mine', servers)
  run.ownership.begin(7)
  await run.up()
  // What a network may do that does not say that it lost a connection: the server still has it, named as ours.
  const [given, up] = [await RawConnection.open(servers[0].port), await RawConnection.open(servers[0].port)]
  for (const connection of [given, up]) await connection.ask('CLIENT', 'SETNAME', 'dt:dt:mine')
  run.links.get('dt-1')!.reset('for the test')
  await until('it is up again', () => run.ready() === 1)
  await t.rejects(given.ask('SET', 'key', 'late'), { message: /closed/ })
  await t.rejects(up.ask('SET', 'key', 'late'), { message: /closed/ })
  t.equal(String(await on(servers[0], 'EXISTS', 'key')), ':0\r\n')
  t.equal(run.lines.about(/an earlier connection of ours to dt-1 is ended there/).length >= 2, true)
  t.equal(run.ownership.isStrange('dt-1'), true, 'it had our run, and no marker')
})

t.test('a server that does not let us end what else is connected is not used', async (t) => {
  const servers = await startServers(t, 1)
  const other = await RawConnection.open(servers[0].port)
  t.teardown(() => other.close())
  await other.ask('CLIENT', 'SETNAME', 'dt:dt:mine')
  await on(servers[0], 'ACL', 'SETUSER', 'default', '-client|kill')
  const run = new Run(t, 'mine', servers)
  run.ownership.begin(7)
  run.connect()
  await until('it was refused', () => run.downs.length > 0)
  t.match(run.downs[0], /^dt-1: FUNCTION LOAD, FUNCTION LOAD, CLIENT KILL: NOPERM/)
  t.equal(run.ready(), 0)
  t.same(await owners(servers), [undefined])
})

t.test('settings are changed on a server that is ours, and on no other', async (t) => {
  const servers = await startServers(t, 2)
  await on(servers[0], 'SET', 'theirs', '1')
  const run = new Run(t, 'mine', servers)
  run.ownership.begin(7)
  run.connect()
  await until('one is refused, one is used', () => run.ownership.refused.has('dt-1') && run.ready() === 1)
  const flags = async (server: RealRedis) => String(await on(server, 'CONFIG', 'GET', 'notify-keyspace-events'))
  t.match(await flags(servers[0]), /\$0\r\n\r\n$/)
  t.match(await flags(servers[1]), /xE\r\n$/)
  const lazy = async (server: RealRedis) => String(await on(server, 'CONFIG', 'GET', 'lazyfree-lazy-*'))
  t.equal((await lazy(servers[0])).split('\r\nno\r\n').length - 1, 5)
  t.equal((await lazy(servers[1])).split('\r\nyes\r\n').length - 1, 5, 'memory is freed in the background')
})

t.test('a server that may not be told to free memory in the background is used, with a warning', async (t) => {
  const server = await RealRedis.start(
    ...['--notify-keyspace-events', 'Ex', '--client-output-buffer-limit', 'pubsub 0 0 0'],
    ...['--lazyfree-lazy-user-del', 'yes'],
  )
  t.teardown(() => server.stop())
  await on(server, 'ACL', 'SETUSER', 'default', '-config|set')
  const run = new Run(t, 'mine', [server])
  run.ownership.begin(7)
  await run.up()
  const warnings = run.lines.about(/may be taken for dead/)
  t.equal(warnings.length, 4)
  t.match(warnings[0].msg, /^dt-1: it does not let lazyfree-lazy-eviction be set \(NOPERM .*; put "lazyfree-lazy-/)
})

t.test('a link that comes up anew finds its own mark, or that something is strange', async (t) => {
  const servers = await startServers(t, 1)
  const run = new Run(t, 'mine', servers)
  run.ownership.begin(7)
  await run.up()
  const link = run.links.get('dt-1')!
  const again = async () => {
    link.reset('for the test')
    await until('it is up again', () => link.ready)
    return run.ownership.isStrange('dt-1')
  }
  const runId = link.info!.runId
  const marker = {
    ringId: 'dt',
    term: 7,
    member: 'dt-1',
    view: buildView('dt', 1, 1, 1, run.members()),
    removed: [],
    provenance: NO_PROVENANCE,
  }
  await link.call(writeMarker({ ...marker, runId }))
  t.equal(await again(), false)
  await link.call(writeMarker({ ...marker, runId: 'an earlier process' }))
  t.equal(await again(), true, 'it restarted, with data that it had once')
  await link.call(writeMarker({ ...marker, runId }))
  t.equal(await again(), false)
  run.taken = { heartbeat: 1, epoch: 1 }
  t.equal(await again(), true, 'its machine was set back to a moment before the heartbeat that it has answered')
  await link.call(writeOwner({ ringId: 'dt', run: 'mine', term: 7, where: '', heartbeat: 1, clean: false }))
  t.equal(await again(), false)
  run.taken = { heartbeat: 1, epoch: 2 }
  t.equal(await again(), true, 'or before the view that it was told')
  run.taken = NOTHING_TAKEN
  t.equal(await again(), false)
  await on(servers[0], ...owner('earlier', 3))
  t.equal(await again(), true, 'it restarted with data from before our time')
  await on(servers[0], 'FUNCTION', 'FLUSH')
  t.equal(await again(), true, 'it has nothing')
})

t.test('an owner with a later term shuts us out, one with an earlier term does not', async (t) => {
  const servers = await startServers(t, 2)
  const run = new Run(t, 'mine', servers)
  run.ownership.begin(7)
  await run.up()
  await on(servers[0], ...owner('stale', 6))
  run.links.get('dt-1')!.reset('for the test')
  await until('it is up again', () => run.ready() === 2)
  t.equal(run.deposed, undefined)
  t.same(await owners(servers), ['mine', 'mine'])

  await on(servers[1], ...owner('next', 8))
  run.links.get('dt-2')!.reset('for the test')
  await until('it is shut out', () => run.deposed !== undefined)
  t.equal(run.deposed, 'another proxy has taken over the ring dt: the place of next (run next) is the owner of dt-2')
  t.equal(run.turn.held, true)
  await sleep(200)
  t.equal(run.links.get('dt-2')!.ready, false)
  t.same(await owners(servers), ['mine', 'next'])
})

t.test('of two that take over in the same moment exactly one remains', async (t) => {
  for (let round = 0; round < 6; round++) {
    const servers = await startServers(t, 3)
    const runs = ['a', 'b'].map((name) => new Run(t, name, servers))
    for (const run of runs) run.ownership.begin(9)
    for (const run of round % 2 === 0 ? runs : [...runs].reverse()) run.connect()
    await until('one is shut out, the other has all', () => runs[0].deposed !== undefined && runs[1].ready() === 3)
    t.equal(runs[1].deposed, undefined)
    t.same(await owners(servers), ['b', 'b', 'b'])
    for (const run of runs) run.links.close()
  }
})

t.test('after a pause nothing leaves before every server has said that it is still ours', async (t) => {
  const servers = await startServers(t, 3)
  const run = new Run(t, 'mine', servers)
  run.ownership.begin(7)
  await run.up()
  run.view = buildView('dt', 1, 1, 1, run.members())
  const link = run.links.get('dt-1')!
  const order: string[] = []
  const late = link.call(['SET', 'key', 'value']).then(() => order.push('written'))
  const { release } = run.turn
  run.turn.release = () => {
    order.push('confirmed')
    release.call(run.turn)
  }
  run.ownership.stalled(800)
  t.equal(run.turn.held, true)
  await late
  t.same(order, ['confirmed', 'written'])
  t.equal(run.turn.held, false)
})

t.test('after a pause one server with a later owner is enough, and nothing is emitted on the others', async (t) => {
  const servers = await startServers(t, 3)
  const run = new Run(t, 'mine', servers)
  run.ownership.begin(7)
  await run.up()
  run.view = buildView('dt', 1, 1, 1, run.members())
  // The one that took over has not reached dt-1 and dt-3, and killed nothing.
  await on(servers[1], ...owner('next', 8))
  run.links
    .get('dt-1')!
    .call(['SET', 'key', 'value'])
    .catch(() => {})
  run.ownership.stalled(800)
  await until('it is shut out', () => run.deposed !== undefined)
  await sleep(100)
  t.equal(run.turn.held, true)
  t.equal(String(await on(servers[0], 'EXISTS', 'key')), ':0\r\n')
})

t.test('after a pause most members are enough, when one does not answer; half of them are not', async (t) => {
  const servers = await startServers(t, 3)
  const run = new Run(t, 'mine', servers)
  run.ownership.begin(7)
  await run.up()
  run.view = buildView('dt', 1, 1, 1, run.members())
  await fallsAsleep(t, servers[2], 60)
  run.ownership.stalled(800)
  const startedAtMs = performance.now()
  await until('it goes on', () => !run.turn.held)
  t.ok(performance.now() - startedAtMs >= 450, 'not at once')

  await fallsAsleep(t, servers[1], 12)
  run.ownership.stalled(800)
  await sleep(1500)
  t.equal(run.turn.held, true, 'one of three has confirmed it')
  await until('the second one answers', () => !run.turn.held)
})

t.test('after a pause a server that is refused has said, too, that nobody else is its owner', async (t) => {
  const servers = await startServers(t, 3)
  const run = new Run(t, 'mine', servers)
  run.ownership.begin(7)
  await run.up()
  run.view = buildView('dt', 1, 1, 1, run.members())
  const view = buildView('other', 1, 1, 1, [])
  for (const server of servers.slice(1)) {
    await on(
      server,
      ...writeMarker({
        ringId: 'other',
        term: 1,
        member: 'x',
        runId: 'x',
        view,
        removed: [],
        provenance: NO_PROVENANCE,
      }),
    )
  }
  run.ownership.stalled(800)
  // What they were asked is lost: their next handshakes tell.
  for (const name of ['dt-2', 'dt-3']) run.links.get(name)!.reset('for the test')
  await until('they are refused', () => run.ownership.refused.size === 2)
  await until('it goes on', () => !run.turn.held)
  t.equal(run.ready(), 1)
  t.equal(run.deposed, undefined)
})

for (const [who, without] of [
  ['leaves the view', (members: Member[]) => members.slice(0, 1)],
  ['is gone', ([first, second]: Member[]) => [first, { ...second, state: 'gone' as const }]],
] as const) {
  t.test(`who ${who} need not confirm anything`, async (t) => {
    const servers = await startServers(t, 2)
    const run = new Run(t, 'mine', servers)
    run.ownership.begin(7)
    await run.up()
    run.view = buildView('dt', 1, 1, 1, run.members())
    await fallsAsleep(t, servers[1], 60)
    run.ownership.stalled(800)
    await sleep(100)
    t.equal(run.turn.held, true)
    run.view = buildView('dt', 2, 1, 1, without(run.members()))
    run.ownership.viewChanged(run.view)
    t.equal(run.turn.held, false)
  })
}

t.test('a server that holds something else is refused, until it is emptied', async (t) => {
  const servers = await startServers(t, 2)
  await on(servers[0], 'SET', 'theirs', '1')
  const run = new Run(t, 'mine', servers)
  run.ownership.begin(7)
  run.connect()
  await until('it is refused', () => run.ownership.refused.size > 0 && run.ready() === 1)
  t.match(
    run.ownership.refused.get('dt-1'),
    /^it holds 1 keys and no marker of the ring dt; if nobody needs that, empty it/,
  )
  t.match(run.downs[0], 'dt-1: it is refused: it holds 1 keys and no marker of the ring dt')
  t.same(await owners(servers), [undefined, 'mine'])
  t.match(run.lines.about(/is refused/), [
    {
      level: 50,
      msg: /; if nobody needs that, empty it, and it joins: redis-cli -h 127.0.0.1 -p \d+ FUNCTION FLUSH, then redis-cli .* FLUSHALL/,
    },
  ])
  await on(servers[0], 'FLUSHALL')
  await until('it is used', () => run.ready() === 2)
  t.equal(run.ownership.refused.size, 0)
})

t.test('--wipe empties what would be refused, but not what nobody else has', async (t) => {
  const servers = await startServers(t, 2)
  for (const server of servers) {
    await on(server, 'SET', 'theirs', '1')
    await on(server, ...writeOwner({ ringId: 'other', run: 'x', term: 50, where: '', heartbeat: 1, clean: true }))
  }
  const run = new Run(t, 'mine', servers, { wipe: true })
  run.ownership.begin(7)
  // dt-2 alone holds its range, and is there with something else.
  const members = run.members()
  run.view = buildView('dt', 3, 0, 1, [members[1]])
  run.connect()
  await until('one is used, one is refused', () => run.ready() === 1 && run.ownership.refused.has('dt-2'))
  t.equal(String(await on(servers[0], 'DBSIZE')), ':0\r\n')
  t.match(run.lines.about(/dt-1 is emptied: it belongs to the ring other/), [{ level: 40 }])
  t.equal(String(await on(servers[1], 'DBSIZE')), ':1\r\n')
  t.same(await owners(servers), ['mine', 'x'])
})

t.test('--wipe is for the start: who comes later, while the ring is served, is refused', async (t) => {
  const servers = await startServers(t, 1)
  await on(servers[0], 'SET', 'theirs', '1')
  for (const [isServing, size] of [
    [true, 1],
    [false, 0],
  ] as const) {
    const run = new Run(t, 'mine', servers, { wipe: true })
    run.isServing = isServing
    Object.assign(run.ownership, { sinceMs: performance.now() - 3_600_000 })
    run.ownership.begin(7)
    run.connect()
    await until('it is refused, or used', () => (isServing ? run.ownership.refused.has('dt-1') : run.ready() === 1))
    t.equal(String(await on(servers[0], 'DBSIZE')), `:${size}\r\n`)
    run.links.close()
  }
})

t.test('two names for one server: one link, and it is left alone', async (t) => {
  const [server] = await startServers(t, 1)
  const run = new Run(t, 'mine', [server, server])
  run.ownership.begin(7)
  run.connect()
  await until('one of them is refused', () => run.ownership.refused.size === 1 && run.ready() === 1)
  const [[name, reason]] = run.ownership.refused
  const used = name === 'dt-1' ? 'dt-2' : 'dt-1'
  t.equal(reason, `it is the same server as ${used}`)
  const { clientId } = run.links.get(used)!.info!
  await sleep(200)
  t.equal(run.links.get(used)!.info!.clientId, clientId, 'its link did not break')
  t.equal(run.links.get(used)!.ready, true)
})
