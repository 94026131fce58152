import t from 'tap'
import { startProxy, startRedis } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { itemsOf, type Node, readReply, textOf } from '../helpers/raw-reply.js'

/* COMMAND tells what the servers of the ring have, whatever their version is: `npm run test:newer` has newer ones on the PATH. */

const proxy = await startProxy(t, { nodes: 2, replicas: 1, sentinels: 1 })
const redis = await startRedis(t)

const ask = async (client: RawClient, ...words: string[]) => readReply(await client.ask('COMMAND', ...words))
/** The entries of COMMAND INFO and its kind in an order of their own, and what is in sets as well. */
const shown = (node: Node): string => {
  if (!('items' in node)) return `${node.type}${'text' in node ? node.text : ''}`
  const items = node.items.map(shown)
  return `[${(node.type === '~' ? items.sort() : items).join(' ')}]`
}

const [ours, theirs] = [await proxy.connect(3), await redis.connect(3)]
const names = async (client: RawClient) => itemsOf(await ask(client, 'LIST')).map((name) => textOf(name).toLowerCase())
const all = (await names(theirs)).sort()

t.test('the same commands and subcommands are listed', async (t) => {
  const listed = (await names(ours)).filter((name) => !/^(dt|sentinel)(\||$)/.test(name))
  t.same(listed.sort(), all)
  const count = async (client: RawClient) => Number(textOf(await ask(client, 'COUNT')))
  t.equal(await count(ours), (await count(theirs)) + 2)
})

t.test('each is described in the same words', async (t) => {
  for (const proto of [2, 3] as const) {
    const [our, their] = [await proxy.connect(proto), await redis.connect(proto)]
    // The subcommands of a container stand in the order of a hash table.
    const plain = all.filter((name) => name.includes('|') || !all.some((other) => other.startsWith(`${name}|`)))
    const one = itemsOf(await ask(our, 'INFO', ...plain)).map(shown)
    const other = itemsOf(await ask(their, 'INFO', ...plain)).map(shown)
    const lower = (text: string) => text.replace(/^\[\$\S+/, (name) => name.toLowerCase())
    t.same(one.map(lower).sort(), other.map(lower).sort())
    const docs = async (client: RawClient) =>
      itemsOf(await ask(client, 'DOCS', ...plain)).map((node) => shown(node).toLowerCase())
    t.same((await docs(our)).sort(), (await docs(their)).sort())
  }
  for (const words of [
    'GETKEYS SET k v',
    'GETKEYSANDFLAGS SINTERSTORE a b c',
    'GETKEYS NOSUCH a',
    'GETKEYS ZRANK k m WITHSCORE',
  ]) {
    t.equal(
      String(await ours.ask('COMMAND', ...words.split(' '))),
      String(await theirs.ask('COMMAND', ...words.split(' '))),
      words,
    )
  }
})

t.test('each of them works, or is refused in words', async (t) => {
  const client = await proxy.connect()
  await client.ask('MULTI')
  const queued = String(await client.ask('COMMAND', 'COUNT'))
  t.equal(queued, '+QUEUED\r\n')
  t.match(String(await client.ask('EXEC')), /^\*1\r\n:2\d\d\r\n$/)
  const newer = all.filter((name) => /^(client|cluster|script|commandlog|hotkeys)\|/.test(name))
  for (const name of newer) {
    const reply = String(await client.ask(...name.split('|'), 'x'))
    t.notMatch(reply, /unknown subcommand '\w|unknown command/, `${name}: ${reply}`)
    if (reply === '+RESET\r\n') t.fail(name)
    await client.ask('CLIENT', 'REPLY', 'ON')
  }
})
