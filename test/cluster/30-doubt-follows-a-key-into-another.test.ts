import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { counter, replicasOf } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * A key of which one replica has another value than the others, for a moment or for long, while a command makes another
 * key of it: the other one differs as well, whatever the replicas answer [design §7 Several keys].
 */

const MEMBER = 'dt-2'
const PATIENCE_MS = 10_000
const OOM = '-OOM '

/** What is wrong with the copies, also after a while. */
async function becomesEqual(proxy: TestProxy): Promise<string[]> {
  let faults: string[] = []
  const look = async () => {
    faults = (await ringSnapshot(proxy)).faults
    return faults.length === 0
  }
  await until('all replicas are equal', look, PATIENCE_MS).catch(() => {})
  return faults
}

/** The n-th hash tag of which MEMBER holds a backup. */
async function tagsAtBackup(client: RawClient, count: number): Promise<string[]> {
  const tags: string[] = []
  for (let i = 0; tags.length < count; i++) {
    if ((await replicasOf(client, `{tag:${i}}`)).indexOf(MEMBER) > 0) tags.push(`{tag:${i}}`)
  }
  return tags
}

/** Ways in which a key gets into another one, by the command that does it; and what makes the keys. */
const WAYS: Record<string, { readonly before: string[][]; readonly refused: string[]; readonly carry: string[] }> = {
  RENAME: { before: [['SET', 'h', '1']], refused: ['APPEND', 'h', 'x'], carry: ['RENAME', 'h', 'd'] },
  RENAMENX: { before: [['SET', 'h', '1']], refused: ['APPEND', 'h', 'x'], carry: ['RENAMENX', 'h', 'd'] },
  COPY: { before: [['SET', 'h', '1']], refused: ['APPEND', 'h', 'x'], carry: ['COPY', 'h', 'd'] },
  'COPY DB': { before: [['SET', 'h', '1']], refused: ['APPEND', 'h', 'x'], carry: ['COPY', 'h', 'd', 'DB', '3'] },
  MOVE: { before: [['SET', 'h', '1']], refused: ['APPEND', 'h', 'x'], carry: ['MOVE', 'h', '3'] },
  LMOVE: { before: [['RPUSH', 'h', '1']], refused: ['RPUSH', 'h', 'x'], carry: ['LMOVE', 'h', 'd', 'LEFT', 'LEFT'] },
  BITOP: { before: [['SET', 'h', 'a']], refused: ['SETBIT', 'h', '1', '0'], carry: ['BITOP', 'NOT', 'd', 'h'] },
  SORT: {
    before: [['RPUSH', 'h', '2']],
    refused: ['LPUSHX', 'h', '1'],
    carry: ['SORT', 'h', 'LIMIT', '0', '1', 'STORE', 'd'],
  },
  SUNIONSTORE: { before: [['SADD', 'h', '1']], refused: ['SADD', 'h', '2'], carry: ['SUNIONSTORE', 'd', 'h'] },
  'a script': {
    before: [['SET', 'h', '1']],
    refused: ['APPEND', 'h', 'x'],
    carry: ['EVAL', "return redis.call('SET', KEYS[2], redis.call('GET', KEYS[1]))", '2', 'h', 'd'],
  },
  'a script that names them itself': {
    before: [['RPUSH', 'h', '1']],
    refused: ['RPUSH', 'h', 'x'],
    carry: ['EVAL', "return redis.call('RENAME', ARGV[1], ARGV[2])", '0', 'h', 'd'],
  },
  ZRANGESTORE: {
    before: [['ZADD', 'h', '1', 'a']],
    refused: ['ZADD', 'h', '0', 'b'],
    carry: ['ZRANGESTORE', 'd', 'h', '0', '0'],
  },
}

t.test('a server has no memory for a write, and the key goes into another before it has', async (t) => {
  const proxy = await startProxy(t)
  const client = await proxy.connect()
  const member = await proxy.connectTo(MEMBER)
  const tags = await tagsAtBackup(client, Object.keys(WAYS).length + 1)
  const tagged = (command: string[], tag: string) =>
    command.map((word) => (word === 'h' || word === 'd' ? `${tag}${word}` : word))
  for (const [i, { before }] of Object.values(WAYS).entries()) {
    for (const command of before) await client.ask(...tagged(command, tags[i]))
  }
  for (const [i, [name, { refused, carry }]] of Object.entries(WAYS).entries()) {
    // The proxy does not know yet that it has no memory.
    await until('it has memory', async () => String(await client.ask('SET', `${tags.at(-1)}`, '1')) === '+OK\r\n')
    await member.ask('CONFIG', 'SET', 'maxmemory', '1')
    t.match(
      String(await client.ask(...tagged(refused, tags[i]))),
      /^-ERR the outcome of this write is unknown: dt-2 has no memory/,
    )
    await member.ask('CONFIG', 'SET', 'maxmemory', '0')
    // At once, before the repair is tried again: some commands need memory, of which the proxy has to hear first.
    let reply = OOM
    await until(name, async () => !(reply = String(await client.ask(...tagged(carry, tags[i])))).startsWith(OOM))
    t.match(reply, /^[+:$]/, name)
  }
  t.same(await becomesEqual(proxy), [])
})

for (const [carry, make] of Object.entries({
  RENAME: (h: string, d: string) => ['RENAME', h, d],
  COPY: (h: string, d: string) => ['COPY', h, d],
})) {
  t.test(`writes at the deadline of a key, with ${carry} behind them`, async (t) => {
    const proxy = await startProxy(t)
    const client = await proxy.connect()
    const writers = await Promise.all(Array.from({ length: 4 }, () => proxy.connect()))
    const PAIRS = 60
    for (let round = 0; round < 12; round++) {
      const keys = Array.from({ length: PAIRS }, (_, i) => `{${round}:${i}}`)
      const deadlineMs = Date.now() + 60
      await client.pipeline(
        keys.flatMap((key) => [
          ['HSET', `${key}h`, 'old', '1'],
          ['PEXPIREAT', `${key}h`, String(deadlineMs)],
        ]),
      )
      await sleep(deadlineMs - Date.now() - 4)
      for (let slice = 0; slice < PAIRS; slice += 5) {
        await writers[(slice / 5) % 4].pipeline(
          keys.slice(slice, slice + 5).flatMap((key) => [['HSET', `${key}h`, 'new', '1'], make(`${key}h`, `${key}d`)]),
        )
      }
    }
    t.comment(`${await counter(client, 'unequal_expiries')} unequal expiries`)
    t.same(await becomesEqual(proxy), [])
  })
}
