import t from 'tap'
import { wallClockUs } from '../../../src/base/clock.js'
import { answersAlike, endsAlike } from '../../helpers/alike.js'
import { startProxy, startRedis, type TestProxy, type TestRedis } from '../../helpers/proxy.js'
import { command } from '../../helpers/raw-client.js'
import { itemsOf, readReply, textOf } from '../../helpers/raw-reply.js'

const small = { nodes: 1, replicas: 0, sentinels: 1 }
const open = { proxy: await startProxy(t, small), redis: await startRedis(t) }
const locked = {
  proxy: await startProxy(t, { ...small, config: { auth: { password: 'sécret' } } }),
  redis: await startRedis(t, '--requirepass', 'sécret'),
}

interface Both {
  proxy: TestProxy
  redis: TestRedis
}

const clients = (both: Both, proto: 2 | 3 = 2) => Promise.all([both.proxy.connect(proto), both.redis.connect(proto)])

const ANY_BYTES = Buffer.from([0, 13, 10, 255, 36])

for (const proto of [2, 3] as const) {
  t.test(`commands about the connection answer as Redis does in RESP${proto}`, async (t) => {
    const [ours, theirs] = await clients(open, proto)
    await answersAlike(t, ours, theirs, [
      ['PING'],
      ['ping', ANY_BYTES],
      ['PING', ''],
      ['PING', 'a', 'b'],
      ['ECHO', ANY_BYTES],
      ['ECHO'],
      ['ECHO', 'a', 'b'],
      ['SELECT', '15'],
      ['SELECT', '0'],
      ['SELECT', '16'],
      ['SELECT', '-1'],
      ['SELECT', 'x'],
      ['SELECT', ''],
      ['SELECT', ' 1'],
      ['SELECT', '01'],
      ['SELECT', '+1'],
      ['SELECT', '-0'],
      ['SELECT', '2147483648'],
      ['SELECT', '-2147483649'],
      ['SELECT', '9223372036854775807'],
      ['SELECT', '9223372036854775808'],
      ['SELECT'],
      ['SELECT', '1', '2'],
      ['TIME', 'x'],
      ['RESET', 'x'],
      ['AUTH'],
      ['AUTH', 'x'],
      ['AUTH', 'default', 'x'],
      ['AUTH', 'somebody', 'x'],
      ['AUTH', 'DEFAULT', 'x'],
      ['AUTH', 'default', 'x', 'y'],
      ['RESET'],
    ])
  })

  t.test(`HELLO refuses as Redis does in RESP${proto}`, async (t) => {
    const [ours, theirs] = await clients(open, proto)
    await answersAlike(t, ours, theirs, [
      ['HELLO', 'x'],
      ['HELLO', ''],
      ['HELLO', '1'],
      ['HELLO', '4'],
      ['HELLO', '-3'],
      ['HELLO', '9223372036854775808'],
      ['HELLO', '3', 'x'],
      ['HELLO', '3', Buffer.from('a\r\nb\0c')],
      ['HELLO', '3', 'AUTH'],
      ['HELLO', '3', 'AUTH', 'default'],
      ['HELLO', '3', 'AUTH', 'somebody', 'x'],
      ['HELLO', '3', 'SETNAME'],
      ['HELLO', '3', 'SETNAME', 'a b'],
      ['HELLO', '3', 'SETNAME', 'é'],
      // What stands before the wrong option has been done.
      ['CLIENT', 'GETNAME'],
      ['HELLO', '3', 'SETNAME', 'before', 'x'],
      ['CLIENT', 'GETNAME'],
      ['HELLO', '2', 'SETNAME', '', 'x'],
      ['CLIENT', 'GETNAME'],
    ])
  })
}

t.test('HELLO says of the connection what Redis says', async (t) => {
  const [ours, theirs] = await clients(open)
  for (const args of [
    ['HELLO'],
    ['HELLO', '3', 'setname', 'me', 'auth', 'default', 'any'],
    ['HELLO'],
    ['HELLO', '2'],
  ]) {
    const replies = await Promise.all([ours.ask(...args), theirs.ask(...args)])
    const [our, their] = replies.map((reply) => reply.toString().replace(/id\r\n:\d+/, 'id'))
    t.equal(our, their, args.join(' '))
  }
  await answersAlike(t, ours, theirs, [['CLIENT', 'GETNAME']])
})

t.test('before the login a client is told what Redis tells it', async (t) => {
  const [ours, theirs] = await clients(locked)
  await answersAlike(t, ours, theirs, [
    ['PING'],
    ['GET', 'a'],
    ['GET'],
    ['NOSUCH', 'a'],
    ['CLIENT', 'NOSUCH'],
    ['CLIENT', 'ID'],
    ['INFO'],
    ['DBSIZE'],
    ['HELLO'],
    ['HELLO', '3'],
    ['HELLO', 'x'],
    ['HELLO', '4'],
    ['HELLO', '3', 'SETNAME', 'a b'],
    ['HELLO', '3', 'AUTH', 'default', 'wrong'],
    ['HELLO', '3', 'AUTH', 'somebody', 'sécret'],
    ['AUTH', 'wrong'],
    ['AUTH', ''],
    ['AUTH', 'sécret2'],
    ['AUTH', 'default', 'wrong'],
    ['AUTH', 'somebody', 'sécret'],
    ['AUTH', 'a', 'b', 'c'],
    ['AUTH', 'sécret'],
    ['PING'],
    ['AUTH', 'wrong'],
    ['PING'],
    // RESET logs out.
    ['RESET'],
    ['PING'],
    ['RESET'],
    ['AUTH', 'default', 'sécret'],
    ['GET', 'a'],
  ])
})

