import t from 'tap'
import { breakLink, breakLinkIfUp } from '../helpers/break-link.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, type Teardown, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { keysAt, membersOf, nodeStates, outstanding, replicasOf } from '../helpers/ring-state.js'
import { declareDown } from '../helpers/sentinels.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

const MEMBER = 'dt-2'
const UNKNOWN = /^-ERR the outcome of this transaction is unknown: .*read its keys before you send it again\r\n$/

interface Story {
  readonly proxy: TestProxy
  readonly client: RawClient
  readonly watcher: RawClient
  /** Keys of which MEMBER is the master, the first backup, and nothing. */
  readonly mastered: string
  readonly backed: string
  readonly elsewhere: string
}

async function begin(t: Teardown, unavailableTimeoutMs = 20_000): Promise<Story> {
  const proxy = await startProxy(t, {
    downAfterMs: 20_000,
    log: new LogLines().log,
    config: { limits: { unavailableTimeoutMs }, backend: { reconnectMaxMs: 100 } },
  })
  const [client, watcher] = [await proxy.connect(), await proxy.connect()]
  const [[mastered], [backed]] = [await keysAt(watcher, MEMBER, 0, 1), await keysAt(watcher, MEMBER, 1, 1)]
  let i = 0
  while ((await replicasOf(watcher, `elsewhere:${i}`)).includes(MEMBER)) i++
  return { proxy, client, watcher, mastered, backed, elsewhere: `elsewhere:${i}` }
}

const increments = ({ mastered, backed, elsewhere }: Story) => [
  ...[['MULTI'], ['INCR', mastered], ['INCR', backed], ['INCR', elsewhere], ['EXEC']],
]

async function exec(client: RawClient, commands: readonly string[][]): Promise<string> {
  return String((await client.pipeline(commands)).at(-1))
}

