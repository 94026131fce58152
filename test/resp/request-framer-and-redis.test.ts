import { connect } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { FRAME, PROTOCOL_ERROR, RequestFramer } from '../../src/resp/request-framer.js'
import { startRedis } from '../helpers/proxy.js'
import type { RawClient } from '../helpers/raw-client.js'
import { cutAt, latin1 } from './framing.js'
import { refused, unfinished } from './hostile.js'

/*
 * The same bytes go to a real server and through the framer; what the framer makes of them goes to that server as
 * strict frames. When both end in the same replies, the framer reads what Redis reads.
 */

const MAX_BULK_BYTES = 512 * 1024 * 1024
const redis = await startRedis(t)
const locked = await startRedis(t, '--requirepass', 'secret')
const conn = await redis.connect()
const stranger = await locked.connect()

/**
 * Everything that the server answers to these bytes, up to the end of the connection. It may close before it has read
 * everything; then the connection is reset, and what it has answered may be lost with it: it is asked again.
 */
async function answerOf(port: number, bytes: Buffer): Promise<string> {
  for (;;) {
    const { answer, wasReset } = await answerOnce(port, bytes)
    if (answer !== '' || !wasReset) return answer
  }
}

function answerOnce(port: number, bytes: Buffer): Promise<{ answer: string; wasReset: boolean }> {
  return new Promise((resolve, reject) => {
    const received: Buffer[] = []
    let wasReset = false
    const socket = connect(port, '127.0.0.1', () => socket.end(bytes))
    socket.on('data', (chunk) => received.push(chunk))
    socket.on('error', (error: NodeJS.ErrnoException) => {
      wasReset = error.code === 'ECONNRESET' || error.code === 'EPIPE'
      if (!wasReset) reject(error)
    })
    socket.on('close', () => resolve({ answer: Buffer.concat(received).toString('latin1'), wasReset }))
  })
}

/** What the server answers to the commands that the framer finds, and then the framer's error. */
async function answerThroughFramer(via: RawClient, chunks: Buffer[], maxBulkBytes = MAX_BULK_BYTES): Promise<string> {
  const framer = new RequestFramer({ maxBulkBytes })
  framer.authenticated = via !== stranger
  const answers: (Promise<Buffer> | Buffer)[] = []
  for (const chunk of chunks) {
    framer.feed(chunk)
    let result = framer.next()
    for (; result === FRAME; result = framer.next()) {
      const { argStart, argEnd } = framer
      const args = Array.from({ length: framer.argc }, (_, i) => framer.buf.subarray(argStart[i], argEnd[i]))
      answers.push(via.ask(...args))
    }
    if (result === PROTOCOL_ERROR) {
      answers.push(Buffer.concat([latin1('-'), framer.errorMessage, latin1('\r\n')]))
      break
    }
  }
  return Buffer.concat(await Promise.all(answers)).toString('latin1')
}

for (const [name, text] of [...refused, ...unfinished]) {
  t.test(`Redis agrees about ${name}`, async (t) => {
    t.equal(await answerThroughFramer(conn, [latin1(text)]), await answerOf(redis.port, latin1(text)))
  })
}

for (const [name, text] of [
  ['too long inline commands', 'a'.repeat(200_000)],
  ['too long counts', `*${'1'.repeat(200_000)}`],
  ['too long lengths', `*1\r\n$${'1'.repeat(200_000)}`],
  ['too long lines with NUL', `PING\0${'\r\n'.repeat(100_000)}`],
]) {
  t.test(`Redis agrees about ${name}`, async (t) => {
    const through = await answerThroughFramer(conn, [latin1(text)])
    t.match(through, /^-ERR Protocol error: too big/)
    t.equal(through, await answerOf(redis.port, latin1(text)))
  })
}

t.test('Redis agrees about sloppy line ends and empty commands', async (t) => {
  for (const text of [
    '*1\r\n$4\r\nPINGXX*1\r\n$4\r\nPING\r\n',
    '*1\rX$4\rYPING\n\n*1\r\n$4\r\nPING\r\n',
    '*2\r\n$4\r\nECHO\r\n$2\r\nhi\0\0PING\r\n',
    '*0\r\n*-5\r\n*-9223372036854775808\r\n\r\n\n  \t\r\nPING\r\n',
    '*0\rX*1\r\n$4\r\nPING\r\n',
    ' PING \r\n',
    'PING\n\r\nPING\r\r\n',
    '\r\rPING\r\n',
    'PING\r\r\n',
    '$4\r\nPING\r\n',
    '\0PING\r\nPING\r\n',
    '"*1"\r\n',
    '"" ""\r\n',
  ]) {
    t.equal(
      await answerThroughFramer(conn, [latin1(text)]),
      await answerOf(redis.port, latin1(text)),
      JSON.stringify(text),
    )
  }
})

