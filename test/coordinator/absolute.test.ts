import fc from 'fast-check'
import t from 'tap'
import { rowNamed } from '../../src/command/table.js'
import { type Frame, frameOf } from '../../src/resp/frame.js'
import { parseRequest } from '../../src/resp/request-parser.js'
import { mayHaveTime, toAbsolute } from '../../src/serving/absolute.js'

const NOW_MS = 1_700_000_000_000

function rewrite(args: readonly string[], nowMs = NOW_MS): { before: Frame; after: Frame; text: string } {
  const before = frameOf(args)
  const after = toAbsolute(rowNamed(args[0].toLowerCase())!, before, nowMs)
  const text = parseRequest(after)
    .map((arg) => arg.toString('latin1'))
    .join(' ')
  return { before, after, text }
}

for (const [command, expected] of [
  ['SET k v EX 10', `SET k v PXAT ${NOW_MS + 10_000}`],
  ['set k v px 10', `set k v PXAT ${NOW_MS + 10}`],
  ['SET k v NX EX 10 GET', `SET k v NX GET PXAT ${NOW_MS + 10_000}`],
  ['SET k v EX 5 EX 10', `SET k v PXAT ${NOW_MS + 10_000}`],
  ['SET EX EX EX 1', `SET EX EX PXAT ${NOW_MS + 1000}`],
  ['GETEX k EX 1', `GETEX k PXAT ${NOW_MS + 1000}`],
  ['GETEX k PX 1', `GETEX k PXAT ${NOW_MS + 1}`],
  ['SETEX k 10 v', `SET k v PXAT ${NOW_MS + 10_000}`],
  ['PSETEX k 10 v', `SET k v PXAT ${NOW_MS + 10}`],
  ['EXPIRE k 10', `PEXPIREAT k ${NOW_MS + 10_000}`],
  ['EXPIRE k 10 GT', `PEXPIREAT k ${NOW_MS + 10_000} GT`],
  ['EXPIRE k -10', 'PEXPIREAT k 1'],
  ['PEXPIRE k 0 nx', 'PEXPIREAT k 1 nx'],
  ['PEXPIRE k -1 LT', 'PEXPIREAT k 1 LT'],
  ['PEXPIRE k 9223372036854775807 NX XX', 'PEXPIRE k 9223372036854775807 NX XX'],
  ['RESTORE k 10 payload', `RESTORE k ${NOW_MS + 10} payload ABSTTL`],
  ['RESTORE k 10 payload REPLACE FREQ 3', `RESTORE k ${NOW_MS + 10} payload ABSTTL REPLACE FREQ 3`],
] as const) {
  t.test(`${command} becomes ${expected}`, async (t) => {
    const { before, text } = rewrite(command.split(' '))
    t.equal(text, expected)
    t.ok(mayHaveTime(rowNamed(command.split(' ')[0].toLowerCase())!, before))
  })
}

t.test('a plain SET and GETEX need no clock', async (t) => {
  t.notOk(mayHaveTime(rowNamed('set')!, frameOf(['SET', 'k', 'v'])))
  t.notOk(mayHaveTime(rowNamed('getex')!, frameOf(['GETEX', 'k'])))
})

t.test('what has no relative time is the same frame', async (t) => {
  const commands = [
    'SET k v',
    'SET k v KEEPTTL',
    'SET k v EXAT 10',
    'SET k v PXAT 10 NX',
    'GETEX k',
    'GETEX k PERSIST',
    'GETEX k EXAT 10',
    'RESTORE k 0 payload',
    'RESTORE k 10 payload ABSTTL',
    'RESTORE k 10 payload REPLACE absttl',
  ]
  for (const command of commands) {
    const { before, after } = rewrite(command.split(' '))
    t.equal(after, before, command)
  }
})

t.test('what Redis would refuse goes as it came, because the error names the command', async (t) => {
  const commands = [
    'SET k v EX',
    'SET k v EX 0',
    'SET k v EX -1',
    'SET k v EX x',
    'SET k v EX 1.5',
    'SET k v EX 010',
    'SET k v EX +1',
    'SET k v EX 9223372036854775807',
    'SET k v PX 9223372036854775807',
    'SET k v EX 9223372036854775',
    'SET k v PX 9223372036854775808',
    'SET k v EX 1 PX 1',
    'SET k v EX 1 EXAT 1',
    'GETEX k EX',
    'GETEX k EX 0',
    'SETEX k 0 v',
    'SETEX k -1 v',
    'SETEX k abc v',
    'PSETEX k 9223372036854775807 v',
    'EXPIRE k 9223372036854776',
    'EXPIRE k -9223372036854776',
    'EXPIRE k 1e3',
    'PEXPIRE k 9223372036854775807',
    'RESTORE k -1 payload',
    'RESTORE k x payload',
  ]
  for (const command of commands) {
    const { before, after } = rewrite(command.split(' '))
    t.equal(after, before, command)
  }
})

t.test('the latest moment that fits into 64 bits is taken, and the one after it is not', async (t) => {
  const last = 2n ** 63n - 1n - BigInt(NOW_MS)
  t.equal(rewrite(['PEXPIRE', 'k', String(last)]).text, `PEXPIREAT k ${2n ** 63n - 1n}`)
  t.equal(rewrite(['PEXPIRE', 'k', String(last + 1n)]).text, `PEXPIRE k ${last + 1n}`)
  t.equal(rewrite(['SET', 'k', 'v', 'PX', String(last)]).text, `SET k v PXAT ${2n ** 63n - 1n}`)
  t.equal(rewrite(['SET', 'k', 'v', 'PX', String(last + 1n)]).text, `SET k v PX ${last + 1n}`)
})

t.test('what is to be gone at once has passed also for a server whose clock is behind', async (t) => {
  for (const ttl of ['0', '-1', '-9223372036854775']) {
    for (const command of ['EXPIRE', 'PEXPIRE']) {
      const [, , at] = rewrite([command, 'k', ttl], NOW_MS + 0.9).text.split(' ')
      t.ok(Number(at) < NOW_MS - 10_000, `${command} k ${ttl}`)
    }
  }
})

t.test('the clock is cut to whole milliseconds', async (t) => {
  t.equal(rewrite(['EXPIRE', 'k', '1'], 1000.999).text, 'PEXPIREAT k 2000')
})

t.test('keys and values of any bytes stay as they are', async () => {
  const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array))
  fc.assert(
    fc.property(bytes, bytes, fc.integer({ min: 1, max: 10 ** 9 }), (key, value, ttl) => {
      const deadline = Buffer.from(String(NOW_MS + ttl * 1000))
      const set = parseRequest(toAbsolute(rowNamed('set')!, frameOf(['SET', key, value, 'EX', String(ttl)]), NOW_MS))
      const setex = parseRequest(toAbsolute(rowNamed('setex')!, frameOf(['SETEX', key, String(ttl), value]), NOW_MS))
      const expected = [Buffer.from('SET'), key, value, Buffer.from('PXAT'), deadline]
      return [set, setex].every((args) => args.every((arg, i) => arg.equals(expected[i])) && args.length === 5)
    }),
  )
})
