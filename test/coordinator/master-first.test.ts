import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { rowNamed } from '../../src/command/table.js'
import type { DoubtfulWrite } from '../../src/order/doubt.js'
import { Lanes } from '../../src/order/lanes.js'
import type { Order } from '../../src/order/order.js'
import type { ReplySlot } from '../../src/order/reply-slot.js'
import type { Route } from '../../src/order/router.js'
import { Swaps } from '../../src/order/swaps.js'
import { type Frame, frameOf } from '../../src/resp/frame.js'
import { IS_ERROR } from '../../src/resp/reply-framer.js'
import { parseRequest } from '../../src/resp/request-parser.js'
import { MasterFirst } from '../../src/serving/master-first.js'

/** A command on a key with some replicas; on those in brackets it is in doubt. */
class Story {
  reply: string | undefined
  /** Lets what is held for the master go on. */
  release = () => {}
  /** What each member was sent. */
  readonly sent: Record<string, string> = {}
  readonly doubted: string[] = []
  outvoted: string | undefined
  inDoubt: string[]
  /** What each member has not answered. */
  private readonly open: Record<string, { sink: ReplySink; tag: number }[]> = {}
  private readonly lanes = new Lanes(() => {})
  private readonly links: readonly Link[]

  constructor(command: string, replicas: readonly string[], { isHeld = false } = {}) {
    const names = replicas.map((name) => name.replace(/[()]/g, ''))
    this.inDoubt = names.filter((name) => replicas.includes(`(${name})`))
    const natural = names.map((name) => this.link(name))
    this.links = natural
    const route = { natural, pending: [], targets: natural } as unknown as Route
    const order = {
      router: { routeOfKey: () => route },
      stats: { writes: 0, outcomesUnknown: 0, unequalExpiries: 0 },
      lanes: this.lanes,
      swaps: new Swaps(),
      lostReads: { noteWrite: () => {} },
      acknowledgement: { open: true, forget: () => {} },
      verdicts: { await: () => {}, settled: () => {} },
      keyIds: () => ['0:key'],
      noteDifference: () => {},
      lone: {
        inquire: () => {},
        note: ({ name }: { name: string }) => {
          this.outvoted = name
        },
      },
      absences: { isSweeping: false },
      doubts: {
        any: true,
        isInDoubt: ({ name }: Link) => this.inDoubt.includes(name),
        copies: { begin: () => () => {} },
        note: ({ name }: Link, _ids: string[], write?: DoubtfulWrite) => {
          if (write !== undefined) this.doubted.push(name)
        },
      },
    } as unknown as Order
    const slot = {
      ...{ proto: 2, db: 0, abandoned: false },
      finish: (buf: Buffer, start: number, end: number) => {
        this.reply = buf.toString('latin1', start, end).trim()
      },
    } as unknown as ReplySlot
    if (isHeld) this.release = this.lanes.hold(natural[0], ['0:key'], { emit: () => {}, dropped() {}, covered() {} })
    const args = command.split(' ')
    MasterFirst.emit(order, route, frameOf(args), rowNamed(args[0].toLowerCase())!, slot, false)
  }

  answers(name: string, reply: string): this {
    const { sink, tag } = this.open[name].shift()!
    const buf = Buffer.from(`${reply}\r\n`)
    sink.onReply(tag, buf, 0, buf.length, reply.startsWith('-') ? IS_ERROR : 0)
    return this
  }

  /** The connection to a member breaks: what it has not answered is lost. */
  breaks(name: string): this {
    for (const { sink, tag } of this.open[name]?.splice(0) ?? []) sink.onLost(tag, Buffer.alloc(0), 0, 0)
    this.lanes.drop(this.links.find((link) => link.name === name)!)
    return this
  }

