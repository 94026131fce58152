import { Writable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { Turn } from '../../src/base/turn.js'
import { Outbox } from '../../src/client/outbox.js'
import { ReplyBudget } from '../../src/client/reply-budget.js'
import { ReplyQueue, type ReplyQueueOwner } from '../../src/client/reply-queue.js'
import type { Slot } from '../../src/client/slot.js'

/** A queue whose replies end up in `written`. */
class Story implements ReplyQueueOwner {
  closed = false
  lastDone = 0
  heard = 0
  readonly queue: ReplyQueue
  readonly budget = new ReplyBudget()
  private readonly chunks: Buffer[] = []
  private readonly outbox: Outbox

  constructor() {
    const socket = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        this.chunks.push(Buffer.from(chunk))
        done()
      },
    })
    this.outbox = new Outbox(socket as never, new Turn(), () => {})
    this.queue = new ReplyQueue(this.outbox, this, this.budget)
  }

  get written(): string {
    this.outbox.write()
    return this.left
  }

  /** What has been written by the end of this turn. */
  async writtenInTurn(): Promise<string> {
    await nextTurn()
    return this.left
  }

  private get left(): string {
    return Buffer.concat(this.chunks).toString('latin1')
  }

  take(requestBytes = 10): Slot {
    return this.queue.take(2, 0, false, requestBytes)
  }

  repliesDone(): void {
    this.heard++
  }
  errorReplied(): void {}
  readonly failures: string[] = []
  blocked(): void {}

  commandFailed(failure: Error, isOrderLost: boolean): void {
    this.failures.push(`${failure.message}${isOrderLost ? ', the order is lost' : ''}`)
  }
  lastReplyDone(): void {
    this.lastDone++
  }
}

/** Finishes with bytes that lie in a buffer which is overwritten afterwards, unless they are given away. */
function finish(slot: Slot, reply: string, owned = false): void {
  const around = Buffer.from(`before${reply}after`, 'latin1')
  slot.finish(around, 6, around.length - 5, owned)
  if (!owned) around.fill(0)
}

t.test('replies leave in the order of their commands, in whatever order they come', async () => {
  const commands = fc.array(
    fc.record({
      size: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 200 }) }, fc.integer({ min: 1, max: 40_000 })),
      owned: fc.boolean(),
      silent: fc.boolean(),
    }),
    { minLength: 1, maxLength: 60 },
  )
  fc.assert(
    fc.property(commands, fc.infiniteStream(fc.nat()), (commands, random) => {
      const story = new Story()
      const next = () => random.next().value as number
      const text = (i: number) => String.fromCharCode(33 + (i % 90)).repeat(commands[i].size)
      const open: { slot: Slot; i: number }[] = []
      let taken = 0
      let done = ''
      const finished = new Set<number>()
      while (taken < commands.length || open.length > 0) {
        if (taken < commands.length && (open.length === 0 || next() % 2 === 0)) {
          open.push({ slot: story.queue.take(2, 0, commands[taken].silent, commands[taken].size), i: taken })
          taken++
          continue
        }
        const [{ slot, i }] = open.splice(next() % open.length, 1)
        finish(slot, text(i), commands[i].owned)
        finished.add(i)
        done = ''
        for (let k = 0; finished.has(k); k++) if (!commands[k].silent) done += text(k)
        if (story.written !== done) return false
      }
      return story.queue.length === 0 && story.queue.requestBytes === 0
    }),
    { numRuns: 100 },
  )
})

t.test('slots are used again, and one that comes back knows nothing of before', async (t) => {
  const story = new Story()
  const first = story.queue.take(3, 9, true, 100)
  first.last = true
  const second = story.take()
  finish(second, 'x'.repeat(1000))
  finish(first, 'silent')
  t.equal(story.lastDone, 1)
  const again = [story.take(), story.take()]
  t.ok(again.includes(first) && again.includes(second))
  for (const slot of again) t.match(slot, { proto: 2, db: 0, silent: false, last: false, finished: false })
  t.equal(story.written, 'x'.repeat(1000))
})

t.test('a client that waits for several replies goes on when all of them are there', async (t) => {
  const story = new Story()
  const before = story.take()
  const slow = story.take()
  const slower = story.take()
  slow.pauseClient()
  slow.pauseClient()
  slower.pauseClient()
  t.equal(story.queue.pausing, 2)
  finish(before, 'a')
  t.equal(story.queue.pausing, 2)
  finish(slower, 'c')
  t.equal(story.queue.pausing, 1)
  finish(slow, 'b')
  t.equal(story.queue.pausing, 0)
})

t.test(
  'the size of replies that wait for their turn is known, and nothing is kept for a client that is gone',
  async (t) => {
    const story = new Story()
    const [a, b, c, d] = [story.take(), story.take(), story.take(), story.take()]
    finish(c, 'x'.repeat(1000))
    finish(b, 'y'.repeat(10), true)
    t.equal(story.queue.keptBytes, 1010)
    t.equal(story.heard, 2, 'the owner is told, who looks after the limit')
    story.closed = true
    finish(d, 'z'.repeat(100_000), true)
    t.equal(story.queue.keptBytes, 1010)
    finish(a, '')
    t.equal(story.queue.keptBytes, 0)
  },
)

