import fc from 'fast-check'
import t from 'tap'
import { command } from '../helpers/raw-client.js'
import { type Exchange, exchange } from './exchange.js'
import { Pair } from './pair.js'

/*
 * Bytes, good and bad, on fresh connections: what Redis answers, and whether it closes, is what the proxy does. The
 * framer's own tests try every split of them; here is the whole way through the proxy.
 */

const pair = await Pair.start(t)

const PING = '*1\r\n$4\r\nPING\r\n'
const LINE_MAX = 65536

/** What is sent, by what it is. Several pieces are several packets. */
type Inputs = Record<string, string | Buffer | readonly (string | Buffer)[]>

/** Bytes as they are; no UTF-8. */
const raw = (text: string) => Buffer.from(text, 'latin1')

async function both(input: Inputs[string]): Promise<[ours: Exchange, theirs: Exchange]> {
  const pieces = (Array.isArray(input) ? input : [input]) as readonly (string | Buffer)[]
  return Promise.all([exchange(pair.proxy.port, pieces), exchange(pair.redisPort, pieces)])
}

function testInputs(name: string, inputs: Inputs, expected: (theirs: Exchange) => boolean): void {
  t.test(name, async (t) => {
    await pair.flush()
    const results = await Promise.all(Object.values(inputs).map(both))
    for (const [i, what] of Object.keys(inputs).entries()) {
      const [ours, theirs] = results[i]
      t.same(ours, theirs, what)
      t.ok(expected(theirs), `${what}: Redis does what the name of this test says (${JSON.stringify(theirs)})`)
    }
  })
}

testInputs(
  'commands are read in every form that Redis reads',
  {
    'an inline command': 'PING\r\n',
    'ended by LF': 'PING\n',
    'with spaces and tabs around': ' \t PING \t \r\n',
    'empty lines before it': `\r\n\n\r\nPING\r\n${PING}`,
    'with quotes': 'ECHO "a b\\r\\n\\x41\\"" \r\nECHO \'it\\\'s\'\r\nECHO ""\r\n',
    'with bytes that are no text': raw('ECHO \x80\xff\r\n'),
    'in any case': 'pInG\r\n*1\r\n$4\r\npiNG\r\n',
    'inline and array in turn': `PING\r\n${PING}PING\r\n${PING}`,
    'no arguments': `*0\r\n*-1\r\n*-5\r\n${PING}`,
    'a line end that is none': `*1\r\n$4\r\nPINGXX${PING}`,
    'headers without LF': `*1\rX$4\rXPING\r\n${PING}`,
    'an empty argument': `*2\r\n$4\r\nECHO\r\n$0\r\n\r\n${PING}`,
    'binary arguments': command('ECHO', raw('\0\r\n$-1\r\n\xff')),
    'in pieces': ['*', '2\r', '\n$4\r\nEC', 'HO\r\n$', '5', '\r\nhel', 'lo\r', '\n'],
    'two in uneven pieces': ['PI', 'NG\r\n*1\r\n$4', '\r\nPING\r\n'],
    'an inline command that is long': `ECHO ${'a'.repeat(60000)}\r\n`,
  },
  ({ answer, closedByServer }) => answer.length > 4 && !answer.startsWith('-') && !closedByServer,
)

