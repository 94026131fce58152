import t from 'tap'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import { counter, replicasOf } from '../helpers/ring-state.js'
import { verify } from '../helpers/verify.js'

/*
 * SORT, GEORADIUS, BITFIELD and GETEX are flagged as writes, and write nothing in some of their forms. One replica answers these: each
 * has an order of its own for a set, so that together they seem to differ, and the key would be in doubt for nothing.
 */

const READS = [
  ['SORT', 'set', 'BY', 'nosort'],
  ['SORT', 'set', 'BY', 'nosort', 'GET', '#'],
  ['SORT', 'set', 'BY', 'nosort', 'LIMIT', '0', '3'],
  ['SORT', 'set', 'BY', 'w_1', 'ALPHA'],
  ['SORT', 'set', 'BY', ''],
  ['SORT', 'set', 'ALPHA'],
  ['GEORADIUS', 'geo', '10', '10', '500', 'km', 'COUNT', '3', 'ANY'],
  ['GEORADIUSBYMEMBER', 'geo', 'p1', '500', 'km'],
  ['BITFIELD', 'bits', 'GET', 'u8', '0'],
  ['GETEX', 'bits'],
]

/** A set whose replicas have it in different orders, as other members were in it before. */
async function begin(proxy: TestProxy) {
  const client = await proxy.connect()
  const members = Array.from({ length: 40 }, (_, i) => `m${i}`)
  await client.ask('SADD', 'set', ...members)
  await client.ask('SREM', 'set', ...members.slice(0, 30))
  await client.ask('SET', 'bits', 'abc')
  for (let i = 0; i < 30; i++) await client.ask('GEOADD', 'geo', `${10 + i / 1000}`, '10', `p${i}`)
  const names = await replicasOf(client, 'set')
  const orders = new Set<string>()
  for (const name of names) orders.add(String(await (await proxy.connectTo(name)).ask('SMEMBERS', 'set')))
  return { client, differ: orders.size > 1 }
}

t.test('one replica answers them, and nobody takes their key for changed', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 2 })
  const { client, differ } = await begin(proxy)
  t.ok(differ, 'the replicas have the set in different orders')
  const watcher = await proxy.connect()
  await watcher.pipeline([['WATCH', 'set', 'geo', 'bits'], ['PING']])
  const before = await counter(client, 'writes')
  for (const command of READS) {
    t.match(String(await client.ask(...command)), /^[*$]\d/, command.join(' '))
    const replies = await client.pipeline([['MULTI'], command, ['EXEC']])
    t.match(String(replies[2]), /^\*1\r\n[*$]\d/, `MULTI ${command.join(' ')}`)
  }
  t.equal(await counter(client, 'writes'), before, 'none of them is a write')
  const [, , exec] = await watcher.pipeline([['MULTI'], ['PING'], ['EXEC']])
  t.equal(String(exec), '*1\r\n+PONG\r\n')
  for (const command of READS) {
    const replies = await client.pipeline([['MULTI'], ['SADD', 'set', 'more'], command, ['EXEC']])
    t.notMatch(String(replies[3]), /^-|unknown/, `beside a write: ${command.join(' ')}`)
  }
  const script = 'return #redis.call("SORT",KEYS[1],"BY","nosort")'
  t.equal(String(await client.ask('EVAL', script, '1', 'set')), ':11\r\n')
  t.equal(await counter(client, 'differences'), 0)
  t.match(await verify(client), { differences: 0, complete: 1 })
})

t.test('what SORT stores of a set without an order is the same everywhere', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 2 })
  const { client } = await begin(proxy)
  for (const words of [['DESC'], ['GET', '#'], ['LIMIT', '2', '5'], []]) {
    t.match(String(await client.ask('SORT', 'set', 'BY', 'nosort', ...words, 'STORE', 'list')), /^:[1-9]/)
    t.match(await verify(client), { differences: 0, complete: 1 }, `stored with ${words.join(' ')}`)
  }
  const list = String(await client.ask('LRANGE', 'list', '0', '-1'))
  t.same(
    list.match(/m\d+/g),
    Array.from({ length: 10 }, (_, i) => `m${30 + i}`),
  )
  const stored = 'return redis.call("SORT",KEYS[1],"BY","nosort","STORE",KEYS[2])'
  t.equal(String(await client.ask('EVAL', stored, '2', 'set', '{set}list')), ':10\r\n')
  t.match(await verify(client), { differences: 0, complete: 1 }, 'stored by a script')
  t.equal(await counter(client, 'differences'), 0)
})
