import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { HIDDEN_NAME } from '../../src/order/pieces/hidden-name.js'
import { replicaSetOfKey } from '../../src/view/build-view.js'
import { Random } from '../chaos/random.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { membersOf } from '../helpers/ring-state.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

/** So that everything above 40 kB goes in pieces. */
const config = { migration: { maxBlockMs: 1 } }
const TYPES = ['string', 'list', 'set', 'hash', 'zset', 'stream']
const KEYS_EACH = 3

async function sentinels(proxy: TestProxy, ...args: string[]): Promise<void> {
  for (const { name } of proxy.ring.sentinels) {
    const client = await proxy.connectTo(name)
    await client.ask(...args)
    client.close()
  }
}

/** Commands that make a large value of each type. */
function* fill(): Generator<string[]> {
  for (let k = 0; k < KEYS_EACH; k++) {
    yield ['SET', `string:${k}`, 's'.repeat(200_000)]
    for (let from = 0; from < 4000; from += 1000) {
      const of = (make: (i: number) => string[]) => Array.from({ length: 1000 }, (_, i) => make(from + i)).flat()
      yield ['RPUSH', `list:${k}`, ...of((i) => [`element ${i} ${'x'.repeat(20)}`])]
      yield ['SADD', `set:${k}`, ...of((i) => [`member ${i}`])]
      yield ['HSET', `hash:${k}`, ...of((i) => [`field ${i}`, `${i}`])]
      yield ['ZADD', `zset:${k}`, ...of((i) => [`${i}.25`, `member ${i}`])]
    }
    for (let i = 1; i <= 1000; i++) yield ['XADD', `stream:${k}`, `${i}-1`, 'payload', 'y'.repeat(60)]
    yield ['XGROUP', 'CREATE', `stream:${k}`, 'g', '0']
    yield ['XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '100', 'STREAMS', `stream:${k}`, '>']
  }
}

/** One of the large values of these types, and a number of something in it. */
function oneOf(random: Random, types: readonly string[]): { type: string; key: string; i: string } {
  const type = random.pick(types)
  return { type, key: `${type}:${random.below(KEYS_EACH)}`, i: String(random.below(6000)) }
}

/** A write of one of the large values. */
function anyWrite(random: Random): string[] {
  const { type, key, i } = oneOf(random, TYPES)
  switch (type) {
    case 'string':
      return random.pick([
        ['APPEND', key, 'more'],
        ['SETRANGE', key, i, 'other'],
      ])
    case 'list':
      return random.pick([
        ['LPUSH', key, i],
        ['RPOP', key],
        ['LSET', key, '5', i],
        ['RPUSH', key, i],
      ])
    case 'set':
      return random.pick([
        ['SADD', key, `member ${i}`],
        ['SREM', key, `member ${i}`],
        ['SPOP', key],
      ])
    case 'hash':
      return random.pick([
        ['HSET', key, `field ${i}`, i],
        ['HDEL', key, `field ${i}`],
        ['HINCRBY', key, `field ${i}`, '1'],
      ])
    case 'zset':
      return random.pick([
        ['ZADD', key, i, `member ${i}`],
        ['ZPOPMIN', key],
        ['PEXPIRE', key, '900000'],
      ])
    default:
      return random.pick([
        ['XADD', key, '*', 'n', i],
        ['XACK', key, 'g', `${i}-1`],
        ['XDEL', key, `${i}-1`],
        ['XAUTOCLAIM', key, 'g', 'd', '0', '0', 'COUNT', '2'],
      ])
  }
}

/** The same as queues, logs and counters are written: nothing of it spoils what was built ahead. */
function usualWrite(random: Random): string[] {
  const { type, key, i } = oneOf(random, ['string', 'list', 'stream', 'stream'])
  switch (type) {
    case 'string':
      return random.pick([
        ['APPEND', key, 'more'],
        ['SETRANGE', key, i, 'other'],
        ['SETBIT', key, String(random.below(1_700_000)), '1'],
        ['BITFIELD', key, 'INCRBY', 'u16', `#${i}`, '7', 'GET', 'u8', '0'],
      ])
    case 'list':
      return random.pick([
        ['LPUSH', key, i, 'second'],
        ['RPOP', key],
        ['RPUSH', key, i],
        ['LPOP', key, '2'],
        ['BLPOP', key, '1'],
        ['BRPOPLPUSH', key, 'done', '1'],
        ['LMOVE', key, 'done', 'LEFT', 'RIGHT'],
        ['RPOPLPUSH', key, key],
        ['LTRIM', key, '0', '4500'],
      ])
    default:
      return random.pick([
        ['XADD', key, '*', 'n', i],
        ['XADD', key, 'MAXLEN', '~', '900', '*', 'n', i],
        ['XREADGROUP', 'GROUP', 'g', i.slice(0, 1), 'COUNT', '5', 'STREAMS', key, '>'],
        ['XACK', key, 'g', `${i}-1`],
        ['XDEL', key, `${random.below(1000)}-1`],
        ['XTRIM', key, 'MAXLEN', '1000'],
      ])
  }
}

/** Looks whether a client sees what is none of his, until told to stop; gives the replies in which there is some. */
async function watchKeys(client: RawClient, stop: () => boolean): Promise<string[]> {
  const seen: string[] = []
  while (!stop()) {
    for (const command of [['KEYS', '*'], ['SCAN', '0', 'COUNT', '1000'], ['RANDOMKEY']]) {
      const reply = String(await client.ask(...command))
      if (reply.includes('dt:pieces')) seen.push(reply)
    }
    await sleep(5)
  }
  return seen
}

for (const [how, write, others] of [
  ['in every way', anyWrite, 0],
  ['as most are', usualWrite, 1],
] as const)
  t.test(`large values of every type that are written ${how} move with a server that leaves and joins`, async (t) => {
    const proxy = await startProxy(t, { nodes: 4, replicas: 1, config })
    const client = await proxy.connect()
    await client.pipeline([...fill()])
    let stopped = false
    const random = new Random(7, 'writes')
    const writer = (async () => {
      const replies: string[] = []
      const writing = await proxy.connect()
      while (!stopped) {
        replies.push(...(await writing.pipeline(Array.from({ length: 10 }, () => write(random)))).map(String))
        await sleep(2)
      }
      return replies.filter((reply) => reply.startsWith('-'))
    })()
    const watcher = watchKeys(await proxy.connect(), () => stopped)
    const pending = async () => String(await client.ask('DT', 'VIEW')).match(/pending-ranges\r\n:(\d+)/)?.[1]
    for (let round = 0; round < 2; round++) {
      await sentinels(proxy, 'SENTINEL', 'REMOVE', 'dt-4')
      await until('three members', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3')
      await until('all has moved', async () => (await pending()) === '0', 60_000)
      const { port } = proxy.ring.server('dt-4')
      await sentinels(proxy, 'SENTINEL', 'MONITOR', 'dt-4', '127.0.0.1', String(port), '2')
      await until('four members', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
      await until('all has moved', async () => (await pending()) === '0', 60_000)
    }
    stopped = true
    t.same(await writer, [], 'no write is refused')
    t.same(await watcher, [], 'nobody sees what is built')
    t.match(await verify(client), { state: 'done', complete: 1, differences: 0, unchecked: 0 })
    t.equal(String(await client.ask('DBSIZE')), `:${TYPES.length * KEYS_EACH + others}\r\n`)
  })

t.test('verify finds and mends what differs in large values', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 1, config })
  const client = await proxy.connect()
  await client.pipeline([...fill()])
  for (const [key, ...command] of [
    ['hash:0', 'HSET', 'hash:0', 'field 7', 'another'],
    ['zset:1', 'ZADD', 'zset:1', '0.5', 'member 100'],
    ['string:2', 'SETRANGE', 'string:2', '150000', 'x'],
    ['stream:0', 'XGROUP', 'DELCONSUMER', 'stream:0', 'g', 'c'],
    ['list:1', 'DEL', 'list:1'],
  ]) {
    const [, backup] = replicaSetOfKey(proxy.view, Buffer.from(key), 0, key.length).natural
    const direct = await proxy.connectTo(backup.name)
    t.not(String(await direct.ask(...command))[0], '-')
  }
  t.match(await verify(client, 'REPAIR'), { differences: 5, repaired: 5, left: 0 })
  t.match(await verify(client), { state: 'done', complete: 1, differences: 0, unchecked: 0 })
})