testInputs(
  'commands that cannot be dispatched get an error, and the connection goes on',
  {
    unknown: `NOSUCH a b\r\n${PING}`,
    'unknown without arguments': `NOSUCH\r\n${PING}`,
    'unknown with line ends in it': command('NO\r\nSUCH', 'a\nb', 'c\0d'),
    'unknown and long': command('x'.repeat(200), 'y'.repeat(200), 'z'),
    'unknown with many arguments': command('nosuch', ...Array(100).fill('argument')),
    'an empty name': command(''),
    __proto__: `${command('__proto__')}${command('constructor', 'x')}${command('hasOwnProperty')}`,
    'a name of 1 MB': command('x'.repeat(1024 * 1024)),
    'unknown subcommands':
      'CLIENT NOSUCH\r\nOBJECT NOSUCH k\r\nXGROUP __proto__ a b\r\nCONFIG "a\\r\\nb"\r\nCOMMAND NOSUCH\r\n',
    'containers alone': 'CLIENT\r\nOBJECT\r\nXINFO\r\nCONFIG\r\n',
    'wrong arity': 'GET\r\nGET a b\r\nSET a\r\nCLIENT SETNAME\r\nPING a b\r\n',
    'the RESP of a reply': '+OK\r\n:1\r\n-ERR x\r\n$-1\r\n',
  },
  ({ answer, closedByServer }) => answer.startsWith('-ERR') && !closedByServer,
)

testInputs(
  'a command that is not complete gets no answer',
  {
    nothing: '',
    'no line end': 'PING',
    'half a header': '*2\r\n$3\r\nGET\r\n$',
    'half an argument': '*2\r\n$3\r\nGET\r\n$5\r\nab',
    'half a terminator': '*1\r\n$4\r\nPING\r',
    'very many arguments': '*1048577\r\n$4\r\nPING\r\n',
    'the most arguments': '*2147483647\r\n',
    'the longest argument': '*2\r\n$3\r\nGET\r\n$536870912\r\nabc',
    'a header with NUL in it': raw('*1\0\r\n$4\r\nPING\r\n'),
    'a header that is too long, but not yet': `*${'1'.repeat(LINE_MAX - 1)}`,
    'an inline command that is too long, but not yet': 'a'.repeat(LINE_MAX),
  },
  ({ answer, closedByServer }) => answer === '' && !closedByServer,
)

testInputs(
  'a protocol error is answered with its own text, after what came before it, and the connection is closed',
  {
    'no number of arguments': '*\r\n',
    'letters for the number of arguments': '*x\r\n',
    'a space in it': '* 1\r\n',
    'a leading zero': '*01\r\n',
    'a plus sign': '*+1\r\n',
    'a fraction': '*1.5\r\n',
    'a number of arguments that is too large': '*2147483648\r\n',
    'one that is no number of 64 bits': '*99999999999999999999\r\n',
    'no dollar': '*1\r\n:3\r\n',
    'an inline argument': '*1\r\nPING\r\n',
    'an empty header': '*1\r\n\r\n',
    'a byte that is no text instead of the dollar': raw('*1\r\n\xff\r\n'),
    'letters for a length': '*1\r\n$x\r\n',
    'a null argument': '*1\r\n$-1\r\n',
    'a leading zero in a length': '*1\r\n$04\r\nPING\r\n',
    'an argument that is too long': '*1\r\n$536870913\r\n',
    'a length of 64 bits and more': '*1\r\n$9223372036854775808\r\n',
    'a header of arguments that is too long': `*${'1'.repeat(LINE_MAX)}`,
    'a header of length that is too long': `*1\r\n$${'1'.repeat(LINE_MAX)}`,
    'an inline command that is too long': 'a'.repeat(LINE_MAX + 1),
    'a quote that is not closed': 'GET "a\r\n',
    'a single quote that is not closed': "GET 'a\r\n",
    'something right behind a quote': 'GET "a"b\r\n',
    'after commands': `${PING}SET k v\r\nGET k\r\n*x\r\n`,
    'before commands': `*x\r\n${PING}`,
    'in the second argument': '*2\r\n$3\r\nGET\r\n$y\r\n',
    'in pieces': ['*1', '\r\n$', '-1\r\n'],
  },
  ({ answer, closedByServer }) => answer.includes('-ERR Protocol error: ') && closedByServer,
)

