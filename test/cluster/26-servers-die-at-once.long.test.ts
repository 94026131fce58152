import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, type TestProxy, type TestProxyOptions } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { membersOf, nodeStates, replicasOf } from '../helpers/ring-state.js'
import { comeBack, declareDown, forgive } from '../helpers/sentinels.js'
import { settled } from '../helpers/settled.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { until } from '../helpers/until.js'

const KEYS = Array.from({ length: 300 }, (_, i) => `key:${i}`)

interface Story {
  readonly proxy: TestProxy
  readonly lines: LogLines
  readonly client: RawClient
  /** The replicas of each key, the master first. */
  readonly replicas: ReadonlyMap<string, readonly string[]>
}

async function begin(t: Test, options: TestProxyOptions): Promise<Story> {
  const lines = new LogLines()
  const proxy = await startProxy(t, { log: lines.log, ...options })
  const client = await proxy.connect()
  const replicas = new Map<string, string[]>()
  for (const key of KEYS) replicas.set(key, await replicasOf(client, key))
  await write({ client }, 'first')
  return { proxy, lines, client, replicas }
}

async function write({ client }: Pick<Story, 'client'>, value: string): Promise<void> {
  const replies = await client.pipeline(KEYS.map((key) => ['SET', key, `${key} ${value}`]))
  const refused = replies.find((reply) => String(reply) !== '+OK\r\n')
  if (refused !== undefined) throw new Error(String(refused))
}

/** The keys of which GET does not answer this value, with what it answers. */
async function wrong({ client }: Pick<Story, 'client'>, keys: readonly string[], value: string): Promise<string[]> {
  const replies = await client.pipeline(keys.map((key) => ['GET', key]))
  return keys.flatMap((key, i) => {
    const text = `${key} ${value}`
    return String(replies[i]) === `$${text.length}\r\n${text}\r\n` ? [] : [`${key}: ${String(replies[i]).trim()}`]
  })
}

/** Who has ranges that nobody else has: of several that die at once the one that was declared down last. */
function lastHolder(lines: LogLines): string {
  const [line] = lines.about(/some ranges were on nobody else than/).slice(-1)
  return /than (dt-\d)/.exec(line.msg)![1]
}

async function killAll({ proxy }: Story, names: readonly string[]): Promise<void> {
  await Promise.all(names.map((name) => proxy.ring.kill(name)))
}

