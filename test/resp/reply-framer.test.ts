import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { ReplyFramer, ReplyProtocolError, TOO_LARGE_REPLY } from '../../src/resp/reply-framer.js'
import { cpuMs } from '../helpers/cpu-time.js'
import { cutAt, everySplit, give, inParts, latin1 } from './framing.js'
import { anyPushes, anyReply, frameReplies } from './replies.js'

/** Replies as they are on the wire, and whether RESP2 knows all their types. */
const plain: [text: string, resp3?: true][] = [
  ['+OK\r\n'],
  ['+\r\n'],
  ['-ERR wrong\r\n'],
  [':0\r\n'],
  [':-9223372036854775808\r\n'],
  ['$0\r\n\r\n'],
  ['$5\r\nhello\r\n'],
  ['$12\r\n$5\r\nhell\r\n>1\r\n'],
  [`$1000\r\n${'x'.repeat(1000)}\r\n`],
  ['$-1\r\n'],
  ['*-1\r\n'],
  ['*0\r\n'],
  ['*2\r\n$1\r\na\r\n:1\r\n'],
  ['*3\r\n*0\r\n*2\r\n*1\r\n+a\r\n$-1\r\n*-1\r\n'],
  ['*1\r\n-ERR inside\r\n'],
  ['_\r\n', true],
  ['#t\r\n', true],
  [',1.5\r\n', true],
  [',-inf\r\n', true],
  ['(3492890328409238509324850943850943825024385\r\n', true],
  ['=8\r\ntxt:some\r\n', true],
  ['!9\r\nERR wrong\r\n', true],
  ['%0\r\n', true],
  ['%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n%1\r\n:2\r\n_\r\n', true],
  ['~2\r\n+a\r\n~0\r\n', true],
  ['*2\r\n+a\r\n~1\r\n+b\r\n', true],
  ['|1\r\n+ttl\r\n:10\r\n$5\r\nhello\r\n', true],
  ['|0\r\n+OK\r\n', true],
  ['*2\r\n|1\r\n+ttl\r\n:10\r\n+a\r\n|1\r\n%0\r\n*0\r\n*1\r\n+b\r\n', true],
  ['|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n-ERR after two attributes\r\n', true],
]
const isError = (text: string) => /^(\|.*\r\n)?[-!]/s.test(text)
const expected = plain.map(([text, resp3 = false]) => ({ text, resp3, error: isError(text) }))
const corpus = latin1(plain.map(([text]) => text).join(''))

t.test('a stream gives the same replies wherever it is cut in two', async (t) => {
  for (const chunks of everySplit(corpus)) t.same(frameReplies(chunks).replies, expected, `cut at ${chunks[0].length}`)
})

t.test('a stream gives the same replies in chunks of any one size', async (t) => {
  for (let size = 1; size <= corpus.length; size += size < 100 ? 1 : 50) {
    const { replies, framer } = frameReplies(inParts(corpus, size))
    t.same(replies, expected, `${size} bytes`)
    t.equal(framer.bufferedBytes, 0)
  }
})

const expired = '>4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$3\r\nkey\r\n$7\r\nexpired\r\n'
const invalidated = '>2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nfoo\r\n'

/** Streams with pushes, and what is handed over in which order: pushes as they come, replies without them. */
const pushed: [name: string, stream: string, ...handedOver: string[]][] = [
  ['between replies', `+a\r\n${expired}+b\r\n`, '+a\r\n', expired, '+b\r\n'],
  ['in a row', expired + invalidated + expired, expired, invalidated, expired],
  ['empty', '>0\r\n+a\r\n', '>0\r\n', '+a\r\n'],
  ['with types of RESP3', '>1\r\n%1\r\n+a\r\n_\r\n+b\r\n', '>1\r\n%1\r\n+a\r\n_\r\n', '+b\r\n'],
  [
    'inside an array, as MGET of expired keys gives them',
    `*3\r\n${expired}_\r\n$1\r\nx\r\n${expired}${invalidated}_\r\n`,
    expired,
    expired,
    invalidated,
    '*3\r\n_\r\n$1\r\nx\r\n_\r\n',
  ],
  [
    'inside an array in an array, as EXEC gives them',
    `*2\r\n*2\r\n+a\r\n${expired}+b\r\n${expired}*0\r\n`,
    expired,
    expired,
    '*2\r\n*2\r\n+a\r\n+b\r\n*0\r\n',
  ],
  [
    'inside a map, before a key and before a value',
    `%2\r\n${expired}+a\r\n${expired}:1\r\n+b\r\n~1\r\n${expired}:2\r\n+OK\r\n`,
    expired,
    expired,
    expired,
    '%2\r\n+a\r\n:1\r\n+b\r\n~1\r\n:2\r\n',
    '+OK\r\n',
  ],
  [
    'inside an attribute, and between it and its value',
    `|1\r\n${expired}+ttl\r\n:1\r\n${invalidated}+a\r\n`,
    expired,
    invalidated,
    '|1\r\n+ttl\r\n:1\r\n+a\r\n',
  ],
  ['after the last element', `*1\r\n+a\r\n${expired}+b\r\n`, '*1\r\n+a\r\n', expired, '+b\r\n'],
]

