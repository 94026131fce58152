import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { silentLogger } from '../../src/base/log.js'
import { Doubts } from '../../src/order/doubts.js'
import type { Group } from '../../src/order/groups.js'
import { Lanes } from '../../src/order/lanes.js'
import { Pieces } from '../../src/order/pieces/pieces.js'
import type { Router } from '../../src/order/router.js'
import { IS_ERROR } from '../../src/resp/reply-framer.js'
import { turnEnds } from '../helpers/turn-ends.js'
import { until } from '../helpers/until.js'

const KEY = '0:key'
const OTHER = '0:other'
/** Some members, of which the first ones are the replicas of the key, and what is in doubt on them. */
class Story {
  readonly doubts: Doubts
  /** How often readers were told to try again. */
  told = 0
  /** What became of writes. */
  readonly settled: string[] = []
  isMarked = true
  private readonly links: Record<string, Link & { readonly sent: { sink: ReplySink; tag: number }[] }>

  constructor(
    private members: string,
    private natural: string,
  ) {
    this.links = Object.fromEntries(
      members.split(' ').map((name) => {
        const sent: { sink: ReplySink; tag: number }[] = []
        const emit = (_b: Buffer, _s: number, _e: number, _o: boolean, _db: number, sink: ReplySink, tag: number) =>
          sent.push({ sink, tag })
        const expirations = { any: false, traffic: () => ({ pushed: 0, taken: 0 }) }
        return [name, { name, ready: true, serving: true, info: undefined, clockOffsetMs: 0, sent, emit, expirations }]
      }),
    ) as unknown as typeof this.links
    const linksOf = (names: string) => names.split(' ').map((name) => this.links[name])
    const router = () => {
      const replicas = linksOf(this.natural)
      return {
        view: { members: linksOf(this.members) },
        links: linksOf(this.members),
        routeOf: () => ({ natural: replicas, targets: replicas }),
      } as unknown as Router
    }
    // What is small is known.
    const pieces = Object.assign(new Pieces(50), { wasSmall: () => true })
    this.doubts = new Doubts(new Lanes(() => {}), pieces, router, silentLogger(), () => this.isMarked, {
      doubted: () => {},
      stoppedServing: () => {},
      serving: () => {},
      readable: () => this.told++,
      distrust: () => {},
      outOfMemory: () => {},
    })
  }

  /** A write was lost on a member whose link broke. */
  loses(name: string): this {
    const link = this.links[name]
    Object.assign(link, { ready: false, serving: false })
    this.doubts.note(link, [KEY], {
      settled: (_tag, hasWrite) => this.settled.push(`${name} ${hasWrite ? 'has' : 'has not'}`),
    })
    return this
  }

  /** A member does not have a write of the key that others have. */
  misses(name: string, key = KEY): this {
    this.doubts.note(this.links[name], [key], {
      settled: (_tag, hasWrite) => this.settled.push(`${name} ${hasWrite ? 'has' : 'has not'}`),
    })
    return this
  }

  /** A member's answer about the key stood against all others'. */
  isOutvoted(name: string): this {
    this.doubts.note(this.links[name], [KEY], undefined, 0, true)
    return this
  }

  /** A write of the key and of another one is emitted to all replicas. */
  carries(to = OTHER): Group {
    return this.doubts.begin(
      [KEY, to],
      this.natural.split(' ').map((name) => this.links[name]),
    )
  }

  /** A write has been executed on one member, and its key is being copied from there to another, until the function is called. */
  copies(from: string, to: string): () => void {
    return this.doubts.copies.begin({ id: KEY, source: this.links[from], targets: [this.links[to]] })
  }

  /** Which of the two keys are in doubt on a member. */
  inDoubt(name: string): string {
    return [KEY, OTHER].filter((id) => this.doubts.isInDoubt(this.links[name], id)).join(' ')
  }

  serves(name: string): boolean {
    return this.links[name].serving
  }

  returns(name: string): this {
    Object.assign(this.links[name], { ready: true })
    this.doubts.linkUp(this.links[name])
    return this
  }

  /** How much a member was sent that it has not answered. */
  sentTo(name: string): number {
    return this.links[name].sent.length
  }

  /** Answers everything that a member was sent. */
  answers(name: string, reply: string): this {
    const buf = Buffer.from(`${reply}\r\n`)
    const flags = reply.startsWith('-') ? IS_ERROR : 0
    for (const { sink, tag } of this.links[name].sent.splice(0)) sink.onReply(tag, buf, 0, buf.length, flags)
    return this
  }

  /** The same for the first thing. */
  answersOne(name: string, reply: string): this {
    const { sent } = this.links[name]
    const later = sent.splice(1)
    this.answers(name, reply)
    sent.push(...later)
    return this
  }

