import t from 'tap'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { itemsOf, readReply, textOf } from '../helpers/raw-reply.js'
import { counter, keysAt, nodeStates, outstanding, replicasOf } from '../helpers/ring-state.js'
import { until } from '../helpers/until.js'

interface Page {
  readonly cursor: string
  readonly elements: string[]
}

/** One reply of SCAN, HSCAN, SSCAN or ZSCAN. */
function page(reply: Buffer): Page {
  if (reply[0] === 0x2d) throw new Error(`an iteration was answered by ${reply}`)
  const [cursor, elements] = itemsOf(readReply(reply))
  return { cursor: textOf(cursor), elements: itemsOf(elements).map(textOf) }
}

/** Iterates to the end; `onPage` is told after each reply how many there were. */
async function iterate(
  client: RawClient,
  command: string[],
  options: string[],
  onPage: (pages: number) => Promise<void> = async () => {},
): Promise<string[]> {
  const found: string[] = []
  let cursor = '0'
  for (let pages = 1; ; pages++) {
    if (pages > 20_000) throw new Error('the iteration does not end')
    const { cursor: next, elements } = page(await client.ask(...command, cursor, ...options))
    for (const element of elements) found.push(element)
    if (next === '0') return found
    cursor = next
    await onPage(pages)
  }
}

async function write(client: RawClient, keys: readonly string[]): Promise<void> {
  for (let i = 0; i < keys.length; i += 1000)
    await client.pipeline(keys.slice(i, i + 1000).map((key) => ['SET', key, '1']))
}

const sorted = (texts: Iterable<string>) => [...texts].sort()
const unique = (texts: Iterable<string>) => sorted(new Set(texts))

t.test('each key counts once, whatever copies lie around', async (t) => {
  const proxy = await startProxy(t, { nodes: 4, replicas: 1 })
  const client = await proxy.connect()
  const keys = Array.from({ length: 500 }, (_, i) => `key:${i}`)
  await write(client, keys)
  await plantCopies(proxy, client, keys)

  t.equal(String(await client.ask('DBSIZE')), ':500\r\n')
  t.same(sorted(itemsOf(readReply(await client.ask('KEYS', '*'))).map(textOf)), sorted(keys))
  t.same(itemsOf(readReply(await client.ask('KEYS', 'key:7'))).map(textOf), ['key:7'])
  for (const count of ['1', '10', '100', '10000']) {
    t.same(sorted(await iterate(client, ['SCAN'], ['COUNT', count])), sorted(keys), `SCAN COUNT ${count}`)
  }
  const random = await client.pipeline(Array.from({ length: 300 }, () => ['RANDOMKEY']))
  const drawn = new Set(random.map((reply) => textOf(readReply(reply))))
  t.ok(drawn.size > 150, `${drawn.size} different ones of 300 random keys`)
  t.same(
    [...drawn].filter((key) => !keys.includes(key)),
    [],
  )
  t.match(String(await client.ask('INFO', 'keyspace')), /db0:keys=500,/)

  await client.ask('RPUSH', 'a-list', 'x')
  t.same(await iterate(client, ['SCAN'], ['TYPE', 'list']), ['a-list'])
  t.same(await iterate(client, ['SCAN'], ['MATCH', 'key:*9', 'TYPE', 'list']), [])
  t.equal((await iterate(client, ['SCAN'], ['MATCH', 'key:*9'])).length, 50)
  await client.ask('SELECT', '7')
  t.equal(String(await client.ask('DBSIZE')), ':0\r\n')
  t.same(await iterate(client, ['SCAN'], []), [])
  t.equal(String(await client.ask('RANDOMKEY')), '$-1\r\n')
  await client.ask('SELECT', '0')
  t.equal(String(await client.ask('FLUSHDB')), '+OK\r\n')
  t.equal(String(await client.ask('DBSIZE')), ':0\r\n')
  for (const { name } of proxy.view.members) {
    t.equal(String(await (await proxy.connectTo(name)).ask('DBSIZE')), ':0\r\n', `nothing is left on ${name}`)
  }
})

