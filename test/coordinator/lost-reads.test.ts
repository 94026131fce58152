import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { Gates } from '../../src/order/gates.js'
import { LostReads } from '../../src/order/lost-reads.js'
import type { ReplySlot } from '../../src/order/reply-slot.js'
import { Swaps } from '../../src/order/swaps.js'
import type { Frame } from '../../src/resp/frame.js'
import type { Keyspace } from '../../src/serving/keyspace/keyspace.js'
import { changeDatabases } from '../../src/serving/keyspace/whole-databases.js'
import { changeOf } from '../helpers/database-change.js'

const CLIENT = {}
const NOBODY = {}

/** Reads of a client in databases 0 and 1 are under way on a link, and behind them a command; then the link breaks. */
async function overtakenBy(client: unknown, db: number, ...command: string[]): Promise<number[]> {
  const lostReads = new LostReads()
  let sink: ReplySink | undefined
  const emitFrame = (_frame: Frame, _db: number, to: ReplySink) => {
    sink = to
  }
  const link = { name: 'dt-1', ready: true, emitFrame } as unknown as Link
  const order = {
    lostReads,
    router: { links: [link], anyMember: { writable: () => true } },
    lanes: { active: 0, concerns: () => false, cover: () => new Map() },
    doubts: { concerns: () => false, untilMarked: () => {} },
    pieces: { aheads: { spoilAll: () => {} } },
    waiting: { deadline: () => performance.now() },
    absences: { sweep: () => () => {} },
    watches: { any: false },
    awaited: { any: false, look: () => {} },
    stats: { writes: 0, outcomesUnknown: 0 },
    swaps: new Swaps(),
    owedSweeps: { owe: () => {} },
    gates: new Gates(),
    databases: 16,
    databasesSwapped: () => {},
    isMember: () => true,
    options: { distrust: () => {} },
  }
  const own = { client, db } as ReplySlot
  const done = changeDatabases({ order, changed: () => {} } as unknown as Keyspace, changeOf(command, db), own)
  for (const each of [0, 1]) {
    const slot = { client: CLIENT, db: each } as ReplySlot
    lostReads.add(slot, [`${each}:key`], () => {})
  }
  sink!.onLost(0, Buffer.alloc(0), 0, 0)
  const overtaken = lostReads.take().filter((read) => read.overtaken)
  await done
  return overtaken.map(({ slot }) => slot.db)
}

t.test('a read is not sent again behind a command of its client that changes its whole database', async (t) => {
  t.same(await overtakenBy(CLIENT, 1, 'FLUSHALL'), [0, 1])
  t.same(await overtakenBy(CLIENT, 1, 'FLUSHDB'), [1])
  t.same(await overtakenBy(CLIENT, 0, 'SWAPDB', '1', '2'), [1])
})

t.test('behind one of somebody else it is', async (t) => {
  t.same(await overtakenBy(NOBODY, 0, 'FLUSHALL'), [])
})

t.test('nor behind a write of its client to the same key, or to one with the same {tag}', async (t) => {
  const reads = (...keys: string[]) => {
    const lostReads = new LostReads()
    const slot = { client: CLIENT, db: 0 } as ReplySlot
    for (const key of keys) lostReads.add(slot, [`0:${key}`], () => {})
    const overtakenBy = (client: unknown, key: string) => {
      lostReads.noteWrite({ client, db: 0 } as ReplySlot, [`0:${key}`])
      return lostReads.take().flatMap(({ overtaken }, i) => (overtaken ? [keys[i]] : []))
    }
    return { overtakenBy }
  }
  t.same(reads('key', 'other').overtakenBy(CLIENT, 'key'), ['key'])
  t.same(reads('{cart}:items', '{user}:name', 'cart').overtakenBy(CLIENT, '{cart}:total'), ['{cart}:items', 'cart'])
  t.same(reads('key').overtakenBy(NOBODY, 'key'), [], 'others may come first')
})
