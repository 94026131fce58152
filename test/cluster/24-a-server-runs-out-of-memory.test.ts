import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { breakLink } from '../helpers/break-link.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { counter, keysAt, membersOf, nodeStates, replicasOf } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

const MEMBER = 'dt-2'
const MB = 1024 * 1024
const OOM = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"

interface Story {
  readonly proxy: TestProxy
  readonly lines: LogLines
  readonly client: RawClient
  /** Straight to MEMBER. */
  readonly member: RawClient
}

async function begin(t: Test, nodes = 4): Promise<Story> {
  const lines = new LogLines()
  const proxy = await startProxy(t, { nodes, log: lines.log })
  return { proxy, lines, client: await proxy.connect(), member: await proxy.connectTo(MEMBER) }
}

async function used(member: RawClient): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(String(await member.ask('INFO', 'memory')))?.[1])
}

/** Gives MEMBER a limit and lets the proxy shake hands again, so that it looks at once. */
async function limit(member: RawClient, bytes: number): Promise<void> {
  await member.ask('CONFIG', 'SET', 'maxmemory', String(bytes))
  await breakLink(member)
}

/** A key that MEMBER does not have. */
async function keyElsewhere(client: RawClient): Promise<string> {
  for (let i = 0; ; i++) if (!(await replicasOf(client, `elsewhere:${i}`)).includes(MEMBER)) return `elsewhere:${i}`
}

/** Several at once fill a server faster than it can be watched by looking at it from time to time. */
async function fillers(proxy: TestProxy, fill: (writer: RawClient) => Promise<void>): Promise<void> {
  const writers = await Promise.all(Array.from({ length: 8 }, () => proxy.connect()))
  await Promise.all(writers.map(fill))
}

async function errorsOf(member: RawClient): Promise<string> {
  return String(await member.ask('INFO', 'errorstats'))
}

t.test('one server runs full: writes on its keys are refused whole, everything else works', async (t) => {
  const story = await begin(t)
  const { proxy, lines, client, member } = story
  const mastered = await keysAt(client, MEMBER, 0, 20)
  const backed = await keysAt(client, MEMBER, 1, 20)
  const elsewhere = await keyElsewhere(client)
  await limit(member, (await used(member)) + 24 * MB)
  await until('the proxy has seen the limit', async () => (await nodeStates(client))[MEMBER] === 'up')

  const value = randomBytes(20_000)
  const replies = new Map<string, number>()
  const countOf = (reply: string) => replies.get(reply) ?? 0
  let sent = 0
  const fill = async (writer: RawClient) => {
    while (countOf(OOM) < 50) {
      const i = sent++
      const key = [backed, mastered][i % 2][i % 20]
      const reply = String(await writer.ask('APPEND', `{${key}}:${i}`, value))
      replies.set(reply, countOf(reply) + 1)
      if (i > 5000) throw new Error('it never became full')
    }
  }
  await fillers(proxy, fill)
  t.same([...replies.keys()].sort(), [OOM, ':20000\r\n'])
  t.equal(lines.about(/is out of memory: writes that need some are refused/, MEMBER).length, 1)
  t.notMatch(await errorsOf(member), /OOM/, 'it has never been asked for what it could not do')
  t.equal(await counter(client, 'differences'), 0)
  t.equal(await counter(client, 'outcomes_unknown'), 0)

  const key = backed[0]
  for (const command of [
    ['SET', key, 'x'],
    ['MSET', key, 'x', mastered[0], 'y', 'somewhere', 'z'],
    ['SADD', `set:{${key}}`, 'a'],
    ['XADD', `stream:{${key}}`, '*', 'a', 'b'],
  ]) {
    t.equal(String(await client.ask(...command)), OOM, command[0])
  }
  t.equal(String(await client.ask('EXISTS', key, mastered[0], 'somewhere')), ':0\r\n', 'nothing was applied')
  const full = `{${backed[0]}}:0`
  t.equal(String(await client.ask('STRLEN', full)), ':20000\r\n')
  t.equal(String(await client.ask('EXPIRE', full, '1000')), ':1\r\n')
  t.equal(String(await client.ask('DEL', full)), ':1\r\n')
  t.equal(String(await client.ask('SET', elsewhere, '1')), '+OK\r\n')
  // As a member that joins, or, when it has been given up, as one that refuses its marker.
  t.match(String(await client.ask('DT', 'NODES')), /out of memory|it does not take its marker: OOM/)
  t.same((await ringSnapshot(proxy)).faults, [])

  t.equal(String(await client.ask('FLUSHALL')), '+OK\r\n')
  await until('it has memory again', async () => String(await client.ask('SET', key, '1')) === '+OK\r\n')
  t.equal(lines.about(/has memory again/, MEMBER).length, 1)
  t.same((await ringSnapshot(proxy)).faults, [])
})

