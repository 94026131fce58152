import t from 'tap'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, startRedis } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { monitor } from '../helpers/relayed-ring.js'
import { membersOf, nodeStates } from '../helpers/ring-state.js'
import { until } from '../helpers/until.js'
import { verify } from '../helpers/verify.js'

/*
 * Deadlines of hash fields, from Redis 7.4 and Valkey 9 on, and vector sets, of Redis 8: they are on all copies, `dt verify` sees where
 * they are not, and a member that joins gets them. `npm run test:newer` has such servers on the PATH.
 */

const lines = new LogLines()
const proxy = await startProxy(t, {
  log: lines.log,
  ...{ nodes: 3, replicas: 2, sentinels: 1, downAfterMs: 20_000 },
  config: { migration: { maxBlockMs: 5 }, commands: { moduleWrites: ['vectorset'] } },
})
const client = await proxy.connect()
const say = async (...words: string[]) => String(await client.ask(...words))
const members = await Promise.all(['dt-1', 'dt-2', 'dt-3'].map((name) => proxy.connectTo(name)))
const onAll = async (...words: string[]) =>
  Promise.all(members.map(async (member) => String(await member.ask(...words))))
const backupOf = async (key: string) => {
  const [, first, second] = /dt-\d.*(dt-\d).*(dt-\d)/s.exec(await say('DT', 'LOCATE', key))!
  return proxy.connectTo([first, second].sort()[0])
}
const knows = async (name: string) => (await members[0].ask('COMMAND', 'INFO', name)).length > '*1\r\n*-1\r\n'.length

const hasFields = await knows('hpexpire')
const hasVectors = await knows('vadd')

t.test('where servers do not know them the ring does not either', async (t) => {
  if (!hasFields) t.match(await say('HPEXPIRE', 'h', '100', 'FIELDS', '1', 'a'), /^-ERR unknown command 'HPEXPIRE'/)
  if (!hasVectors) t.match(await say('VCARD', 'v'), /^-ERR unknown command 'VCARD'/)
})

t.test(
  'deadlines of fields are on all copies, and what one copy lacks is found and repaired',
  { skip: !hasFields },
  async (t) => {
    await say('HSET', 'h', 'a', '1', 'b', '2', 'c', '3')
    t.equal(await say('HEXPIRE', 'h', '1000', 'FIELDS', '2', 'a', 'b'), '*2\r\n:1\r\n:1\r\n')
    const deadlines = await onAll('HPEXPIRETIME', 'h', 'FIELDS', '3', 'a', 'b', 'c')
    t.equal(new Set(deadlines).size, 1)
    t.match(deadlines[0], /^\*3\r\n:\d{13}\r\n:\d{13}\r\n:-1\r\n$/)
    t.match(await verify(client), { differences: 0, complete: 1 })

    const backup = await backupOf('h')
    await backup.ask('HPERSIST', 'h', 'FIELDS', '1', 'a')
    t.match(await verify(client), { differences: 1, value: 1 })
    t.match(await verify(client, 'REPAIR'), { differences: 1, repaired: 1, left: 0 })
    t.same(await onAll('HPEXPIRETIME', 'h', 'FIELDS', '3', 'a', 'b', 'c'), deadlines)
  },
)

t.test('fields that expire while others are written leave equal copies', { skip: !hasFields }, async (t) => {
  const keys = Array.from({ length: 100 }, (_, i) => `f${i}`)
  await client.pipeline(keys.map((key) => ['HSET', key, 'a', '1', 'b', '2']))
  await client.pipeline(keys.map((key, i) => ['HPEXPIRE', key, String(200 + i), 'FIELDS', '1', 'a']))
  const [endMs] = [performance.now() + 1000]
  for (let n = 0; performance.now() < endMs; n++) {
    await client.pipeline(keys.map((key) => ['HSET', key, n % 2 === 0 ? 'c' : 'd', String(n)]))
  }
  t.match(await verify(client), { differences: 0, complete: 1 })
  for (const reply of await onAll('HEXISTS', 'f0', 'a')) t.equal(reply, ':0\r\n')
  // Whole hashes, of which nothing is left.
  await client.pipeline(keys.map((key) => ['HPEXPIRE', key, '100', 'FIELDS', '3', 'b', 'c', 'd']))
  await until('they are gone', async () => /^:1\r\n$/.test(await say('EXISTS', 'h', ...keys)))
  t.match(await verify(client), { differences: 0, complete: 1 })
})