async function replicasAreEqual({ proxy, watcher }: Story): Promise<void> {
  await until('all members serve', async () => {
    return Object.values(await nodeStates(watcher)).every((state) => state === 'up')
  })
  await until('all replicas are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
}

async function values({ watcher, mastered, backed, elsewhere }: Story): Promise<string[]> {
  const reply = String(await watcher.ask('MGET', mastered, backed, elsewhere))
  return [...reply.matchAll(/\$1\r\n(\d)|\$-1/g)].map(([, digit]) => digit ?? '')
}

t.test('a server is killed with a transaction in flight: the others have the last word on its writes', async (t) => {
  const story = await begin(t)
  const { proxy, client, watcher } = story
  proxy.ring.pause(MEMBER)
  const reply = exec(client, increments(story))
  await until('it is in flight', async () => (await outstanding(watcher, MEMBER)) >= 4)
  await proxy.ring.kill(MEMBER)
  await declareDown(proxy.ring, MEMBER)
  t.equal(await reply, '*3\r\n:1\r\n:1\r\n:1\r\n', 'each applied once')
  t.same(await values(story), ['1', '1', '1'])
})

t.test('what it was to read is not asked elsewhere when it writes, too: the outcome is unknown', async (t) => {
  const story = await begin(t)
  const { proxy, client, watcher, mastered, elsewhere } = story
  proxy.ring.pause(MEMBER)
  const reads = await proxy.connect()
  const reply = exec(client, [['MULTI'], ['INCR', elsewhere], ['INCR', mastered], ['GET', mastered], ['EXEC']])
  const onlyReads = exec(reads, [['MULTI'], ['LLEN', mastered], ['GET', `{${elsewhere}}none`], ['EXEC']])
  await until('they are in flight', async () => (await outstanding(watcher, MEMBER)) >= 6)
  await proxy.ring.kill(MEMBER)
  await declareDown(proxy.ring, MEMBER)
  t.match(await reply, UNKNOWN)
  t.match(await onlyReads, /^\*2\r\n-WRONGTYPE [^\r]*\r\n\$-1\r\n$/, 'who only reads is answered by others')
  t.same((await values(story)).map((value) => value || '0')[0], (await values(story))[2], 'all of it, or nothing')
})

t.test('a link breaks again and again under transactions: the replicas stay equal, and nothing is half', async (t) => {
  const story = await begin(t)
  const { proxy, watcher, mastered, backed } = story
  const member = await proxy.connectTo(MEMBER)
  let over = false
  const breaking = (async () => {
    while (!over) {
      await breakLinkIfUp(member)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  const clients = await Promise.all([1, 2, 3].map(() => proxy.connect()))
  let done = 0
  let unknown = 0
  await Promise.all(
    clients.map(async (each, c) => {
      for (let i = 0; i < 40; i++) {
        const tag = `{${mastered}}`
        const reply = await exec(each, [
          ...[['MULTI'], ['SELECT', String(c)], ['INCR', mastered], ['SADD', `${tag}set`, String(i)]],
          ...[['INCR', `${tag}count`], ['SPOP', `${tag}set`], ['XADD', `${tag}log`, '*', 'n', String(i)], ['EXEC']],
        ])
        await each.ask('INCR', backed)
        if (reply.startsWith('*6')) done++
        else if (/^-ERR the outcome of this transaction is unknown/.test(reply)) unknown++
        else t.fail(reply)
      }
    }),
  )
  over = true
  await breaking
  t.ok(done > 0, `${done} done, ${unknown} unknown`)
  await replicasAreEqual(story)
  for (const db of ['0', '1', '2']) {
    await watcher.ask('SELECT', db)
    const replies = [
      ['GET', mastered],
      ['GET', `{${mastered}}count`],
    ].map((command) => watcher.ask(...command))
    const [one, other] = (await Promise.all(replies)).map(String)
    t.equal(one, other, 'both, or none of them')
  }
})

t.test('so it is with transactions that empty databases, and tell what is there', async (t) => {
  const story = await begin(t)
  const { proxy, mastered, backed, elsewhere } = story
  const member = await proxy.connectTo(MEMBER)
  let over = false
  const breaking = (async () => {
    while (!over) {
      await breakLinkIfUp(member)
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
  })()
  const clients = await Promise.all([1, 2, 3].map(() => proxy.connect()))
  let done = 0
  await Promise.all(
    clients.map(async (each, c) => {
      for (let i = 0; i < 25; i++) {
        const set = `{${mastered}}set`
        const commands = [
          ['SADD', set, String(i)],
          ['SPOP', set],
          [c === 0 ? 'FLUSHALL' : 'FLUSHDB'],
          ['KEYS', '*'],
          ['INCR', mastered],
        ]
        const reply = await exec(each, [
          ['MULTI'],
          ['SELECT', String(c)],
          ...commands,
          ['INCR', backed],
          ['INCR', elsewhere],
          ['EXEC'],
        ])
        if (reply.startsWith('*8')) {
          done++
          t.match(reply, /\+OK\r\n\*0\r\n:1\r\n:1\r\n:1\r\n$/, 'nothing is there behind it but what it writes itself')
        } else if (!/^-(ERR the outcome of this transaction is unknown|CLUSTERDOWN)/.test(reply)) t.fail(reply)
        await each.ask('INCR', `other:${i}`)
      }
    }),
  )
  over = true
  await breaking
  t.ok(done > 0, `${done} done`)
  await replicasAreEqual(story)
})

t.test('a server discards its part: it is mended, and goes on in the right database', async (t) => {
  const story = await begin(t, 2000)
  const { proxy, client, watcher, mastered, elsewhere } = story
  const member = await proxy.connectTo(MEMBER)
  const other = `{${mastered}}other`
  for (const db of ['7', '0'])
    await watcher.pipeline([
      ['SELECT', db],
      ['SET', other, 'x'],
    ])
  await client.ask('SELECT', '0')
  // It takes no command of a transaction any more, and DEL alone [redis-facts How writes replicate].
  await member.ask('CONFIG', 'SET', 'maxmemory', '1')
  const commands = [['MULTI'], ['SELECT', '7'], ['INCR', mastered], ['INCR', elsewhere], ['EXEC'], ['DEL', other]]
  const [exec, del] = (await client.pipeline(commands)).slice(-2).map(String)
  t.match(exec, /^(-ERR the outcome of this transaction is unknown|\*3)/)
  t.equal(del, ':1\r\n')
  t.equal(String(await member.ask('EXISTS', other)), ':1\r\n', 'not the one of database 0')
  await member.ask('CONFIG', 'SET', 'maxmemory', '0')
  await replicasAreEqual(story)
  t.equal(String(await watcher.ask('EXISTS', other)), ':1\r\n')
})

t.test('a server is away: all of it waits, and nothing is applied if it waits in vain', async (t) => {
  const story = await begin(t, 400)
  const { proxy, client, watcher } = story
  await proxy.ring.kill(MEMBER)
  await until('the link is down', async () => (await nodeStates(watcher))[MEMBER] !== 'up')
  t.match(
    await exec(client, [['MULTI'], ['SELECT', '4'], ...increments(story).slice(1)]),
    /^-CLUSTERDOWN a server that holds this key is not reachable .* \(away: dt-\d\); the command was not applied, try again\r\n$/,
  )
  t.match(String(await client.ask('CLIENT', 'INFO')), / db=0 /, 'not even its SELECT')
  t.equal(String(await watcher.ask('EXISTS', story.elsewhere)), ':0\r\n')
  t.match(await exec(client, [['MULTI'], ['INCR', story.elsewhere], ['EXEC']]), /^\*1\r\n:1/, 'keys of others do not')

  const waiting = exec(client, [['MULTI'], ['GET', story.mastered], ['EXEC']])
  t.equal(await waiting, '*1\r\n$-1\r\n', 'reads go to the next replica')
})

t.test('a server is full: all of it is refused, as by Redis', async (t) => {
  const story = await begin(t)
  const { proxy, client, watcher } = story
  const member = await proxy.connectTo(MEMBER)
  await member.ask('CONFIG', 'SET', 'maxmemory', '1')
  await breakLink(member)
  await until('it is known', async () => /^-OOM/.test(String(await watcher.ask('INCR', story.mastered))))
  t.equal(
    await exec(client, increments(story)),
    "-EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.\r\n",
  )
  t.same(await values(story), ['', '', ''])
  t.equal(await membersOf(watcher), 'dt-1 dt-2 dt-3 dt-4')
  await member.ask('CONFIG', 'SET', 'maxmemory', '0')
  await until('it has memory again', async () => (await exec(client, increments(story))).startsWith('*3'))
  await replicasAreEqual(story)
})
