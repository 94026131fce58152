import fc from 'fast-check'
import t from 'tap'
import { FRAME, RequestFramer } from '../../src/resp/request-framer.js'
import { cutAt, latin1 } from './framing.js'

/*
 * The request framer has two lanes: `quick` for nearly all commands, `scan` for everything. The same bytes, cut and handed
 * over alike, go through a framer with both and through one that only has the slow one, and whatever can be seen of the
 * two must be equal after every step. That the slow lane reads what Redis reads is shown elsewhere [request-framer-and-redis].
 */

/** The part of the framer that is replaced here. */
interface Lanes {
  quick(): boolean
}

interface Reading {
  readonly maxBulkBytes: number
  /** Before each command, over and over: whether the client is logged in, and whether the reader stops for now. */
  readonly logins: readonly boolean[]
  readonly stops: readonly boolean[]
}

interface Trace {
  /** Everything that was seen, step after step. */
  readonly steps: string[]
  /** Commands that went through the quick lane, and all. */
  readonly quick: number
  readonly commands: number
  readonly error: string
}

function trace(chunks: readonly Buffer[], { maxBulkBytes, logins, stops }: Reading, hasQuickLane: boolean): Trace {
  const framer = new RequestFramer({ maxBulkBytes })
  const lanes = framer as unknown as Lanes
  const quick = lanes.quick.bind(framer)
  const steps: string[] = []
  let [taken, commands, asked] = [0, 0, 0]
  lanes.quick = () => {
    if (!hasQuickLane || !quick()) return false
    taken++
    return true
  }
  // Behind what was received lies what will come: who reads too far sees just what he hopes for.
  const stream = Buffer.concat(chunks)
  const shared = Buffer.alloc(stream.length + 1)
  const look = (what: string) => {
    const { bufferedBytes, error, room } = framer
    steps.push(`${what}: left ${bufferedBytes}, room ${room?.length}, error ${error}`)
  }
  const read = () => {
    for (;;) {
      framer.authenticated = logins[asked % logins.length]
      if (stops[asked % stops.length]) {
        framer.retain()
        shared.fill(0xee)
        look('stopped')
      }
      asked++
      const result = framer.next()
      look(`result ${result}`)
      if (result !== FRAME) return
      commands++
      const { buf, start, end, argc, argStart, argEnd, owned } = framer
      const places = Array.from({ length: argc }, (_, i) => `${argStart[i]}-${argEnd[i]}`)
      steps.push(`${buf === shared ? 'chunk' : 'own'} ${owned} ${start}-${end} ${argc}: ${places.join(' ')}`)
      steps.push(buf.toString('latin1', start, end))
    }
  }
  for (const [i, chunk] of chunks.entries()) {
    const before = chunks.slice(0, i).reduce((sum, { length }) => sum + length, 0)
    for (let at = 0; at < chunk.length; ) {
      const { room } = framer
      const from = before + at
      const size = Math.min((room ?? shared).length, chunk.length - at)
      if (room === undefined) {
        stream.copy(shared, 0, from)
        framer.feed(shared, size)
      } else {
        stream.copy(room, 0, from, from + size)
        framer.filled(size)
      }
      at += size
      look('received')
      read()
      shared.fill(0xee)
    }
  }
  return { steps, quick: taken, commands, error: framer.error }
}

/** Where the two differ first. */
function differenceOf(a: Trace, b: Trace): string | undefined {
  for (let i = 0; i < Math.max(a.steps.length, b.steps.length); i++) {
    if (a.steps[i] !== b.steps[i]) return `step ${i}: ${JSON.stringify(a.steps[i])}, slow ${JSON.stringify(b.steps[i])}`
  }
  return undefined
}

const encode = (args: readonly string[]) =>
  `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`

const size = fc.oneof(
  { weight: 8, arbitrary: fc.nat(12) },
  { weight: 2, arbitrary: fc.constantFrom(9, 10, 11, 98, 99, 100, 101, 999, 1000) },
  { weight: 1, arbitrary: fc.constantFrom(16_384, 16_385, 33_000, 70_000) },
)
/** Bytes that mean something to a framer. */
const odd = fc.constantFrom(...'*$\r\n/0123456789:-+ \0\xffax')
const oddText = fc.array(odd, { maxLength: 12 }).map((bytes) => bytes.join(''))
const arg = fc.oneof(
  oddText,
  fc.tuple(size, odd).map(([length, byte]) => byte.repeat(length)),
)
const strict = fc
  .oneof(
    { weight: 6, arbitrary: fc.array(arg, { minLength: 1, maxLength: 4 }) },
    { weight: 1, arbitrary: fc.array(oddText, { minLength: 5, maxLength: 14 }) },
  )
  .map(encode)
/** A strict command of which some bytes were replaced, left out or put in. */
const damaged = fc
  .tuple(strict, fc.array(fc.tuple(fc.nat(), odd, fc.constantFrom(0, 1, 1, 2)), { minLength: 1, maxLength: 2 }))
  .map(([text, edits]) =>
    edits.reduce((bytes, [place, byte, removed]) => {
      // Near the beginning, mostly, where the headers are.
      const at = place % Math.min(bytes.length, 24)
      return bytes.slice(0, at) + byte + bytes.slice(at + removed)
    }, text),
  )