t.test('a second reply to one command is a mistake of ours that does not reach another client', async (t) => {
  const story = new Story()
  const [a, b] = [story.take(), story.take()]
  finish(b, 'b')
  t.throws(() => finish(b, 'again'), /one reply/)
  finish(a, 'a')
  t.throws(() => finish(a, 'again'), /one reply/)
  t.equal(story.written, 'ab')
})

t.test('the size of open commands is known', async (t) => {
  const story = new Story()
  const [a, b] = [story.take(100), story.take(50)]
  t.equal(story.queue.requestBytes, 150)
  finish(b, 'b')
  t.equal(story.queue.requestBytes, 150, 'its reply is still kept')
  finish(a, 'a')
  t.equal(story.queue.requestBytes, 0)
})

t.test('replies for a client that is gone go nowhere', async (t) => {
  const story = new Story()
  const [a, b] = [story.take(), story.take()]
  t.equal(a.abandoned, false)
  story.closed = true
  t.equal(a.abandoned, true)
  finish(b, 'b')
  finish(a, 'a')
  t.equal(story.written, '')
  t.equal(story.queue.length, 0)
})

t.test('replies to commands that came together leave together', async (t) => {
  const story = new Story()
  const slots = Array.from({ length: 3 }, () => story.take())
  story.queue.endBatch()
  const later = story.take()
  story.queue.endBatch()
  finish(slots[0], 'a')
  t.equal(await story.writtenInTurn(), '', 'the first one waits for the others')
  finish(slots[2], 'c')
  finish(slots[1], 'b')
  t.equal(await story.writtenInTurn(), 'abc', 'and none of them for commands that came later')
  finish(later, 'd')
  t.equal(await story.writtenInTurn(), 'abcd')

  const [first, last] = [story.take(), story.queue.take(2, 0, true, 10)]
  story.queue.endBatch()
  finish(first, 'e')
  t.equal(await story.writtenInTurn(), 'abcd')
  finish(last, 'silent')
  t.equal(await story.writtenInTurn(), 'abcde', 'also when the last reply is one that the client does not want')

  finish(story.take(), 'f')
  story.queue.endBatch()
  t.equal(await story.writtenInTurn(), 'abcdef', 'and when all are answered before anybody knows which one is the last')
})

t.test('a command that failed has an error in its place, and what comes for it later goes nowhere', async (t) => {
  const story = new Story()
  const [first, second, third] = [story.take(), story.take(), story.take()]
  second.fail(new Error('no memory'), true)
  finish(third, '+3\r\n')
  t.equal(story.written, '')
  finish(second, '+2\r\n')
  finish(first, '+1\r\n')
  const error =
    '-ERR the outcome of this write is unknown: internal error of the proxy: no memory; ' +
    'read the key before you send the write again\r\n'
  t.equal(story.written, `+1\r\n${error}+3\r\n`)
  t.equal(story.queue.length, 0)
  t.equal(story.queue.requestBytes, 0)
  t.same(story.failures, ['no memory'])
})

t.test('a reply is owed by the members that are asked for it, until each has answered', async (t) => {
  const story = new Story()
  const { budget, queue } = story
  const [one, other] = [...budget.of('dt-1'), ...budget.of('dt-2')]
  const owed = () => [one.expectedBytes > 0, other.expectedBytes > 0]
  budget.sawLarge(200_000)

  queue.asks = [one, other]
  const several = story.take()
  t.same(owed(), [true, true])
  const local = story.take(0)
  const next = story.take()
  t.equal(next.expectedBytes, 0, 'what asks nobody for a value does not count')
  several.cameFrom('dt-3', 10)
  t.same(owed(), [true, true])
  several.cameFrom('dt-2', 10)
  t.same(owed(), [true, false])
  several.cameFrom('dt-1', 5000)
  t.same(owed(), [false, false], 'the reply is here, and waits for something else')
  for (const slot of [several, local, next]) finish(slot, '+OK\r\n')

  queue.asks = [one]
  const parked = story.take()
  t.same(owed(), [true, false])
  parked.pauseClient()
  t.same(owed(), [false, false], 'its client has nothing behind it')
  finish(parked, '+OK\r\n')

  const held: Slot[] = []
  while (held.length < 100) {
    queue.asks = [one]
    held.push(story.take())
    held.at(-1)!.putAside()
  }
  t.same(owed(), [false, false], 'nor does it wait for what is held')
  for (const slot of held) finish(slot, '+OK\r\n')
  t.same(owed(), [false, false])
})