t.test('HELLO with a wrong option has logged in all the same', async (t) => {
  const [ours, theirs] = await clients(locked)
  await answersAlike(t, ours, theirs, [
    ['HELLO', '3', 'AUTH', 'default', 'sécret', 'SETNAME', 'me', 'x'],
    ['CLIENT', 'GETNAME'],
    ['PING', 'in RESP2'],
  ])
})

t.test('an option is read as a C string', async (t) => {
  const [ours, theirs] = await clients(locked)
  await answersAlike(t, ours, theirs, [
    ['HELLO', '2', 'AUTH\0x', 'default', 'wrong'],
    ['HELLO', '2', 'AUTH\0x', 'default', 'sécret', 'NO\0x'],
    ['PING'],
  ])
})

t.test('QUIT answers, and what follows it is dropped', async (t) => {
  for (const both of [open, locked]) {
    const [ours, theirs] = await clients(both)
    await endsAlike(t, ours, theirs, 'PING\r\nQUIT now\r\nPING\r\n', 'PING, QUIT, PING')
  }
})

t.test('RESET brings everything back that Redis brings back', async (t) => {
  const [ours, theirs] = await clients(open, 3)
  await answersAlike(t, ours, theirs, [
    ['SELECT', '3'],
    ['SET', 'in', 'three'],
    ['CLIENT', 'SETNAME', 'me'],
    ['CLIENT', 'NO-EVICT', 'on'],
    ['CLIENT', 'GETNAME'],
    ['RESET'],
    ['CLIENT', 'GETNAME'],
    ['GET', 'in'],
    ['CONFIG', 'GET', 'no-such-setting'],
  ])
  for (const client of [ours, theirs]) {
    const line = textOf(readReply(await client.ask('CLIENT', 'INFO')))
    t.match(line, / name= /, 'the name is gone')
    t.match(line, / flags=e db=0 /, 'NO-EVICT stays, as in Redis')
    t.match(line, / resp=2/, 'RESP2 again')
  }
})

t.test('CLIENT REPLY silences what it silences in Redis', async (t) => {
  const sequences: string[][][] = [
    [
      ['CLIENT', 'REPLY', 'SKIP'],
      ['ECHO', 'silent'],
      ['ECHO', 'heard'],
    ],
    [
      ['CLIENT', 'REPLY', 'SKIP'],
      ['CLIENT', 'REPLY', 'SKIP'],
      ['ECHO', 'silent'],
      ['ECHO', 'heard'],
    ],
    [
      ['CLIENT', 'REPLY', 'SKIP'],
      ['CLIENT', 'REPLY', 'ON'],
      ['ECHO', 'heard'],
    ],
    [['CLIENT', 'REPLY', 'SKIP'], ['NOSUCH'], ['NOSUCH']],
    [['CLIENT', 'REPLY', 'SKIP'], ['GET', 'a'], ['GET', 'a'], ['DBSIZE']],
    [['CLIENT', 'REPLY', 'SKIP'], ['DBSIZE'], ['ECHO', 'heard']],
    [
      ['CLIENT', 'REPLY', 'OFF'],
      ['ECHO', 'a'],
      ['SET', 'a', 'b'],
      ['CLIENT', 'REPLY', 'ON'],
      ['GET', 'a'],
    ],
    [
      ['CLIENT', 'REPLY', 'OFF'],
      ['CLIENT', 'REPLY', 'SKIP'],
      ['ECHO', 'a'],
      ['ECHO', 'b'],
      ['CLIENT', 'REPLY', 'on'],
    ],
    [['CLIENT', 'REPLY', 'OFF'], ['GET'], ['RESET'], ['ECHO', 'heard']],
    [
      ['CLIENT', 'REPLY', 'OFF'],
      ['CLIENT', 'REPLY', 'x'],
      ['CLIENT', 'REPLY', 'ON'],
    ],
    [
      ['CLIENT', 'REPLY', 'x'],
      ['CLIENT', 'REPLY'],
      ['CLIENT', 'REPLY', 'ON', 'x'],
    ],
  ]
  for (const sequence of sequences) {
    const [ours, theirs] = await clients(open)
    const bytes = Buffer.concat([...sequence, ['QUIT']].map((args) => command(...args)))
    await endsAlike(t, ours, theirs, bytes, sequence.map((args) => args.join(' ')).join(', '))
  }
})

t.test('QUIT ends a client that wants no replies, which Redis 7.0 forgets to do', async (t) => {
  const client = await open.proxy.connect()
  client.send('CLIENT REPLY OFF\r\nQUIT\r\n')
  t.equal((await client.rest()).toString(), '')
})

t.test('TIME is the time, to the microsecond', async (t) => {
  const client = await open.proxy.connect()
  const before = Date.now() * 1000
  const [seconds, microseconds] = itemsOf(readReply(await client.ask('TIME'))).map(textOf)
  const us = Number(seconds) * 1e6 + Number(microseconds)
  t.ok(us >= before && us <= Date.now() * 1000 + 999, `${us} lies between the clock before and after`)
  t.match(seconds, /^\d{10}$/)
  t.match(microseconds, /^\d{1,6}$/)
})

t.test('the clock in microseconds stays within the millisecond of the system and does not go back', async (t) => {
  let last = 0
  let wrong = 0
  for (let i = 0; i < 20_000; i++) {
    const before = Date.now() * 1000
    const us = wallClockUs()
    if (us < last || us < before || us > Date.now() * 1000 + 999 || !Number.isInteger(us)) wrong++
    last = us
  }
  t.equal(wrong, 0)
})
