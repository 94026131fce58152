import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { MARKS_QUERY } from '../../src/backend/handshake.js'
import { Links } from '../../src/backend/links.js'
import { silentLogger } from '../../src/base/log.js'
import { Turn } from '../../src/base/turn.js'
import { decodeMarks, decodeState, type Marks } from '../../src/membership/marker.js'
import { Markers } from '../../src/membership/markers.js'
import { StateFile } from '../../src/membership/state-file.js'
import { decodeReply } from '../../src/resp/decode.js'
import { buildView, emptyView } from '../../src/view/build-view.js'
import type { Member } from '../../src/view/view.js'
import { ViewStore } from '../../src/view/view-store.js'
import { RawConnection, RealRedis } from '../helpers/real-redis.js'
import { until } from '../helpers/until.js'

/** Real servers with links to them, and the markers that are written over these. */
class MarkedRing {
  readonly views = new ViewStore(emptyView('dt', 1, 1))
  readonly links: Links
  readonly markers: Markers
  readonly acknowledged: number[] = []
  removed: string[] = []

  private constructor(
    readonly servers: readonly RealRedis[],
    readonly stateFile: StateFile | undefined,
  ) {
    const options = {
      connectTimeoutMs: 2000,
      reconnectMinMs: 5,
      reconnectMaxMs: 20,
      pingIntervalMs: 60_000,
      ringId: 'dt',
      runId: 'run-1',
    }
    const log = silentLogger()
    this.links = new Links(options, new Turn(), log, {
      onUp: (link) => this.markers.linkUp(link),
      onDown: () => {},
    })
    const { links, views } = this
    const removed = () => this.removed
    this.markers = new Markers({
      ringId: 'dt',
      run: 'run-1',
      where: 'a test',
      links,
      views,
      log,
      stateFile,
      unguarded: false,
      peer: () => ({}),
      removed,
      isFollowed: false,
      cutOff() {},
      doubted() {},
    })
    this.markers.onAcknowledged((epoch) => this.acknowledged.push(epoch))
  }

  static async start(t: Test, count: number, stateFile?: StateFile): Promise<MarkedRing> {
    const servers = await Promise.all(Array.from({ length: count }, () => RealRedis.start()))
    t.teardown(() => Promise.all(servers.map((server) => server.stop())))
    const ring = new MarkedRing(servers, stateFile)
    t.teardown(() => {
      ring.markers.stop()
      ring.links.close()
    })
    for (const member of ring.members()) ring.links.connect(member)
    await until('the links are up', () => ring.links.all().every(({ ready }) => ready))
    return ring
  }

  begin(term: number, heartbeat: number): void {
    const file = this.stateFile && { id: 'a file', where: this.stateFile.where }
    this.markers.begin({
      term,
      heartbeat,
      answered: new Map([['dt-2', 39]]),
      before: [],
      starts: [],
      mayHaveOwner: false,
      file,
    })
  }

  members(...only: number[]): Member[] {
    const numbers = only.length > 0 ? only : this.servers.map((_, i) => i + 1)
    return numbers.map((i) => ({ name: `dt-${i}`, host: '127.0.0.1', port: this.servers[i - 1].port, state: 'up' }))
  }

  publish(epoch: number, members = this.members()): void {
    this.views.publish(buildView('dt', epoch, 1, 1, members))
  }

  /** What is noted on a server, asked over a connection of our own. */
  async marks(server: number): Promise<Marks> {
    const connection = await RawConnection.open(this.servers[server - 1].port, 3)
    const reply = await connection.ask(...MARKS_QUERY)
    connection.close()
    return decodeMarks(decodeReply(reply, 0, reply.length))
  }

  /** The epochs that are noted on the servers. */
  epochs(): Promise<(number | undefined)[]> {
    return Promise.all(this.servers.map(async (_, i) => (await this.marks(i + 1)).marker?.view.epoch))
  }

  async on(server: number, ...args: string[]): Promise<string> {
    const connection = await RawConnection.open(this.servers[server - 1].port)
    const reply = await connection.ask(...args)
    connection.close()
    return String(reply)
  }
}