/** Numbers as Redis takes them or does not, in both headers. */
const numbers = ['', '0', '1', '3', '9', '10', '00', '03', '-1', '-0', '+3', ' 3', '3 ', '3a', '/', ':', '1:', '0:']
const long = ['99999999', '99999999:', '999999990', '100000000', '2147483647', '2147483648', '9223372036854775808']
const number = fc.constantFrom(...numbers, ...long)
const header = fc
  .tuple(
    fc.oneof({ weight: 3, arbitrary: fc.constant('1') }, { weight: 1, arbitrary: number }),
    number,
    fc.oneof(
      { weight: 3, arbitrary: fc.constant('\r\n') },
      { weight: 1, arbitrary: fc.constantFrom('\r', '\n', '\rx', '') },
    ),
  )
  .map(([count, length, end]) => `*${count}${end}$${length}\r\n${'x'.repeat(Math.abs(Number(length)) % 20 || 0)}\r\n`)
/** Counts and lengths of one byte, as if the digits went on behind the 9. */
const digit = (n: number) => String.fromCharCode(48 + n)
const pretending = (sizes: readonly number[]) =>
  `*${digit(sizes.length)}\r\n${sizes.map((n) => `$${digit(n)}\r\n${'x'.repeat(n)}\r\n`).join('')}`
const beyond = fc
  .oneof(
    fc.array(fc.nat(9), { minLength: 9, maxLength: 12 }),
    fc.array(fc.integer({ min: 8, max: 14 }), { minLength: 1, maxLength: 3 }),
  )
  .map(pretending)
const piece = fc.oneof(
  { weight: 8, arbitrary: strict },
  { weight: 3, arbitrary: damaged },
  { weight: 2, arbitrary: header },
  { weight: 1, arbitrary: beyond },
  { weight: 1, arbitrary: oddText.map((text) => `${text}\r\n`) },
  { weight: 1, arbitrary: fc.constantFrom('PING\r\n', 'get  key\n', '\r\n', '*0\r\n', '*-5\r\n', '*1\rx$4\r\nPING!!') },
)

t.test('whatever bytes come, cut anywhere, both lanes read the same', async (t) => {
  let [quick, slow, broken] = [0, 0, 0]
  const property = fc.property(
    fc.oneof(fc.array(strict, { minLength: 1, maxLength: 8 }), fc.array(piece, { minLength: 1, maxLength: 8 })),
    fc.oneof(fc.constant([]), fc.array(fc.nat(), { maxLength: 6 }), fc.array(fc.nat(40), { maxLength: 6 })),
    fc.record({
      maxBulkBytes: fc.oneof(
        { weight: 2, arbitrary: fc.constant(512 * 1024 * 1024) },
        { weight: 1, arbitrary: fc.constantFrom(2, 10, 99, 100, 20_000) },
      ),
      logins: fc.oneof(
        { weight: 3, arbitrary: fc.constant([true]) },
        { weight: 1, arbitrary: fc.array(fc.boolean(), { minLength: 1, maxLength: 4 }) },
      ),
      stops: fc.oneof(fc.constant([false]), fc.array(fc.boolean(), { minLength: 1, maxLength: 4 })),
    }),
    (pieces, places, reading) => {
      const chunks = cutAt(latin1(pieces.join('')), places).filter(({ length }) => length > 0)
      const both = trace(chunks, reading, true)
      quick += both.quick
      slow += both.commands - both.quick
      if (both.error !== '') broken++
      const difference = differenceOf(both, trace(chunks, reading, false))
      if (difference !== undefined) throw new Error(difference)
    },
  )
  fc.assert(property, { numRuns: 4000 })
  t.ok(quick > 3000, `${quick} commands took the quick lane`)
  t.ok(slow > 1500, `${slow} commands took the slow lane`)
  t.ok(broken > 800, `${broken} streams were broken`)
})

t.test('a command with any byte replaced, or cut at any place, is read the same by both', async (t) => {
  const reading = { maxBulkBytes: 100, logins: [true], stops: [false] }
  const commands = [['SET', 'key', 'value'], ['GET', '0123456789'], ['X', ''], [...'abcdefghi'], [...'abcdefghij']]
  for (const args of commands) {
    const text = encode(args)
    const behind = encode(['PING'])
    for (let at = 0; at < Math.min(text.length, 36); at++) {
      const streams = [text.slice(0, at), text.slice(0, at) + behind]
      for (let code = 0; code < 256; code++)
        streams.push(text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1))
      for (const stream of streams) {
        for (const chunks of [[latin1(stream)], [latin1(stream), latin1(behind)]]) {
          const difference = differenceOf(trace(chunks, reading, true), trace(chunks, reading, false))
          if (difference !== undefined) t.fail(`${JSON.stringify(stream)}: ${difference}`)
        }
      }
    }
    t.pass(args.join(' '))
  }
})