t.test('Redis agrees about the limits of those who are not logged in', async (t) => {
  const encode = (...args: string[]) =>
    `*${args.length}\r\n${args.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join('')}`
  for (const text of [
    encode('PING', ...'bcdefghij'),
    encode('PING', ...'bcdefghijk'),
    encode('ECHO', 'x'.repeat(16384)),
    encode('ECHO', 'x'.repeat(16385)),
    '*2147483648\r\n',
    '*2\r\n$536870913\r\n',
    '*1\r\nx\r\n',
    'ECHO inline\r\n',
    encode('AUTH', 'wrong') + encode('PING'),
  ]) {
    const through = await answerThroughFramer(stranger, [latin1(text)])
    t.equal(through, await answerOf(locked.port, latin1(text)), JSON.stringify(text.slice(0, 80)))
  }
  const inline = latin1(`GET ${'a '.repeat(20)}\r\n`)
  t.match(await answerOf(locked.port, inline), /wrong number of arguments/, 'inline commands may be longer')
})

t.test('Redis agrees about the limit of a value', async (t) => {
  const limit = 1024 * 1024
  await conn.ask('CONFIG', 'SET', 'proto-max-bulk-len', `${limit}`)
  for (const size of [limit - 1, limit, limit + 1]) {
    const bytes = latin1(`*2\r\n$4\r\nECHO\r\n$${size}\r\n${'x'.repeat(size)}\r\n`)
    const through = await answerThroughFramer(conn, [bytes], limit)
    t.equal(through.length > 100, size <= limit)
    t.ok(through === (await answerOf(redis.port, bytes)), `${size} bytes`)
  }
  await conn.ask('CONFIG', 'SET', 'proto-max-bulk-len', `${MAX_BULK_BYTES}`)
})

/** Shows all its arguments in its reply. */
const SHOW = 'EVAL "return ARGV" 0 '

t.test('Redis agrees about quotes in inline commands', async (t) => {
  for (const args of [
    'plain  words\tand\ttabs',
    '"in quotes" \'in single quotes\' ""  \'\'',
    '"a\\x41\\x4a\\xfF\\x00" "\\x4" "\\xg1" "\\x" "\\x4g"',
    '"\\n\\r\\t\\b\\a\\\\\\"\\q\\0\\\'"',
    "'\\n\\\\ \\' \\\" \\x41' '\\\\'",
    'mid"quote d" mid\'quote d\' a"" b\'\'',
    '"a"\v"b" \'c\'\f\'d\'',
    'vertical\vtab form\ffeed \vlead \ftrail\v',
    'back\\slash \\x41 \\n \\"x\\"',
    'high \xff\xfe "\xe2\x82\xac"',
    '"x"y',
    "'x'y",
    '"x""y"',
    "a'x'b",
    '"x',
    "'x",
    '"x\\',
    "'x\\",
    "'x\\'",
    '"\\"',
    "it's",
    'a"b"c',
    'carriage\rreturn "a\rb" \r',
    '{} $1 *2 :3 +x -y',
  ]) {
    const bytes = latin1(`${SHOW}${args}\r\n`)
    t.equal(await answerThroughFramer(conn, [bytes]), await answerOf(redis.port, bytes), JSON.stringify(args))
  }
})

t.test('Redis agrees about any inline arguments', async () => {
  const piece = fc.constantFrom(
    '"',
    "'",
    '\\',
    ' ',
    'x',
    '4',
    'a',
    '\\x41',
    '\\"',
    "\\'",
    'n',
    '\t',
    '\v',
    '\xff',
    '" ',
    "' ",
  )
  const property = fc.asyncProperty(fc.array(piece, { maxLength: 14 }), async (pieces) => {
    const bytes = latin1(`${SHOW}${pieces.join('')}\r\n`)
    const [through, direct] = await Promise.all([answerThroughFramer(conn, [bytes]), answerOf(redis.port, bytes)])
    if (through !== direct) throw new Error(`${JSON.stringify(through)} is not ${JSON.stringify(direct)}`)
  })
  await fc.assert(property, { numRuns: 600 })
})

t.test('Redis agrees about any mixture of pieces of commands, however it is cut', async () => {
  const piece = fc.constantFrom(
    '*1\r\n$4\r\nPING\r\n',
    '*2\r\n$4\r\nECHO\r\n$5\r\nhowdy\r\n',
    '*2\r\n$4\r\nECHO\r\n$12\r\nhowdy\r\nworld\r\n',
    '*3\r\n$4\r\nECHO\r\n',
    'ECHO inline\r\n',
    'PING\n',
    '*',
    '$',
    '1',
    '0',
    '-1',
    '4',
    '\r\n',
    '\r',
    '\n',
    '\0',
    ' ',
    'PING',
    '"',
    '\xff',
    '*1\r\n',
    '*2\r\n',
    '*0\r\n',
    '$0\r\n\r\n',
    '$4\r\nPING\r\n',
    '$4\rxECHOyz',
  )
  const property = fc.asyncProperty(
    fc.array(piece, { minLength: 1, maxLength: 12 }),
    fc.array(fc.nat(), { maxLength: 4 }),
    async (pieces, places) => {
      const bytes = latin1(pieces.join(''))
      const [through, direct] = await Promise.all([
        answerThroughFramer(conn, cutAt(bytes, places)),
        answerOf(redis.port, bytes),
      ])
      if (through !== direct) throw new Error(`${JSON.stringify(through)} is not ${JSON.stringify(direct)}`)
    },
  )
  await fc.assert(property, { numRuns: 1500 })
})
