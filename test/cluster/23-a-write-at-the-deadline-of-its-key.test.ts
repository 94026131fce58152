import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { RawClient } from '../helpers/raw-client.js'
import { throughRelay } from '../helpers/relayed-ring.js'
import { keysAt } from '../helpers/ring-state.js'
import { ringSnapshot } from '../helpers/snapshot.js'
import { until } from '../helpers/until.js'

/*
 * A write that some replicas of its key execute before the key's deadline and others after it: the first ones change
 * the old value, the others write to a key that is not there, and often all of them answer the same
 * [design §7 Expiry]. In a ring of three, dt-9 gets what the proxy sends so late that this happens for certain.
 */

/** Between a write that must come in time, and the deadline. */
const IN_TIME_MS = 150
/** Until the other replicas have noticed a deadline. */
const NOTICED_MS = 200
/** Longer than an expiration is remembered for its own sake. */
const LONG_MS = 4000
const PATIENCE_MS = 5000

const ring = await throughRelay(t)
const { proxy, relay, client } = ring
const direct = { 'dt-1': await proxy.connectTo('dt-1'), 'dt-9': await proxy.connectTo('dt-9') }
const masteredBy = {
  'dt-1': await keysAt(client, 'dt-1', 0, 20),
  'dt-9': await keysAt(client, 'dt-9', 0, 20),
}
const writer = await proxy.connect()

type Master = keyof typeof masteredBy
const late: Record<Master, string> = { 'dt-1': 'a backup', 'dt-9': 'the master' }

/**
 * Makes `prepare`, which gives the key its deadline, and then `writes`: dt-1 and dt-2 execute them before the deadline,
 * and dt-9 executes them, from the first bytes on that have `from` in them, `afterMs` after it. Gives the replies.
 */
async function aim(
  key: string,
  prepare: (deadlineMs: number) => Promise<unknown>,
  writes: (deadlineMs: number) => readonly (readonly string[])[],
  { from = '', afterMs = NOTICED_MS }: { from?: string; afterMs?: number } = {},
): Promise<string[]> {
  for (;;) {
    const deadlineMs = Date.now() + 2 * IN_TIME_MS
    await prepare(deadlineMs)
    relay.stallRequests(from)
    // What is kept back first may be something else than these writes.
    if (from !== '') await until('the link is stalled', () => relay.isStalling)
    const replies = writer.pipeline(writes(deadlineMs))

    await until('the link is stalled', () => relay.isStalling)
    await sleep(20)
    const inTime = Date.now() < deadlineMs && String(await direct['dt-1'].ask('EXISTS', key)) === ':1\r\n'
    await sleep(Math.max(0, deadlineMs - Date.now()) + afterMs)
    relay.resume()
    if (inTime) return (await replies).map(String)
    await replies
  }
}

/** What is wrong with the copies of a key, also after a while. */
async function becomesEqual(key: string): Promise<string> {
  let faults: string[] = []
  await until(
    'all replicas are equal',
    async () => {
      faults = (await ringSnapshot(proxy)).faults.filter((fault) => fault.startsWith(JSON.stringify(`0 ${key}`)))
      return faults.length === 0
    },
    PATIENCE_MS,
  ).catch(() => {})
  return faults.join('\n')
}

const keepTtl = (key: string) => [['SET', key, 'new', 'KEEPTTL']]
const string = (key: string) => (deadlineMs: number) => client.ask('SET', key, 'old', 'PXAT', String(deadlineMs))
const take = (master: Master) => masteredBy[master].pop()!

