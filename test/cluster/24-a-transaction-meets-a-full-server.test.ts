import t, { type Test } from 'tap'
import { breakLink } from '../helpers/break-link.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { counter, keysAt, nodeStates } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * Beyond its maxmemory a server refuses whatever is queued in a transaction, what reads and what frees memory, too.
 */

const MEMBER = 'dt-2'
const MEMBERS = ['dt-1', 'dt-2', 'dt-3', 'dt-4']
const REFUSED =
  "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.\r\n"

interface Story {
  readonly proxy: TestProxy
  readonly lines: LogLines
  readonly client: RawClient
  /** Lists of three elements of which MEMBER is the master, and the first backup. */
  readonly mastered: readonly string[]
  readonly backed: readonly string[]
}

async function begin(t: Test): Promise<Story> {
  const lines = new LogLines()
  const proxy = await startProxy(t, { log: lines.log, config: { limits: { unavailableTimeoutMs: 3000 } } })
  const client = await proxy.connect()
  const [mastered, backed] = [await keysAt(client, MEMBER, 0, 6), await keysAt(client, MEMBER, 1, 6)]
  for (const key of [...mastered, ...backed]) {
    t.equal(String(await client.ask('RPUSH', key, 'a', 'b', 'c')), ':3\r\n')
  }
  return { proxy, lines, client, mastered, backed }
}

/** Beyond its limit, which the proxy has not noticed yet. */
async function fill({ proxy }: Story, name = MEMBER): Promise<RawClient> {
  const member = await proxy.connectTo(name)
  await member.ask('CONFIG', 'SET', 'maxmemory', '1')
  return member
}

/** The same, and the proxy knows it, because it shakes hands again. */
async function fillKnown(story: Story, name = MEMBER): Promise<void> {
  const { client, lines } = story
  const member = await fill(story, name)
  await breakLink(member)
  await until('it is known', () => lines.about(/is out of memory/, name).length > 0)
  await until('it is a member', async () => (await nodeStates(client))[name] === 'up')
}

async function exec(client: RawClient, ...commands: readonly string[][]): Promise<string> {
  return String((await client.pipeline([['MULTI'], ...commands, ['EXEC']])).at(-1))
}

