import t, { type Test } from 'tap'
import { breakLinkIfUp } from '../helpers/break-link.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { itemsOf, readReply, textOf } from '../helpers/raw-reply.js'
import { counter, keyOn, outstanding } from '../helpers/ring-state.js'
import { SeveralKeysLoad } from '../helpers/several-keys-load.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

/*
 * Commands on keys of several servers, and transactions, run while everything else goes on that looks at the same keys, or repairs them
 * [design §7 Several keys].
 */

interface Story {
  readonly proxy: TestProxy
  readonly load: SeveralKeysLoad
  readonly watcher: RawClient
}

async function begin(t: Test, tolerated?: RegExp): Promise<Story> {
  // Where links break all the time it may take long until those of all servers of a command are up at once.
  const limits = { unavailableTimeoutMs: 120_000 }
  const proxy = await startProxy(t, { nodes: 5, config: { backend: { reconnectMaxMs: 50 }, limits } })
  const load = new SeveralKeysLoad(() => proxy.connect(), tolerated)
  await load.begin()
  return { proxy, load, watcher: await proxy.connect() }
}

/** Everything is as it was told, equal on all replicas, and nobody has a gate any more. */
async function ended({ proxy, load, watcher }: Story, t: Test): Promise<void> {
  await load.end()
  t.same(await load.check(watcher), [], JSON.stringify({ done: load.done, unsure: load.unsure }))
  await until('all replicas are equal', async () => (await ringSnapshot(proxy)).faults.length === 0)
  t.equal(await counter(watcher, 'gates'), 0)
}

t.test('all copies are compared again and again: no difference is seen, and nobody is disturbed', async (t) => {
  const story = await begin(t)
  const { load, watcher } = story
  let passes = 0
  const repairing = (async () => {
    for (; passes < 6 || !load.hasDone(100); passes++) {
      const report = await verify(watcher, ...(passes % 2 === 0 ? [] : ['REPAIR']))
      t.match(report, { differences: 0, repaired: 0 }, JSON.stringify(report))
    }
  })()
  await repairing
  t.same(load.unsure, { moves: 0, renames: 0, unions: 0, transfers: 0, pairs: 0, news: 0 })
  await ended(story, t)
})

t.test('links break again and again: what is in doubt is settled before it is used', async (t) => {
  const story = await begin(t)
  const { proxy, load } = story
  const members = await Promise.all(['dt-1', 'dt-2', 'dt-3'].map((name) => proxy.connectTo(name)))
  let breaks = 0
  const breaking = (async () => {
    for (; breaks < 40 || !load.hasDone(50); breaks++) {
      await breakLinkIfUp(members[breaks % 3])
      await new Promise((resolve) => setTimeout(resolve, 60))
    }
  })()
  await breaking
  t.ok(load.total > 0)
  await ended(story, t)
})

t.test('SCAN gives every key that is there all the time, and nothing that nobody has made', async (t) => {
  const story = await begin(t)
  const { load, watcher } = story
  const stable = Array.from({ length: 400 }, (_, i) => `stable:${i}`)
  await watcher.pipeline(stable.map((key) => ['SET', key, 'x']))
  const isKnown = /^(stable:|list:|set:|name:|other:|part:|all:|account:|transfers$|\{pair\}|\{new\})/
  for (let walks = 0; walks < 8 || !load.hasDone(50); walks++) {
    const found: string[] = []
    let cursor = '0'
    do {
      const [next, keys] = itemsOf(readReply(await watcher.ask('SCAN', cursor, 'COUNT', '40')))
      found.push(...itemsOf(keys).map(textOf))
      cursor = textOf(next)
    } while (cursor !== '0')
    t.same(
      stable.filter((key) => !found.includes(key)),
      [],
    )
    t.same(
      ['part:0', 'account:0', 'account:5'].filter((key) => !found.includes(key)),
      [],
    )
    t.same(
      found.filter((key) => !isKnown.test(key)),
      [],
    )
  }
  await ended(story, t)
})

t.test('SWAPDB and a transaction that waits at gates: the one comes before the other, on all servers', async (t) => {
  const proxy = await startProxy(t, { nodes: 4, replicas: 1 })
  const watcher = await proxy.connect()
  const [a, b] = [await keyOn(watcher, 'a', 'dt-1', 'dt-2'), await keyOn(watcher, 'b', 'dt-3', 'dt-4')]
  const waitsMore = async (act: () => Promise<Buffer[]>) => {
    const before = await counter(watcher, 'gates')
    const replies = act()
    await until('it stands at the gates', async () => (await counter(watcher, 'gates')) > before)
    return { replies }
  }
  const kinds = [
    [
      ['INCR', a],
      ['INCR', b],
    ],
    [['INCR', a], ['INCR', b], ['RENAME', `{${a}}x`, `{${b}}x`], ['DBSIZE']],
  ]
  for (const commands of kinds) {
    for (const isSwapFirst of [true, false]) {
      await watcher.ask('FLUSHALL')
      await watcher.pipeline([
        ['SET', a, '1'],
        ['SET', b, '1'],
        ['SET', `{${a}}x`, 'x'],
        ['SADD', `{${a}}s`, 'm'],
        ['SADD', `{${b}}s`, 'm'],
      ])
      const [one, gathering, swapping] = [await proxy.connect(), await proxy.connect(), await proxy.connect()]
      proxy.ring.pause('dt-3')
      const gather = gathering.ask('SUNIONSTORE', `{${a}}d`, `{${a}}s`, `{${b}}s`)
      await until('it looks', async () => (await outstanding(watcher, 'dt-3')) > 0)
      // It has the key, and is not through before the others stand behind it.
      const transact = () => one.pipeline([['MULTI'], ['SET', `{${a}}d`, 'text'], ...commands, ['EXEC']])
      const swap = () => swapping.pipeline([['SWAPDB', '0', '1']])
      const first = await waitsMore(isSwapFirst ? swap : transact)
      const second = await waitsMore(isSwapFirst ? transact : swap)
      proxy.ring.resume('dt-3')
      t.equal(String(await gather), ':1\r\n')
      await Promise.all([first.replies, second.replies])
      const reply = String((await (isSwapFirst ? second : first).replies).at(-1))
      t.match(reply, isSwapFirst ? /^\*\d\r\n\+OK\r\n:1\r\n:1\r\n/ : /^\*\d\r\n\+OK\r\n:2\r\n:2\r\n/)
      const inDb = async (db: string) => {
        const [, values] = await watcher.pipeline([
          ['SELECT', db],
          ['MGET', a, b],
        ])
        return String(values)
          .replace(/\*2\r\n|\$1\r\n|\r\n/g, ' ')
          .trim()
      }
      const found = [await inDb('0'), await inDb('1')]
      await watcher.ask('SELECT', '0')
      t.same(found, isSwapFirst ? ['1  1', '1  1'] : ['$-1 $-1', '2  2'], reply)
      t.same((await ringSnapshot(proxy)).faults, [])
      t.equal(await counter(watcher, 'gates'), 0)
    }
  }
})