for (const master of ['dt-1', 'dt-9'] as const) {
  t.test(`${late[master]} is late`, async (t) => {
    const key = take(master)
    t.same(await aim(key, string(key), () => keepTtl(key)), ['+OK\r\n'])
    t.equal(await becomesEqual(key), '')
  })

  t.test(`${late[master]} is late by seconds`, async (t) => {
    const key = take(master)
    t.same(await aim(key, string(key), () => keepTtl(key), { afterMs: LONG_MS }), ['+OK\r\n'])
    t.equal(await becomesEqual(key), '')
  })

  t.test(`${late[master]} is late, for a key that expired on all replicas shortly before`, async (t) => {
    const key = take(master)
    const again = async (deadlineMs: number) => {
      await client.ask('SET', key, 'older', 'PX', '20')
      await until('it has expired everywhere', async () => (await holders(key)) === 0)
      await string(key)(deadlineMs)
    }
    t.same(await aim(key, again, () => keepTtl(key)), ['+OK\r\n'])
    t.equal(await becomesEqual(key), '')
  })

  t.test(`${late[master]} gets the deadline itself when it has passed`, async (t) => {
    const key = take(master)
    const writes = (deadlineMs: number) => [
      ['PEXPIREAT', key, String(deadlineMs)],
      ['HSET', key, 'new', '1'],
    ]
    const create = async () => {
      await client.ask('DEL', key)
      await client.ask('HSET', key, 'old', '1')
    }
    t.same(await aim(key, create, writes), [':1\r\n', ':1\r\n'])
    t.equal(await becomesEqual(key), '')
  })
}

t.test('a backup is late with what the master chose', async (t) => {
  const key = take('dt-1')
  const create = async (deadlineMs: number) => {
    await client.ask('XADD', key, '1-1', 'f', 'old')
    await client.ask('PEXPIREAT', key, String(deadlineMs))
  }
  await aim(key, create, () => [['XADD', key, '*', 'f', 'new']])
  t.equal(await becomesEqual(key), '')
})

for (const [form, source] of [
  ['one command', "return redis.call('hset', KEYS[1], 'new', 1)"],
  ['several commands', "redis.call('hset', KEYS[1], 'new', 1) return redis.call('hincrby', KEYS[1], 'n', 1)"],
]) {
  t.test(`a backup is late with what a script has done, which is ${form}`, async (t) => {
    const key = take('dt-1')
    const create = (deadlineMs: number) =>
      client.pipeline([
        ['HSET', key, 'old', '1'],
        ['PEXPIREAT', key, String(deadlineMs)],
      ])
    t.same(await aim(key, create, () => [['EVAL', source, '1', key]]), [':1\r\n'])
    t.equal(await becomesEqual(key), '')
  })
}

t.test('a backup gets the deadline that a script has given when it has passed', async (t) => {
  const key = take('dt-1')
  const source = "redis.call('pexpireat', KEYS[1], ARGV[1]) return redis.call('hset', KEYS[1], 'new', 1)"
  const create = () =>
    client.pipeline([
      ['DEL', key],
      ['HSET', key, 'old', '1'],
    ])
  t.same(await aim(key, create, (deadlineMs) => [['EVAL', source, '1', key, String(deadlineMs)]]), [':1\r\n'])
  t.equal(await becomesEqual(key), '')
})

t.test('a copy arrives when the deadline has passed, with a write behind it', async (t) => {
  const key = take('dt-1')
  const other = await proxy.connect()
  let repaired: Promise<unknown> | undefined
  const create = async (deadlineMs: number) => {
    await client.pipeline([
      ['DEL', key],
      ['HSET', key, 'old', '1', 'other', '1'],
      ['PEXPIREAT', key, String(deadlineMs)],
    ])
    await repaired
    await direct['dt-9'].ask('DEL', key)
    // Its reply on dt-9 is another one than the master's, so that the key is copied there.
    repaired = other.ask('HDEL', key, 'other')
  }
  const replies = await aim(key, create, () => [['HSET', key, 'new', '1']], { from: 'RESTORE' })
  t.same(replies, [':1\r\n'])
  t.equal(String(await repaired), ':1\r\n')
  t.equal(await becomesEqual(key), '')
})

/** How many of two members have the key. */
async function holders(key: string): Promise<number> {
  const counts = await Promise.all(
    Object.values(direct).map(async (member: RawClient) => Number(String(await member.ask('EXISTS', key)).slice(1))),
  )
  return counts.reduce((sum, count) => sum + count, 0)
}
