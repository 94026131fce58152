import t from 'tap'
import { Channels, type Ear, Subscriber } from '../../src/channels/channels.js'
import { frameOf } from '../../src/resp/frame.js'

class FakeEar implements Ear {
  readonly heard: string[] = []
  readonly bytes: Buffer[] = []

  constructor(readonly proto: 2 | 3) {}

  push(bytes: Buffer): void {
    this.bytes.push(bytes)
    this.heard.push(bytes.toString('latin1').replaceAll('\r\n', ' ').trim())
  }

  pushBehind(head: Buffer, buf: Buffer, start: number, end: number): void {
    this.push(Buffer.concat([head, buf.subarray(start, end)]))
  }
}

function listener(channels: Channels, proto: 2 | 3 = 2) {
  const ear = new FakeEar(proto)
  return { ear, subscriber: new Subscriber(channels, ear) }
}

const publish = (channels: Channels, channel: string | Buffer, message: string) =>
  channels.publish(frameOf(['PUBLISH', channel, message]))

t.test('a message is encoded once for all who speak the same protocol', async (t) => {
  const channels = new Channels()
  const all = [listener(channels), listener(channels), listener(channels, 3), listener(channels, 3)]
  for (const { subscriber } of all) subscriber.subscribe('channel', Buffer.from('c'))
  t.equal(publish(channels, 'c', 'hello'), 4)
  const [one, two, three, four] = all.map(({ ear }) => ear.bytes[0])
  t.equal(one, two)
  t.equal(three, four)
  t.equal(String(one), '*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n')
  t.equal(String(three), '>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n')
})

t.test('one who listens alone gets what many get, and only as long as he listens', async (t) => {
  const channels = new Channels()
  for (const proto of [2, 3] as const) {
    const { ear, subscriber } = listener(channels, proto)
    subscriber.subscribe('channel', Buffer.from('c'))
    subscriber.subscribe('shard', Buffer.from('c'))
    t.equal(publish(channels, 'c', 'hello'), 1)
    t.equal(channels.publishInShard(frameOf(['SPUBLISH', 'c', ''])), 1)
    const type = proto === 3 ? '>' : '*'
    t.strictSame(ear.bytes.map(String), [
      `${type}3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n`,
      `${type}3\r\n$8\r\nsmessage\r\n$1\r\nc\r\n$0\r\n\r\n`,
    ])
    t.equal(publish(channels, 'd', 'x'), 0)
    subscriber.end()
    t.equal(publish(channels, 'c', 'x'), 0)
    t.equal(ear.bytes.length, 2)
  }
})

t.test('who is cut off by a message is told no more of it, and nothing is left of who has gone', async (t) => {
  const channels = new Channels()
  const [one, two] = [listener(channels), listener(channels)]
  for (const { subscriber } of [one, two]) {
    subscriber.subscribe('channel', Buffer.from('c'))
    subscriber.subscribe('pattern', Buffer.from('*'))
    subscriber.subscribe('shard', Buffer.from('c'))
  }
  const push = one.ear.push.bind(one.ear)
  one.ear.push = (bytes) => {
    push(bytes)
    one.subscriber.end()
    two.subscriber.end()
  }
  t.equal(publish(channels, 'c', 'x'), 1)
  t.equal(one.ear.heard.length, 1)
  t.equal(two.ear.heard.length, 0)
  for (const kind of ['channel', 'pattern', 'shard'] as const) t.equal(channels.count(kind), 0, kind)
  t.equal(publish(channels, 'c', 'y'), 0)
})

t.test('names of any length are told apart', async (t) => {
  const channels = new Channels()
  const { ear, subscriber } = listener(channels)
  const long = Buffer.alloc(5000, 'n')
  subscriber.subscribe('channel', long)
  t.equal(publish(channels, long, 'x'), 1)
  t.equal(publish(channels, long.subarray(1), 'x'), 0)
  t.equal(channels.listeners('channel', long), 1)
  t.same(channels.names('channel', undefined), [long])
  subscriber.unsubscribe('channel', long)
  t.equal(publish(channels, long, 'x'), 0)
  t.equal(ear.heard.length, 1)
})
