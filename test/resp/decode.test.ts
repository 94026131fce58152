import fc from 'fast-check'
import t from 'tap'
import { bytesOf, decodeReply, elementsOf, fieldOf, integerOf, textOf } from '../../src/resp/decode.js'
import {
  BigNumberReply,
  bool,
  double,
  encodeReply,
  error,
  map,
  nullArray,
  type Reply,
  set,
  simple,
  verbatim,
} from '../../src/resp/encode.js'
import { ReplyProtocolError } from '../../src/resp/reply-framer.js'
import { latin1 } from './framing.js'
import { anyReply } from './replies.js'

const decode = (text: string) => decodeReply(latin1(`??${text}??`), 2, 2 + text.length)

t.test('decodes every type', async (t) => {
  const cases: [text: string, reply: Reply][] = [
    ['+OK\r\n', simple('OK')],
    ['-ERR no\r\n', error(Buffer.from('ERR no'))],
    [':-5\r\n', -5],
    [':9007199254740993\r\n', 9007199254740993n],
    ['$3\r\na\r\n\r\n', Buffer.from('a\r\n')],
    ['$-1\r\n', null],
    ['_\r\n', null],
    ['*-1\r\n', nullArray],
    ['*0\r\n', []],
    ['*2\r\n*1\r\n:1\r\n%0\r\n', [[1], map([])]],
    ['~1\r\n+a\r\n', set([simple('a')])],
    ['%1\r\n+a\r\n*0\r\n', map([[simple('a'), []]])],
    [',1.50\r\n', Object.assign(double(0), { text: '1.50' })],
    ['(123\r\n', new BigNumberReply('123')],
    ['#t\r\n', bool(true)],
    ['#f\r\n', bool(false)],
    ['=7\r\ntxt:abc\r\n', verbatim('txt', Buffer.from('abc'))],
    ['!5\r\nERR x\r\n', error(Buffer.from('ERR x'))],
    ['>1\r\n+a\r\n', [simple('a')]],
    ['|1\r\n+a\r\n*0\r\n:1\r\n', 1],
    ['*2\r\n|0\r\n:1\r\n|1\r\n*1\r\n:7\r\n~0\r\n:2\r\n', [1, 2]],
  ]
  for (const [text, reply] of cases) t.strictSame(decode(text), reply, JSON.stringify(text))
})

t.test('what is decoded is encoded as it was', async (t) => {
  const property = fc.property(
    anyReply.filter(({ clean }) => !/[|!]|[$*]-1/.test(clean)),
    ({ clean }) => t.equal(encodeReply(decode(clean), 3).toString('latin1'), clean),
  )
  fc.assert(property, { numRuns: 300 })
})

t.test('decodes deep nesting without a stack of the engine', async (t) => {
  let reply: Reply | undefined = decode(`${'*1\r\n'.repeat(100_000)}:7\r\n`)
  let depth = 0
  for (let inner = elementsOf(reply); inner !== undefined; inner = elementsOf(reply)) {
    reply = inner[0]
    depth++
  }
  t.equal(depth, 100_000)
  t.equal(reply, 7)
})

t.test('does not share bytes with what it decodes', async (t) => {
  const buf = latin1('*2\r\n$1\r\na\r\n-ERR b\r\n')
  const reply = decodeReply(buf, 0, buf.length)
  buf.fill(0)
  t.strictSame(reply, [Buffer.from('a'), error(Buffer.from('ERR b'))])
})

t.test('refuses an integer that is none', async (t) => {
  for (const text of [':\r\n', ':abc\r\n', ':1e3\r\n', ': 1\r\n']) t.throws(() => decode(text), ReplyProtocolError)
})

t.test('values are narrowed by small functions', async (t) => {
  t.equal(textOf(decode('$1\r\na\r\n')), 'a')
  t.equal(textOf(decode('+a\r\n')), 'a')
  t.equal(textOf(decode('=5\r\ntxt:a\r\n')), 'a')
  t.equal(textOf('a'), 'a')
  t.equal(textOf(decode(':1\r\n')), undefined)
  t.same(bytesOf(decode('$1\r\n\xff\r\n')), Buffer.from([255]))
  t.equal(bytesOf(null), undefined)
  t.equal(integerOf(decode(':5\r\n')), 5)
  t.equal(integerOf(9007199254740993n), 9007199254740992)
  t.equal(integerOf('5'), undefined)
  t.same(elementsOf(decode('~1\r\n:1\r\n')), [1])
  t.same(elementsOf(decode('*1\r\n:1\r\n')), [1])
  t.equal(elementsOf(decode('%0\r\n')), undefined)
  for (const reply of ['%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n', '*4\r\n+a\r\n:1\r\n+b\r\n:2\r\n']) {
    t.equal(fieldOf(decode(reply), 'b'), 2)
    t.equal(fieldOf(decode(reply), 'c'), undefined)
  }
  t.equal(fieldOf(null, 'a'), undefined)
})
