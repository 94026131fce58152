import { Writable } from 'node:stream'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { release, takeLarge } from '../../src/base/large-buffers.js'
import { Turn } from '../../src/base/turn.js'
import { Outbox } from '../../src/client/outbox.js'

/** A socket that takes what it is given at once, or keeps it until `take`. */
class Story {
  readonly writes: Buffer[] = []
  readonly outbox: Outbox
  readonly turn = new Turn()
  eager = true
  private waiting: (() => void) | undefined
  private taken: Buffer[] = []

  constructor() {
    const keep = (chunks: Buffer[], done: () => void) => {
      this.writes.push(Buffer.concat(chunks))
      const take = () => {
        // The kernel reads the bytes now: until then nobody may have written into them.
        this.taken.push(Buffer.concat(chunks))
        done()
      }
      if (this.eager) take()
      else this.waiting = take
    }
    const socket = new Writable({
      highWaterMark: 16 * 1024,
      write: (chunk: Buffer, _encoding, done) => keep([chunk], done),
      writev: (chunks, done) =>
        keep(
          chunks.map(({ chunk }) => chunk as Buffer),
          done,
        ),
    })
    this.outbox = new Outbox(socket as never, this.turn, () => {})
    socket.on('drain', () => this.outbox.drained())
  }

  take(): boolean {
    const { waiting } = this
    this.waiting = undefined
    waiting?.()
    return waiting !== undefined
  }

  /** All that it is given. */
  async takeAll(): Promise<void> {
    this.eager = true
    do {
      this.take()
      await nextTurn()
    } while (this.waiting !== undefined || this.outbox.pendingBytes > 0)
  }

  get received(): Buffer {
    return Buffer.concat(this.taken)
  }
}

t.test('what is appended in one turn goes out in one write', async (t) => {
  const story = new Story()
  for (const text of ['+OK\r\n', ':1\r\n', '$1\r\na\r\n']) {
    const around = Buffer.from(`xx${text}yy`)
    story.outbox.append(around, 2, around.length - 2, false)
    around.fill(0)
  }
  t.equal(story.outbox.pendingBytes, 16)
  t.equal(story.writes.length, 0)
  await nextTurn()
  t.same(story.writes.map(String), ['+OK\r\n:1\r\n$1\r\na\r\n'])
  t.equal(story.outbox.pendingBytes, 0)
  t.equal(story.outbox.totalBytes, 16)
})

