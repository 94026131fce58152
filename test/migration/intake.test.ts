import t from 'tap'
import { type Link, LinkLostError } from '../../src/backend/link.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { type KeyId, keyOfId } from '../../src/base/key-id.js'
import { Intake } from '../../src/migration/intake.js'
import { Pace } from '../../src/migration/pace.js'
import { Rate } from '../../src/migration/window.js'
import { Arrivals } from '../../src/order/arrivals.js'
import type { CopyListener } from '../../src/order/copy-key.js'
import { Lanes } from '../../src/order/lanes.js'
import type { Order } from '../../src/order/order.js'
import type { Frame } from '../../src/resp/frame.js'
import { parseRequest } from '../../src/resp/request-parser.js'
import { RangeSet } from '../../src/ring/range-set.js'
import { buildView } from '../../src/view/build-view.js'

const RANGE = { from: 0, to: 0 }
const VIEW = buildView('ring', 1, 1, 8, [{ name: 'source', host: 'localhost', port: 1, state: 'up' }])
const turns = () => new Promise((resolve) => setTimeout(resolve, 5))

/** A source and a member that is to be filled from it; copies are on their way until they are let arrive. */
class Story {
  readonly lanes = new Lanes(() => {})
  readonly arrivals = new Arrivals()
  readonly source = this.link('source', ['there'])
  readonly target = this.link('target', [])
  /** What was copied, in order. */
  readonly copied: KeyId[] = []
  /** Keys in doubt on the target, with whether it refuses to be repaired. */
  readonly inDoubt = new Map<KeyId, boolean>()
  private underWay: (() => void)[] = []

  intake(): Intake {
    const { lanes, arrivals } = this
    const order = {
      lanes,
      arrivals,
      doubts: {
        on: () => [...this.inDoubt.keys()],
        isInDoubt: (link: Link, id: KeyId) => link === this.target && this.inDoubt.has(id),
        isRefused: (_link: Link, id: KeyId) => this.inDoubt.get(id) === true,
      },
      pieces: { isLarge: () => false, failed: { of: () => [{ id: '0:refused', reason: '-MISCONF no' }] } },
      router: { links: [this.source, this.target], view: VIEW },
      copyKeys: (ids: readonly KeyId[], _source: Link, target: Link, done: CopyListener) => {
        for (const id of ids) {
          arrivals.add(target, id)
          this.copied.push(id)
          this.underWay.push(() => done(target, 'copied', '', 1, id))
        }
      },
    } as unknown as Order
    const plan = {
      member: 'target',
      reason: 'join',
      empty: true,
      ranges: [RANGE],
      sources: [{ source: 'source', ranges: [RANGE] }],
    }
    const link = (name: string) => (name === 'target' ? this.target : this.source)
    return new Intake(order, plan as never, link, new Rate(1e9), new Pace(() => 0))
  }

  async arrive(): Promise<void> {
    await turns()
    for (const arrives of this.underWay.splice(0)) arrives()
    await turns()
  }

  private link(name: string, keys: readonly string[]): Link {
    const answer = (args: readonly string[]): string => {
      if (args[0] !== 'SCAN') return ':1\r\n'
      return `*2\r\n$1\r\n0\r\n*${keys.length}\r\n${keys.map((key) => `$${key.length}\r\n${key}\r\n`).join('')}`
    }
    return {
      ...{ name, ready: true, info: { runId: name } },
      expirations: { traffic: () => ({ pushed: 0, taken: 0 }) },
      call: async ([command]: string[]) => (command === 'INFO' ? { text: `db0:keys=${keys.length}\r\n` } : 'OK'),
      emitFrame: (frame: Frame, _db: number, sink: ReplySink, tag: number) => {
        const reply = Buffer.from(answer(parseRequest(frame).map(String)))
        queueMicrotask(() => sink.onReply(tag, reply, 0, reply.length, 0))
      },
    } as unknown as Link
  }
}

const names = (ids: readonly KeyId[]) => ids.map((id) => String(keyOfId(id).key)).join(' ')

t.test('what was held for a member when it was emptied arrives behind that, and is copied anew', async (t) => {
  const story = new Story()
  // The repair of a key that has been deleted since; the deletion was not sent to the member.
  story.lanes.hold(story.target, ['0:repaired'], { emit: () => {}, dropped: () => {}, covered: () => {} })
  const received = story.intake().run()
  await story.arrive()
  await story.arrive()
  t.same((await received)?.whole, [RANGE])
  t.equal(names(story.copied), 'there repaired')
})

t.test('an intake does not count on what another one before it had under way', async (t) => {
  const story = new Story()
  story.arrivals.keep(story.target, new RangeSet([RANGE]), ['0:owed'])
  const first = story.intake()
  const cancelled = first.run()
  await turns()
  t.equal(names(story.copied), 'owed')
  first.cancel()
  first.over()
  const second = story.intake()
  const received = second.run()
  await turns()
  t.equal(names(story.copied), 'owed owed')
  await story.arrive()
  t.equal(await cancelled, undefined)
  t.same((await received)?.whole, [RANGE])
})

t.test('a member is not complete before it has the keys that writes have had copied to it', async (t) => {
  const story = new Story()
  story.arrivals.keep(story.target, new RangeSet([RANGE]), [])
  story.arrivals.add(story.target, '0:written')
  const end = story.arrivals.begin(story.target)
  let received = false
  const over = story
    .intake()
    .run()
    .then(() => (received = true))
  await turns()
  await turns()
  t.equal(received, false)
  end()
  t.equal(await over, true)
})

t.test('nor before those are repaired that are in doubt on it: it may lack them altogether', async (t) => {
  const story = new Story()
  story.arrivals.keep(story.target, new RangeSet([RANGE]), [])
  story.inDoubt.set('0:doubtful', false)
  let received = false
  const over = story
    .intake()
    .run()
    .then((whole) => {
      received = true
      return whole
    })
  await turns()
  await turns()
  t.equal(received, false)
  // What comes into doubt from now on was there before.
  story.inDoubt.set('0:later', false)
  story.inDoubt.delete('0:doubtful')
  t.same((await over)?.whole, [RANGE])
})

t.test('a key of which it refuses the repair holds up its range, and no other', async (t) => {
  const story = new Story()
  story.arrivals.keep(story.target, new RangeSet([RANGE]), [])
  story.inDoubt.set('0:refused', true)
  // A write has just had it copied once more.
  story.arrivals.add(story.target, '0:refused')
  const received = await story.intake().run()
  t.same(received?.whole, [])
  t.same(received?.failed, [{ id: '0:refused', why: '-MISCONF no' }])
  t.same(story.arrivals.owed(story.target), ['0:refused'])
})

t.test('a member whose link is down is not complete: nobody repairs anything there', async (t) => {
  const story = new Story()
  story.arrivals.keep(story.target, new RangeSet([RANGE]), [])
  story.inDoubt.set('0:doubtful', false)
  ;(story.target as { ready: boolean }).ready = false
  await t.rejects(story.intake().run(), LinkLostError)
})