testInputs(
  'what comes from a browser closes the connection without a word, and drops the answers of its batch',
  {
    'a POST': 'POST / HTTP/1.1\r\nHost: localhost\r\n\r\n',
    'a Host header': 'Host: localhost\r\n',
    'in lower case': 'post x\r\n',
    'as an array': command('Host:', 'localhost'),
    'with commands before it': `${PING}SET k v\r\nPOST /\r\n`,
    'with commands behind it': `POST /\r\n${PING}`,
  },
  ({ answer, closedByServer }) => answer === '' && closedByServer,
)

testInputs(
  'QUIT answers and closes; what is behind it is dropped',
  {
    QUIT: 'QUIT\r\n',
    'with arguments': 'QUIT now\r\n',
    'after other commands': `SET q v\r\nGET q\r\n${PING}QUIT\r\n`,
    'before other commands': `QUIT\r\n${PING}SET q never\r\n`,
    'before a protocol error': 'QUIT\r\n*x\r\n',
  },
  ({ closedByServer }) => closedByServer,
)

t.test('commands that come byte by byte are answered like any others', async (t) => {
  await pair.flush()
  const bytes = Buffer.concat([
    command('SET', 'k', 'a\r\nb'),
    raw('GET k\r\n'),
    command('MGET', 'k', 'missing', 'k'),
    raw('\r\nPING\r\nNOSUCH x\r\n'),
    command('HSET', 'h', 'f', '\0\xff'),
    raw('*1\rX$4\rXPINGXX*0\r\n'),
    command('HGETALL', 'h'),
  ])
  const single = Array.from(bytes, (_, i) => bytes.subarray(i, i + 1))
  const [ours, theirs] = await both(single)
  t.same(ours, theirs)
  t.ok(theirs.answer.length > 50)
})

t.test(
  'QUIT and protocol errors close also when replies are off; Redis leaves such a connection hanging',
  async (t) => {
    for (const input of [
      `CLIENT REPLY OFF\r\n${PING}QUIT\r\n`,
      'CLIENT REPLY SKIP\r\nQUIT\r\n',
      'CLIENT REPLY OFF\r\n*x\r\n',
    ]) {
      const [ours, theirs] = await both(input)
      t.same(ours, { answer: '', closedByServer: true }, JSON.stringify(input))
      t.same(theirs, { answer: '', closedByServer: false }, `Redis: ${JSON.stringify(input)}`)
    }
  },
)

/** A pipeline of which some bytes were changed, lost, doubled or put in another place. */
const damaged = fc
  .tuple(
    fc.array(
      fc.constantFrom(
        command('ECHO', 'hello'),
        command('GET', 'missing'),
        command('HGETALL', 'missing'),
        command('ECHO', '\r\n$5\r\n'),
        raw('PING inline\r\n'),
        raw('ECHO "a b"\r\n'),
        raw(PING),
      ),
      { minLength: 1, maxLength: 6 },
    ),
    fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.constantFrom('change', 'lose', 'double', 'cut')), { maxLength: 4 }),
  )
  .map(([commands, damages]) => {
    let bytes = Buffer.concat(commands)
    for (const [where, byte, how] of damages) {
      const at = where % (bytes.length + 1)
      const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)]
      if (how === 'change') bytes = Buffer.concat([before, Buffer.from([byte]), after.subarray(1)])
      else if (how === 'lose') bytes = Buffer.concat([before, after.subarray(1)])
      else if (how === 'double') bytes = Buffer.concat([before, after.subarray(0, byte), after])
      else bytes = before
    }
    return bytes
  })

t.test('damaged pipelines are answered as Redis does, and end as there', async (t) => {
  const samples = fc.sample(damaged, { seed: 1, numRuns: 300 })
  for (let from = 0; from < samples.length; from += 50) {
    const batch = samples.slice(from, from + 50)
    const results = await Promise.all(batch.map(both))
    for (const [i, [ours, theirs]] of results.entries())
      t.same(ours, theirs, JSON.stringify(batch[i].toString('latin1')))
  }
})