t.test(
  'a server that refuses a write before anybody could know: the answer is honest, and comes at once',
  async (t) => {
    const { proxy, client, member } = await begin(t)
    const [backed, other] = await keysAt(client, MEMBER, 1, 2)
    const [mastered] = await keysAt(client, MEMBER, 0, 1)
    for (const key of [backed, other, mastered]) t.equal(String(await client.ask('SET', key, 'before')), '+OK\r\n')
    await member.ask('CONFIG', 'SET', 'maxmemory', '1')
    t.equal(
      String(await client.ask('SET', backed, 'after')),
      '-ERR the outcome of this write is unknown: dt-2 has no memory left and refused it, the other servers of this key have it; ' +
        'read the key before you send the write again\r\n',
    )
    t.equal(String(await client.ask('GET', backed)), '$5\r\nafter\r\n', 'the servers that have it serve it')
    t.equal(String(await client.ask('SET', other, 'after')), OOM, 'the next one is refused whole')
    t.equal(String(await client.ask('SET', mastered, 'after')), OOM)
    t.equal(String(await client.ask('GET', other)), '$6\r\nbefore\r\n')
    t.equal(await membersOf(client), 'dt-1 dt-2 dt-3 dt-4', 'nobody is expelled for it')
    await member.ask('CONFIG', 'SET', 'maxmemory', '0')
    await until('all replicas are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
    await until('it takes writes', async () => String(await client.ask('SET', other, 'after')) === '+OK\r\n')
    t.equal(String(await client.ask('GET', backed)), '$5\r\nafter\r\n')
  },
)

t.test(
  'a full server whose link breaks is a member again, is read, and is written to when it has memory',
  async (t) => {
    const { proxy, lines, client, member } = await begin(t)
    const [mastered] = await keysAt(client, MEMBER, 0, 1)
    const [backed] = await keysAt(client, MEMBER, 1, 1)
    for (const key of [mastered, backed]) t.equal(String(await client.ask('SET', key, 'before')), '+OK\r\n')
    await member.ask('CONFIG', 'SET', 'maxmemory', '1')
    t.match(String(await member.ask('SET', 'any', 'x')), /^-OOM/)
    const linkUps = () => lines.about(/^link up$/, MEMBER).length
    for (let time = 1; time <= 3; time++) {
      const before = linkUps()
      await breakLink(member)
      await until('the link is up again', () => linkUps() > before)
      await until('it is a member', async () => (await nodeStates(client))[MEMBER] === 'up')
      t.equal(String(await client.ask('GET', mastered)), '$6\r\nbefore\r\n')
      t.equal(String(await client.ask('SET', mastered, 'after')), OOM)
      t.equal(String(await client.ask('DEL', `{${mastered}}:none`)), ':0\r\n')
    }
    await member.ask('CONFIG', 'SET', 'maxmemory', '0')
    for (const key of [mastered, backed]) {
      await until('it takes writes', async () => String(await client.ask('SET', key, 'after')) === '+OK\r\n')
    }
    t.same((await ringSnapshot(proxy)).faults, [])
  },
)

t.test('an earlier connection to a full server is ended there before another one is used', async (t) => {
  const { lines, client, member, proxy } = await begin(t)
  await member.ask('CONFIG', 'SET', 'maxmemory', '1')
  const list = String(await member.ask('CLIENT', 'LIST'))
  const [, id, name] = /^id=(\d+) .* name=(dt:\S+)/m.exec(list)!
  // What the proxy has given up and the server has not: it could still bring something.
  const earlier = await proxy.connectTo(MEMBER)
  t.equal(String(await earlier.ask('CLIENT', 'SETNAME', name)), '+OK\r\n')
  const earlierId = String(await earlier.ask('CLIENT', 'ID'))
    .slice(1)
    .trim()
  await member.ask('CLIENT', 'KILL', 'ID', id)
  await until('it is ended', () => lines.about(/an earlier connection of ours to dt-2 is ended there/).length > 0)
  await until('it is a member', async () => (await nodeStates(client))[MEMBER] === 'up')
  t.notMatch(String(await member.ask('CLIENT', 'LIST')), new RegExp(`^id=${earlierId} `, 'm'))
})

t.test('a joining server that is too small does not keep anybody from writing', async (t) => {
  const { proxy, lines, client } = await begin(t)
  const value = randomBytes(20_000)
  const tell = async (...command: string[]) => {
    for (const { name } of proxy.ring.sentinels) {
      const sentinel = await proxy.connectTo(name)
      await sentinel.ask('SENTINEL', ...command)
    }
  }
  await tell('REMOVE', 'dt-4')
  await until('three members', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3')
  const write = (round: string) =>
    client.pipeline(
      Array.from({ length: 1000 }, (_, i) => ['SET', `key:${i}`, Buffer.concat([Buffer.from(round), value])]),
    )
  t.ok((await write('a')).every((reply) => String(reply) === '+OK\r\n'))

  const small = await proxy.connectTo('dt-4')
  await small.ask('CONFIG', 'SET', 'maxmemory', String((await used(small)) + 8 * MB))
  await tell('MONITOR', 'dt-4', '127.0.0.1', String(proxy.ring.server('dt-4').port), '2')
  await until('it is too small', () => lines.about(/dt-4 has too little memory for its part/).length > 0)
  for (const round of ['b', 'c', 'd']) {
    t.same([...new Set((await write(round)).map(String))], ['+OK\r\n'], round)
  }
  t.equal(await counter(client, 'outcomes_unknown'), 0)
  t.equal(await membersOf(client), 'dt-1 dt-2 dt-3')
  // As a member that joins, or, when it has been given up, as one that refuses its marker.
  t.match(String(await client.ask('DT', 'NODES')), /out of memory|it does not take its marker: OOM/)

  await small.ask('CONFIG', 'SET', 'maxmemory', '0')
  await until(
    'it has joined',
    async () =>
      /pending-ranges\r\n:0/.test(String(await client.ask('DT', 'VIEW'))) &&
      (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4',
    30_000,
  )
  await until('all replicas are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
})