async function isEqualWithMemory({ proxy }: Story, names: readonly string[] = [MEMBER]): Promise<void> {
  for (const name of names) await (await proxy.connectTo(name)).ask('CONFIG', 'SET', 'maxmemory', '0')
  await until('all replicas are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
}

t.test('one command for a full server is served as if it stood alone', async (t) => {
  const story = await begin(t)
  const { client } = story
  await fillKnown(story)
  for (const [one, other, third] of [story.mastered, story.backed]) {
    t.equal(await exec(client, ['LPOP', one]), '*1\r\n$1\r\na\r\n')
    t.equal(String(await client.ask('LRANGE', one, '0', '-1')), '*2\r\n$1\r\nb\r\n$1\r\nc\r\n')
    t.equal(await exec(client, ['EXPIRE', one, '1000']), '*1\r\n:1\r\n')
    t.equal(await exec(client, ['DEL', other]), '*1\r\n:1\r\n')
    t.equal(
      await exec(client, ['SPOP', third]),
      '*1\r\n-WRONGTYPE Operation against a key holding the wrong kind of value\r\n',
    )
    t.equal(await exec(client, ['SELECT', '0'], ['XTRIM', `{${one}}:none`, 'MAXLEN', '~', '3']), '*2\r\n+OK\r\n:0\r\n')
  }
  t.equal(await counter(client, 'outcomes_unknown'), 0)
  t.equal(await counter(client, 'differences'), 0)
  t.same((await ringSnapshot(story.proxy)).faults, [])
  t.equal(await exec(client, ['FLUSHALL']), '*1\r\n+OK\r\n')
  t.equal(String(await client.ask('DBSIZE')), ':0\r\n')
})

t.test('several commands for a full server are refused, and nothing was applied', async (t) => {
  const story = await begin(t)
  const { client } = story
  await fillKnown(story)
  for (const [one, other] of [story.mastered, story.backed]) {
    t.equal(await exec(client, ['LPOP', one], ['EXPIRE', one, '1000']), REFUSED)
    t.equal(await exec(client, ['LPOP', one], ['LPOP', other]), REFUSED)
    t.equal(await exec(client, ['LPOP', one], ['FLUSHALL']), REFUSED)
    t.equal(String(await client.ask('LLEN', one)), ':3\r\n')
    t.equal(String(await client.ask('TTL', one)), ':-1\r\n')
  }
  const [mastered] = story.mastered
  t.equal(await exec(client, ['LPOP', mastered], ['LLEN', mastered]), REFUSED, 'what is read among writes counts')
  t.equal(await counter(client, 'outcomes_unknown'), 0)
  t.same((await ringSnapshot(story.proxy)).faults, [])
})

t.test('a transaction that reads is answered by who is not full', async (t) => {
  const story = await begin(t)
  const { client, mastered } = story
  await fillKnown(story)
  t.equal(await exec(client, ['LLEN', mastered[0]]), '*1\r\n:3\r\n')
  t.equal(
    await exec(client, ['LLEN', mastered[0]], ['LLEN', mastered[1]], ['GET', 'none']),
    '*3\r\n:3\r\n:3\r\n$-1\r\n',
  )
  for (const name of MEMBERS) if (name !== MEMBER) await fillKnown(story, name)
  t.equal(await exec(client, ['LLEN', mastered[0]]), '*1\r\n:3\r\n', 'one command is served by a full one')
  t.equal(await exec(client, ['LLEN', mastered[0]], ['LINDEX', mastered[0], '0']), REFUSED, 'several by nobody')
  await isEqualWithMemory(story, MEMBERS)
  await until('it is served again', async () => {
    return (await exec(client, ['LLEN', mastered[0]], ['LINDEX', mastered[0], '0'])) === '*2\r\n:3\r\n$1\r\na\r\n'
  })
})

t.test('a server that refuses its part before anybody could know: the others have it and serve it', async (t) => {
  const story = await begin(t)
  const { client } = story
  const [mastered, other] = story.mastered
  const [backed] = story.backed
  await fill(story)
  t.match(
    await exec(client, ['LPOP', mastered], ['LPOP', other], ['LPOP', backed]),
    /^-ERR the outcome of this transaction is unknown: dt-2 has no memory left and refused it, .*read its keys/,
  )
  for (const key of [mastered, other, backed]) {
    t.equal(String(await client.ask('LRANGE', key, '0', '-1')), '*2\r\n$1\r\nb\r\n$1\r\nc\r\n', key)
  }
  t.equal(await exec(client, ['LLEN', mastered], ['LLEN', other]), '*2\r\n:2\r\n:2\r\n')
  await isEqualWithMemory(story)
  for (const key of [mastered, other, backed]) t.equal(String(await client.ask('LLEN', key)), ':2\r\n')
})

t.test('a server that refuses to read before anybody could know: the next one is asked, or it says why', async (t) => {
  const story = await begin(t)
  const { client, mastered } = story
  await fill(story)
  const pipelined = [['MULTI'], ['LLEN', mastered[0]], ['EXEC'], ['LLEN', mastered[1]]]
  t.equal(
    String((await client.pipeline(pipelined))[2]),
    '-OOM dt-2 has no memory left, and refuses what stands in a transaction; the command was not applied, try again\r\n',
    'its client has sent something behind it, which was answered',
  )
  await isEqualWithMemory(story)
  await until('it is known', () => story.lines.about(/has memory again/, MEMBER).length > 0)
  await fill(story)
  t.equal(await exec(client, ['LLEN', mastered[0]]), '*1\r\n:3\r\n')
  t.equal(await exec(client, ['LLEN', mastered[0]], ['LLEN', mastered[1]]), '*2\r\n:3\r\n:3\r\n')
})
