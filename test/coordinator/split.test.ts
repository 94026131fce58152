import fc from 'fast-check'
import t from 'tap'
import { findKeys } from '../../src/command/keys.js'
import type { CommandRow } from '../../src/command/row.js'
import { rowNamed } from '../../src/command/table.js'
import { keyIds } from '../../src/order/key-ids.js'
import { outcomeUnknown, rangeGone, unavailable } from '../../src/order/replies.js'
import type { ReplySlot } from '../../src/order/reply-slot.js'
import { encodeReply } from '../../src/resp/encode.js'
import { type Frame, frameOf } from '../../src/resp/frame.js'
import { parseRequest } from '../../src/resp/request-parser.js'
import type { OneRoute } from '../../src/serving/one-route.js'
import { split } from '../../src/serving/several/split.js'

/** The client's slot: keeps the reply. */
class ClientSlot implements ReplySlot {
  readonly client = this
  readonly number = 0
  readonly newest = 0
  readonly db = 3
  abandoned = false
  reply: string | undefined
  finished = 0
  pauses = 0
  constructor(readonly proto: 2 | 3 = 2) {}
  finish(buf: Buffer, start: number, end: number): void {
    this.finished++
    this.reply = buf.toString('latin1', start, end)
  }
  fail(failure: Error): void {
    throw failure
  }
  pauseClient(): void {
    this.pauses++
  }
  async whenFirst(): Promise<void> {}
}

interface Part {
  readonly route: string
  readonly args: string[]
  readonly slot: ReplySlot
}

const doubts = { any: false, hides: () => false }
const masters = new Map<string, { serving: boolean; ready: true }>()

function masterOf(name: string): { serving: boolean; ready: true } {
  const letter = name.toLowerCase()
  if (!masters.has(letter)) masters.set(letter, { serving: true, ready: true })
  return masters.get(letter)!
}

/** Splits a command over a ring in which the first character of a key names its replica set. */
function splitUp(slot: ClientSlot, ...args: (string | Buffer)[]): Part[] {
  const routes = new Map<string, { name: string; natural: unknown[]; writable(): boolean }>()
  const parts: Part[] = []
  const order = {
    memory: { anyFull: false },
    stats: { plans: 0 },
    lanes: { active: 0 },
    uncertainty: { active: false },
    owedSweeps: { any: false },
    doubts,
    keyIds: (row: CommandRow, frame: Frame, db: number) => keyIds(row, frame, db, 16),
    router: {
      routeOfKey: (buf: Buffer, start: number) => {
        const name = String.fromCharCode(buf[start])
        // Upper and lower case have the same master.
        const master = masterOf(name)
        if (!routes.has(name)) routes.set(name, { name, natural: [master], writable: () => true })
        return routes.get(name)
      },
    },
  }
  const serve = (route: { name: string }, frame: Frame, _row: unknown, partSlot: ReplySlot) => {
    const texts = parseRequest(frame).map((arg) => arg.toString('latin1'))
    parts.push({ route: route.name, args: texts, slot: partSlot })
  }
  const frame = frameOf(args)
  const row = rowNamed(String(args[0]).toLowerCase())!
  const keys: number[] = []
  const count = findKeys(row, frame, keys)
  split({ order, serve } as unknown as OneRoute, frame, row, slot, keys, count, 0)
  return parts
}

/** Answers a part; the buffer is overwritten afterwards, as a link's is. */
function answer(part: Part, reply: string): void {
  const around = Buffer.from(`before${reply}after`, 'latin1')
  part.slot.finish(around, 6, around.length - 5, false)
  around.fill(0)
}

t.test('keys go to their replica sets, in their order, each with what belongs to it', async (t) => {
  const slot = new ClientSlot()
  const parts = splitUp(slot, 'MSET', 'a1', 'v1', 'b1', 'v2', 'a2', 'v3', 'c1', 'v4', 'b2', 'v5')
  t.same(
    parts.map(({ args }) => args),
    [
      ['MSET', 'a1', 'v1', 'a2', 'v3'],
      ['MSET', 'b1', 'v2', 'b2', 'v5'],
      ['MSET', 'c1', 'v4'],
    ],
  )
  t.ok(parts.every((part) => part.slot.db === 3 && part.slot.proto === 3))
})