/** Puts copies of some keys, and keys that are nowhere else, on members where they do not belong. */
async function plantCopies(proxy: TestProxy, client: RawClient, keys: readonly string[]): Promise<void> {
  const members = new Map<string, RawClient>()
  for (const { name } of proxy.view.members) members.set(name, await proxy.connectTo(name))
  const others = async (key: string) => {
    const replicas = await replicasOf(client, key)
    return [...members].filter(([name]) => !replicas.includes(name)).map(([, member]) => member)
  }
  for (const key of [...keys.slice(0, 120), 'stray:1', 'stray:2', 'stray:3']) {
    for (const member of await others(key)) await member.ask('SET', key, 'a copy in a wrong place')
  }
}

t.test(
  'no key is missed while a server stops serving for an instant, because another key is in doubt on it',
  async (t) => {
    const proxy = await startProxy(t, { nodes: 4 })
    const client = await proxy.connect()
    const keys = Array.from({ length: 30 }, (_, i) => `key:${i}`)
    await write(client, keys)
    // Deadlines that pass while the servers execute them: what the copies have is made sure of by copying.
    const doubted = Array.from({ length: 8 }, (_, i) => ['EXPIRE', `nothing:${i}`, '0'])
    const asked = [['DBSIZE'], ['KEYS', '*'], ['SCAN', '0', 'COUNT', '1000']]
    const wrong: string[] = []
    for (let round = 0; round < 100; round++) {
      // A database of which nobody knows whether each key is on exactly its replica set: it is counted.
      await client.ask('SWAPDB', '0', '0')
      for (const command of asked) {
        const reply = readReply((await client.pipeline([...doubted, command])).at(-1) as Buffer)
        const name = command[0]
        if (name === 'DBSIZE' && textOf(reply) !== '30') wrong.push(`DBSIZE ${textOf(reply)}`)
        if (name === 'KEYS' && itemsOf(reply).length !== 30) wrong.push(`KEYS ${itemsOf(reply).length}`)
        if (name !== 'SCAN') continue
        const [cursor, elements] = itemsOf(reply)
        if (textOf(cursor) === '0' && itemsOf(elements).length !== 30) wrong.push(`SCAN ${itemsOf(elements).length}`)
      }
    }
    t.same(wrong, [])
  },
)

t.test('SCAN ends, and as soon as else, beside a rate limiter, whose keys expire under its hands', async (t) => {
  const proxy = await startProxy(t, { nodes: 4 })
  const client = await proxy.connect()
  const keys = Array.from({ length: 5000 }, (_, i) => `key:${i}`)
  await write(client, keys)
  let pages = 0
  const count = async (so: number) => {
    pages = so
  }
  await iterate(client, ['SCAN'], ['COUNT', '20'], count)
  const quiet = pages

  let limiting = true
  const limiters = Array.from({ length: 4 }, async (_, i) => {
    const limiter = await proxy.connect()
    for (let n = 0; limiting; n++) {
      const key = `limit:${i}:${n % 50}`
      await limiter.pipeline([
        ['INCR', key],
        ['PEXPIRE', key, '5', 'NX'],
        ['INCR', key],
      ])
    }
  })
  let found: string[] = []
  for (let walks = 0; walks < 3; walks++) {
    found = await iterate(client, ['SCAN'], ['COUNT', '20', 'MATCH', 'key:*'], count)
    t.same(unique(found), sorted(keys))
    t.ok(pages < 1.5 * quiet, `${pages} calls, ${quiet} when all is quiet`)
  }
  limiting = false
  await Promise.all(limiters)
  t.ok((await counter(client, 'unequal_expiries')) > 20, 'keys were in doubt')
})

t.test('SCAN misses nothing and ends while a member dies in the middle of it', async (t) => {
  const proxy = await startProxy(t, { nodes: 4, replicas: 2 })
  const client = await proxy.connect()
  const watcher = await proxy.connect()
  const keys = Array.from({ length: 10_000 }, (_, i) => `key:${i}`)
  await write(client, keys)

  const found = await iterate(client, ['SCAN'], ['COUNT', '100'], async (pages) => {
    if (pages === 60) await proxy.ring.kill('dt-2')
    if (pages === 90) {
      await until('it is suspect', async () => (await nodeStates(watcher))['dt-2'] === 'suspect')
    }
  })
  t.same(unique(found), sorted(keys))
  t.same(unique(itemsOf(readReply(await client.ask('KEYS', '*'))).map(textOf)), sorted(keys))
  t.equal(String(await client.ask('DBSIZE')), ':10000\r\n')
})

