import t from 'tap'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, type Teardown, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { keysAt, membersOf, outstanding, replicasOf } from '../helpers/ring-state.js'
import { declareDown, forgive } from '../helpers/sentinels.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

const MEMBER = 'dt-2'

interface Story {
  readonly proxy: TestProxy
  readonly lines: LogLines
  /** Looks at what is in flight. */
  readonly watcher: RawClient
  /** Keys of which MEMBER is the master, the first backup, and nothing; each holds 100. */
  readonly mastered: string[]
  readonly backed: string[]
  readonly elsewhere: string[]
}

async function begin(t: Teardown): Promise<Story> {
  const lines = new LogLines()
  const proxy = await startProxy(t, { nodes: 4, replicas: 2, log: lines.log })
  const watcher = await proxy.connect()
  const mastered = await keysAt(watcher, MEMBER, 0, 2)
  const backed = await keysAt(watcher, MEMBER, 1, 2)
  const elsewhere: string[] = []
  for (let i = 0; elsewhere.length < 2; i++) {
    if (!(await replicasOf(watcher, `elsewhere:${i}`)).includes(MEMBER)) elsewhere.push(`elsewhere:${i}`)
  }
  for (const key of [...mastered, ...backed, ...elsewhere]) await watcher.ask('SET', key, '100')
  return { proxy, lines, watcher, mastered, backed, elsewhere }
}

/** Sends a read and two writes that the stopped MEMBER has to answer, and sees them leave. */
async function sendIntoTheVoid({
  proxy,
  watcher,
  mastered,
  backed,
}: Story): Promise<{ read: Promise<Buffer>; writes: Promise<Buffer>[] }> {
  const [reader, one, other] = [await proxy.connect(), await proxy.connect(), await proxy.connect()]
  const read = reader.ask('GET', mastered[0])
  const writes = [one.ask('INCR', mastered[1]), other.ask('INCR', backed[0])]
  await until('they are in flight', async () => (await outstanding(watcher, MEMBER)) >= 3)
  return { read, writes }
}

async function texts(replies: readonly Promise<Buffer>[]): Promise<string[]> {
  return (await Promise.all(replies)).map(String)
}

t.test('killed with requests in flight: reads go on at once, writes when the others have the last word', async (t) => {
  const story = await begin(t)
  const { proxy, lines, watcher, mastered, backed, elsewhere } = story
  proxy.ring.pause(MEMBER)
  const { read, writes } = await sendIntoTheVoid(story)
  t.equal(String(await watcher.ask('INCR', elsewhere[0])), ':101\r\n', 'other keys notice nothing')
  await proxy.ring.kill(MEMBER)

  t.equal(String(await read), '$3\r\n100\r\n')
  t.equal(String(await watcher.ask('GET', mastered[0])), '$3\r\n100\r\n')
  t.equal(String(await watcher.ask('INCR', elsewhere[1])), ':101\r\n')
  t.same(lines.about(/leaves the ring/), [], 'while it was still a member')

  await declareDown(proxy.ring, MEMBER)
  t.same(await texts(writes), [':101\r\n', ':101\r\n'], 'each applied once')
  t.equal(lines.about(/leaves the ring/, MEMBER).length, 1)
  for (const key of [mastered[1], backed[0]]) {
    t.equal(String(await watcher.ask('INCR', key)), ':102\r\n')
    const replicas = await replicasOf(watcher, key)
    t.notOk(replicas.includes(MEMBER))
    const values = replicas.slice(0, 2).map(async (name) => String(await (await proxy.connectTo(name)).ask('GET', key)))
    t.same(await Promise.all(values), ['$3\r\n102\r\n', '$3\r\n102\r\n'], 'on all that had the key')
  }
})

t.test('killed with requests in flight and there again at once: the truth, and equal replicas', async (t) => {
  const story = await begin(t)
  const { proxy, watcher } = story
  proxy.ring.pause(MEMBER)
  const { read, writes } = await sendIntoTheVoid(story)
  await proxy.ring.restart(MEMBER)

  t.equal(String(await read), '$3\r\n100\r\n')
  for (const reply of await texts(writes)) t.match(reply, /^(:101\r\n|-ERR the outcome of this write is unknown)/)
  await until('all members serve', async () => (await membersOf(watcher)) === 'dt-1 dt-2 dt-3 dt-4')
  await until('all replicas are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
  for (const key of [story.mastered[1], story.backed[0]]) {
    const value = Number(/\d+\r\n$/.exec(String(await watcher.ask('GET', key)))?.[0])
    t.ok(value === 100 || value === 101, `it was incremented once or not at all: ${value}`)
    t.equal(String(await watcher.ask('INCR', key)), `:${value + 1}\r\n`)
  }
  t.same((await ringSnapshot(proxy)).faults, [])
})

t.test('stopped for a moment: its requests wait and are answered, and nobody leaves', async (t) => {
  const story = await begin(t)
  const { proxy, lines, watcher, elsewhere } = story
  proxy.ring.pause(MEMBER)
  const { read, writes } = await sendIntoTheVoid(story)
  for (let i = 1; i <= 200; i++) t.equal(String(await watcher.ask('INCR', elsewhere[0])), `:${100 + i}\r\n`)
  proxy.ring.resume(MEMBER)
  t.equal(String(await read), '$3\r\n100\r\n')
  t.same(await texts(writes), [':101\r\n', ':101\r\n'])
  t.same(lines.about(/leaves the ring/), [])
  t.same((await ringSnapshot(proxy)).faults, [])
})

t.test(
  'stopped for long: it leaves, its requests are served by the others, and it joins when it goes on',
  async (t) => {
    const story = await begin(t)
    const { proxy, lines, watcher, mastered } = story
    proxy.ring.pause(MEMBER)
    const { read, writes } = await sendIntoTheVoid(story)
    await declareDown(proxy.ring, MEMBER)
    t.equal(String(await read), '$3\r\n100\r\n')
    t.same(await texts(writes), [':101\r\n', ':101\r\n'])
    t.equal(lines.about(/leaves the ring/, MEMBER).length, 1)
    t.equal(String(await watcher.ask('INCR', mastered[1])), ':102\r\n')

    await forgive(proxy.ring, MEMBER)
    proxy.ring.resume(MEMBER)
    await until('it joins', async () => (await membersOf(watcher)) === 'dt-1 dt-2 dt-3 dt-4')
    t.equal(lines.about(/joins the ring/, MEMBER).length, 1)
    const clients = String(await (await proxy.connectTo(MEMBER)).ask('CLIENT', 'LIST'))
    t.equal(clients.match(/ name=dt:/g)?.length, 1, 'the connection with the old requests is gone')
    await until('every key has its copies', async () => (await ringSnapshot(proxy)).faults.length === 0)
    t.equal(String(await watcher.ask('INCR', mastered[1])), ':103\r\n', 'and it missed nothing')
  },
)
