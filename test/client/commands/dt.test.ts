import t from 'tap'
import { identifierOfKey } from '../../../src/ring/identifier.js'
import { replicaSetOfKey } from '../../../src/view/build-view.js'
import { startProxy } from '../../helpers/proxy.js'
import { command, type RawClient } from '../../helpers/raw-client.js'
import { itemsOf, type Node, readReply, textOf } from '../../helpers/raw-reply.js'
import { until } from '../../helpers/until.js'

const proxy = await startProxy(t, { downAfterMs: 60_000 })
const names = ['dt-1', 'dt-2', 'dt-3', 'dt-4']

type Value = string | Value[] | { [name: string]: Value }

/** Maps as objects, of texts; in RESP2 an array is a map when `fields` says so. */
function value(node: Node): Value {
  if (!('items' in node)) return node.text
  if (node.type !== '%') return node.items.map(value)
  return pairs(node.items)
}

function pairs(items: readonly Node[]): { [name: string]: Value } {
  return Object.fromEntries(
    items.flatMap((item, i) => (i % 2 === 0 ? [[textOf(item), value(items[i + 1])] as const] : [])),
  )
}

async function ask(client: RawClient, ...args: string[]): Promise<Value> {
  return value(readReply(await client.ask('DT', ...args)))
}

type Fields = { [name: string]: string }

t.test('DT VIEW tells the epoch, the number of copies and of virtual nodes', async (t) => {
  t.same(await ask(await proxy.connect(3), 'VIEW'), {
    ring: 'dt',
    epoch: '1',
    replicas: '2',
    copies: '3',
    'virtual-nodes': '64',
    'key-groups': [],
    'token-ranges': '256',
    'pending-ranges': '0',
    members: names,
    serving: '1',
    why: '',
  })
})

t.test('in RESP2 maps are fields and values in turn', async (t) => {
  const resp3 = (await ask(await proxy.connect(3), 'VIEW')) as Fields
  const resp2 = await (await proxy.connect(2)).ask('DT', 'VIEW')
  t.match(resp2.toString(), /^\*22\r\n\$4\r\nring\r\n\$2\r\ndt\r\n\$5\r\nepoch\r\n:1\r\n/)
  t.same(pairs(itemsOf(readReply(resp2))), resp3)
  const located = itemsOf(readReply(await (await proxy.connect(2)).ask('DT', 'LOCATE', 'a')))
  t.same(located.filter((_, i) => i % 2 === 0).map(textOf), ['key', 'identifier', 'token', 'replicas'])
})

t.test('DT LOCATE tells where a key lives, as the ring has it', async (t) => {
  const client = await proxy.connect(3)
  for (const key of ['', 'a', 'user:{42}:name', '{}x', '\0\r\n', 'ключ']) {
    const bytes = Buffer.from(key)
    const located = (await ask(client, 'LOCATE', key)) as { [name: string]: Value }
    const identifier = identifierOfKey(bytes, 0, bytes.length)
    const { natural } = replicaSetOfKey(proxy.view, bytes, 0, bytes.length)
    t.equal(located.key, bytes.toString('latin1'))
    t.equal(located.identifier, String(identifier))
    t.equal(located.token, String(proxy.view.ring.range(proxy.view.ring.rangeOf(identifier)).to))
    t.same(
      located.replicas,
      natural.map(({ name, port }, i) => ({
        name,
        address: `127.0.0.1:${port}`,
        role: i === 0 ? 'master' : 'backup',
        state: 'up',
      })),
    )
    await client.ask('SET', key, 'v')
    for (const { name, host, port } of proxy.view.members) {
      const found = (await (await proxy.connectTo(name)).ask('EXISTS', key)).toString() === ':1\r\n'
      const located = natural.some((member) => member.name === name)
      t.equal(found, located, `${JSON.stringify(key)} on ${name} at ${host}:${port}`)
    }
  }
})

t.test('DT RING is the whole circle, each range with its replica set', async (t) => {
  const ranges = (await ask(await proxy.connect(3), 'RING')) as { [name: string]: Value }[]
  t.equal(ranges.length, 256)
  t.ok(
    ranges.every((range, i) => range.from === ranges.at(i - 1)!.to),
    'each begins where the one before ends',
  )
  t.same(
    ranges.map(({ replicas }) => replicas),
    proxy.view.setOfRange.map(({ natural }) => natural.map(({ name }) => name)),
  )
  const shares = ranges.reduce((sum, { share }) => sum + Number(share), 0)
  t.ok(Math.abs(shares - 1) < 0.02, `the shares are ${shares} together`)
  t.same(Object.keys(ranges[0]), ['from', 'to', 'share', 'replicas'])
})

