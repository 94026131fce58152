import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { heartbeat } from '../../src/backend/ping.js'
import { ReplyFramer } from '../../src/resp/reply-framer.js'
import { LinkStory } from '../backend/link-story.js'
import { startScriptedProxy } from '../helpers/scripted-proxy.js'
import { until } from '../helpers/until.js'

/** Whole replies of every type, most of them wrong for whatever is asked. */
const WRONG_TYPES = [
  '+OK\r\n',
  ':7\r\n',
  '_\r\n',
  '$-1\r\n',
  '$7\r\nnothing\r\n',
  '*0\r\n',
  '*2\r\n*2\r\n+a\r\n+b\r\n_\r\n',
  '*2\r\n+x\r\n+y\r\n',
  '%1\r\n*0\r\n%0\r\n',
  '~1\r\n#t\r\n',
  ',nan\r\n',
  '-ERR \x1b[2Jno\x07\n\r\n',
  `${'*1\r\n'.repeat(20_000)}+deep\r\n`,
]
/** What ends a connection. */
const NO_RESP = [
  'HTTP/1.1 400 Bad Request\r\n\r\n',
  '$10737418240\r\n',
  '*10737418240\r\n',
  '%-3\r\n',
  `$${'0'.repeat(64)}`,
  '+OK\r\n+OK\r\n+OK\r\n',
  '\0\xff\xfe',
]
/** What the proxy asks by itself while a ring is at rest, and when a link is made. */
const QUESTIONS = [
  'HELLO',
  'SELECT',
  'CLIENT',
  'INFO',
  'CONFIG',
  'TIME',
  'FUNCTION',
  'MULTI',
  'EXEC',
  'PSUBSCRIBE',
  'PING',
  'COMMAND',
]

t.test(
  'whatever a server answers to the proxy itself: the proxy goes on, and serves when the server is well again',
  async (t) => {
    let wrong: { question: string; reply: string } | undefined
    const asked = new Set<string>()
    const { servers, serves } = await startScriptedProxy(t, ([name]) => {
      asked.add(name)
      return name === wrong?.question ? wrong.reply : undefined
    })
    await serves()
    for (const reply of [...WRONG_TYPES, ...NO_RESP]) {
      for (const question of QUESTIONS) {
        wrong = { question, reply }
        for (const { connections } of servers) connections.at(-1)!.destroy()
        await sleep(15)
      }
      // Also without a new link, in the middle of what is asked every second.
      wrong = undefined
      await serves()
      wrong = { question: 'TIME', reply }
      await sleep(120)
      wrong = undefined
      await serves()
    }
    t.same(
      QUESTIONS.filter((question) => !asked.has(question)),
      [],
    )
  },
)

t.test('a heartbeat that is answered by no time resets the link', async (t) => {
  for (const reply of ['+OK\r\n', '*2\r\n+a\r\n+b\r\n', '*0\r\n', '*2\r\n:99999999999999\r\n:0\r\n']) {
    const story = await LinkStory.ready(t, { pingIntervalMs: 20 })
    story.server.script = ([name]) => (name === 'TIME' ? reply : undefined)
    await until('the link breaks', () => story.events.length > 1)
    t.match(story.events[1], /^down: TIME was answered by something unexpected/)
    t.equal(Number.isFinite(story.link.clockOffsetMs), true)
    story.link.close()
  }
})

t.test('a server that does not speak RESP3 is not taken, whatever it says of it', async (t) => {
  for (const hello of ['+OK\r\n', '*2\r\n$5\r\nproto\r\n:2\r\n', '%1\r\n$5\r\nproto\r\n:2\r\n']) {
    const story = await LinkStory.begin(t)
    story.server.script = ([name]) => (name === 'HELLO' ? hello : undefined)
    story.link.start()
    await until('the link breaks', () => story.events.length > 0)
    t.match(story.events[0], /^down: it does not speak RESP3/)
    story.link.close()
  }
})

t.test('settings that are no numbers are not taken', async (t) => {
  for (const value of ['many', '-1', '1e400']) {
    const story = await LinkStory.begin(t)
    const settings = `%1\r\n$9\r\ndatabases\r\n$${value.length}\r\n${value}\r\n`
    story.server.script = ([name]) => (name === 'CONFIG' ? settings : undefined)
    story.link.start()
    await until('the link breaks', () => story.events.length > 0)
    t.equal(story.events[0], `down: its databases is "${value}"`)
    story.link.close()
  }
})

t.test('half a reply, and then nothing or the end: who waits is told, and the link is made anew', async (t) => {
  const story = await LinkStory.ready(t)
  for (const half of ['$5\r\nhe', '*2\r\n+a\r\n', '%1\r\n', '+O', '>2\r\n+x\r\n']) {
    const { length } = story.outcomes
    story.server.script = ([name], socket) => {
      if (name !== 'GET') return undefined
      socket.end(half)
      return ''
    }
    story.emit(0, 'GET', 'a')
    t.match((await story.outcome(length + 1)).at(-1), /lost "GET a"/)
    await until('the link is up again', () => story.link.ready)
  }
})

t.test('what never ends is not kept: lines, lengths, pushes, arrays in arrays', async (t) => {
  const endless: Record<string, [first: string, more: string]> = {
    'a line': ['+', 'x'.repeat(1024)],
    'a line in an array': ['*2\r\n+a\r\n+', 'x'.repeat(1024)],
    'a length': ['$', '0'.repeat(1024)],
    'a push': ['>1000000\r\n', '+x\r\n'.repeat(256)],
    'a push in a reply': ['*2\r\n+a\r\n>1000000\r\n', '+x\r\n'.repeat(256)],
    'arrays in arrays': ['', '*1\r\n'.repeat(1024)],
    'a string': ['$70000\r\n', 'x'.repeat(1024)],
  }
  for (const [name, [first, more]] of Object.entries(endless)) {
    const sink = { onReply: () => {}, onPush: () => {} }
    const framer = new ReplyFramer(sink, 64 * 1024, 64 * 1024)
    let most = 0
    const feed = () => {
      framer.feed(Buffer.from(first))
      for (let i = 0; i < 2000; i++) {
        framer.feed(Buffer.from(more))
        most = Math.max(most, framer.bufferedBytes)
      }
    }
    t.throws(feed, { name: 'ReplyProtocolError' }, name)
    t.ok(most < 128 * 1024, `${name}: ${most} bytes were kept`)
  }
})

t.test('pushes without an end, and no reply: the link is reset, and nothing is kept of them', async (t) => {
  const story = await LinkStory.ready(t)
  const { link, server } = story
  server.script = () => ''
  story.emit(0, 'GET', 'a')
  const beat = heartbeat(link, 100)
  const flood = setInterval(() => server.connection.write('>2\r\n+invalidate\r\n*1\r\n+a\r\n'.repeat(100)), 2)
  const beats = setInterval(beat, 10)
  t.teardown(() => {
    clearInterval(flood)
    clearInterval(beats)
  })
  t.same(await story.outcome(1), ['0 lost "GET a"'])
  t.equal(story.events[1], 'down: it owes replies and has sent nothing but pushes for 0 s')
  t.ok(link.pushes > 100)
  t.equal(link.owed.receivedBytes, 0)
})