t.test('what was being built when a proxy was killed is not shown, and removed', async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 1 })
  const client = await proxy.connect()
  t.equal(String(await client.ask('SET', 'key', 'value')), '+OK\r\n')
  for (const { name } of proxy.view.members) {
    const direct = await proxy.connectTo(name)
    await direct.ask('HSET', HIDDEN_NAME, 'half', 'built')
    await direct.ask('SELECT', '3')
    await direct.ask('HSET', HIDDEN_NAME, 'half', 'built')
  }
  t.equal(String(await client.ask('KEYS', '*')), '*1\r\n$3\r\nkey\r\n')
  t.equal(String(await client.ask('SCAN', '0')), '*2\r\n$1\r\n0\r\n*1\r\n$3\r\nkey\r\n')
  for (let i = 0; i < 10; i++) t.equal(String(await client.ask('RANDOMKEY')), '$3\r\nkey\r\n')
  t.match(await verify(client), { state: 'done', complete: 1, differences: 0 })
  for (const { name } of proxy.view.members) {
    const direct = await proxy.connectTo(name)
    await direct.ask('CLIENT', 'KILL', 'TYPE', 'pubsub')
    for (const db of ['0', '3']) {
      await direct.ask('SELECT', db)
      await until('it is gone', async () => String(await direct.ask('EXISTS', HIDDEN_NAME)) === ':0\r\n')
    }
  }
  t.equal(String(await client.ask('DBSIZE')), ':1\r\n')
})