t.test('DT NODES counts the keys of which each member is the master', async (t) => {
  const client = await proxy.connect(3)
  await client.ask('FLUSHALL')
  const masters = new Map(names.map((name) => [name, 0]))
  for (let i = 0; i < 900; i++) {
    const key = `key${i}`
    const [master] = replicaSetOfKey(proxy.view, Buffer.from(key), 0, key.length).natural
    masters.set(master.name, masters.get(master.name)! + 1)
    await client.ask('SELECT', i % 3 === 0 ? '5' : '0')
    await client.ask('SET', key, 'v')
  }
  const nodes = (await ask(client, 'NODES')) as Fields[]
  for (const [i, name] of names.entries()) {
    t.match(nodes[i], {
      name,
      address: `127.0.0.1:${proxy.ring.server(name).port}`,
      state: 'up',
      why: '',
      link: 'up',
      version: '7.0.15',
      share: String(Math.round(proxy.view.ring.share(name) * 1e4) / 1e4),
      'keys-mastered': String(masters.get(name)),
      'keys-counted': 'exact',
    })
  }
})

t.test('of many keys DT NODES gives an estimate, and says so', async (t) => {
  const client = await proxy.connect(3)
  await client.ask('FLUSHALL')
  const count = 70_000
  client.send(Buffer.concat(Array.from({ length: count }, (_, i) => command('SET', `key${i}`, 'v'))))
  for (let i = 0; i < count; i++) await client.reply()
  const nodes = (await ask(client, 'NODES')) as Fields[]
  for (const { name, share, 'keys-mastered': keys, 'keys-counted': how } of nodes) {
    t.equal(how, 'estimated')
    t.ok(Math.abs(Number(keys) / count - Number(share)) < 0.03, `${name}: ${keys} keys, share ${share}`)
  }
  await client.ask('FLUSHALL')
})

t.test('a member that is down has its keys counted on the backups', async (t) => {
  const client = await proxy.connect(3)
  await client.ask('FLUSHALL')
  for (let i = 0; i < 300; i++) await client.ask('SET', `key${i}`, 'v')
  const keysOf = (nodes: Fields[]) => nodes.map((node) => node['keys-mastered'])
  const before = (await ask(client, 'NODES')) as Fields[]
  await proxy.ring.kill('dt-2')
  const after = await until('dt-2 is suspect', async () => {
    const nodes = (await ask(client, 'NODES')) as Fields[]
    return nodes[1].state === 'suspect' ? nodes : undefined
  })
  t.same(keysOf(after), keysOf(before))
  t.equal(after[1]['keys-counted'], 'exact')
  t.match(after[1].link, /^(down|connecting)$/)
  t.ok(after[1].why.length > 0, after[1].why)
  const located = (await ask(client, 'LOCATE', 'key1')) as { replicas: Fields[] }
  t.ok(located.replicas.every(({ name, state }) => state === (name === 'dt-2' ? 'suspect' : 'up')))
  await Promise.all(['dt-1', 'dt-3'].map((name) => proxy.ring.kill(name)))
  const lost = await until('ranges are lost', async () => {
    const nodes = (await ask(client, 'NODES')) as Fields[]
    return nodes[0]['keys-counted'] === 'incomplete' ? nodes : undefined
  })
  t.ok(keysOf(lost).reduce((sum, keys) => sum + Number(keys), 0) < 300)
})

t.test('DT explains itself and refuses what it does not know', async (t) => {
  const client = await proxy.connect()
  const ask = async (...args: string[]) => (await client.ask('DT', ...args)).toString()
  t.match(await ask('HELP'), /^\*\d+\r\n\+DT <subcommand> /)
  t.equal(await ask(), "-ERR wrong number of arguments for 'dt' command\r\n")
  t.equal(await ask('NOSUCH'), "-ERR unknown subcommand 'NOSUCH'. Try DT HELP.\r\n")
  t.equal(await ask('LOCATE'), "-ERR wrong number of arguments for 'dt|locate' command\r\n")
  t.equal(await ask('VIEW', 'x'), "-ERR wrong number of arguments for 'dt|view' command\r\n")
})
