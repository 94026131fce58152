import t from 'tap'
import {
  BigNumberReply,
  bool,
  double,
  encodeReply,
  error,
  isError,
  map,
  NULL_BULK,
  nullArray,
  OK,
  PONG,
  type Reply,
  set,
  simple,
  verbatim,
} from '../../src/resp/encode.js'

const values: [name: string, reply: Reply, resp2: string, resp3: string][] = [
  ['a simple string', simple('OK'), '+OK\r\n', '+OK\r\n'],
  ['an error', error('ERR no'), '-ERR no\r\n', '-ERR no\r\n'],
  ['an error with line ends', error('ERR a\r\nb\n'), '-ERR a  b \r\n', '-ERR a  b \r\n'],
  ['an error of bytes', error(Buffer.from('ERR \xff', 'latin1')), '-ERR \xff\r\n', '-ERR \xff\r\n'],
  ['an integer', -42, ':-42\r\n', ':-42\r\n'],
  ['a long integer', 9223372036854775807n, ':9223372036854775807\r\n', ':9223372036854775807\r\n'],
  ['a string', 'a\r\nb', '$4\r\na\r\nb\r\n', '$4\r\na\r\nb\r\n'],
  ['an empty string', '', '$0\r\n\r\n', '$0\r\n\r\n'],
  ['a string beyond ASCII', '€', '$3\r\n\xe2\x82\xac\r\n', '$3\r\n\xe2\x82\xac\r\n'],
  ['bytes', Buffer.from([0, 255]), '$2\r\n\0\xff\r\n', '$2\r\n\0\xff\r\n'],
  ['null', null, '$-1\r\n', '_\r\n'],
  ['a null array', nullArray, '*-1\r\n', '_\r\n'],
  ['an array', [1, 'a', [null]], '*3\r\n:1\r\n$1\r\na\r\n*1\r\n$-1\r\n', '*3\r\n:1\r\n$1\r\na\r\n*1\r\n_\r\n'],
  ['an empty array', [], '*0\r\n', '*0\r\n'],
  [
    'a map',
    map([
      ['a', 1],
      ['b', set(['c'])],
    ]),
    '*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*1\r\n$1\r\nc\r\n',
    '%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n~1\r\n$1\r\nc\r\n',
  ],
  ['a double', double(0.1), '$3\r\n0.1\r\n', ',0.1\r\n'],
  ['a whole double', double(3), '$1\r\n3\r\n', ',3\r\n'],
  ['infinity', double(Number.POSITIVE_INFINITY), '$3\r\ninf\r\n', ',inf\r\n'],
  ['minus infinity', double(Number.NEGATIVE_INFINITY), '$4\r\n-inf\r\n', ',-inf\r\n'],
  ['no number', double(Number.NaN), '$3\r\nnan\r\n', ',nan\r\n'],
  ['true', bool(true), ':1\r\n', '#t\r\n'],
  ['false', bool(false), ':0\r\n', '#f\r\n'],
  ['a big number', new BigNumberReply('12'), '$2\r\n12\r\n', '(12\r\n'],
  ['a verbatim string', verbatim('txt', 'a b'), '$3\r\na b\r\n', '=7\r\ntxt:a b\r\n'],
  [
    'a verbatim string of bytes',
    verbatim('mkd', Buffer.from('€')),
    '$3\r\n\xe2\x82\xac\r\n',
    '=7\r\nmkd:\xe2\x82\xac\r\n',
  ],
  [
    'something big',
    ['x'.repeat(100_000)],
    `*1\r\n$100000\r\n${'x'.repeat(100_000)}\r\n`,
    `*1\r\n$100000\r\n${'x'.repeat(100_000)}\r\n`,
  ],
]

for (const [name, reply, resp2, resp3] of values) {
  t.test(`encodes ${name}`, async (t) => {
    t.equal(encodeReply(reply, 2).toString('latin1'), resp2)
    t.equal(encodeReply(reply, 3).toString('latin1'), resp3)
  })
}

t.test('the ready-made replies are what encoding gives', async (t) => {
  for (const [bytes, reply, proto] of [
    [OK, simple('OK'), 2],
    [PONG, simple('PONG'), 2],
    [NULL_BULK, null, 2],
  ] as const) {
    t.same(bytes, encodeReply(reply, proto))
  }
})

t.test('a number that is no integer is a mistake of ours', async (t) => {
  t.throws(() => encodeReply(1.5, 2), /integer/)
  t.throws(() => encodeReply(Number.NaN, 3), /integer/)
})

t.test('tells errors from other replies', async (t) => {
  const reply: Reply = error('ERR no')
  t.ok(isError(reply))
  t.equal(reply.message, 'ERR no')
  for (const other of [null, 'ERR no', simple('ERR'), []]) t.notOk(isError(other))
})
