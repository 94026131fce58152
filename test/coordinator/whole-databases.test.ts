import t from 'tap'
import { cannotSave } from '../helpers/cannot-save.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { throughRelay } from '../helpers/relayed-ring.js'
import { nodeStates, replicasOf } from '../helpers/ring-state.js'
import { startScriptedRing } from '../helpers/scripted-ring.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

const KEYS = Array.from({ length: 60 }, (_, i) => `key:${i}`)

/** Waits until all replicas are equal; gives the number of keys in all databases. */
async function equal(proxy: TestProxy): Promise<number> {
  let faults: string[] = []
  const found = await until('equal replicas', async () => {
    const snapshot = await ringSnapshot(proxy)
    faults = snapshot.faults
    return faults.length === 0 ? snapshot : undefined
  }).catch(() => {
    throw new Error(`${faults.length} faults: ${faults.slice(0, 5).join('\n')}`)
  })
  return found.keys.size
}

/** The proxy's connections to dt-9, as that tells them. */
async function linksTo(proxy: TestProxy): Promise<string[]> {
  const server = await proxy.connectTo('dt-9')
  const lines = String(await server.ask('CLIENT', 'LIST')).split('\n')
  server.close()
  return lines.filter((line) => / name=dt:/.test(line)).map((line) => / addr=\S+.* psub=\d+/.exec(line)![0])
}

function addressIn(link: string): string | undefined {
  return / addr=(\S+)/.exec(link)?.[1]
}

async function fill(client: RawClient): Promise<void> {
  await client.pipeline(KEYS.map((key) => ['SET', key, 'zero']))
  await client.pipeline([['SELECT', '1'], ...KEYS.map((key) => ['SET', key, 'one']), ['SELECT', '0']])
}

for (const command of [['FLUSHDB'], ['FLUSHALL'], ['SWAPDB', '0', '1']]) {
  t.test(`${command[0]} that one server refuses: it gets what the others have made of their data`, async (t) => {
    const proxy = await startProxy(t, { nodes: 4, replicas: 1 })
    const client = await proxy.connect()
    await fill(client)
    const mend = await cannotSave(proxy, 'dt-2')
    t.match(String(await client.ask(...command)), /^-ERR the outcome of this write is unknown: .*dt-2.* refused/)
    await mend()
    const left = command[0] === 'FLUSHALL' ? 0 : command[0] === 'FLUSHDB' ? KEYS.length : 2 * KEYS.length
    t.equal(await equal(proxy), left)
    const values = new Set((await client.pipeline(KEYS.map((key) => ['GET', key]))).map(String))
    t.strictSame([...values], [command[0] === 'SWAPDB' ? '$3\r\none\r\n' : '$-1\r\n'])
  })
}

t.test('what all servers refuse is answered as they do, and nobody is filled anew for it', async (t) => {
  const proxy = await startProxy(t, { nodes: 3 })
  const client = await proxy.connect()
  await fill(client)
  t.match(String(await client.ask('SWAPDB', '0', '99')), /^-ERR DB index is out of range\r\n$/)
  await client.pipeline([
    ['SET', 'watched', '1'],
    ['WATCH', 'watched'],
  ])
  for (const other of ['99', 'x', '01']) t.match(String(await client.ask('SWAPDB', '0', other)), /^-ERR /)
  const replies = await client.pipeline([['MULTI'], ['INCR', 'watched'], ['EXEC']])
  t.equal(String(replies.at(-1)), '*1\r\n:2\r\n', 'what is refused changes nothing')
  await Promise.all(proxy.ring.members.map(({ name }) => cannotSave(proxy, name)))
  t.match(String(await client.ask('SWAPDB', '0', '1')), /^-MISCONF /)
  t.same(await nodeStates(client), { 'dt-1': 'up', 'dt-2': 'up', 'dt-3': 'up' })
  t.match(String(await client.ask('GET', KEYS[0])), 'zero')
})

t.test(
  'a key that had expired on one server only is repaired after a write, also when it was swapped meanwhile',
  async (t) => {
    const proxy = await startProxy(t, { nodes: 3 })
    const client = await proxy.connect()
    t.equal(String(await client.ask('HSET', 'key', 'old', '1')), ':1\r\n')
    // As if its clock were ahead of the others'.
    const [, name] = await replicasOf(client, 'key')
    const server = await proxy.connectTo(name)
    t.equal(String(await server.ask('PEXPIRE', 'key', '1')), ':1\r\n')
    await until('it has expired there', async () => String(await server.ask('EXISTS', 'key')) === ':0\r\n')
    t.equal(String(await client.ask('SWAPDB', '0', '1')), '+OK\r\n')
    await client.ask('SELECT', '1')
    t.equal(String(await client.ask('HSET', 'key', 'new', '1')), ':1\r\n', 'which all of them answer')
    t.equal(await equal(proxy), 1)
    t.equal(String(await client.ask('HLEN', 'key')), ':2\r\n')
  },
)