t.test('every view is on enough of its members before it is acknowledged, and on all of them soon', async (t) => {
  const ring = await MarkedRing.start(t, 3)
  const { markers } = ring
  t.equal(markers.acknowledged(), 0)
  ring.begin(9, 20)
  ring.publish(5)
  t.equal(markers.acknowledged(), 0, 'not at once')
  await until('epoch 5 is acknowledged', () => markers.acknowledged() === 5)
  await until('all have it', async () => (await ring.epochs()).every((epoch) => epoch === 5))
  for (const i of [1, 2, 3]) {
    const { marker, owner } = await ring.marks(i)
    t.match(marker, { ringId: 'dt', term: 9, member: `dt-${i}`, runId: ring.links.get(`dt-${i}`)?.info?.runId })
    t.strictSame(marker?.view, ring.views.current)
    t.match(owner, { ringId: 'dt', run: 'run-1', where: 'a test', term: 9, clean: false })
  }

  t.same((await ring.marks(1)).marker?.removed, [])
  ring.removed = ['dt-9']
  ring.publish(6)
  ring.publish(7)
  await markers.whenAcknowledged()
  t.equal(markers.acknowledged(), 7)
  await markers.whenAcknowledged()
  await until('all have it', async () => (await ring.epochs()).every((epoch) => epoch === 7))
  t.same((await ring.marks(2)).marker?.removed, ['dt-9'])
  t.same([ring.acknowledged[0], ring.acknowledged.at(-1)], [5, 7])
})

t.test(
  'a member that does not answer is not waited for when more than half of those before have the view',
  async (t) => {
    const ring = await MarkedRing.start(t, 3)
    const { markers } = ring
    ring.begin(1, 0)
    ring.publish(1)
    await markers.whenAcknowledged()

    ring.links.disconnect('dt-3')
    ring.publish(2)
    await until('two have it', () => markers.acknowledged() === 2)

    ring.links.disconnect('dt-2')
    ring.publish(3)
    await until('one has it', async () => (await ring.marks(1)).marker?.view.epoch === 3)
    ring.publish(4, ring.members(1))
    const fourth = markers.whenAcknowledged()
    await until('it has the next one, too', async () => (await ring.marks(1)).marker?.view.epoch === 4)
    await sleep(50)
    t.equal(markers.acknowledged(), 2, 'a view without the others is none of which they would know')
    t.same(
      (await ring.marks(1)).marker?.provenance.before,
      [{ members: ['dt-1', 'dt-2', 'dt-3'], file: undefined }],
      'and it says who would have to',
    )

    ring.publish(5)
    ring.links.connect(ring.members(2)[0])
    await fourth
    t.equal(markers.acknowledged(), 5)
    const gone = { ...ring.members(3)[0], state: 'gone' as const }
    ring.views.publish(buildView('dt', 6, 1, 1, [...ring.members(1, 2), gone]))
    await markers.whenAcknowledged()
    ring.links.disconnect('dt-2')
    ring.publish(7, ring.members(1, 2))
    await until('one has it', async () => (await ring.marks(1)).marker?.view.epoch === 7)
    await sleep(50)
    t.equal(markers.acknowledged(), 6, 'of two that are left both have to know')
  },
)

t.test('with a state file one member is enough, and the file is written first', async (t) => {
  const path = join(t.testdir(), 'state.json')
  const ring = await MarkedRing.start(t, 3, new StateFile(path, 'run-1', silentLogger()))
  const { markers } = ring
  ring.begin(1, 0)
  ring.publish(1)
  await markers.whenAcknowledged()
  for (const name of ['dt-1', 'dt-2', 'dt-3']) ring.links.disconnect(name)
  ring.publish(2)
  await until('the file has it', () => decodeState(readFileSync(path, 'utf8')).record.view.epoch === 2)
  await sleep(50)
  t.equal(markers.acknowledged(), 1, 'nobody who is found without the file would say so')
  ring.links.connect(ring.members(2)[0])
  await until('it is acknowledged', () => markers.acknowledged() === 2)
  const { provenance } = decodeState(readFileSync(path, 'utf8')).record
  t.match(provenance.file, { id: 'a file', where: /:\/.*state\.json$/ })
  t.strictSame((await ring.marks(2)).marker?.provenance, provenance, 'the markers say where the file is')
})

t.test('a connection that is made anew gets the marker of the present view, and the same once', async (t) => {
  const ring = await MarkedRing.start(t, 1)
  ring.begin(1, 0)
  ring.publish(1)
  await ring.markers.whenAcknowledged()
  await ring.on(1, 'FUNCTION', 'FLUSH')
  ring.links.get('dt-1')?.reset('for the test')
  await until('it is marked again', async () => (await ring.marks(1)).marker?.view.epoch === 1)
  t.match(await ring.marks(1), { owner: { run: 'run-1' } })
})

t.test('a refused marker is written again', async (t) => {
  const ring = await MarkedRing.start(t, 2)
  const { markers } = ring
  ring.begin(1, 0)
  ring.publish(1)
  await markers.whenAcknowledged()
  await ring.on(2, 'CONFIG', 'SET', 'maxmemory', '1')
  ring.publish(2)
  await sleep(300)
  t.equal(markers.acknowledged(), 1)
  t.match([...markers.refusals()], [['dt-2', /^OOM /]])
  await ring.on(2, 'CONFIG', 'SET', 'maxmemory', '0')
  await until('it has the marker', () => markers.acknowledged() === 2, 4000)
  t.same([...markers.refusals()], [])
})