for (const [name, stream, ...handedOver] of pushed) {
  t.test(`takes out pushes ${name}`, async (t) => {
    for (const chunks of everySplit(latin1(stream))) t.same(frameReplies(chunks).order, handedOver)
    t.same(frameReplies(inParts(latin1(stream), 1)).order, handedOver)
  })
}

/** What is handed over of a stream in which pushes follow what caused them: replies with the pushes that were noted with them. */
function frameFollowed(chunks: readonly Buffer[]): { replies: string[]; pushes: string[]; late: number } {
  const replies: string[] = []
  const pushes: string[] = []
  let behind: string[] = []
  let late = 0
  let isOpen = false
  const framer: ReplyFramer = new ReplyFramer({
    onReply: (buf, start, end) => {
      replies.push(buf.toString('latin1', start, end))
      pushes.push(...behind.map((push) => `${replies.length} ${push}`))
      behind = []
      isOpen = framer.openEnded
    },
    onPush: (buf, start, end, place) => {
      const push = buf.toString('latin1', start, end)
      if (place === 'behind') {
        behind.push(push)
        return
      }
      if (!isOpen) throw new Error('nobody said that one may come')
      late++
      pushes.push(`${replies.length} ${push}`)
    },
  })
  framer.pushesFollow = true
  const shared = Buffer.alloc(Math.max(1, ...chunks.map((chunk) => chunk.length)))
  for (const chunk of chunks) give(framer, chunk, shared, () => shared.fill(0xee))
  if (behind.length > 0) throw new Error('no reply came behind them')
  return { replies, pushes, late }
}

t.test('pushes that follow the reply are handed over before it, if they are there', async (t) => {
  const stream = `+a\r\n${expired}${expired}*1\r\n+b\r\n+c\r\n${expired}`
  const replies = ['+a\r\n', '*1\r\n+b\r\n', '+c\r\n']
  const pushes = [`1 ${expired}`, `1 ${expired}`, `3 ${expired}`]
  t.same(frameFollowed([latin1(stream)]), { replies, pushes, late: 0 })
  for (const chunks of everySplit(latin1(stream))) {
    const { late, ...rest } = frameFollowed(chunks)
    t.same(rest, { replies, pushes })
    t.ok(late <= 2)
  }
  const inBytes = frameFollowed(inParts(latin1(stream), 1))
  t.same(inBytes, { replies, pushes, late: 3 })
})