t.test('r members die at the same moment: reads go on, writes follow, and the copies are made anew', async (t) => {
  const story = await begin(t, { nodes: 5, replicas: 2 })
  const { proxy, lines, client } = story
  await killAll(story, ['dt-1', 'dt-2'])
  t.same(await wrong(story, KEYS, 'first'), [], 'every key is read at once, of whoever is left')
  t.same(lines.about(/leaves the ring/), [], 'before anybody was declared down')
  await declareDown(proxy.ring, 'dt-1', 'dt-2')
  await write(story, 'second')
  t.equal(await membersOf(client), 'dt-3 dt-4 dt-5')
  t.same(
    ['dt-1', 'dt-2'].map((name) => lines.about(/leaves the ring/, name).length),
    [1, 1],
  )
  t.match(await nodeStates(client), { 'dt-1': 'out', 'dt-2': 'out', 'dt-3': 'up' })
  const view = () => client.ask('DT', 'VIEW').then(String)
  await until('every key has three copies again', async () => /pending-ranges\r\n:0/.test(await view()))
  t.equal(lines.about(/no data has to move any more: the ring is dt-3 dt-4 dt-5/).length, 1)
  for (const name of ['dt-3', 'dt-4', 'dt-5']) {
    t.equal(String(await (await proxy.connectTo(name)).ask('DBSIZE')), `:${KEYS.length}\r\n`, name)
  }
  await comeBack(proxy.ring, 'dt-1', 'dt-2')
  await until('they are back', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4 dt-5')
  t.equal(await settled(proxy.ring), KEYS.length)
  t.same(await wrong(story, KEYS, 'second'), [], 'nobody has brought back anything old')
})

t.test(
  'all holders of some ranges die: these answer an error, all others work, and they are back with their data',
  async (t) => {
    const story = await begin(t, { nodes: 3, replicas: 1 })
    const { proxy, lines, client, replicas } = story
    const lost = KEYS.filter((key) => !replicas.get(key)!.includes('dt-3'))
    const left = KEYS.filter((key) => replicas.get(key)!.includes('dt-3'))
    t.ok(lost.length > 20 && left.length > 20)
    await killAll(story, ['dt-1', 'dt-2'])
    await declareDown(proxy.ring, 'dt-1', 'dt-2')
    t.same(await wrong(story, left, 'first'), [])
    const gone =
      /^-CLUSTERDOWN all servers that hold this key are down; the command was not applied, the key is back when dt-[12] is, with its data; if that is lost, restart the proxy with --accept-epoch \d+ to go on without it\r\n$/
    for (const command of [
      ['GET', lost[0]],
      ['SET', lost[1], 'x'],
      ['MSET', lost[2], 'x', lost[3], 'x'],
      ['INCR', lost[4]],
      ['DEL', lost[5]],
      ['HSCAN', lost[6], '0'],
    ]) {
      t.match(String(await client.ask(...command)), gone, command[0])
    }
    for (const command of [
      ['DBSIZE'],
      ['KEYS', '*'],
      ['SCAN', '0'],
      ['RANDOMKEY'],
      ['FLUSHALL'],
      ['SWAPDB', '0', '1'],
    ]) {
      t.match(String(await client.ask(...command)), /^-CLUSTERDOWN all servers that hold some of the keys are down/)
    }
    const last = lastHolder(lines)
    t.match((await nodeStates(client))[last], 'gone', 'who was declared down last may have what the other has not')
    const replies = await client.pipeline(left.map((key) => ['SET', key, `${key} second`]))
    t.ok(
      replies.every((reply) => String(reply) === '+OK\r\n'),
      'the others are written',
    )

    await comeBack(proxy.ring, last)
    await until('the ranges are back', () => lines.about(/every range is on somebody who is there again/).length > 0)
    t.same(await wrong(story, lost, 'first'), [], 'with their data')
    t.same(await wrong(story, left, 'second'), [])
    await write(story, 'third')
    await comeBack(proxy.ring, last === 'dt-1' ? 'dt-2' : 'dt-1')
    await until('all are back', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3')
    await until('and equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
    t.same(await wrong(story, KEYS, 'third'), [])
  },
)

t.test('a last holder that comes back with nothing, or with less, holds nothing; with its data it does', async (t) => {
  const story = await begin(t, { nodes: 3, replicas: 1 })
  const { proxy, client, lines, replicas } = story
  const lost = KEYS.filter((key) => !replicas.get(key)!.includes('dt-3'))
  const older = join(temporaryDirectory(t), 'older')
  await sleep(1200)
  for (const name of ['dt-1', 'dt-2']) cpSync(proxy.ring.server(name).dir, join(older, name), { recursive: true })
  await sleep(1200)
  await write(story, 'second')
  await killAll(story, ['dt-1', 'dt-2'])
  await declareDown(proxy.ring, 'dt-1', 'dt-2')
  await until('both are down', async () => String(await client.ask('GET', lost[0])).startsWith('-CLUSTERDOWN all'))
  const last = lastHolder(lines)
  const { dir } = proxy.ring.server(last)
  const data = join(temporaryDirectory(t), 'data')
  cpSync(dir, data, { recursive: true })
  const isRefused = async () => {
    const server = await proxy.connectTo(last)
    await until('it has been looked at', async () =>
      /cmdstat_client\|list:/.test(String(await server.ask('INFO', 'commandstats'))),
    )
    const why =
      'its link is down: it is refused: it came back without the data of ranges that nobody else has who is there'
    await until('it is known why', async () => String(await client.ask('DT', 'NODES')).includes(why))
    t.equal(lines.about(/^dt-\d is refused: it came back without the data/, last).length, 1)
    t.match(String(await client.ask('GET', lost[0])), /^-CLUSTERDOWN all servers/, 'nothing is invented')
    t.match(String(await client.ask('SET', lost[1], 'x')), /^-CLUSTERDOWN all servers/)
  }
  await forgive(proxy.ring, 'dt-1', 'dt-2')
  await proxy.ring.restart(last, { empty: true })
  await isRefused()
  const comeBackWith = async (copy: string) => {
    await proxy.ring.kill(last)
    rmSync(dir, { recursive: true })
    cpSync(copy, dir, { recursive: true })
    await proxy.ring.restart(last)
  }
  await comeBackWith(join(older, last))
  await isRefused()
  await comeBackWith(data)
  await until('the data is there', async () => (await wrong(story, lost, 'second')).length === 0)
  await proxy.ring.restart(last === 'dt-1' ? 'dt-2' : 'dt-1')
  await until('on all who hold it', async () => (await ringSnapshot(proxy)).faults.length === 0)
  t.same(await wrong(story, KEYS, 'second'), [])
})

for (const what of ['its data', 'an older data set', 'nothing'] as const) {
  t.test(
    `a member comes back at once with ${what}, unnoticed by any Sentinel: no read is stale or empty`,
    async (t) => {
      const story = await begin(t, { nodes: 4, replicas: 2 })
      const { proxy, lines, client } = story
      const { dir } = proxy.ring.server('dt-2')
      const old = join(temporaryDirectory(t), 'old')
      cpSync(dir, old, { recursive: true })
      await write(story, 'second')
      let reads = 0
      let reading = true
      const reader = await proxy.connect()
      const stale = (async () => {
        while (reading) {
          const answers = await wrong({ client: reader }, KEYS, 'second')
          if (answers.length > 0) return answers
          reads += KEYS.length
        }
        return []
      })()
      await proxy.ring.kill('dt-2')
      if (what === 'an older data set') {
        rmSync(dir, { recursive: true })
        cpSync(old, dir, { recursive: true })
      }
      await proxy.ring.restart('dt-2', { empty: what === 'nothing' })
      await until('all replicas are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
      await until('it is read again', async () => (await nodeStates(client))['dt-2'] === 'up')
      const before = reads
      await until('some reads more', () => reads > before + 10 * KEYS.length)
      reading = false
      t.same(await stale, [], `of ${reads} reads none was wrong`)
      t.same(lines.about(/odown/), [], 'no Sentinel has noticed')
      t.equal(await membersOf(client), 'dt-1 dt-2 dt-3 dt-4')
      const asked = String(await (await proxy.connectTo('dt-2')).ask('INFO', 'commandstats'))
      t.match(asked, /cmdstat_get:/, 'and it serves reads again')
    },
  )
}

t.test('all servers are restarted under a running proxy: they come back with their data', async (t) => {
  const story = await begin(t, { nodes: 4, replicas: 2 })
  const { proxy, client, lines } = story
  await killAll(story, ['dt-1', 'dt-2', 'dt-3', 'dt-4'])
  await declareDown(proxy.ring, 'dt-1', 'dt-2', 'dt-3', 'dt-4')
  await until('all are down', async () => String(await client.ask('GET', KEYS[0])).startsWith('-CLUSTERDOWN all'))
  t.equal(String(await client.ask('PING')), '+PONG\r\n')
  await comeBack(proxy.ring, 'dt-1', 'dt-2', 'dt-3', 'dt-4')
  await until('every range is there', () => lines.about(/every range is on somebody who is there again/).length > 0)
  await until('everything is read', async () => (await wrong(story, KEYS, 'first')).length === 0)
  await write(story, 'second')
  t.equal(await settled(proxy.ring), KEYS.length)
  t.same(await wrong(story, KEYS, 'second'), [])
})

t.test(
  'all servers are restarted before anybody has noticed: nothing is lost, and nothing is answered wrongly',
  async (t) => {
    const story = await begin(t, { nodes: 4, replicas: 2 })
    const { proxy } = story
    await Promise.all(['dt-1', 'dt-2', 'dt-3', 'dt-4'].map((name) => proxy.ring.restart(name)))
    t.same(await wrong(story, KEYS, 'first'), [])
    await write(story, 'second')
    t.equal(await settled(proxy.ring), KEYS.length)
    t.same(await wrong(story, KEYS, 'second'), [])
  },
)

t.test(
  'all servers come back with nothing at once: nothing is invented, and it is all there when their data is',
  async (t) => {
    const names = ['dt-1', 'dt-2', 'dt-3', 'dt-4']
    const story = await begin(t, { nodes: 4, replicas: 2 })
    const { proxy, client } = story
    const data = temporaryDirectory(t)
    await killAll(story, names)
    for (const name of names) cpSync(proxy.ring.server(name).dir, join(data, name), { recursive: true })
    await Promise.all(names.map((name) => proxy.ring.restart(name, { empty: true })))
    // One of the others may be found empty before, but nobody is taken for a holder of what is not there.
    for (const key of KEYS) {
      t.match(String(await client.ask('GET', key)), /^-CLUSTERDOWN /, key)
    }
    await killAll(story, names)
    for (const name of names) {
      const { dir } = proxy.ring.server(name)
      rmSync(dir, { recursive: true })
      cpSync(join(data, name), dir, { recursive: true })
    }
    await Promise.all(names.map((name) => proxy.ring.restart(name)))
    await until('everything is there', async () => (await wrong(story, KEYS, 'first')).length === 0)
    t.equal(await settled(proxy.ring), KEYS.length)
  },
)