  becomes(members: string, natural: string): this {
    this.members = members
    this.natural = natural
    this.doubts.viewChanged()
    return this
  }

  /** The replicas that may be read. */
  get readable(): string {
    const natural = this.natural.split(' ').map((name) => this.links[name])
    return natural
      .filter((link) => link.ready && !this.doubts.hides(KEY, link, natural))
      .map(({ name }) => name)
      .join(' ')
  }
}

t.test('a key that one replica may have missed is read nowhere before that one has it', async (t) => {
  for (const [lost, source] of [
    ['a', 'b'],
    ['b', 'a'],
    ['c', 'a'],
  ]) {
    const story = new Story('a b c', 'a b c').loses(lost)
    t.equal(story.readable, '')
    story.returns(lost)
    t.equal(story.readable, '', `${lost} is back`)
    const before = story.told
    story.answers(source, '_').answers(lost, ':0')
    t.equal(story.readable, 'a b c')
    t.equal(story.doubts.any, false)
    t.ok(story.told > before)
    t.same(story.settled, [`${lost} has`])
    story.doubts.close()
  }
})

t.test(
  'one that refuses to be repaired is waited for by those behind it only, and by nobody for want of memory',
  async (t) => {
    const refused = (name: string, source: string, reason = '-MISCONF no disk') => {
      const story = new Story('a b c', 'a b c').loses(name).returns(name).answers(source, '_')
      const before = story.told
      story.answers(name, reason)
      t.ok(story.told > before)
      const { readable } = story
      story.doubts.close()
      return readable
    }
    t.equal(refused('c', 'a'), 'a b')
    t.equal(refused('b', 'a'), 'a', 'its word would count before that of c')
    t.equal(refused('a', 'b'), '')
    const reason = "-OOM command not allowed when used memory > 'maxmemory'."
    t.equal(refused('c', 'a', reason), 'a b')
    t.equal(refused('b', 'a', reason), 'a c')
    t.equal(refused('a', 'b', reason), 'b c')
  },
)

t.test(
  'when it has left the others are read, as soon as nobody would take it for a replica after a crash',
  async (t) => {
    const story = new Story('a b c', 'a b c').loses('a')
    story.isMarked = false
    story.becomes('b c', 'b c')
    t.equal(story.readable, '')
    await Promise.resolve()
    t.same(story.settled, ['a has not'])
    story.doubts.marked()
    t.equal(story.readable, 'b c')
    t.equal(story.doubts.any, false)
  },
)

t.test('nobody waits for a member that is away and no replica of the key any more', async (t) => {
  const story = new Story('a b c d', 'a b c').loses('a')
  story.isMarked = false
  story.becomes('a b c d', 'b c d')
  t.same(story.settled, ['a has not'])
  t.equal(story.readable, '')
  story.doubts.marked()
  t.equal(story.readable, 'b c d')
})

t.test('a key that gets into another one while it is in doubt, or before that is known', async (t) => {
  for (const known of ['before', 'meanwhile']) {
    const story = new Story('a b', 'a b')
    if (known === 'before') story.misses('b')
    const group = story.carries()
    if (known === 'meanwhile') story.misses('b')
    group.end()
    t.equal(story.inDoubt('b'), `${KEY} ${OTHER}`, known)
    t.equal(story.inDoubt('a'), '')
    await turnEnds()
    story.answers('a', '_')
    story.answersOne('b', ':1')
    t.same(story.settled, [], 'the write is in both keys now')
    story.answers('b', ':1')
    t.same(story.settled, ['b has'])
    t.equal(story.inDoubt('b'), '')
    story.doubts.close()
  }
})

t.test('a key whose repair is under way gets into another one behind it', async (t) => {
  const story = new Story('a b', 'a b').misses('b')
  await turnEnds()
  for (let i = 0; i < 3; i++) {
    story.carries().end()
    t.equal(story.inDoubt('b'), KEY, 'the repair is not begun anew')
  }
  story.answers('a', '_').answers('b', ':1')
  t.same(story.settled, ['b has'])
  t.equal(story.inDoubt('b'), '')
  story.doubts.close()
})

t.test('and when the repair does not arrive both are in doubt', async (t) => {
  for (const fails of ['a', 'b']) {
    const story = new Story('a b', 'a b').misses('b')
    await turnEnds()
    const group = story.carries()
    if (fails === 'b') story.answers('a', '_')
    story.answers(fails, '-ERR no')
    t.equal(story.inDoubt('b'), `${KEY} ${OTHER}`, fails)
    group.end()
    story.doubts.close()
  }
})

