import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { Gates } from '../../src/order/gates.js'
import { Lanes } from '../../src/order/lanes.js'
import type { ReplySlot } from '../../src/order/reply-slot.js'
import { Swaps } from '../../src/order/swaps.js'
import type { Frame } from '../../src/resp/frame.js'
import { IS_ERROR } from '../../src/resp/reply-framer.js'
import type { Keyspace } from '../../src/serving/keyspace/keyspace.js'
import { changeDatabases } from '../../src/serving/keyspace/whole-databases.js'
import { changeOf } from '../helpers/database-change.js'

/** A write and a read that are held on a member, and a FLUSHALL that is on its way there. */
class Story {
  /** What was told of what was held, and which keys came into doubt. */
  readonly told: string[] = []
  readonly reply: Promise<unknown>
  private sink!: ReplySink

  constructor(isMember = true) {
    const emitFrame = (_frame: Frame, _db: number, sink: ReplySink) => {
      this.sink = sink
    }
    const expirations = { traffic: () => ({ pushed: 0, taken: 0 }) }
    const link = { name: 'dt-1', ready: true, emitFrame, expirations } as unknown as Link
    const lanes = new Lanes(() => {})
    const order = {
      lanes,
      router: { links: isMember ? [link] : [], anyMember: { writable: () => true } },
      lostReads: { noteSweep: () => {}, isBehind: () => false },
      doubts: {
        note: ({ name }: Link, ids: string[]) => this.told.push(`${ids} in doubt on ${name}`),
        untilMarked: () => {},
      },
      waiting: { deadline: () => performance.now() },
      absences: { sweep: () => () => {} },
      watches: { any: false },
      awaited: { any: false, look: () => {} },
      stats: { writes: 0, outcomesUnknown: 0 },
      pieces: { aheads: { spoilAll: () => {} } },
      swaps: new Swaps(),
      owedSweeps: { owe: () => {} },
      gates: new Gates(),
      databases: 16,
      isMember: () => true,
      acknowledgement: { opens: async () => true },
      options: { distrust: () => {} },
    }
    const held = (name: string) => ({
      emit: () => void this.told.push(`${name} emitted`),
      dropped: () => void this.told.push(`${name} dropped`),
      covered: () => void this.told.push(`${name} void`),
    })
    lanes.hold(link, ['0:a'], { ...held('write'), changes: true })
    lanes.hold(link, ['0:b'], held('read'))
    const slot = { client: {}, db: 0 } as ReplySlot
    this.reply = changeDatabases({ order, changed: () => {} } as unknown as Keyspace, changeOf(['FLUSHALL']), slot)
  }

  async answers(reply: string): Promise<string[]> {
    const buf = Buffer.from(`${reply}\r\n`)
    this.sink.onReply(0, buf, 0, buf.length, reply.startsWith('-') ? IS_ERROR : 0)
    await this.reply
    return this.told
  }

  async breaks(): Promise<string[]> {
    this.sink.onLost(0, Buffer.alloc(0), 0, 0)
    await this.reply
    return this.told
  }
}

t.test(
  'a write that is held counts as done on a member when that has emptied its databases, and not before',
  async (t) => {
    const story = new Story()
    t.same(story.told, ['read void'])
    t.same(await story.answers('+OK'), ['read void', 'write void'])
  },
)

t.test('when it has not, the write is lost there, and its keys are in doubt', async (t) => {
  t.same(await new Story().answers('-ERR no'), ['read void', 'write dropped', '0:a in doubt on dt-1'])
  t.same(await new Story().breaks(), ['read void', 'write dropped', '0:a in doubt on dt-1'])
})

t.test('nobody waits for a server that is no member any more', async (t) => {
  const story = new Story(false)
  t.same(story.told, ['read void', 'write dropped'])
  await story.reply
})