t.test(
  'reads go together when they have one master that serves, writes only when they have one replica set',
  async (t) => {
    const parts = (...args: string[]) => splitUp(new ClientSlot(), ...args).map((part) => part.args)
    t.same(parts('MGET', 'a1', 'A1', 'b1', 'B1', 'a2'), [
      ['MGET', 'a1', 'A1', 'a2'],
      ['MGET', 'b1', 'B1'],
    ])
    t.same(parts('DEL', 'a1', 'A1', 'a2'), [
      ['DEL', 'a1', 'a2'],
      ['DEL', 'A1'],
    ])
    masterOf('b').serving = false
    t.same(parts('MGET', 'a1', 'A1', 'b1', 'B1'), [
      ['MGET', 'a1', 'A1'],
      ['MGET', 'b1'],
      ['MGET', 'B1'],
    ])
    masterOf('b').serving = true
  },
)

t.test(
  'reads do not go together while keys are in doubt: who may be asked depends on all their replicas',
  async (t) => {
    doubts.any = true
    const parts = splitUp(new ClientSlot(), 'MGET', 'a1', 'A1', 'a2').map((part) => part.args)
    doubts.any = false
    t.same(parts, [
      ['MGET', 'a1', 'a2'],
      ['MGET', 'A1'],
    ])
  },
)

t.test('parts of any size have all their arguments', async (t) => {
  const args = ['MSET']
  for (let i = 0; i < 3000; i++) args.push(`${'ab'[i % 2]}${i}`, i === 7 ? 'x'.repeat(100_000) : `${i}`)
  const [first, second, ...more] = splitUp(new ClientSlot(), ...args)
  t.same(more, [])
  for (const [part, letter] of [
    [first, 'a'],
    [second, 'b'],
  ] as const) {
    const expected = args.slice(1).filter((_, i) => args[i - (i % 2) + 1].startsWith(letter))
    t.same(part.args, ['MSET', ...expected])
  }
  // What the large part needed is given up.
  t.same(
    splitUp(new ClientSlot(), 'EXISTS', 'a', 'b').map((part) => part.args),
    [
      ['EXISTS', 'a'],
      ['EXISTS', 'b'],
    ],
  )
})

t.test('large values are merged as small ones are', async (t) => {
  const slot = new ClientSlot()
  const [a, b] = splitUp(slot, 'MGET', 'a', 'b', 'a')
  const value = (letter: string, size: number) => `$${size}\r\n${letter.repeat(size)}\r\n`
  answer(b, `*1\r\n${value('b', 70_000)}`)
  answer(a, `*2\r\n${value('a', 5)}${value('c', 300_000)}`)
  t.ok(slot.reply === `*3\r\n${value('a', 5)}${value('b', 70_000)}${value('c', 300_000)}`)
})

t.test('a command whose keys have one replica set is not cut', async (t) => {
  const slot = new ClientSlot()
  const parts = splitUp(slot, 'DEL', 'a1', 'a2', 'a1')
  t.same(
    parts.map(({ args }) => args),
    [['DEL', 'a1', 'a2', 'a1']],
  )
  t.equal(parts[0].slot, slot, 'and answers the client itself')
})

t.test('MGET puts the values where their keys stood, whichever part answers first', async () => {
  const key = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(9)).map(([set, n]) => `${set}${n}`)
  const value = fc.option(fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString('latin1')))
  const pairs = fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(pairs, fc.constantFrom(2 as const, 3 as const), fc.infiniteStream(fc.nat()), (pairs, proto, random) => {
      const values = new Map(pairs)
      const encode = (name: string, none: string) => {
        const text = values.get(name)
        return text === null || text === undefined ? none : `$${text.length}\r\n${text}\r\n`
      }
      const slot = new ClientSlot(proto)
      const parts = splitUp(slot, 'MGET', ...pairs.map(([name]) => name))
      const alone = parts[0].slot === slot
      while (parts.length > 0) {
        const [part] = parts.splice(random.next().value % parts.length, 1)
        const keys = part.args.slice(1)
        answer(part, `*${keys.length}\r\n${keys.map((name) => encode(name, '_\r\n')).join('')}`)
        if (parts.length > 0 && slot.finished > 0) return false
      }
      const none = proto === 3 || alone ? '_\r\n' : '$-1\r\n'
      const expected = `*${pairs.length}\r\n${pairs.map(([name]) => encode(name, none)).join('')}`
      return slot.finished === 1 && slot.reply === expected
    }),
  )
})

