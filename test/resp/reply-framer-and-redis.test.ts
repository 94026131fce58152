import { connect } from 'node:net'
import t from 'tap'
import { frameOf } from '../../src/resp/frame.js'
import { startRedis } from '../helpers/proxy.js'
import { everySplit, inParts } from './framing.js'
import { frameReplies } from './replies.js'

/** Everything that a real server sends to a RESP3 client for these commands. */
async function sentFor(port: number, commands: readonly string[][]): Promise<Buffer> {
  const socket = connect(port, '127.0.0.1')
  socket.write(Buffer.concat([['HELLO', '3'], ...commands, ['ECHO', 'the end']].map((args) => frameOf(args).buf)))
  const end = '$7\r\nthe end\r\n'
  const received: Buffer[] = []
  for await (const chunk of socket) {
    received.push(chunk)
    const all = Buffer.concat(received)
    if (all.subarray(-end.length).toString() === end) return all.subarray(0, -end.length)
  }
  throw new Error('the server closed the connection')
}

t.test('the pushes that a real server writes inside aggregates are taken out of them', async (t) => {
  const redis = await startRedis(t, '--notify-keyspace-events', 'Ex', '--enable-debug-command', 'yes')
  const stream = await sentFor(redis.port, [
    ['DEBUG', 'SET-ACTIVE-EXPIRE', '0'],
    ['SUBSCRIBE', '__keyevent@0__:expired'],
    ['MSET', 'stays', '1'],
    ['PSETEX', 'a', '1', 'v'],
    ['PSETEX', 'b', '1', 'v'],
    ['PSETEX', 'c', '1', 'v'],
    ['DEBUG', 'SLEEP', '0.01'],
    ['MGET', 'a', 'stays', 'b'],
    ['MULTI'],
    ['EXISTS', 'c'],
    ['PING'],
    ['EXEC'],
    ['PING'],
  ])
  t.match(stream.toString(), /\*3\r\n>3\r\n/, 'it does write them there')
  for (const chunks of [[stream], inParts(stream, 1), ...everySplit(stream)]) {
    const { replies, pushes } = frameReplies(chunks)
    t.same(
      replies.slice(1).map(({ text }) => text),
      [
        ...['+OK\r\n', '+OK\r\n', '+OK\r\n', '+OK\r\n', '+OK\r\n', '+OK\r\n'],
        '*3\r\n_\r\n$1\r\n1\r\n_\r\n',
        ...['+OK\r\n', '+QUEUED\r\n', '+QUEUED\r\n', '*2\r\n:0\r\n+PONG\r\n', '+PONG\r\n'],
      ],
    )
    t.same(
      pushes.map((push) => /subscribe|\$1\r\n[abc]\r\n$/.exec(push)?.[0].trim().slice(-1)),
      ['e', 'a', 'b', 'c'],
    )
  }
})

t.test('every reply of a real server is one reply', async (t) => {
  const redis = await startRedis(t, '--enable-debug-command', 'yes')
  const commands = [
    ['COMMAND'],
    ['COMMAND', 'DOCS'],
    ['INFO', 'everything'],
    ['CONFIG', 'GET', '*'],
    ['HSET', 'h', 'f', 'v'],
    ['HGETALL', 'h'],
    ['XADD', 's', '1-1', 'f', 'v'],
    ['XREAD', 'STREAMS', 's', '0'],
    ['XINFO', 'STREAM', 's', 'FULL'],
    ['ZADD', 'z', '1.5', 'a'],
    ['ZRANGE', 'z', '0', '-1', 'WITHSCORES'],
    ['SADD', 'm', 'a'],
    ['SMEMBERS', 'm'],
    ['NONSENSE'],
    ['LOLWUT'],
    ...[
      'string',
      'integer',
      'double',
      'null',
      'array',
      'set',
      'map',
      'attrib',
      'bignum',
      'true',
      'false',
      'verbatim',
    ].map((type) => ['DEBUG', 'PROTOCOL', type]),
    ['ACL', 'GETUSER', 'default'],
    ['MEMORY', 'STATS'],
    ['SETRANGE', 'big', '300000', 'x'],
    ['GET', 'big'],
    ['CLIENT', 'NO-EVICT', 'on'],
  ]
  const stream = await sentFor(redis.port, commands)
  for (const size of [stream.length, 65536, 10_007, 61]) {
    const { replies, framer } = frameReplies(inParts(stream, size))
    t.equal(replies.length, commands.length + 1, `in parts of ${size}`)
    t.equal(framer.bufferedBytes, 0)
    t.ok(replies.map(({ text }) => text).join('') === stream.toString('latin1'))
  }
})