t.test(
  'however a stream is cut, a push that may belong behind a reply is with it, or the reply was open-ended',
  async (t) => {
    const message = fc
      .array(fc.string({ maxLength: 20 }), { minLength: 1, maxLength: 4 })
      .map((texts) => texts.map((text) => latin1(text).toString('latin1')))
      .map((texts) => `>${texts.length}\r\n${texts.map((text) => `$${text.length}\r\n${text}\r\n`).join('')}`)
    const followed = fc.tuple(anyReply, fc.array(message, { maxLength: 2 }))
    const property = fc.property(
      fc.array(followed, { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat(400)),
      (items, cuts) => {
        const stream = latin1(items.map(([reply, behind]) => reply.clean + behind.join('')).join(''))
        const { replies, pushes } = frameFollowed(cutAt(stream, cuts))
        const cleaned = items.map(([reply]) => reply.clean)
        assert.deepEqual(replies, cleaned)
        const behind = items.flatMap(([, texts], i) => texts.map((push) => `${i + 1} ${push}`))
        assert.deepEqual(pushes, behind)
      },
    )
    t.doesNotThrow(() => fc.assert(property, { numRuns: 300 }))
  },
)

t.test('a push does not make RESP3 of the reply that it stands in', async (t) => {
  const push = '>1\r\n%1\r\n+a\r\n_\r\n'
  for (const [stream, resp3] of [
    [`*1\r\n${push}+a\r\n`, false],
    [`*2\r\n_\r\n${push}+a\r\n`, true],
    [`*2\r\n${push}+a\r\n_\r\n`, true],
  ] as const) {
    const { replies } = frameReplies([latin1(stream + stream)])
    t.same(
      replies.map((reply) => reply.resp3),
      [resp3, resp3],
    )
  }
})

t.test('any replies with pushes anywhere, cut anywhere, come out as they were without them', async (t) => {
  const property = fc.property(
    fc.array(fc.tuple(anyPushes, anyReply), { maxLength: 6 }),
    fc.array(fc.nat(), { maxLength: 8 }),
    (drawn, places) => {
      const stream = latin1(drawn.map(([before, reply]) => before + reply.full).join(''))
      const { replies, framer } = frameReplies(cutAt(stream, places))
      t.same(
        replies.map(({ text }) => text),
        drawn.map(([, reply]) => reply.clean),
      )
      t.equal(framer.bufferedBytes, 0)
    },
  )
  fc.assert(property, { numRuns: 500 })
})

t.test('in the place of an aggregate that is too large stands an error, and nothing else is lost', async (t) => {
  const sizes = fc.record({ chunk: fc.integer({ min: 1, max: 40 }), max: fc.integer({ min: 0, max: 60 }) })
  const property = fc.property(
    fc.array(fc.tuple(anyPushes, anyReply), { maxLength: 6 }),
    sizes,
    (drawn, { chunk, max }) => {
      const stream = latin1(drawn.map(([before, reply]) => before + reply.full).join(''))
      const all = frameReplies(inParts(stream, chunk))
      const { replies, pushes, framer } = frameReplies(inParts(stream, chunk), max)
      t.equal(replies.length, drawn.length)
      for (const [i, { text, error }] of replies.entries()) {
        const [, { clean, full }] = drawn[i]
        if (text === clean) continue
        t.same([text, error], [TOO_LARGE_REPLY.toString(), true])
        t.ok(full.length > max, 'a small one is never too large')
      }
      t.same(pushes, all.pushes)
      t.equal(framer.bufferedBytes, 0)
    },
  )
  fc.assert(property, { numRuns: 500 })
})

t.test('of a reply that is too large no more is held than its limit and an element', async (t) => {
  let held = 0
  const replies: string[] = []
  const framer = new ReplyFramer(
    { onReply: (buf, start, end) => replies.push(buf.toString('latin1', start, end)), onPush: () => {} },
    1_000_000,
  )
  framer.feed(latin1('*2000\r\n'))
  const element = latin1(`$10000\r\n${'x'.repeat(10_000)}\r\n`)
  for (let i = 0; i < 2000; i++) {
    framer.feed(element)
    held = Math.max(held, framer.bufferedBytes)
  }
  framer.feed(latin1('+OK\r\n'))
  t.same(replies, [TOO_LARGE_REPLY.toString(), '+OK\r\n'])
  t.ok(held < 1_030_000, `20 MB came, ${held} bytes were held`)
})

t.test('a reply that lies whole in a chunk is handed over there', async (t) => {
  const chunk = latin1('+OK\r\n*1\r\n$1\r\na\r\n')
  const seen: [Buffer, number, number, number][] = []
  new ReplyFramer({ onReply: (...reply) => seen.push(reply), onPush: () => {} }).feed(chunk)
  t.same(
    seen.map(([, ...numbers]) => numbers),
    [
      [0, 5, 0],
      [5, 16, 0],
    ],
  )
  t.ok(seen.every(([buf]) => buf === chunk))
})

t.test('big replies that come in parts can be held', async (t) => {
  const big = `$70000\r\n${'x'.repeat(70000)}\r\n`
  const small = `$6000\r\n${'y'.repeat(6000)}\r\n`
  const stream = latin1((big + small).repeat(20))
  const { replies, held } = frameReplies(inParts(stream, 50_000))
  t.same(
    replies.map(({ text }) => text === big || text === small),
    new Array(40).fill(true),
  )
  t.equal(held, 20)
})

t.test('nesting of any depth needs no stack of the engine', async (t) => {
  const depth = 200_000
  const reply = `${'*1\r\n'.repeat(depth)}+deep\r\n`
  for (const size of [1_000_000, 1000]) {
    const { replies } = frameReplies(inParts(latin1(reply + reply), size))
    t.equal(replies.length, 2)
    t.ok(replies[1].text === reply)
  }
})

t.test('a reply of a million elements', async (t) => {
  const reply = `*1000000\r\n${'$3\r\nabc\r\n'.repeat(1_000_000)}`
  const tookMs = cpuMs(() => {
    const { replies } = frameReplies(inParts(latin1(reply), 65536))
    t.ok(replies.length === 1 && replies[0].text === reply)
  })
  t.ok(tookMs < 5000, `${tookMs} ms`)
})

t.test('a value of 64 MB in chunks of 64 KB takes no quadratic time', async (t) => {
  const size = 64 * 1024 * 1024
  const chunk = Buffer.alloc(65536, 'v')
  let ends: number[] = []
  const framer = new ReplyFramer({
    onReply: (...[, start, end]) => {
      ends = [start, end]
    },
    onPush: () => {},
  })
  const tookMs = cpuMs(() => {
    framer.feed(latin1(`$${size}\r\n`))
    for (let i = 0; i < size / chunk.length; i++) framer.feed(chunk)
    t.equal(framer.bufferedBytes, size + 11)
    framer.feed(latin1('\r\n'))
  })
  t.ok(tookMs < 2000, `${tookMs} ms`)
  t.same(ends, [0, size + 13])
})

t.test('a line that arrives byte by byte is scanned once', async (t) => {
  const framer = new ReplyFramer({ onReply: () => t.fail('no end'), onPush: () => {} })
  const tookMs = cpuMs(() => {
    framer.feed(latin1('+'))
    for (let i = 0; i < 300_000; i++) framer.feed(latin1('x'))
  })
  t.ok(tookMs < 2000, `${tookMs} ms`)
  t.equal(framer.bufferedBytes, 300_001)
})

t.test('a sink that throws leaves the framer after the reply that it was given', async (t) => {
  const seen: string[] = []
  const framer = new ReplyFramer({
    onReply(buf, start, end) {
      seen.push(buf.toString('latin1', start, end))
      if (seen.length === 1) throw new Error('from the sink')
    },
    onPush: () => {},
  })
  t.throws(() => framer.feed(latin1('+a\r\n+b\r\n+')), /from the sink/)
  framer.feed(latin1('c\r\n'))
  t.same(seen, ['+a\r\n', '+b\r\n', '+c\r\n'])
})

for (const [name, text] of [
  ['an unknown type', 'hello\r\n'],
  ['HTTP', 'HTTP/1.1 400 Bad Request\r\n'],
  ['a line feed without carriage return', '\n'],
  ['an unknown type in an array', '*2\r\n+a\r\n?\r\n'],
  ['a line that has a lonely carriage return', '+O\rK\r\n'],
  ['a length without digits', '$\r\n'],
  ['a length that is a word', '$abc\r\n'],
  ['a length with a space', '$1 \r\na\r\n'],
  ['a length that is negative', '$-2\r\n'],
  ['a length that is minus 10', '$-10\r\n'],
  ['a length beyond all bounds', '$99999999999\r\n'],
  ['a count beyond all bounds', '*9999999999\r\n'],
  ['a count of pairs beyond all bounds', '%2000000000\r\n'],
  ['a negative count of a map', '%-1\r\n'],
  ['a negative length of a verbatim string', '=-1\r\n'],
  ['a string that is longer than its length', '$1\r\nabc\r\n'],
  ['a streamed string', '$?\r\n;1\r\na\r\n;0\r\n'],
  ['a streamed array', '*?\r\n+a\r\n.\r\n'],
  ['a push in a push', '>1\r\n>1\r\n+a\r\n'],
]) {
  t.test(`refuses ${name}`, async (t) => {
    for (const chunks of everySplit(latin1(text))) t.throws(() => frameReplies(chunks), ReplyProtocolError)
    t.throws(() => frameReplies(inParts(latin1(text), 1)), ReplyProtocolError)
  })
}

t.test(
  'replies that are known to come, and say that a command is queued, are not handed over, however the stream is cut',
  async (t) => {
    const queued = '+QUEUED\r\n'
    const block = (count: number, other = '') => `+OK\r\n${queued.repeat(count)}${other}*1\r\n:7\r\n`
    // Of the second one a command is refused.
    const stream = latin1(`:1\r\n${block(3)}${block(2, '-ERR no\r\n')}${block(40)}+OK\r\n${block(0)}:2\r\n`)
    const counts = [3, 3, 40, 0, 0]
    const expected = [':1', '+OK', '*1', '+OK', '-ERR no', '*1', '+OK', '*1', '+OK', '+OK', '*1', ':2']
    for (const pushesFollow of [false, true]) {
      for (const chunks of [[stream], inParts(stream, 1), inParts(stream, 7), ...everySplit(stream)]) {
        const heard: string[] = []
        let begun = 0
        const framer: ReplyFramer = new ReplyFramer({
          onReply: (buf, start, end) => {
            const text = buf.toString('latin1', start, end)
            if (framer.queued > 0) {
              framer.queued--
              if (text === queued) return
            }
            heard.push(text.split('\r\n')[0])
            if (text === '+OK\r\n') framer.queued = counts[begun++]
          },
          onPush: () => {},
        })
        framer.pushesFollow = pushesFollow
        for (const chunk of chunks) framer.feed(chunk)
        if (heard.join() !== expected.join()) t.same(heard, expected, JSON.stringify(chunks.map(String)))
      }
    }
  },
)
