import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import type { ConfigInput } from '../../src/config/config.js'
import { LogLines } from '../helpers/log-lines.js'
import { startProxy, type TestProxy } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { membersOf } from '../helpers/ring-state.js'
import { comeBack, declareDown, forgive, PATIENT_MS, tellSentinels } from '../helpers/sentinels.js'
import { settled } from '../helpers/settled.js'
import { until } from '../helpers/until.js'

/*
 * A server that was away for longer than the Sentinels wait, and did not restart, has everything but what was written
 * meanwhile [design §8 Failure].
 */

const KEYS = 3000

interface Story {
  readonly proxy: TestProxy
  readonly lines: LogLines
  readonly client: RawClient
}

async function begin(t: Test, nodes = 4, config: ConfigInput = {}): Promise<Story> {
  const lines = new LogLines()
  const proxy = await startProxy(t, { nodes, replicas: 2, downAfterMs: PATIENT_MS, log: lines.log, config })
  const client = await proxy.connect()
  await client.pipeline(Array.from({ length: KEYS }, (_, i) => ['SET', `key:${i}`, `value ${i}`]))
  return { proxy, lines, client }
}

/** One that is dead or stands still. */
async function leaves(story: Story, name: string): Promise<void> {
  await declareDown(story.proxy.ring, name)
  await gone(story, name)
}

async function gone({ client }: Story, name: string): Promise<void> {
  await until(`${name} has left`, async () => !(await membersOf(client)).includes(name))
  await until('copies are made', async () => /pending-ranges\r\n:0/.test(String(await client.ask('DT', 'VIEW'))))
}

/** Waits until everything is where it belongs; gives the keys that were copied to the member since it came back. */
async function back({ proxy, lines }: Story, name: string, from: number): Promise<{ keys: number; copied: number }> {
  const keys = await settled(proxy.ring)
  const filled = lines.lines.slice(from).filter((line) => /^migration: complete/.test(line.msg) && line.member === name)
  return { keys, copied: filled.reduce((sum, line) => sum + (line.keys as number), 0) }
}