t.test('a read over the keyspace that waits for a member that dies is served by the others', async (t) => {
  const proxy = await startProxy(t, { nodes: 4, replicas: 2 })
  const watcher = await proxy.connect()
  const keys = Array.from({ length: 200 }, (_, i) => `key:${i}`)
  await write(watcher, keys)
  const [set] = await keysAt(watcher, 'dt-1', 0, 1)
  await watcher.ask('DEL', set)
  await watcher.ask('SADD', set, 'a', 'b', 'c')

  proxy.ring.pause('dt-1')
  const commands = [['DBSIZE'], ['KEYS', '*'], ['SCAN', '0', 'COUNT', '1000'], ['RANDOMKEY'], ['SSCAN', set, '0']]
  const replies: Promise<Buffer>[] = []
  for (const command of commands) {
    replies.push((await proxy.connect()).ask(...command))
    await until(`${command[0]} waits`, async () => (await outstanding(watcher, 'dt-1')) >= replies.length)
  }
  await proxy.ring.kill('dt-1')
  const [size, all, scanned, random, elements] = await Promise.all(replies)
  t.equal(String(size), ':200\r\n')
  t.equal(itemsOf(readReply(all)).length, 200)
  const { cursor, elements: first } = page(scanned)
  const rest = cursor === '0' ? [] : await iterate(watcher, ['SCAN'], ['COUNT', '1000'])
  t.equal(unique([...first, ...rest]).length, 200)
  t.match(String(random), /^\$\d+\r\nkey:\d+\r\n$/)
  t.same(sorted(page(elements).elements), ['a', 'b', 'c'])
})

t.test('an iteration never ends early because a range has no server', async (t) => {
  const proxy = await startProxy(t, {
    nodes: 3,
    replicas: 0,
    downAfterMs: 20_000,
    config: { limits: { unavailableTimeoutMs: 300 } },
  })
  const client = await proxy.connect()
  const keys = Array.from({ length: 100 }, (_, i) => `key:${i}`)
  await write(client, keys)
  await proxy.ring.kill('dt-2')
  await until('it is suspect', async () => (await nodeStates(client))['dt-2'] === 'suspect')
  for (const command of [['SCAN', '0', 'COUNT', '1000'], ['KEYS', '*'], ['DBSIZE']]) {
    t.match(String(await client.ask(...command)), /^-CLUSTERDOWN/, command[0])
  }
  await proxy.ring.restart('dt-2')
  await until('it is back', async () => (await nodeStates(client))['dt-2'] === 'up')
  t.same(unique(await iterate(client, ['SCAN'], [])), sorted(keys))
})

t.test(
  'iterating over 200,000 elements of a set, a hash and a sorted set misses none, also when a member dies',
  async (t) => {
    const proxy = await startProxy(t, { nodes: 4, replicas: 2 })
    const client = await proxy.connect()
    const elements = Array.from({ length: 200_000 }, (_, i) => `element:${i}`)
    const [set] = await keysAt(client, 'dt-1', 0, 1)
    const batches = Array.from({ length: 200 }, (_, i) => elements.slice(i * 1000, i * 1000 + 1000))
    await client.pipeline(batches.map((batch) => ['SADD', set, ...batch]))
    await client.pipeline(batches.map((batch) => ['HSET', 'hash', ...batch.flatMap((element) => [element, '1'])]))
    await client.pipeline(batches.map((batch) => ['ZADD', 'zset', ...batch.flatMap((element) => ['1', element])]))
    const wanted = elements.length

    const fields = await iterate(client, ['HSCAN', 'hash'], ['COUNT', '2000'])
    t.equal(new Set(fields.filter((_, i) => i % 2 === 0)).size, wanted, 'HSCAN')
    const members = await iterate(client, ['ZSCAN', 'zset'], ['COUNT', '2000'])
    t.equal(new Set(members.filter((_, i) => i % 2 === 0)).size, wanted, 'ZSCAN')
    t.equal(new Set(await iterate(client, ['SSCAN', set], ['COUNT', '2000'])).size, wanted, 'SSCAN')

    const found = await iterate(client, ['SSCAN', set], ['COUNT', '1000'], async (pages) => {
      if (pages === 100) await proxy.ring.kill('dt-1')
    })
    t.equal(new Set(found).size, wanted, 'SSCAN while the master of the set dies')
    t.ok(found.length > wanted, 'it began again on the next replica')
  },
)
