import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { LocalRing } from '../../src/local/local-ring.js'
import { type AnotherOptions, AnotherProxy, PausableProxy, stateFileOf } from '../helpers/another-proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { Relay } from '../helpers/relay.js'
import { MEMBER_CONFIG, startRing } from '../helpers/ring.js'
import { membersOf } from '../helpers/ring-state.js'
import { declareDown, forgive, PATIENT_MS } from '../helpers/sentinels.js'
import { settled } from '../helpers/settled.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { until } from '../helpers/until.js'

/* A2 and C1 of design §12: which start may serve, and what may be acknowledged. */

const KEYS = Array.from({ length: 60 }, (_, i) => `key:${i}`)
const SHORT = { unavailableTimeoutMs: 1500 }

async function write(client: RawClient, value: string): Promise<string[]> {
  return (await client.pipeline(KEYS.map((key) => ['SET', key, value]))).map(String)
}

async function read(client: RawClient): Promise<Set<string>> {
  return new Set((await client.pipeline(KEYS.map((key) => ['GET', key]))).map((reply) => String(reply).trim()))
}

const isAll = (replies: readonly string[], what: RegExp) => replies.every((reply) => what.test(reply))

/**
 * Two of three stop, and the third has what is written then; the proxy ends, the two wake, and the third stops. dt-2 is
 * declared down before dt-3, so that the marker of the view of dt-1 and dt-3 waits in dt-3's socket, and is on it when
 * it wakes: whether it answered that, and with dt-1 was enough, only dt-1 could tell.
 */
async function turnAbout(t: Test, options: AnotherOptions) {
  const ring = await startRing(t, 3)
  const first = AnotherProxy.of(t, ring, { ...SHORT, ...options })
  await first.start()
  const client = await first.connect()
  t.ok(isAll(await write(client, 'old'), /^\+OK/))
  for (const name of ['dt-2', 'dt-3']) ring.pause(name)
  await declareDown(ring, 'dt-2')
  await until('one is out', async () => (await membersOf(client)) === 'dt-1 dt-3')
  await declareDown(ring, 'dt-3')
  await until('both are out', async () => (await membersOf(client)) === 'dt-1')
  const replies = await write(client, 'new')
  await first.proxy.stop()
  for (const name of ['dt-2', 'dt-3']) ring.resume(name)
  ring.pause('dt-1')
  await forgive(ring, 'dt-2', 'dt-3')
  await declareDown(ring, 'dt-1')
  const second = AnotherProxy.of(t, ring, { ...SHORT, ...options })
  const { started } = await second.listens()
  return { ring, replies, second, started, client: await second.connect() }
}

/** dt-1 goes on with what it had when the ring went on without it: the proxy ends, and leaves it that. */
async function comesBackLater(t: Test, ring: LocalRing, { proxy }: AnotherProxy): Promise<void> {
  await forgive(ring, 'dt-1')
  ring.resume('dt-1')
  t.match((await proxy.ended).message, /^dt-1 has epoch \d+ of an earlier owner, which may have been acknowledged/)
  await proxy.stop()
  const member = await RawClient.connect(ring.server('dt-1').port)
  t.equal(String(await member.ask('GET', KEYS[0])), '$3\r\nnew\r\n', 'what it has is left to it')
  member.close()
}

