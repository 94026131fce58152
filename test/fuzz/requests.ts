import fc from 'fast-check'
import type { CommandDocs } from '../conformance/command-docs.js'
import { anyCommand } from '../conformance/everything.js'

/*
 * Requests as bytes: whole ones in the forms in which Redis reads them, and ones whose structure is wrong in a chosen place. What would
 * end servers, empty them, or change what the run itself stands on (DEBUG, SHUTDOWN, FLUSHALL, CONFIG SET, ACL SETUSER, DT REMOVE …)
 * is not among them.
 */

/** Bytes, and how many replies they have; undefined where that is not sure. */
export interface Request {
  readonly bytes: Buffer
  readonly replies: number | undefined
  /** It may wait: who has sent its last byte by then is closed, as by Redis. */
  readonly waits: boolean
}

const CRLF = Buffer.from('\r\n')
const from = (...words: string[]) => fc.constantFrom(...words)

/** What is about the connection, the proxy, or several at once, and has one reply each. */
const ONE_REPLY: readonly string[] = [
  ...['PING', 'PING x', 'ECHO x', 'TIME', 'ROLE', 'DBSIZE', 'LASTSAVE', 'COMMAND COUNT', 'COMMAND INFO get', 'LOLWUT'],
  ...[
    'INFO',
    'INFO everything',
    'INFO nosuch',
    'CONFIG GET *',
    'CONFIG GET max*',
    'ACL WHOAMI',
    'ACL CAT',
    'ACL GENPASS 5',
  ],
  ...[
    'ACL LOG',
    'ACL DRYRUN default get x',
    'MEMORY USAGE string1{a}',
    'MEMORY DOCTOR',
    'LATENCY LATEST',
    'SLOWLOG GET 5',
  ],
  ...['CLIENT ID', 'CLIENT INFO', 'CLIENT LIST', 'CLIENT GETNAME', 'CLIENT SETNAME x\\x01', 'CLIENT NO-EVICT off'],
  ...[
    'DT NODES',
    'DT RING',
    'DT LOCATE string1{a}',
    'DT PROXIES',
    'DT VIEW',
    'DT SLOWLOG GET',
    'DT nosuch',
    'SELECT 1',
    'SELECT 99',
    'MODULE LIST',
  ],
  ...[
    'WAIT 0 1',
    'PUBLISH c x',
    'PUBSUB CHANNELS',
    'PUBSUB NUMSUB c',
    'OBJECT HELP',
    'XINFO HELP',
    'COMMAND GETKEYS mset a b c',
  ],
  ...[
    'MULTI',
    'EXEC',
    'DISCARD',
    'WATCH string1{a} list1{b}',
    'UNWATCH',
    'BLPOP none{a} none{b} 0.01',
    'BLMOVE no{a} no{b} LEFT LEFT 0.01',
  ],
]

/** These change how many replies there are. */
const OTHERS: readonly string[] = [
  ...[
    'QUIT',
    'RESET',
    'HELLO',
    'HELLO 2',
    'HELLO 3',
    'HELLO 4',
    'HELLO 3 SETNAME x',
    'HELLO 2 AUTH x y',
    'AUTH x',
    'AUTH x y',
  ],
  ...[
    'SUBSCRIBE c d',
    'PSUBSCRIBE *',
    'SSUBSCRIBE c',
    'UNSUBSCRIBE',
    'PUNSUBSCRIBE c',
    'MONITOR',
    'CLIENT REPLY OFF',
    'CLIENT REPLY SKIP',
  ],
  ...[
    'CLIENT TRACKING ON',
    'CLIENT TRACKING ON BCAST',
    'CLIENT TRACKING OFF',
    'CLIENT CACHING YES',
    'BLPOP none 0',
    'XREAD BLOCK 0 STREAMS none $',
  ],
  ...['POST / HTTP/1.1', 'Host: x', '*', '$', '"', "'a", '"\\x', '+OK', '-ERR x', ':1', '%2', '>3', '~1'],
]

function words(line: string): Buffer[] {
  return line.split(' ').map((word) => Buffer.from(word.replaceAll('\\x01', '\x01')))
}

/** A command as an array of bulk strings. */
export function array(args: readonly Buffer[]): Buffer {
  const parts = args.flatMap((arg) => [Buffer.from(`$${arg.length}\r\n`), arg, CRLF])
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...parts])
}

/** The same in one line, as somebody types it. */
function inline(args: readonly Buffer[]): Buffer {
  const quoted = args.map((arg) => `"${[...arg].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}"`)
  return Buffer.from(`${quoted.join(' ')}\r\n`)
}

const NUMBERS = from(
  ...[
    '-1',
    '0',
    '-2',
    '2147483647',
    '2147483648',
    '4294967296',
    '9223372036854775807',
    '9223372036854775808',
    '-9223372036854775808',
  ],
  ...[
    '1048576',
    '1048577',
    '536870912',
    '536870913',
    '00',
    '01',
    '+1',
    ' 1',
    '1 ',
    '1.0',
    '1e3',
    '',
    'x',
    '\0',
    '9'.repeat(70),
    '-',
  ],
)

/** One of an array's numbers is wrong, or one of its line ends. */
function broken(args: readonly Buffer[], at: number, number: string, what: string): Buffer {
  const lines = [`*${args.length}`, ...args.map((arg) => `$${arg.length}`)]
  const wrong = at % lines.length
  if (what === 'number') lines[wrong] = lines[wrong][0] + number
  else if (what === 'type') lines[wrong] = number.slice(0, 1) + lines[wrong].slice(1)
  const end = (i: number) => (i !== wrong || what !== 'line end' ? CRLF : Buffer.from(number.slice(0, 2)))
  const parts = args.flatMap((arg, i) => [Buffer.from(lines[i + 1]), CRLF, arg, end(i + 1)])
  return Buffer.concat([Buffer.from(lines[0]), end(0), ...parts])
}

/** A request of any kind; `whole`: one that has exactly one reply. */
export function requests(docs: readonly CommandDocs[]): { whole: fc.Arbitrary<Request>; any: fc.Arbitrary<Request> } {
  const isServed = ({ name }: CommandDocs) => !/^(flush|swapdb|script\||function\||fcall)/.test(name)
  const command = fc.oneof(
    { weight: 3, arbitrary: anyCommand(docs.filter(isServed)).map(({ args }) => args) },
    { weight: 1, arbitrary: from(...ONE_REPLY).map(words) },
  )
  const whole = fc.tuple(command, fc.integer({ min: 0, max: 3 })).map(([args, form]) => ({
    bytes: form === 0 ? inline(args) : array(args),
    replies: 1,
    waits: /^(?:BL|BRPOP|BZ|XREAD|WAIT)/i.test(args[0].toString('latin1')),
  }))
  const unsure = (bytes: Buffer): Request => ({ bytes, replies: undefined, waits: false })
  const any = fc.oneof(
    { weight: 8, arbitrary: whole },
    {
      weight: 2,
      arbitrary: fc
        .tuple(from(...OTHERS), fc.boolean())
        .map(([line, typed]) => unsure(typed ? Buffer.from(`${line}\r\n`) : array(words(line)))),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(command, fc.nat(), NUMBERS, from('number', 'number', 'type', 'line end'))
        .map((parts) => unsure(broken(...parts))),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => unsure(Buffer.from(bytes))) },
  )
  return { whole, any }
}