t.test('heartbeats are counted on every member from the highest that was found, until an orderly stop', async (t) => {
  const ring = await MarkedRing.start(t, 2)
  const { markers } = ring
  ring.begin(1, 40)
  ring.publish(1)
  await markers.whenAcknowledged()
  t.match(await ring.marks(1), { owner: { heartbeat: 41, clean: false } })
  t.match(markers.lastTaken('dt-9'), { heartbeat: 0, epoch: 0 })
  await until('two seconds have passed', async () => ((await ring.marks(2)).owner?.heartbeat ?? 0) >= 43, 5000)
  await markers.close()
  const [first, second] = [await ring.marks(1), await ring.marks(2)]
  const { answered } = first.owner!
  t.same([...answered!.keys()], ['dt-1', 'dt-2'], 'each says what all had answered')
  for (const [name, heartbeat] of answered!) {
    // The last one may have been under way when the end was written.
    const taken = markers.lastTaken(name)
    t.equal(taken.epoch, 1)
    t.ok(heartbeat >= 41 && heartbeat <= taken.heartbeat && taken.heartbeat < first.owner!.heartbeat)
  }
  t.match(first.owner, { clean: true })
  t.strictSame(first.owner, second.owner)
  await sleep(1300)
  t.strictSame((await ring.marks(1)).owner, first.owner, 'nothing is written after it')
})

t.test('a member without a marker of its present process gets no heartbeat', async (t) => {
  const ring = await MarkedRing.start(t, 2)
  const { markers } = ring
  ring.begin(1, 0)
  ring.publish(1, ring.members(1))
  await markers.whenAcknowledged()
  await sleep(1200)
  t.strictSame((await ring.marks(2)).owner, undefined)
  await markers.close()
  t.strictSame((await ring.marks(2)).owner, undefined)
})

t.test('the state file has every view before it is acknowledged', async (t) => {
  const path = join(t.testdir(), 'state.json')
  const stateFile = new StateFile(path, 'run-1', silentLogger())
  t.equal(stateFile.read(), undefined)
  const ring = await MarkedRing.start(t, 1, stateFile)
  ring.begin(3, 0)
  ring.markers.onAcknowledged((epoch) => {
    t.equal(decodeState(readFileSync(path, 'utf8')).record.view.epoch, epoch)
  })
  ring.publish(1)
  await ring.markers.whenAcknowledged()
  for (let epoch = 2; epoch < 12; epoch++) ring.publish(epoch)
  await ring.markers.whenAcknowledged()
  t.match(new StateFile(path, 'run-1', silentLogger()).read(), {
    ringId: 'dt',
    term: 3,
    view: { epoch: 11 },
    removed: ring.removed,
  })
  t.same(readdirSync(dirname(path)), ['state.json'], 'and nothing else is left')
})

t.test('a state file that could not be written is written with the next heartbeat', async (t) => {
  const directory = join(t.testdir(), 'a')
  const ring = await MarkedRing.start(t, 1, new StateFile(join(directory, 'state.json'), 'run-1', silentLogger()))
  ring.begin(3, 0)
  ring.publish(1)
  await until('it is on the member', async () => (await ring.epochs())[0] === 1)
  await sleep(50)
  t.equal(ring.markers.acknowledged(), 0)
  mkdirSync(directory)
  await until('it is acknowledged', () => ring.markers.acknowledged() === 1, 3000)
})

t.test('who leaves with the view is told of it, where its word is needed', async (t) => {
  const ring = await MarkedRing.start(t, 2)
  const { markers } = ring
  ring.begin(1, 0)
  ring.publish(1)
  await markers.whenAcknowledged()
  ring.publish(2, ring.members(1))
  await until('both of the two that were the ring have it', () => markers.acknowledged() === 2)
  t.same(await ring.epochs(), [2, 2])
  ring.publish(3, ring.members(1))
  await markers.whenAcknowledged()
  t.same(await ring.epochs(), [3, 2], 'and then no more')
})

t.test('an orderly stop tells what was acknowledged, also where that was just being noted', async (t) => {
  const stateFile = new StateFile(join(t.testdir(), 'state.json'), 'run-1', silentLogger())
  const save = stateFile.save.bind(stateFile)
  stateFile.save = async (record) => {
    await sleep(300)
    return save(record)
  }
  const ring = await MarkedRing.start(t, 1, stateFile)
  ring.begin(4, 0)
  ring.publish(1)
  await until('it is on the member', async () => (await ring.epochs())[0] === 1)
  await ring.markers.close()
  t.match((await ring.marks(1)).owner, { clean: true, acknowledged: { term: 4, epoch: 1 } })
})