t.test('only what was written while it was away is copied to it', async (t) => {
  const story = await begin(t)
  const { proxy, lines, client } = story
  // Somebody writes all the time: also at the moment when it stops, leaves and is back.
  let writing = true
  let written = 0
  const writer = (async () => {
    const other = await proxy.connect()
    for (; writing; written++) {
      const replies = await other.pipeline([
        ['SET', `key:${written % 50}`, `late ${written}`],
        ['RPUSH', 'list', String(written)],
        ['INCR', 'counter'],
      ])
      for (const reply of replies) t.notMatch(String(reply), /^-/)
      await sleep(2)
    }
    t.equal(String(await other.ask('GET', 'counter')), `$${String(written).length}\r\n${written}\r\n`)
    t.equal(String(await other.ask('LLEN', 'list')), `:${written}\r\n`)
  })()
  await sleep(100)
  proxy.ring.pause('dt-2')
  await leaves(story, 'dt-2')
  const away = [
    ...Array.from({ length: 100 }, (_, i) => ['SET', `new:${i}`, 'v']),
    ...Array.from({ length: 50 }, (_, i) => ['DEL', `key:${100 + i}`]),
    ...Array.from({ length: 50 }, (_, i) => ['SET', `key:${200 + i}`, 'v', 'PX', '100000']),
    ...Array.from({ length: 50 }, (_, i) => ['SET', `short:${i}`, 'v', 'PX', '1']),
    ['SELECT', '3'],
    ['HSET', 'key:1', 'a', 'b'],
    ['SELECT', '0'],
  ]
  for (const reply of await client.pipeline(away)) t.notMatch(String(reply), /^-/)
  const from = lines.lines.length
  await forgive(proxy.ring, 'dt-2')
  proxy.ring.resume('dt-2')
  await until('it is back', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
  await sleep(200)
  writing = false
  await writer
  const { keys, copied } = await back(story, 'dt-2', from)
  t.equal(keys, KEYS + 100 - 50 + 2 + 1, 'all of them are equal on all their servers')
  t.ok(copied > 0 && copied < 500, `${copied} of ${keys} keys were copied`)
  t.equal(lines.about(/displaced copies deleted/, 'dt-2').length, 0, 'nothing that it kept was superfluous')
})

t.test('if it stops again while it is given what it missed, it is given the rest when it is back', async (t) => {
  // So slow that it takes several seconds.
  const story = await begin(t, 4, { migration: { maxBytesPerSecond: 20_000 } })
  const { proxy, lines, client } = story
  const MISSED = 400
  const missed = Array.from({ length: MISSED }, (_, i) => ['SET', `key:${i}`, 'x'.repeat(150)])
  proxy.ring.pause('dt-2')
  await leaves(story, 'dt-2')
  for (const reply of await client.pipeline(missed)) t.notMatch(String(reply), /^-/)
  const from = lines.lines.length
  await forgive(proxy.ring, 'dt-2')
  proxy.ring.resume('dt-2')
  const received = async () => {
    const copied = /\$4\r\nkeys\r\n:(\d+)/.exec(String(await client.ask('DT', 'MIGRATIONS')))
    return Number(copied?.[1] ?? 0)
  }
  const before = await until('it has received some of it', async () => (await received()) || undefined)
  proxy.ring.pause('dt-2')
  await declareDown(proxy.ring, 'dt-2')
  const late = Array.from({ length: 100 }, (_, i) => ['APPEND', `key:${i}`, 'y'])
  for (const reply of await client.pipeline(late)) t.equal(String(reply), ':151\r\n')
  await gone(story, 'dt-2')
  t.ok(before < MISSED, `${before} had been copied`)
  await forgive(proxy.ring, 'dt-2')
  proxy.ring.resume('dt-2')
  await until('it is back', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
  const { keys, copied } = await back(story, 'dt-2', from)
  t.equal(keys, KEYS, 'all of them are equal on all their servers')
  t.ok(copied > 0 && copied <= MISSED, `${copied} of ${keys} keys were copied`)
})

t.test('after a FLUSHDB while it was away it is filled anew', async (t) => {
  const story = await begin(t)
  const { proxy, lines, client } = story
  proxy.ring.pause('dt-2')
  await leaves(story, 'dt-2')
  t.equal(String(await client.ask('FLUSHDB')), '+OK\r\n')
  await client.pipeline(Array.from({ length: 300 }, (_, i) => ['SET', `after:${i}`, 'v']))
  const from = lines.lines.length
  await forgive(proxy.ring, 'dt-2')
  proxy.ring.resume('dt-2')
  await until('it is back', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
  const { keys } = await back(story, 'dt-2', from)
  t.equal(keys, 300, 'and nothing of what it had comes back')
})

t.test('if it restarted while it was away it is filled anew', async (t) => {
  const story = await begin(t)
  const { proxy, lines, client } = story
  await proxy.ring.kill('dt-2')
  await leaves(story, 'dt-2')
  const from = lines.lines.length
  await comeBack(proxy.ring, 'dt-2')
  await until('it is back', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
  const { keys, copied } = await back(story, 'dt-2', from)
  t.equal(keys, KEYS)
  t.ok(copied > 1000, `${copied} keys were copied`)
})

t.test('a server that was removed belongs to nobody: when it is added again it is filled anew', async (t) => {
  const story = await begin(t)
  const { proxy, client, lines } = story
  await tellSentinels(proxy.ring, 'REMOVE', 'dt-2')
  await gone(story, 'dt-2')
  t.equal(String(await (await proxy.connectTo('dt-2')).ask('FLUSHALL')), '+OK\r\n')
  const from = lines.lines.length
  await tellSentinels(proxy.ring, 'MONITOR', 'dt-2', '127.0.0.1', String(proxy.ring.server('dt-2').port), '2')
  await until('it is back', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4')
  const { keys, copied } = await back(story, 'dt-2', from)
  t.equal(keys, KEYS)
  t.ok(copied > 1000, `${copied} keys were copied`)
})

t.test('a server that joins while another is away takes ranges over: the rest is still kept', async (t) => {
  const story = await begin(t, 5)
  const { proxy, lines, client } = story
  await tellSentinels(proxy.ring, 'REMOVE', 'dt-5')
  await gone(story, 'dt-5')
  await until('its copies are gone', async () => lines.about(/no data has to move any more.*dt-3 dt-4$/).length > 0)
  proxy.ring.pause('dt-2')
  await leaves(story, 'dt-2')
  await tellSentinels(proxy.ring, 'MONITOR', 'dt-5', '127.0.0.1', String(proxy.ring.server('dt-5').port), '2')
  await until('it has joined', async () => (await membersOf(client)) === 'dt-1 dt-3 dt-4 dt-5')
  await gone(story, 'dt-2')
  await client.pipeline(Array.from({ length: 100 }, (_, i) => ['SET', `key:${i}`, 'changed']))
  const from = lines.lines.length
  await forgive(proxy.ring, 'dt-2')
  proxy.ring.resume('dt-2')
  await until('it is back', async () => (await membersOf(client)) === 'dt-1 dt-2 dt-3 dt-4 dt-5')
  const { keys, copied } = await back(story, 'dt-2', from)
  t.equal(keys, KEYS)
  t.ok(copied < 500, `${copied} keys were copied`)
})