t.test('small and large replies keep their order, at once or late, whoever owns their bytes', async () => {
  const replies = fc.array(
    fc.record({
      size: fc.oneof({ weight: 5, arbitrary: fc.integer({ min: 1, max: 500 }) }, fc.integer({ min: 1, max: 100_000 })),
      owned: fc.boolean(),
      how: fc.constantFrom('', 'followed', 'last'),
      next: fc.constantFrom('more', 'flush', 'last', 'take', 'stall', 'go', 'complete'),
    }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(replies, (replies) => {
      const story = new Story()
      const sent: Buffer[] = []
      for (const [i, { size, owned, how, next }] of replies.entries()) {
        const bytes = Buffer.alloc(size + 4, `${i}.`)
        sent.push(Buffer.from(bytes.subarray(2, size + 2)))
        if (how === 'last') story.outbox.appendLast(bytes, 2, size + 2, owned)
        else story.outbox.append(bytes, 2, size + 2, owned, how === 'followed')
        if (!owned) bytes.fill(0)
        if (next === 'flush') story.outbox.flush()
        else if (next === 'last') story.outbox.flushLast()
        else if (next === 'complete') story.outbox.complete()
        else if (next === 'take') story.take()
        else if (next !== 'more') story.eager = next === 'go'
      }
      story.outbox.write()
      story.eager = true
      while (story.take());
      return story.received.equals(Buffer.concat(sent)) && story.outbox.pendingBytes === 0
    }),
    { numRuns: 200 },
  )
})

t.test('what is in no hurry leaves behind all others, but for what comes behind it', async (t) => {
  const [one, other] = [new Story(), new Story()]
  const order: string[] = []
  for (const [name, story] of Object.entries({ one, other })) {
    const { writes } = story
    writes.push = (...bytes) => order.push(`${name}: ${String(bytes)}`)
  }
  Object.assign(other.outbox, { turn: one.turn })
  const say = (story: Story, text: string) => story.outbox.append(Buffer.from(text), 0, text.length, false)
  const sayLast = (text: string) => one.outbox.appendLast(Buffer.from(text), 0, text.length, false)
  sayLast('a')
  say(other, 'b')
  await nextTurn()
  t.same(order.splice(0), ['other: b', 'one: a'])
  sayLast('c')
  say(one, 'd')
  say(other, 'e')
  await nextTurn()
  t.same(order.splice(0), ['one: cd', 'other: e'])
  sayLast('f')
  one.outbox.write()
  await nextTurn()
  t.same(order.splice(0), ['one: f'], 'once')
  sayLast('g')
  await nextTurn()
  t.same(order, ['one: g'], 'again')
})

/** What is written by the end of this turn. */
async function writesOfTurn(story: Story): Promise<string[]> {
  await nextTurn()
  return story.writes.splice(0).map(String)
}

t.test('what belongs together waits for its end, and leaves in one write', async (t) => {
  const story = new Story()
  const append = (text: string, followed: boolean) =>
    story.outbox.append(Buffer.from(text), 0, text.length, false, followed)
  append('a', true)
  t.same(await writesOfTurn(story), [])
  append('b', true)
  append('c', false)
  t.same(await writesOfTurn(story), ['abc'])
  append('d', true)
  t.same(await writesOfTurn(story), [])
  story.outbox.complete()
  t.same(await writesOfTurn(story), ['d'], 'the end may be nothing that is sent')
  append('e', false)
  append('f', true)
  t.same(await writesOfTurn(story), ['ef'], 'what is complete waits for nothing, and takes along what there is')
})

t.test('an end that comes soon ends a wait; nothing is written twice or without having been asked for', async (t) => {
  const story = new Story()
  story.outbox.complete()
  story.outbox.append(Buffer.from('a'), 0, 1, false, true)
  t.same(await writesOfTurn(story), [], 'an end before there was anything is forgotten')
  story.outbox.write()
  t.same(await writesOfTurn(story), ['a'])
  await sleep(5)
  t.same(await writesOfTurn(story), [])
})

t.test('what belongs together and does not come soon, or is much, is not waited for', async (t) => {
  const story = new Story()
  for (const text of ['a', 'b']) {
    story.outbox.append(Buffer.from(text), 0, 1, false, true)
    t.same(await writesOfTurn(story), [])
    for (let tries = 0; story.writes.length === 0 && tries < 1000; tries++) await sleep(1)
    t.same(await writesOfTurn(story), [text])
  }
  story.outbox.append(Buffer.alloc(20_000, 'x'), 0, 20_000, false, true)
  t.same(await writesOfTurn(story), ['x'.repeat(20_000)])
})

t.test('bytes that the client has not taken are counted', async (t) => {
  const story = new Story()
  story.eager = false
  const bytes = Buffer.alloc(100_000, 'x')
  story.outbox.append(bytes, 0, 60_000, false)
  t.equal(story.outbox.pendingBytes, 60_000)
  story.outbox.flush()
  t.equal(story.outbox.pendingBytes, 60_000, 'they are in the socket now')
  story.outbox.append(bytes, 0, 10, false)
  t.equal(story.outbox.pendingBytes, 60_010)
  story.outbox.flush()
  t.equal(story.outbox.pendingBytes, 60_010)
  await story.takeAll()
  t.equal(story.outbox.pendingBytes, 0)
  t.ok(story.received.equals(bytes.subarray(0, 60_010)))
})

t.test('a large reply is not copied when its bytes are given away', async (t) => {
  const story = new Story()
  const written: Buffer[] = []
  const socket = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      written.push(chunk)
      done()
    },
  })
  const outbox = new Outbox(socket as never, new Turn(), () => {})
  const large = Buffer.allocUnsafeSlow(70_000)
  outbox.append(large, 0, large.length, true)
  outbox.append(large, 0, large.length, false)
  outbox.flush()
  t.equal(written[0].buffer, large.buffer)
  t.not(written[1].buffer, large.buffer)
  t.equal(story.writes.length, 0)
})

t.test('a large reply leaves at once, behind what was there', async (t) => {
  const story = new Story()
  const large = takeLarge(100_000)
  large.fill('x')
  story.outbox.append(Buffer.from('small'), 0, 5, false)
  story.outbox.append(large, 0, 100_000, false)
  t.equal(story.received.toString(), `small${'x'.repeat(100_000)}`)
  t.equal(story.outbox.pendingBytes, 0)
  release(large)
  t.equal(takeLarge(100_000), large, 'its buffer is used again in the same turn')
  release(large)
  story.outbox.append(Buffer.from('more'), 0, 4, false)
  await nextTurn()
  t.equal(story.writes.length, 2)
  t.equal(story.received.length, 100_009)
})