t.test(
  'copies whose fields expire differ for a while, and nobody is distrusted for that',
  { skip: !hasFields },
  async (t) => {
    const any = (count: number) => String(Math.floor(Math.random() * count))
    const errors = new Set<string>()
    const clients = await Promise.all([proxy.connect(), proxy.connect(), proxy.connect()])
    const endMs = performance.now() + 3000
    const load = async (each: RawClient) => {
      while (performance.now() < endMs) {
        const commands = Array.from({ length: 8 }, () => {
          const [key, field] = [`x${any(40)}`, `f${any(6)}`]
          const kinds = [
            ['HSET', key, field, '1'],
            ['HPEXPIRE', key, String(1 + Number(any(60))), 'FIELDS', '1', field],
            ['HDEL', key, field],
            ['HGET', key, field],
          ]
          return kinds[Number(any(kinds.length))]
        })
        for (const reply of await each.pipeline(commands)) if (String(reply)[0] === '-') errors.add(String(reply))
      }
    }
    await Promise.all(clients.map(load))
    t.ok(errors.size < 3, [...errors].join('\n'))
    t.same(
      lines.lines.filter(({ event }) => /^member-(outvoted|distrusted)$/.test(String(event))),
      [],
    )
    t.match(await verify(client), { differences: 0, complete: 1 })
  },
)

t.test('a member that has lost fields is found, also while others expire', { skip: !hasFields }, async (t) => {
  const keys = Array.from({ length: 15 }, (_, i) => `lost${i}`)
  await client.pipeline(keys.map((key) => ['HSET', key, 'a', '1', 'b', '2', 'c', '3']))
  await client.pipeline(keys.map((key) => ['HEXPIRE', key, '1000', 'FIELDS', '1', 'b']))
  await client.pipeline(keys.map((key) => ['HPEXPIRE', key, '1', 'FIELDS', '1', 'c']))
  // Right after that its word counts as a master.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const member = await proxy.connectTo('dt-1')
  for (const key of keys) await member.ask('HDEL', key, 'a', 'b')
  const replies = await client.pipeline(keys.map((key) => ['HDEL', key, 'a']))
  t.same(new Set(replies.map(String)), new Set([':1\r\n']), 'the others tell what was there')
  await until('it is filled anew', async () => lines.lines.some(({ event }) => event === 'member-distrusted'), 10_000)
  t.match(lines.lines.find(({ event }) => event === 'member-distrusted')?.member, 'dt-1')
  await until('it is back', async () => (await nodeStates(client))['dt-1'] === 'up', 30_000)
  await until('nothing moves', async () => (await say('DT', 'MIGRATIONS')) === '*0\r\n', 30_000)
  t.same(new Set(await onAll('HGET', 'lost3', 'b')), new Set(['$1\r\n2\r\n']))
  t.match(await verify(client), { differences: 0, complete: 1 })
})

t.test('vector sets are compared by what they hold', { skip: !hasVectors }, async (t) => {
  for (let i = 0; i < 50; i++) {
    const vector = [Math.sin(i), Math.cos(i), Math.sin(2 * i), i / 50].map(String)
    t.equal(await say('VADD', 'v', 'VALUES', '4', ...vector, `e${i}`), ':1\r\n')
  }
  await say('VSETATTR', 'v', 'e1', '{"a":1}')
  t.match(await verify(client), { differences: 0, complete: 1 })
  const backup = await backupOf('v')
  await backup.ask('VSETATTR', 'v', 'e1', '{"a":2}')
  t.match(await verify(client, 'REPAIR'), { differences: 1, repaired: 1, left: 0 })
  t.match(await verify(client), { differences: 0, complete: 1 })
})

t.test(
  'a member that joins has the deadlines, also of a hash that is copied in pieces',
  { skip: !hasFields },
  async (t) => {
    for (let from = 0; from < 30_000; from += 1000) {
      const names = Array.from({ length: 1000 }, (_, i) => `field${from + i}`)
      await say('HSET', 'large', ...names.flatMap((name) => [name, 'x']))
      await say('HPEXPIREAT', 'large', String(4_102_444_800_000 + from), 'FIELDS', '1000', ...names)
    }
    const server = await startRedis(t)
    await monitor(proxy, 'dt-9', server.port)
    await until('dt-9 is a member', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-9', 20_000)
    await until('dt-9 is up', async () => (await nodeStates(client))['dt-9'] === 'up', 20_000)
    await until('nothing moves', async () => (await say('DT', 'MIGRATIONS')) === '*0\r\n', 20_000)
    t.match(await verify(client), { differences: 0, complete: 1 })
  },
)