t.test(
  'replicas that answered a write unequally are repaired, also when its key was swapped before that was known',
  async (t) => {
    const { proxy, relay, client } = await throughRelay(t)
    t.equal(String(await client.ask('HSET', 'key', 'old', '1')), ':1\r\n')
    const server = await proxy.connectTo('dt-9')
    t.equal(String(await server.ask('PEXPIRE', 'key', '1')), ':1\r\n')
    await until('it has expired there', async () => String(await server.ask('EXISTS', 'key')) === ':0\r\n')
    relay.stallRequests('HSET')
    const written = client.ask('HSET', 'key', 'new', '1')
    await until('it is on its way', () => relay.isStalling)
    const other = await proxy.connect()
    const swapped = other.ask('SWAPDB', '0', '1')
    const first = await proxy.connectTo('dt-1')
    await until('dt-1 has swapped', async () => /cmdstat_swapdb/.test(String(await first.ask('INFO', 'commandstats'))))
    relay.resume()
    t.equal(String(await written), ':1\r\n')
    t.equal(String(await swapped), '+OK\r\n')
    t.equal(await equal(proxy), 1)
  },
)

t.test(
  'a swap waits for what is held in its databases, not in others, and says so when that takes too long',
  async (t) => {
    const { proxy, relay, client } = await throughRelay(t)
    let key = ''
    for (const each of KEYS) if ((await replicasOf(client, each))[0] === 'dt-9') key ||= each
    await client.ask('SADD', key, 'a', 'b', 'c')
    relay.stallRequests('SPOP')
    const popped = client.ask('SPOP', key)
    await until('the others wait for what it takes', () => relay.isStalling)
    const other = await proxy.connect()
    t.match(
      String(await other.ask('SWAPDB', '0', '1')),
      /^-TRYAGAIN all the time there were writes .*; swapdb was not applied, try again\r\n$/,
    )
    const elsewhere = other.ask('SWAPDB', '2', '3')
    const first = await proxy.connectTo('dt-1')
    await until('dt-1 has swapped', async () => /cmdstat_swapdb/.test(String(await first.ask('INFO', 'commandstats'))))
    relay.resume()
    t.match(String(await popped), /^\$1\r\n[abc]/)
    t.equal(String(await elsewhere), '+OK\r\n')
    t.equal(String(await other.ask('SWAPDB', '0', '1')), '+OK\r\n')
    t.equal(await equal(proxy), 1)
  },
)

t.test('what was held is made up for when nobody empties the database after all', async (t) => {
  const { proxy, relay, client } = await throughRelay(t)
  let key = ''
  for (const each of KEYS) if ((await replicasOf(client, each))[0] === 'dt-9') key ||= each
  await client.ask('SADD', key, 'a', 'b', 'c')
  for (const name of ['dt-1', 'dt-2', 'dt-9']) {
    await (await proxy.connectTo(name)).ask('ACL', 'SETUSER', 'default', '-flushdb')
  }
  relay.stallRequests('SPOP')
  const popped = client.ask('SPOP', key)
  await until('the others wait for what it takes', () => relay.isStalling)
  const other = await proxy.connect()
  const flushed = other.ask('FLUSHDB')
  await until('one of the others has refused', async () => {
    const stats = await (await proxy.connectTo('dt-1')).ask('INFO', 'commandstats')
    return /cmdstat_flushdb:/.test(String(stats))
  })
  relay.resume()
  t.match(String(await popped), /^\$1\r\n[abc]/)
  t.match(String(await flushed), /^-NOPERM /)
  t.equal(await equal(proxy), 1)
})

t.test('a server that has missed a swap is not read before it is filled, however late others answer', async (t) => {
  const { proxy, relay, client } = await throughRelay(t)
  await fill(client)
  let missed: string | undefined
  for (const key of KEYS) {
    const [master, second] = await replicasOf(client, key)
    if (master === 'dt-9' && second === 'dt-2') missed ??= key
  }
  t.ok(missed !== undefined)
  relay.stallRequests('SWAPDB')
  proxy.ring.pause('dt-1')
  const swapped = client.ask('SWAPDB', '0', '1')
  await until('it is on its way', () => relay.isStalling)
  const other = await proxy.connect()
  const [before] = await linksTo(proxy)
  relay.loseHeld()
  await until('it is connected again', async () => {
    const [link] = await linksTo(proxy)
    return link !== undefined && addressIn(link) !== addressIn(before) && / psub=1/.test(link)
  })
  const answers = new Set<string>()
  for (let i = 0; i < 300; i++) answers.add(String(await other.ask('GET', missed!)))
  t.strictSame([...answers], ['$3\r\none\r\n'], 'dt-1 has not answered yet')
  proxy.ring.resume('dt-1')
  t.match(String(await swapped), /^-ERR the outcome of this write is unknown: .*dt-9/)
  t.equal(await equal(proxy), 2 * KEYS.length)
  t.equal(String(await other.ask('GET', missed!)), '$3\r\none\r\n')
})

t.test('while the view is not noted nobody is told that all was emptied, nor waits for that for ever', async (t) => {
  const { order, ask } = await startScriptedRing(t, () => undefined)
  order.acknowledgement.placementChanged(3)
  t.match(await ask('FLUSHALL'), /^-ERR the outcome of this write is unknown: the new view .* could not be noted/)
  const emptied = ask('FLUSHALL')
  order.acknowledgement.markerAnswered(3)
  t.equal(await emptied, '+OK\r\n')
})