t.test(
  'when all are in doubt the master is right, and not what one of them was just getting from another',
  async (t) => {
    const story = new Story('a b c', 'a b c').loses('c').returns('c')
    story.answers('b', '_').answers('a', '_')
    story.loses('b').loses('a').returns('a')
    t.equal(story.inDoubt('a'), '', 'the word of the master counts')
    story.answersOne('c', ':0')
    t.equal(story.inDoubt('c'), KEY, 'the copy that was on its way is of before')
    await turnEnds()
    story.answers('a', '_').answers('c', ':0')
    t.equal(story.inDoubt('c'), '')
    t.same(story.settled, ['a has not', 'c has not'], 'nobody is sure to have the write')
    story.doubts.close()
  },
)

t.test(
  'of the keys of one write the same member decides: two would take them from each other without end',
  async (t) => {
    const story = new Story('a b c', 'a b c').isOutvoted('a').isOutvoted('b')
    story.carries()
    story.misses('a', OTHER).misses('b', OTHER).misses('c')
    for (let turn = 0; turn < 10; turn++) await turnEnds()
    t.equal(story.inDoubt('c'), '', 'it has not been outvoted for either key')
    t.ok(story.sentTo('c') < 20, `it is asked for what the others need: ${story.sentTo('c')}`)
    story.doubts.close()
  },
)

t.test('who leaves with keys in doubt serves reads when it is back, also over the same connection', async (t) => {
  const story = new Story('a b', 'a b').misses('b')
  t.notOk(story.serves('b'))
  story.becomes('a', 'a')
  await Promise.resolve()
  t.notOk(story.serves('b'))
  story.becomes('a b', 'a b')
  t.ok(story.serves('b'))
  story.doubts.close()
})

t.test(
  'what is copied from a replica that comes into doubt meanwhile is in doubt again where it arrives',
  async (t) => {
    const story = new Story('a b c', 'a b c').misses('a')
    await turnEnds()
    story.misses('b').answers('b', '$5\r\nwrong').answers('a', '+OK')
    t.equal(story.inDoubt('a'), KEY)
    t.same(story.settled, [])
    await turnEnds()
    story.answers('c', '$5\r\nright').answers('a', '+OK').answers('b', '+OK')
    t.equal(story.doubts.any, false)
    t.same(story.settled, ['a has', 'b has'])
    story.doubts.close()
  },
)

t.test('only so many keys are repaired at a time, and the others as soon as these are', async (t) => {
  const story = new Story('a b', 'a b')
  for (let i = 0; i < 250; i++) story.misses('b', `0:${i}`)
  const turns: number[] = []
  for (await turnEnds(); story.doubts.size > 0 && turns.length < 10; await turnEnds()) {
    turns.push(story.sentTo('a') / 2)
    story.answers('a', '_').answers('b', ':0')
  }
  t.same(turns, [100, 100, 50])
  t.equal(story.settled.length, 250)
  story.doubts.close()
})

t.test('keys that are refused, or that take long, keep no others from being repaired', async (t) => {
  const story = new Story('a b', 'a b')
  for (let i = 0; i < 150; i++) story.misses('b', `0:${i}`)
  await turnEnds()
  story.answers('a', '_').answers('b', '-OOM command not allowed')
  await turnEnds()
  t.equal(story.sentTo('a'), 100, 'fifty keys that had waited, two questions for each')
  story.answers('a', '_').answers('b', ':0')
  t.equal(story.doubts.size, 100)
  await until('they are tried again', () => story.sentTo('a') === 200)
  for (let i = 0; i < 20; i++) story.misses('b', `1:${i}`)
  await turnEnds()
  t.equal(story.sentTo('a'), 200)
  await until('these have taken long', () => story.sentTo('a') === 240)
  story.doubts.close()
})

t.test(
  'who is getting a key from a member gets what is in doubt there, also when a write has asked for that',
  async (t) => {
    const story = new Story('a b', 'a b')
    const end = story.copies('a', 'b')
    t.equal(story.misses('a').inDoubt('b'), KEY)
    await turnEnds()
    t.equal(story.inDoubt('a'), '', 'nobody knows better: the master’s word counts')
    t.same(story.settled, ['a has not'])
    end()

    const later = new Story('a b', 'a b')
    later.copies('a', 'b')()
    t.equal(later.misses('a').inDoubt('b'), '', 'the copy was there before')
  },
)

t.test('when all are in doubt the master decides, when it has got what was on its way to it', async (t) => {
  const story = new Story('a b', 'a b').misses('a')
  await turnEnds()
  story.misses('b')
  await turnEnds()
  t.equal(story.inDoubt('a'), KEY, 'what it says now is overwritten')
  story.answers('b', '_').answers('a', ':1')
  await turnEnds()
  t.equal(story.inDoubt('a'), '')
  t.equal(story.inDoubt('b'), KEY)
  story.doubts.close()
})