  private link(name: string): Link {
    return {
      name,
      ready: true,
      reset: () => {},
      expirations: { any: false, traffic: () => ({ pushed: 0, taken: 0 }) },
      emitFrame: (frame: Frame, _db: number, sink: ReplySink, tag: number) => {
        const command = parseRequest(frame).map(String).join(' ')
        this.sent[name] = this.sent[name] === undefined ? command : `${this.sent[name]}; ${command}`
        this.open[name] = [...(this.open[name] ?? []), { sink, tag }]
      },
    } as unknown as Link
  }
}

t.test('the master chooses, and the others do what it did', async (t) => {
  const story = new Story('SPOP key', ['a', 'b', 'c'])
  t.same(story.sent, { a: 'SPOP key' })
  story.answers('a', '$1\r\nx')
  t.same(story.sent, { a: 'SPOP key', b: 'SREM key x', c: 'SREM key x' })
  t.match(story.answers('b', ':1').answers('c', ':1').reply, /x$/)
})

t.test('while the key is in doubt on it the first one chooses that has all earlier writes', async (t) => {
  const story = new Story('SPOP key', ['(a)', '(b)', 'c'])
  t.same(story.sent, { c: 'SPOP key' })
  story.answers('c', '$1\r\nx')
  t.same(story.sent, { a: 'SREM key x', b: 'SREM key x', c: 'SPOP key' })
  t.match(story.answers('a', ':1').answers('b', ':1').reply, /x$/)
})

t.test('when it is in doubt everywhere the word of the master counts', async (t) => {
  t.same(new Story('SPOP key', ['(a)', '(b)']).sent, { a: 'SPOP key' })
})

t.test('what was chosen by one that has come into doubt since is not done by the others', async (t) => {
  const story = new Story('SPOP key', ['a', 'b'])
  story.inDoubt = ['a']
  story.answers('a', '$1\r\nx')
  t.same(story.sent, { a: 'SPOP key' })
  t.same(story.doubted, ['a'])
  t.match(story.reply, /^-ERR the outcome of this write is unknown/)
})

const TRIMMING = 'XADD key MAXLEN ~ 9 * f v'
const EXACTLY = 'XADD key MAXLEN = 57 5-1 f v'
const REPLY = '$3\r\n5-1'

t.test('the master trims about right and is asked what it has left; the others trim to that', async (t) => {
  const story = new Story(TRIMMING, ['a', 'b', 'c'])
  t.same(story.sent, { a: `${TRIMMING}; XLEN key` })
  story.answers('a', REPLY)
  t.same(Object.keys(story.sent), ['a'], 'its reply does not tell')
  story.answers('a', ':57')
  t.same(story.sent, { a: `${TRIMMING}; XLEN key`, b: EXACTLY, c: EXACTLY })
  t.match(story.answers('b', REPLY).answers('c', REPLY).reply, /5-1$/)
  t.same(story.doubted, [])
})

t.test('a trim that is held on the master goes out with its question, nothing between them', async (t) => {
  const story = new Story('XTRIM key MINID ~ 7', ['a', 'b'], { isHeld: true })
  t.same(story.sent, {})
  story.release()
  t.same(story.sent, { a: 'XTRIM key MINID ~ 7; XRANGE key - + COUNT 1' })
  story.answers('a', ':3').answers('a', '*1\r\n*2\r\n$3\r\n6-1\r\n*0')
  t.equal(story.sent.b, 'XTRIM key MINID = 6-1')
  t.equal(story.answers('b', ':3').reply, ':3')
})

t.test('where the master did nothing the others get nothing, and nobody waits for what it has left', async (t) => {
  const wrongType = '-WRONGTYPE Operation against a key holding the wrong kind of value'
  for (const [command, reply, left, told] of [
    ['XADD key NOMKSTREAM MAXLEN ~ 9 * f v', '_', ':0', '_'],
    ['XTRIM key MAXLEN ~ 9', ':0', ':12', ':0'],
    [TRIMMING, wrongType, wrongType, wrongType],
  ]) {
    const story = new Story(command, ['a', 'b']).answers('a', reply)
    t.equal(story.reply, told)
    story.answers('a', left)
    t.same(Object.keys(story.sent), ['a'])
    t.same(story.doubted, [])
    t.equal(new Story(command, ['a', 'b']).answers('a', reply).breaks('a').reply, told)
  }
})

