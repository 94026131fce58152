import { setImmediate as nextTurn } from 'node:timers/promises'
import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import { LargeReads } from '../../src/membership/large-reads.js'
import type { Router } from '../../src/order/router.js'
import { frameOf } from '../../src/resp/frame.js'

const MB = 1024 * 1024

/** A server that is silent and owes the answers to these commands, and what another one is asked meanwhile. */
function silentWith(commands: readonly (readonly string[])[]) {
  const buf = Buffer.concat(commands.map((words) => frameOf(words).buf))
  const owed = {
    readsUntilMs: 0,
    visit: (show: (buf: Buffer, start: number, end: number, db: number) => void) => show(buf, 0, buf.length, 0),
  }
  const link = { ready: true, outstanding: 1, lastReceivedMs: 1000, owed } as unknown as Link
  const asked: string[] = []
  const call = async ([, , key]: string[]) => {
    asked.push(String(key))
    return 32 * MB
  }
  const other = { ready: true, outstanding: 0, lastReceivedMs: 2000, owed: {}, call } as unknown as Link
  const router = { routeOfKey: () => ({ natural: [link, other] }) } as unknown as Router
  return { link, owed, asked, router }
}

const sets = (count: number) => Array.from({ length: count }, (_, i) => ['SET', `key:${i}`, 'x'])

t.test(
  'who is silent because of large reads is given time for them, by what another one has of their keys',
  async (t) => {
    const { link, owed, asked, router } = silentWith([...sets(10), ['LRANGE', 'list', '0', '-1'], ['MGET', 'a', 'b']])
    const reads = new LargeReads()
    reads.look(link, router, 2000)
    reads.look(link, router, 2000)
    await nextTurn()
    t.same(asked, ['list', 'a', 'b'], 'once for a silence')
    t.ok(owed.readsUntilMs > 1000 && owed.readsUntilMs < 1000 + 5000, String(owed.readsUntilMs))
  },
)

t.test('of a command with very many keys some are asked for, and stand for all', async (t) => {
  const keys = Array.from({ length: 300_000 }, (_, i) => `key:${i}`)
  const { link, owed, asked, router } = silentWith([['MGET', ...keys]])
  new LargeReads().look(link, router, 2000)
  await nextTurn()
  t.ok(asked.length > 500 && asked.length <= 1000, String(asked.length))
  t.equal(new Set(asked).size, asked.length)
  t.equal(owed.readsUntilMs, 1000 + 30_000, 'these are 9 TB')
})

t.test('the commands of a large transaction are not all looked at: nobody is served meanwhile', async (t) => {
  const near = silentWith([...sets(1500), ['GET', 'near']])
  const far = silentWith([...sets(100_000), ['GET', 'far']])
  for (const { link, router } of [near, far]) new LargeReads().look(link, router, 2000)
  await nextTurn()
  t.same([near.asked, far.asked], [['near'], []])
})
