import t from 'tap'
import { startProxy, type TestProxyOptions } from '../helpers/proxy.js'
import type { Arg } from '../helpers/raw-client.js'
import { SteadyReader } from '../helpers/steady-reader.js'
import { until } from '../helpers/until.js'

/*
 * Who reads all the time gets everything, however much one client has told to those who listen, and in whatever way [design §7 Channels];
 * who does not read is cut off, and holds up nobody for long.
 */

const MB = 1024 * 1024
const LIMIT_BYTES = 4 * MB
/** More than that and what the system keeps for a socket. */
const SENT_BYTES = 24 * MB
/** About 100 MB a second: more than any client gets over a network, and less than is published. */
const PACE = { restEveryBytes: 2 * MB, restMs: 20 }

/** What servers have still to answer when a client begins to rest, 4,096 commands, is told as well: less than the limit. */
const NAME_BYTES = 512
const NAMES = SENT_BYTES / NAME_BYTES

const LIMITS = {
  pushBufferHardBytes: LIMIT_BYTES,
  pushBufferSoftBytes: 0,
  outputBufferHardBytes: LIMIT_BYTES,
  outputBufferPauseBytes: MB,
}

const text = (bytes: number) => Buffer.alloc(bytes, 'x')
const times = (count: number, commands: (i: number) => (readonly Arg[])[]) =>
  Array.from({ length: count }, (_, i) => commands(i)).flat()
const key = (i: number, bytes: number) => `{k}${i}:${'k'.repeat(bytes)}`

async function publishing(options: TestProxyOptions = {}) {
  const proxy = await startProxy(t, { nodes: 3, replicas: 1, config: { limits: LIMITS }, ...options })
  const asks = await proxy.connect()
  return {
    proxy,
    reads: async (commands: string, isBegun: (about: string) => boolean, about: string[]) => {
      const reader = new SteadyReader(t, { port: proxy.port, commands, ...PACE })
      await until('it listens', async () => isBegun(String(await asks.ask(...about))))
      return reader
    },
    listens: async (channel = 'c') => {
      const reader = new SteadyReader(t, { port: proxy.port, commands: `SUBSCRIBE ${channel}\r\n`, ...PACE })
      await until('it listens', () => reader.bytes > 0)
      return reader
    },
  }
}

const { proxy, reads, listens } = await publishing()

t.test('PUBLISH of one client in one pipeline', async (t) => {
  const reader = await listens()
  const sender = await proxy.connect()
  const replies = await sender.pipeline(times(24, () => [['PUBLISH', 'c', text(MB)]]))
  await reader.hasRead(SENT_BYTES)
  t.notOk(reader.isClosed)
  t.ok(
    replies.every((reply) => String(reply) === ':1\r\n'),
    'all have reached it',
  )
})

t.test('small messages in a deep pipeline', async (t) => {
  const reader = await listens('small')
  const sender = await proxy.connect()
  await sender.pipeline(times(12_500, () => [['PUBLISH', 'small', text(2048)]]))
  await reader.hasRead(SENT_BYTES)
  t.notOk(reader.isClosed)
})

t.test('PUBLISH of several clients at a time', async (t) => {
  const reader = await listens('several')
  const senders = await Promise.all(Array.from({ length: 4 }, () => proxy.connect()))
  await Promise.all(senders.map((sender) => sender.pipeline(times(24, () => [['PUBLISH', 'several', text(MB / 4)]]))))
  await reader.hasRead(SENT_BYTES)
  t.notOk(reader.isClosed)
})

t.test('transactions that publish', async (t) => {
  const reader = await listens('exec')
  const sender = await proxy.connect()
  await sender.pipeline(
    times(12, (i) => [['MULTI'], ['SET', `e${i}`, '1'], ['PUBLISH', 'exec', text(2 * MB)], ['EXEC']]),
  )
  await reader.hasRead(SENT_BYTES)
  t.notOk(reader.isClosed)
})

t.test('scripts that publish', async (t) => {
  const reader = await listens('script')
  const sender = await proxy.connect()
  const script = "return redis.call('PUBLISH', 'script', ARGV[1])"
  await sender.pipeline(times(24, () => [['EVAL', script, '0', text(MB)]]))
  await reader.hasRead(SENT_BYTES)
  t.notOk(reader.isClosed)
})

t.test('keyspace events', async (t) => {
  const sender = await proxy.connect()
  await sender.ask('CONFIG', 'SET', 'notify-keyspace-events', 'KEA')
  const reader = await listens('__keyevent@0__:set')
  await sender.pipeline(times(NAMES, (i) => [['SET', key(i, NAME_BYTES), '1']]))
  await reader.hasRead(SENT_BYTES)
  t.notOk(reader.isClosed)
  await sender.ask('CONFIG', 'SET', 'notify-keyspace-events', '')
})

t.test('invalidations', async (t) => {
  const reader = await reads('HELLO 3\r\nCLIENT TRACKING ON BCAST\r\n', (info) => /tracking_clients:1/.test(info), [
    'INFO',
    'clients',
  ])
  const sender = await proxy.connect()
  await sender.pipeline(times(NAMES, (i) => [['SET', key(i, NAME_BYTES), '2']]))
  await reader.hasRead(SENT_BYTES)
  t.notOk(reader.isClosed)
})

t.test('MONITOR', async (t) => {
  const reader = await reads('MONITOR\r\n', (list) => /flags=O/.test(list), ['CLIENT', 'LIST'])
  const sender = await proxy.connect()
  await sender.pipeline(times(96, (i) => [['SET', `{k}${i}`, text(MB / 4)]]))
  await reader.hasRead(SENT_BYTES)
  t.notOk(reader.isClosed)
})

t.test('who does not read is cut off, and who publishes goes on', async (t) => {
  const deaf = await proxy.connect()
  await deaf.ask('SUBSCRIBE', 'deaf')
  deaf.socket.pause()
  const sender = await proxy.connect()
  const replies = await sender.pipeline(times(48, () => [['PUBLISH', 'deaf', text(MB)]]))
  t.equal(String(replies.at(-1)), ':0\r\n')
  deaf.close()
})

t.test('through a front', async (t) => {
  const { proxy, listens } = await publishing({ throughFront: true })
  const reader = await listens()
  const sender = await proxy.connect()
  const replies = await sender.pipeline(times(24, () => [['PUBLISH', 'c', text(MB)]]))
  await reader.hasRead(SENT_BYTES)
  t.notOk(reader.isClosed)
  t.ok(replies.every((reply) => String(reply) === ':1\r\n'))
})