t.test('when it is not known what the master has left, it is as if its reply were lost', async (t) => {
  const lost = [
    (story: Story) => story.breaks('a'),
    (story: Story) => story.answers('a', REPLY).breaks('a'),
    (story: Story) => story.answers('a', REPLY).answers('a', '-LOADING Redis is loading the dataset in memory'),
    (story: Story) => {
      story.answers('a', REPLY)
      story.inDoubt = ['a']
      return story.answers('a', ':57')
    },
  ]
  for (const happens of lost) {
    const story = happens(new Story(TRIMMING, ['a', 'b', 'c']))
    t.same(Object.keys(story.sent), ['a'])
    t.same(story.doubted, ['a'], 'it is repaired from the others, once')
    t.match(story.reply, /^-ERR the outcome of this write is unknown/)
  }
})

t.test('it is lost once when it turns out to be a replica', async (t) => {
  const story = new Story(TRIMMING, ['a', 'b'])
  story.answers('a', "-READONLY You can't write against a read only replica.").answers('a', ':57').breaks('a')
  t.same(story.doubted, ['a'])
  t.same(Object.keys(story.sent), ['a'])
})

t.test('one that leaves while it was held is lost with it', async (t) => {
  const story = new Story(TRIMMING, ['a', 'b'], { isHeld: true })
  story.breaks('a')
  t.same(story.sent, {})
  t.same(story.doubted, ['a'])
})

t.test('a backup that did not get the trim, or refused it, is in doubt', async (t) => {
  const story = new Story(TRIMMING, ['a', 'b', 'c']).answers('a', REPLY).answers('a', ':57')
  story.answers('b', '-OOM command not allowed').breaks('c')
  t.same(story.doubted, ['b', 'c'])
})

t.test('a backup that has been told what the master did and answers otherwise has missed something', async (t) => {
  for (const replicas of [
    ['a', 'b'],
    ['a', 'b', '(c)'],
  ]) {
    const story = new Story('SPOP key', replicas).answers('a', '$1\r\nx').answers('b', ':0')
    t.same(story.doubted, ['b'], 'at once')
    if (replicas.length > 2) story.answers('c', ':1')
    t.equal(story.reply, undefined, 'the client waits until it is repaired')
  }
  const trim = new Story('XTRIM key MAXLEN ~ 9', ['a', 'b']).answers('a', ':3').answers('a', ':12').answers('b', ':4')
  t.same(trim.doubted, ['b'])
  const add = new Story('XADD key NOMKSTREAM * f v', ['a', 'b']).answers('a', REPLY).answers('b', '_')
  t.same(add.doubted, ['b'])
})

t.test('of three that nothing explains the one is in doubt that stands alone', async (t) => {
  const story = () => new Story('XTRIM key MAXLEN ~ 9', ['a', 'b', 'c']).answers('a', ':3').answers('a', ':12')
  const backup = story().answers('b', ':4').answers('c', ':3')
  t.same([backup.doubted, backup.outvoted], [['b'], undefined])
  const master = story().answers('b', ':4').answers('c', ':4')
  t.same([master.doubted, master.outvoted], [['a'], 'a'])
  const all = story().answers('b', ':4').answers('c', ':5')
  t.same([all.doubted, all.outvoted], [['b', 'c'], undefined], 'when all differ the word of the master counts')
})

t.test('nobody asks about a trim of a single copy', async (t) => {
  const story = new Story(TRIMMING, ['a'])
  t.same(story.sent, { a: TRIMMING })
  t.match(story.answers('a', REPLY).reply, /5-1$/)
})
