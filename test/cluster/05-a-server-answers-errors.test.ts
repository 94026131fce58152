import { appendFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { linkIdOn } from '../helpers/break-link.js'
import { cannotSave } from '../helpers/cannot-save.js'
import { LogLines, WARN } from '../helpers/log-lines.js'
import { startProxy, type Teardown, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { counter, keysAt, membersOf, nodeStates, replicasOf } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

const MEMBER = 'dt-2'
const ALL = 'dt-1 dt-2 dt-3 dt-4'

interface Story {
  readonly proxy: TestProxy
  readonly lines: LogLines
  readonly client: RawClient
  /** Straight to MEMBER. */
  readonly member: RawClient
}

async function begin(t: Teardown): Promise<Story> {
  const lines = new LogLines()
  const proxy = await startProxy(t, {
    downAfterMs: 20_000,
    log: lines.log,
    config: { limits: { unavailableTimeoutMs: 400 }, backend: { reconnectMaxMs: 100 } },
  })
  return { proxy, lines, client: await proxy.connect(), member: await proxy.connectTo(MEMBER) }
}

/** Does something to MEMBER and ends the proxy's connection to it in one go, so that it shakes hands again. */
async function andBreakLink(member: RawClient, spoil: string[]): Promise<void> {
  const id = await linkIdOn(member)
  await member.pipeline([spoil, ['CLIENT', 'KILL', 'ID', id!]])
}

async function replicasAreEqual({ proxy, client }: Story): Promise<void> {
  await until('all members serve', async () => {
    return Object.values(await nodeStates(client)).every((state) => state === 'up')
  })
  await until('all replicas are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
}

/** MEMBER answers writes with `-<code> …` until `mend`: both as master and as backup. Everything else goes on. */
async function refusesWrites(t: Test, story: Story, code: string, mend: () => Promise<unknown>): Promise<void> {
  const { client, lines } = story
  const [mastered] = await keysAt(client, MEMBER, 0, 1)
  const [backed] = await keysAt(client, MEMBER, 1, 1)
  const honest = new RegExp(`^(-${code} |-ERR the outcome of this write is unknown)`)
  const before = await counter(client, 'differences')
  t.match(String(await client.ask('SET', mastered, 'a')), honest, 'it refuses as the master')
  t.match(
    String(await client.ask('SET', backed, 'b')),
    /^(\+OK|-ERR the outcome of this write is unknown)/,
    'and as a backup',
  )
  t.ok((await counter(client, 'differences')) > before, 'the difference is counted')
  const [line] = lines.about(/answered a write differently/)
  t.match(line, { level: WARN, command: /SET/ })
  t.match(JSON.stringify(line), `-${code}`, 'and logged with what was answered')
  t.equal(await membersOf(client), ALL)
  await mend()
  await replicasAreEqual(story)
  t.equal(String(await client.ask('SET', mastered, 'c')), '+OK\r\n')
  t.equal(String(await client.ask('SET', backed, 'd')), '+OK\r\n')
  await replicasAreEqual(story)
}

/**
 * The command `spoil` makes MEMBER unfit for use, which the next handshake notices: the log says `reason`, reads go to
 * the backups, writes are refused, and after `mend` it serves again.
 */
async function isUnfit(t: Test, reason: RegExp, spoil: string[], mend: string[]): Promise<void> {
  const story = await begin(t)
  const { client, lines, member } = story
  const [key] = await keysAt(client, MEMBER, 0, 1)
  t.equal(String(await client.ask('SET', key, 'a')), '+OK\r\n')
  await andBreakLink(member, spoil)
  await until('the log says why', () => lines.about(reason, MEMBER).length > 0)
  t.equal(lines.about(reason, MEMBER)[0].level, WARN)
  t.equal((await nodeStates(client))[MEMBER], 'suspect')
  t.equal(await membersOf(client), ALL)
  t.equal(String(await client.ask('GET', key)), '$1\r\na\r\n', 'reads go to a backup')
  t.match(String(await client.ask('SET', key, 'b')), /^-CLUSTERDOWN .* was not applied/)
  t.ok(lines.about(reason, MEMBER).length < 3, 'it says so once, not at every attempt')
  await member.ask(...mend)
  await replicasAreEqual(story)
  t.equal(String(await client.ask('GET', key)), '$1\r\na\r\n')
  t.equal(String(await client.ask('SET', key, 'c')), '+OK\r\n')
  t.same((await ringSnapshot(story.proxy)).faults, [])
}

t.test('a member that cannot save answers MISCONF', async (t) => {
  const story = await begin(t)
  await refusesWrites(t, story, 'MISCONF', await cannotSave(story.proxy, MEMBER))
})

t.test('a replica is no member', async (t) => {
  const reason = /it is a slave, a member must be a master/
  await isUnfit(t, reason, ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE'])
})

t.test('a server that evicts keys is not used', async (t) => {
  const set = (policy: string) => ['CONFIG', 'SET', 'maxmemory-policy', policy]
  await isUnfit(t, /its maxmemory-policy is allkeys-lru/, set('allkeys-lru'), set('noeviction'))
})

t.test('a server that wants a password we do not have is not used', async (t) => {
  const set = (password: string) => ['CONFIG', 'SET', 'requirepass', password]
  await isUnfit(t, /HELLO was answered by: NOAUTH/, set('secret'), set(''))
})

t.test('a server that loads its data is waited for', async (t) => {
  const story = await begin(t)
  const { proxy, lines, client } = story
  const [key] = await keysAt(client, MEMBER, 0, 1)
  await client.pipeline(Array.from({ length: 8000 }, (_, i) => ['SET', `${key}:{${key}}`, String(i)]))
  const server = proxy.ring.server(MEMBER)
  appendFileSync(server.configFile, 'key-load-delay 50\n')
  const restarted = proxy.ring.restart(MEMBER)
  await until('the log says why', () => lines.about(/it is loading its data/, MEMBER).length > 0)
  t.equal(String(await client.ask('GET', `${key}:{${key}}`)), '$4\r\n7999\r\n', 'reads go to a backup')
  await restarted
  await replicasAreEqual(story)
  t.equal(String(await client.ask('GET', `${key}:{${key}}`)), '$4\r\n7999\r\n')
})

t.test(
  'a write of several servers: when one refuses the outcome is unknown, when one is dead nothing is written',
  async (t) => {
    const story = await begin(t)
    const { proxy, client } = story
    const keyAt = async (condition: (replicas: readonly string[]) => boolean) => {
      for (let i = 0; ; i++) if (condition(await replicasOf(client, `k${i}`))) return `k${i}`
    }
    const away = await keyAt((replicas) => replicas[0] === 'dt-1')
    const apart = await keyAt((replicas) => !replicas.includes(MEMBER))
    const refused = await keyAt((replicas) => replicas.indexOf(MEMBER) > 0 && !replicas.includes('dt-1'))
    const commandsOn = (key: string) => [
      ['MSET', key, 'new', refused, 'new'],
      ['DEL', key, refused],
      ['UNLINK', key, refused],
    ]
    const mend = await cannotSave(proxy, MEMBER)
    for (const command of commandsOn(apart)) {
      const reply = String(await client.ask(...command))
      t.match(reply, /^-ERR the outcome of this write is unknown: .*dt-2.* refused the write/, command[0])
      t.notMatch(reply, /not applied/)
    }
    await mend()
    await replicasAreEqual(story)
    await client.ask('MSET', away, 'old', refused, 'old')
    await proxy.ring.kill('dt-1')
    for (const command of commandsOn(away)) {
      t.match(
        String(await client.ask(...command)),
        /^-CLUSTERDOWN .* the command was not applied, try again/,
        command[0],
      )
      t.equal(String(await client.ask('GET', refused)), '$3\r\nold\r\n')
    }
  },
)