t.test('who was down while others were written to is not served, and not written over what they had', async (t) => {
  const { ring, replies, second, started, client } = await turnAbout(t, {})
  t.ok(isAll(replies, /^\+OK/), 'what one of three had was acknowledged: the state file knows of it')
  await until('it says why', async () => /have answered|state file/.test(String(await client.ask('DT', 'VIEW'))))
  for (const reply of await read(client)) t.match(reply, /^-CLUSTERDOWN/)
  for (const reply of new Set(await write(client, 'third'))) t.match(reply, /^-CLUSTERDOWN/)
  await forgive(ring, 'dt-1')
  ring.resume('dt-1')
  await started
  t.same([...(await read(client))], ['$3\r\nnew'])
  await until('all are members', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3')
  t.equal(await settled(ring), KEYS.length)
  t.same([...(await read(client))], ['$3\r\nnew'])
  t.ok(isAll(await write(client, 'third'), /^\+OK/))
  t.same(second.log.about(/taken over|may have been acknowledged/), [])
})

t.test('the same on another machine, or when the state file is lost: only all three together are enough', async (t) => {
  const { ring, second, started, client } = await turnAbout(t, {})
  await second.proxy.stop()
  await t.rejects(started)
  rmSync(stateFileOf(ring))
  const third = AnotherProxy.of(t, ring, SHORT)
  const again = await third.listens()
  const late = await third.connect()
  await until(
    'it says why',
    () => third.log.about(/nothing is served yet: the state file .* may have a later epoch/).length > 0,
  )
  t.match(
    third.log.about(/nothing is served yet/).at(-1)?.msg,
    /start dt-1 with what it had; if the file is lost, .* --accept-epoch \d+/,
  )
  for (const reply of await read(late)) t.match(reply, /^-CLUSTERDOWN/)
  await forgive(ring, 'dt-1')
  ring.resume('dt-1')
  await again.started
  t.same([...(await read(late))], ['$3\r\nnew'])
  client.close()
})

t.test(
  'without a state file it is not acknowledged what fewer than half would know of, unless that is wanted',
  async (t) => {
    const { ring, replies, second, started, client } = await turnAbout(t, { stateFile: 'none' })
    t.ok(
      isAll(replies, /^-ERR the outcome of this write is unknown|^-CLUSTERDOWN/),
      'two of three would not know of it',
    )
    await started
    t.same([...(await read(client))], ['$3\r\nold'], 'so what they have may be served')
    // Two of three would be enough to write (as in the partition below), but it may be that dt-1 and dt-3 were the ring,
    // and of two one is not more than half: dt-1 could be found by another start, without dt-3.
    const isSaid = () => second.log.about(/no write is acknowledged: .* more than half of dt-1 and dt-3 .* Start dt-1,/)
    await until('it says why nothing is acknowledged', () => isSaid().length > 0)
    t.match(
      String(await client.ask('SET', KEYS[0], 'more')),
      /^-ERR the outcome of this write is unknown: the new view of the ring could not be noted where/,
    )
    await forgive(ring, 'dt-1')
    ring.resume('dt-1')
    await until('with it they are enough to write', async () => isAll(await write(client, 'more'), /^\+OK/))
    t.equal(isSaid().length, 1)
  },
)

t.test(
  'who prefers to serve does so alone, and what it had then is not thrown away by those who went on without it',
  async (t) => {
    const config = { ring: { withoutMajority: 'serve' } } as const
    const { ring, replies, second, started, client } = await turnAbout(t, { stateFile: 'none', config })
    t.ok(isAll(replies, /^\+OK/), 'nobody else would know of it, and it is acknowledged all the same')
    await started
    t.same([...(await read(client))], ['$3\r\nold'], 'which is the price')
    t.ok(isAll(await write(client, 'other'), /^\+OK/))
    await comesBackLater(t, ring, second)
  },
)

t.test(
  'a proxy whose clock was ahead and that only claimed the state file does not keep the next one away',
  async (t) => {
    const ring = await startRing(t, 3)
    const first = await AnotherProxy.started(t, ring)
    t.ok(isAll(await write(await first.connect(), 'old'), /^\+OK/))
    await first.proxy.stop()
    const path = stateFileOf(ring)
    const state = JSON.parse(readFileSync(path, 'utf8'))
    const hourAhead = state.owner + 3600 * 2 ** 20
    writeFileSync(path, JSON.stringify({ ...state, owner: hourAhead }))
    const second = await AnotherProxy.started(t, ring)
    t.same([...(await read(await second.connect()))], ['$3\r\nold'])
    t.ok(JSON.parse(readFileSync(path, 'utf8')).owner > hourAhead)
  },
)

t.test('what an operator is told is noted: a crash after that does not take it back', async (t) => {
  const ring = await startRing(t)
  const slowly = { DT_MIGRATION_MAX_BYTES_PER_SECOND: '20000', DT_LIMITS_UNAVAILABLE_TIMEOUT_MS: '4000' }
  const first = await PausableProxy.start(t, ring, slowly)
  const client = await first.connect()
  await client.pipeline(Array.from({ length: 500 }, (_, i) => ['SET', `key:${i}`, 'x'.repeat(500)]))
  t.match(String(await client.ask('DT', 'REMOVE', 'dt-3')), /leaving/)
  for (const { name } of ring.members) ring.pause(name)
  t.match(
    String(await client.ask('DT', 'CANCEL', 'dt-3')),
    /^-ERR the leave of dt-3 was cancelled, but too few members answer to note it: should the proxy end before they do/,
  )
  for (const { name } of ring.members) ring.resume(name)
  t.match(String(await client.ask('DT', 'REMOVE', 'dt-2')), /leaving/)
  for (const name of ['dt-2', 'dt-3', 'dt-4']) ring.pause(name)
  t.match(String(await client.ask('DT', 'CANCEL', 'dt-2')), /stays/, 'one member and the state file are enough')
  client.socket.on('error', () => {})
  first.child.kill('SIGKILL')
  await first.exit
  for (const name of ['dt-2', 'dt-3', 'dt-4']) ring.resume(name)
  const second = await AnotherProxy.started(t, ring)
  const again = await second.connect()
  t.equal(await membersOf(again), 'dt-1 dt-2 dt-3 dt-4')
  await until('nothing moves', async () => /pending-ranges\r\n:0/.test(String(await again.ask('DT', 'VIEW'))))
  t.equal(await membersOf(again), 'dt-1 dt-2 dt-3 dt-4', 'nobody leaves')
})

t.test('a view that may have been acknowledged turns up after the operator said that there is none', async (t) => {
  const { ring, second, started } = await turnAbout(t, {})
  await second.proxy.stop()
  await t.rejects(started)
  rmSync(stateFileOf(ring))
  const refused = AnotherProxy.of(t, ring, SHORT)
  const refusal = (await refused.listens()).started
  const [line] = await until('it says with which epoch', () => {
    const lines = refused.log.about(/--accept-epoch \d+/)
    return lines.length > 0 ? lines : undefined
  })
  await refused.proxy.stop()
  await t.rejects(refusal)
  const acceptEpoch = Number(/--accept-epoch (\d+)/.exec(line.msg)?.[1])
  const wrong = await AnotherProxy.started(t, ring, { ...SHORT, acceptEpoch })
  const client = await wrong.connect()
  await until('it is served', async () => isAll(await write(client, 'wrong'), /^\+OK/))

  await comesBackLater(t, ring, wrong)

  const next = AnotherProxy.of(t, ring, SHORT)
  const nextStart = (await next.listens()).started
  const [told] = await until('it says what can be done', () => {
    const lines = next.log.about(
      /the ring has gone on without it to epoch \d+; --accept-epoch \d+ goes on from that one/,
    )
    return lines.length > 0 ? lines : undefined
  })
  await next.proxy.stop()
  await t.rejects(nextStart)
  const latest = Number(/--accept-epoch (\d+)/.exec(told.msg)?.[1])
  const last = await AnotherProxy.started(t, ring, { ...SHORT, acceptEpoch: latest, wipe: true })
  const operator = await last.connect()
  await until('it has joined, empty', async () => (await membersOf(operator)) === 'dt-1 dt-2 dt-3')
  t.equal(await settled(ring), KEYS.length)
  t.same([...(await read(operator))], ['$5\r\nwrong'])
})

/** Two proxies with a Sentinel each, which reach the members through relays of their own. */
async function twoSides(t: Test) {
  const ring = new LocalRing({ dir: temporaryDirectory(t), nodes: 3, sentinels: 2, memberConfig: MEMBER_CONFIG })
  t.teardown(() => ring.stop())
  await ring.start()
  const sides = await Promise.all(
    ring.sentinels.map(async (sentinel) => {
      const relays = new Map<string, Relay>()
      const client = await RawClient.connect(sentinel.port)
      for (const { name, port } of ring.members) {
        const relay = await Relay.start(t, port)
        relays.set(name, relay)
        await client.ask('SENTINEL', 'REMOVE', name)
        await client.ask('SENTINEL', 'MONITOR', name, '127.0.0.1', String(relay.port), '1')
        await client.ask('SENTINEL', 'SET', name, 'down-after-milliseconds', String(PATIENT_MS))
      }
      client.close()
      return { relays, sentinel }
    }),
  )
  /** From now on this side does not reach these members, and its Sentinel says so. */
  const cut = async (side: number, ...names: string[]) => {
    const { relays, sentinel } = sides[side]
    for (const name of names) relays.get(name)!.blackhole()
    const client = await RawClient.connect(sentinel.port)
    for (const name of names) await client.ask('SENTINEL', 'SET', name, 'down-after-milliseconds', '100')
    client.close()
  }
  const addresses = sides.map(({ sentinel }) => [`${sentinel.host}:${sentinel.port}`])
  return { ring, cut, addresses }
}

for (const kind of ['a state file', 'none'] as const) {
  t.test(`a proxy on each side of a partition, with ${kind}: never do both acknowledge`, async (t) => {
    const { ring, cut, addresses } = await twoSides(t)
    const dir = temporaryDirectory(t)
    const on = (side: number) => {
      const stateFile = kind === 'none' ? 'none' : join(dir, `state-${side}.json`)
      return { ...SHORT, stateFile, sentinels: addresses[side] }
    }
    const first = await AnotherProxy.started(t, ring, on(0))
    const client = await first.connect()
    t.ok(isAll(await write(client, 'old'), /^\+OK/))
    await cut(0, 'dt-2', 'dt-3')
    await cut(1, 'dt-1')
    await until('it has lost two', async () => (await membersOf(client)) === 'dt-1')
    const hereReplies = await write(client, 'here')
    const second = AnotherProxy.of(t, ring, on(1))
    const { started } = await second.listens()
    const there = await second.connect()
    if (kind === 'none') {
      await started
      await until('two of three are enough to write', async () => isAll(await write(there, 'there'), /^\+OK/))
      t.ok(isAll(hereReplies, /^-/))
      // Nor was it at any moment since then.
      t.match(
        [...(await read(client))].join(),
        /^-CLUSTERDOWN nothing is served any more: dt-2 and dt-3 cannot be reached/,
      )
      t.ok(isAll(await write(client, 'here'), /^-CLUSTERDOWN/), 'and nothing is acknowledged on the other one')
      t.match(String(await client.ask('MULTI')), /OK/)
      await client.ask('GET', KEYS[0])
      t.match(String(await client.ask('EXEC')), /^-(?:EXECABORT|CLUSTERDOWN)/)
      t.match(String(await client.ask('MGET', KEYS[0], KEYS[1])), /^-CLUSTERDOWN/)
      t.match(String(await client.ask('WATCH', KEYS[0])), /^-CLUSTERDOWN/)
      t.match(String(await client.ask('DBSIZE')), /^-CLUSTERDOWN/)
      t.match(String(await client.ask('EVAL', "return redis.call('GET', KEYS[1])", '1', KEYS[0])), /^-CLUSTERDOWN/)
      t.match(String(await client.ask('SCAN', '0')), /^-CLUSTERDOWN/)
      t.equal(String(await client.ask('PING')), '+PONG\r\n')
    } else {
      t.ok(isAll(hereReplies, /^\+OK/), 'the state file is on this side')
      await until(
        'it says why',
        () => second.log.about(/nothing is served yet: the state file .*state-0.json may have/).length > 0,
      )
      t.ok(isAll(await write(there, 'there'), /^-CLUSTERDOWN/))
      t.same([...(await read(client))], ['$4\r\nhere'])
    }
  })
}