t.test('DEL, UNLINK, EXISTS and TOUCH add up, MSET is OK', async (t) => {
  for (const name of ['DEL', 'UNLINK', 'EXISTS', 'TOUCH']) {
    const slot = new ClientSlot()
    const parts = splitUp(slot, name, 'a1', 'b1', 'b2', 'c1')
    answer(parts[2], ':0\r\n')
    answer(parts[0], ':1\r\n')
    t.equal(slot.reply, undefined, 'nothing before the last part')
    answer(parts[1], ':2\r\n')
    t.equal(slot.reply, ':3\r\n', name)
  }
  const slot = new ClientSlot()
  for (const part of splitUp(slot, 'MSET', 'a', '1', 'b', '2')) answer(part, '+OK\r\n')
  t.equal(slot.reply, '+OK\r\n')
})

t.test('one error makes the whole an error, which says when other keys were written', async (t) => {
  const mset = new ClientSlot()
  const [first, second, third] = splitUp(mset, 'MSET', 'a', '1', 'b', '2', 'c', '3')
  answer(third, '-OOM no memory\r\n')
  answer(first, '+OK\r\n')
  answer(second, '-MISCONF disk\r\n')
  t.equal(
    mset.reply,
    "-MISCONF disk (other keys of this 'mset' were written)\r\n",
    'the first in the order of the keys',
  )

  const del = new ClientSlot()
  for (const part of splitUp(del, 'DEL', 'a', 'b')) answer(part, '-READONLY no\r\n')
  t.equal(del.reply, '-READONLY no\r\n', 'nothing was written')

  const mget = new ClientSlot()
  const [left, right] = splitUp(mget, 'MGET', 'a', 'b')
  answer(left, '*1\r\n$1\r\nx\r\n')
  answer(right, '-CLUSTERDOWN away\r\n')
  t.equal(mget.reply, '-CLUSTERDOWN away\r\n', 'a read writes nothing')
})

t.test('what is said of a write is true of all its parts', async (t) => {
  const unknown = String(encodeReply(outcomeUnknown(['dt-2']), 2))
  const away = String(encodeReply(unavailable(1000, ['dt-2']), 2))
  const gone = String(
    encodeReply(
      rangeGone(['dt-1'], () => false, 3),
      2,
    ),
  )
  const replyTo = (command: string[], replies: string[]) => {
    const slot = new ClientSlot()
    for (const [i, part] of splitUp(slot, ...command).entries()) answer(part, replies[i])
    return slot.reply
  }
  for (const [name, done, ...words] of [
    ['MSET', '+OK\r\n', 'a', '1', 'b', '2', 'c', '3'],
    ['DEL', ':1\r\n', 'a', 'b', 'c'],
    ['UNLINK', ':0\r\n', 'a', 'b', 'c'],
  ]) {
    const reply = (...replies: string[]) => replyTo([name, ...words], replies)
    t.equal(reply(away, away, gone), away, 'nothing was applied')
    for (const refused of [away, gone, '-MISCONF disk\r\n', '-OOM no memory\r\n']) {
      const code = refused.slice(0, refused.indexOf(' '))
      t.equal(reply(refused, unknown, refused), unknown, `${name}: one part is unknown`)
      t.match(
        reply(refused, refused, done),
        new RegExp(`^${code} .* \\(other keys of this '\\w+' were written\\)\\r\\n$`),
      )
      t.match(
        reply(refused, done, unknown),
        /^-ERR the outcome of this write is unknown.* \(other keys of this '\w+' were written\)\r\n$/,
      )
      for (const order of [
        [refused, unknown, refused],
        [refused, done, refused],
        [refused, done, unknown],
      ]) {
        t.notMatch(reply(...order), /not applied/)
      }
    }
  }
  t.match(
    replyTo(['MSET', 'a', '1', 'b', '2'], [away, '+OK\r\n']),
    /was waited for 1000 ms \(away: dt-2\); some keys were not written, try again/,
  )
})

t.test('a part that must wait makes the client wait, and one whose client is gone knows it', async (t) => {
  const slot = new ClientSlot()
  const [part] = splitUp(slot, 'DEL', 'a', 'b')
  part.slot.pauseClient()
  t.equal(slot.pauses, 1)
  t.equal(part.slot.abandoned, false)
  slot.abandoned = true
  t.equal(part.slot.abandoned, true)
})