t.test('what waits aside is bounded: more of it is owed by the member that was asked', async (t) => {
  const stories = Array.from({ length: 100 }, () => new Story())
  const { budget } = stories[0]
  const [share] = budget.of('dt-1')
  const slots = stories.map((story) => {
    const queue = new ReplyQueue(new Outbox(new Writable() as never, new Turn(), () => {}), story, budget)
    queue.asks = [share]
    const slot = queue.take(2, 0, false, 10)
    slot.putAside()
    return slot
  })
  const MEGABYTE = 1024 * 1024
  t.equal(share.expectedBytes, 36 * MEGABYTE)
  for (const slot of slots.slice(0, 64)) slot.pauseClient()
  t.equal(share.expectedBytes, 36 * MEGABYTE)
  slots[99].putAside()
  t.equal(share.expectedBytes, 35 * MEGABYTE, 'and there is room again when some of it has come')
  for (const slot of slots.slice(64)) slot.pauseClient()
  t.equal(share.expectedBytes, 0)
})

t.test('what is kept of a client that goes on is bounded, too: with more of it he waits for his reply', async (t) => {
  const MEGABYTE = 1024 * 1024
  const story = new Story()
  const { queue, budget } = story
  const slots = Array.from({ length: 3 }, () => {
    const slot = story.take()
    slot.pauseClient()
    return slot
  })
  for (const slot of slots) slot.goOn(30 * MEGABYTE)
  t.equal(queue.pausing, 1)
  t.equal(budget.putAside(5 * MEGABYTE), false)
  slots[2].goOn(100)
  t.equal(queue.pausing, 0, 'small ones are not counted')
  finish(slots[0], '+1\r\n')
  t.equal(budget.putAside(5 * MEGABYTE), true, 'there is room again when it has left')
  budget.cameFromAside(5 * MEGABYTE)
  const last = story.take()
  last.pauseClient()
  last.goOn(40 * MEGABYTE)
  t.equal(queue.pausing, 1)
  for (const slot of [...slots.slice(1), last]) finish(slot, '+2\r\n')
  t.equal(queue.pausing, 0, 'and with his reply he goes on')
  t.equal(budget.putAside(64 * MEGABYTE), true, 'nothing is kept any more')
})

t.test('what was not asked for comes behind the replies to all commands before, but for one that waits', async (t) => {
  const story = new Story()
  const push = (text: string) => story.queue.push(Buffer.from(text))
  push('a')
  t.equal(story.written, 'a', 'at once where nothing is asked')
  const [first, second] = [story.take(), story.take()]
  push('b')
  push('c')
  const waiting = story.take()
  waiting.pauseClient()
  push('d')
  t.equal(story.queue.newest, waiting.number, 'the client has sent nothing more')
  finish(second, '2')
  t.equal(story.written, 'a')
  finish(first, '1')
  t.equal(story.written, 'a12bcd')
  push('e')
  t.equal(story.written, 'a12bcde', 'not behind a command that waits for something else than an answer')
  finish(waiting, '3')
  push('f')
  t.equal(story.written, 'a12bcde3f')
  t.equal(story.queue.keptBytes, 0)
})

t.test(
  'that something is old is said behind what may have been read before, also where that waits for its keys',
  async (t) => {
    const story = new Story()
    const { queue } = story
    queue.pushBehindReads(Buffer.from('nothing is to come'), true)
    const gated = story.take()
    gated.pauseClient()
    queue.pushBehindReads(Buffer.from('b'), true)
    finish(gated, 'a')
    const [read, waiting] = [story.take(), story.take()]
    waiting.waits({ abandon: () => {}, unblock: async () => false } as never)
    queue.pushBehindReads(Buffer.from('d'), false)
    finish(read, 'c')
    t.equal(story.written, 'abcd', 'what waits has read nothing')
    queue.pushBehindReads(Buffer.from('not again'), false)
    queue.pushBehindReads(Buffer.from('f'), true)
    finish(waiting, 'e')
    t.equal(story.written, 'abcdef')
  },
)

t.test(
  'what was read before a command that waits is said to be old in its place, and again behind that command',
  async (t) => {
    const story = new Story()
    const [read, waiting] = [story.take(), story.take()]
    waiting.waits({ abandon: () => {}, unblock: async () => false } as never)
    story.queue.pushBehindReads(Buffer.from('2'), true)
    finish(read, '1')
    t.equal(story.written, '12', 'not kept for what may never come')
    finish(waiting, '3')
    t.equal(story.written, '1232')
    t.equal(story.queue.keptBytes, 0)
  },
)

t.test('messages are not kept behind a command that waits because something else is', async (t) => {
  const story = new Story()
  const read = story.take()
  const waiting = story.take()
  waiting.pauseClient()
  waiting.waits({ abandon: () => {}, unblock: async () => false } as never)
  story.queue.pushBehindReads(Buffer.from('o'), true)
  story.queue.push(Buffer.from('m'))
  finish(read, 'r')
  t.equal(story.written, 'rom')
  story.queue.push(Buffer.from('n'))
  t.equal(story.written, 'romn', 'at once')
  finish(waiting, 'w')
  t.equal(story.written, 'romnwo')
})