t.test(
  'what was appended since the last flush is not used again when the socket has written all before it',
  async (t) => {
    const story = new Story()
    story.eager = false
    story.outbox.append(Buffer.alloc(1000, 'a'), 0, 1000, false)
    story.outbox.flush()
    for (const letter of ['b', 'c']) story.outbox.append(Buffer.alloc(40_000, letter), 0, 40_000, false)
    story.take()
    story.outbox.drained()
    const other = new Story()
    for (let i = 0; i < 3; i++) other.outbox.append(Buffer.alloc(40_000, 'x'), 0, 40_000, false)
    story.eager = true
    story.outbox.flush()
    t.equal(story.received.toString(), 'a'.repeat(1000) + 'b'.repeat(40_000) + 'c'.repeat(40_000))
  },
)

t.test('while the turn is held a large reply stays, too', async (t) => {
  const story = new Story()
  story.turn.hold()
  story.outbox.append(Buffer.alloc(100_000), 0, 100_000, true)
  await nextTurn()
  t.equal(story.received.length, 0)
  story.turn.release()
  await nextTurn()
  t.equal(story.received.length, 100_000)
})

t.test(
  'the buffer of a large reply is held until the client has taken it, and output buffers are kept as long',
  async (t) => {
    const story = new Story()
    story.eager = false
    const large = takeLarge(100_000)
    large.fill('x')
    story.outbox.append(Buffer.from('small'), 0, 5, false)
    story.outbox.append(large, 0, 100_000, false)
    story.outbox.append(Buffer.from('more'), 0, 4, false)
    story.outbox.flush()
    release(large)
    const other = takeLarge(100_000)
    t.not(other, large)
    // Others write meanwhile: what has not left must not be written into.
    const busy = new Story()
    busy.outbox.append(Buffer.alloc(60_000, 'y'), 0, 60_000, false)
    busy.outbox.flush()
    await story.takeAll()
    t.equal(story.received.toString(), `small${'x'.repeat(100_000)}more`)
    t.equal(takeLarge(100_000), large)
    release(large)
    release(other)
  },
)

t.test(
  'a client that does not read is given nothing more, and what waits for it takes no more memory than it has',
  async (t) => {
    const story = new Story()
    story.eager = false
    const message = Buffer.alloc(1000, 'm')
    const turns = 3000
    story.outbox.append(Buffer.alloc(20_000, 'a'), 0, 20_000, false)
    await nextTurn()
    t.equal(story.writes.length, 1)
    const before = process.memoryUsage().arrayBuffers
    for (let i = 0; i < turns; i++) {
      story.outbox.append(message, 0, message.length, false)
      await nextTurn()
    }
    const grown = process.memoryUsage().arrayBuffers - before
    t.equal(story.writes.length, 1, 'nothing is written for it meanwhile')
    t.equal(story.outbox.pendingBytes, 20_000 + turns * 1000)
    t.ok(grown < turns * 1000 * 1.2 + 1024 * 1024, `${grown} bytes for ${turns * 1000}`)
    await story.takeAll()
    t.equal(story.received.toString(), 'a'.repeat(20_000) + 'm'.repeat(turns * 1000))
    t.equal(story.outbox.pendingBytes, 0)
    story.outbox.append(message, 0, message.length, false)
    await nextTurn()
    t.equal(story.received.length, 20_000 + (turns + 1) * 1000, 'from then on it is written to in each turn')
  },
)

t.test('what a slow client has taken is used again, though more has come for it meanwhile', async (t) => {
  const story = new Story()
  story.eager = false
  const [first, second] = [takeLarge(100_000), takeLarge(100_000)]
  first.fill('1')
  second.fill('2')
  story.outbox.append(first, 0, 100_000, false)
  story.outbox.append(second, 0, 100_000, false)
  release(first)
  release(second)
  t.equal(story.writes.length, 1)
  // The first one alone has left.
  story.take()
  story.outbox.append(Buffer.from('3'), 0, 1, false)
  await nextTurn()
  const [again, other] = [takeLarge(100_000), takeLarge(100_000)]
  t.equal(again, first)
  t.not(other, second)
  for (const each of [again, other]) each.fill('x')
  await story.takeAll()
  t.equal(story.received.toString(), `${'1'.repeat(100_000)}${'2'.repeat(100_000)}3`)
  for (const each of [again, other]) release(each)
})
