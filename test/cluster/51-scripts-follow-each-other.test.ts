import t, { type Test } from 'tap'
import { startProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { throughRelay } from '../helpers/relayed-ring.js'
import { replicasOf } from '../helpers/ring-state.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

/*
 * A client's scripts are sent one behind the other, though each of them may be stopped and run again: none of them runs before one that was
 * sent first.
 *
 *     master  [a: stopped] [b: late] [c: late]   a again   b again   c again
 */

/** Nobody knows that it stays within its keys; it names another one where it has a second argument. */
const PUSH = `
local n = redis.call('RPUSH', KEYS[1] .. '', ARGV[1])
if ARGV[2] then redis.call('HSET', ARGV[2] .. ARGV[3], 'n', n) end
return n`
const push = (key: string, value: string, other?: string) => {
  // Nobody can guess its name.
  const named = other === undefined ? [] : [other.slice(0, 4), other.slice(4)]
  return ['EVAL', PUSH, '1', key, value, ...named]
}

/** It is known to be stopped hardly ever. */
async function known(client: RawClient, key: string): Promise<void> {
  for (let i = 0; i < 6; i++) await client.ask(...push(key, 'before'))
  await client.ask('DEL', key)
}

async function executed(members: readonly RawClient[], command: string): Promise<number> {
  let sum = 0
  for (const member of members) {
    const stats = String(await member.ask('INFO', 'commandstats'))
    sum += Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
  }
  return sum
}

t.test('one that is stopped in the middle runs before those behind it', async (t) => {
  const proxy = await startProxy(t, { nodes: 3 })
  const client = await proxy.connect()
  const members = await Promise.all(['dt-1', 'dt-2', 'dt-3'].map((name) => proxy.connectTo(name)))
  await known(client, '{k}')
  const [ran, looked] = [await executed(members, 'evalsha'), await executed(members, 'exists')]
  const replies = await client.pipeline([
    push('{k}', 'a'),
    push('{k}', 'b', '{k}:one'),
    push('{k}', 'c'),
    push('{k}', 'd', '{k}:two'),
    push('{k}', 'e'),
    ['LRANGE', '{k}', '0', '-1'],
  ])
  const list = ['a', 'b', 'c', 'd', 'e']
  t.same(
    replies.slice(0, -1).map(String),
    list.map((_, i) => `:${i + 1}\r\n`),
  )
  t.equal(String(replies.at(-1)), `*5\r\n${list.map((each) => `$1\r\n${each}\r\n`).join('')}`)
  t.equal(await executed(members, 'exists'), looked + 4, 'four were sent behind others')
  t.ok((await executed(members, 'evalsha')) >= ran + 5 + 4 + 5, 'b, and what was behind it, ran again')
  for (const member of members) t.equal(String(await member.ask('KEYS', '*dt:pieces:t*')), '*0\r\n')
  t.match(await verify(client), { state: 'done', differences: 0, complete: 1 })
})

t.test('what its client has sent takes effect in that order, whatever it is', async (t) => {
  const proxy = await startProxy(t)
  const clients = await Promise.all(Array.from({ length: 6 }, () => proxy.connect()))
  await known(clients[0], 'warm')
  let others = 0
  const work = async (client: RawClient, c: number) => {
    const key = `own:${c}`
    for (let round = 0, length = 0; round < 60; round++) {
      const commands = Array.from({ length: 1 + ((round * 7 + c) % 9) }, (_, i) => {
        const dice = (round * 31 + i * 17 + c * 11) % 20
        if (dice === 0) return ['RPUSH', key, 'x']
        if (dice === 1) return push(key, 'x', `other:${others++}`)
        if (dice === 2) return push(`shared:${i % 2}`, 'x')
        if (dice === 3) return push('shared:0', 'x', `{${key}}:${others++}`)
        return push(key, 'x')
      })
      const replies = await client.pipeline(commands)
      const own = replies.filter((_, i) => !String(commands[i][commands[i][0] === 'EVAL' ? 3 : 1]).startsWith('shared'))
      for (const reply of own) if (String(reply) !== `:${++length}\r\n`) return `${key}: ${reply} instead of ${length}`
    }
    return undefined
  }
  const wrong = await Promise.all(clients.map(work))
  t.same(
    wrong.filter((each) => each !== undefined),
    [],
  )
  t.match(await verify(clients[0]), { state: 'done', differences: 0, complete: 1 })
})

/** A key whose master is reached through a relay, and a client whose scripts on it are known. */
async function throughItsMaster(t: Test) {
  const { proxy, relay, client } = await throughRelay(t)
  const other = await proxy.connect()
  let i = 0
  while ((await replicasOf(other, `{k${i}}`))[0] !== 'dt-9') i++
  const key = `{k${i}}`
  await known(client, key)
  return { proxy, relay, client, other, key }
}

t.test('a database is emptied between one that is stopped and the next: that waits', async (t) => {
  const { proxy, relay, client, other, key } = await throughItsMaster(t)
  relay.stallRequests('a-text-of-its-own')
  const first = client.pipeline([push(key, 'a-text-of-its-own', `${key}:other`)])
  await until('dt-9 is held up', async () => relay.isStalling)
  const flushed = other.ask('FLUSHDB')
  await until('the others are emptied', async () => {
    const direct = await proxy.connectTo('dt-1')
    return String(await direct.ask('INFO', 'commandstats')).includes('cmdstat_flushdb')
  })
  const second = client.pipeline([push(key, 'second')])
  // It has come to the proxy before what is asked here is answered.
  await (await proxy.connect()).ask('PING')
  relay.resume()
  t.equal(String(await flushed), '+OK\r\n')
  t.same([...(await first), ...(await second)].map(String), [':1\r\n', ':2\r\n'])
  t.match(await verify(other), { state: 'done', differences: 0, complete: 1 })
})

t.test('the connection breaks while some are under way: what is behind one that is lost is as lost', async (t) => {
  const { relay, client, other, key } = await throughItsMaster(t)
  relay.stallRequests('a-text-of-its-own')
  const replies = client.pipeline([
    push(key, 'a-text-of-its-own', `${key}:other`),
    push(key, 'b'),
    push(key, 'c'),
    ['RPUSH', key, 'd'],
  ])
  await until('dt-9 is held up', async () => relay.isStalling)
  relay.loseHeld()
  const said = (await replies).map(String)
  for (const reply of said.slice(0, 3)) t.match(reply, /^-ERR the outcome of this write is unknown/)
  t.equal(said[3], ':1\r\n', 'none of them had been executed, and this one waited for them')
  t.match(await verify(other), { state: 'done', differences: 0, complete: 1 })
})
