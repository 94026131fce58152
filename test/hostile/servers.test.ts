import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { heartbeat } from '../../src/backend/ping.js'
import { ReplyFramer } from '../../src/resp/reply-framer.js'
import { LinkStory } from '../backend/link-story.js'
import { startScriptedProxy } from '../helpers/scripted-proxy.js'
import { bulk } from '../helpers/scripted-server.js'
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

/** Beginnings of what announces more than it has. */
const ANNOUNCED = [
  '*2147483647\r\n$1\r\na\r\n',
  '$100000000\r\nabc',
  '%1000000\r\n',
  '~1000\r\n+a\r\n',
  '|9\r\n',
  '=900\r\n',
]

t.test('a reply that nobody asked for resets the link when it begins, whatever is to come of it', async (t) => {
  const story = await LinkStory.ready(t)
  for (const bytes of [...ANNOUNCED, '+aaaa', '$', '*2\r', ':', '_']) {
    await until('the link is up', () => story.link.ready && story.link.outstanding === 0)
    story.events.length = 0
    story.server.connection.write(bytes)
    await until(`${JSON.stringify(bytes)} breaks it`, () => story.events.length > 0)
    t.equal(story.events[0], 'down: unusable bytes from the server: a reply that nobody asked for')
  }
})

t.test('what comes before anything was sent is the answer to nothing', async (t) => {
  const story = await LinkStory.ready(t)
  story.turn.hold()
  story.emit(0, 'GET', 'a')
  story.server.connection.write('$5\r\nwrong\r\n')
  t.same(await story.outcome(1), ['0 lost "GET a"'])
  t.match(story.events[1], /a reply that nobody asked for/)
  story.turn.release()
})

for (const cut of ['in one piece', 'byte by byte']) {
  t.test(
    `a reply or a push that swallows the answers to later commands resets the link: these come ${cut}`,
    async (t) => {
      for (const bytes of [...ANNOUNCED, '>1000000\r\n+a\r\n', '*2\r\n+a\r\n>90000\r\n']) {
        const story = await LinkStory.ready(t, { pingIntervalMs: 20 })
        let heads = ''
        const answered = (args: readonly string[]) => (args[0] === 'PING' ? bulk(args[1] ?? 'PONG') : undefined)
        story.server.script = (args, socket) => {
          if (args[0] === 'GET') return ''
          const answer = heads === '' ? undefined : answered(args)
          if (cut === 'in one piece' || answer === undefined) return answer
          for (const byte of answer) socket.write(byte)
          return ''
        }
        heads = bytes
        story.emit(0, 'GET', 'a')
        await until('it has come', () => story.server.commands('GET').length === 1)
        story.server.connection.write(bytes)
        t.same(await story.outcome(1), ['0 lost "GET a"'], JSON.stringify(bytes))
        t.match(story.events[1], /a reply that goes on behind the answer to a later command/)
        story.link.close()
      }
    },
  )
}

t.test('clients whose writes such a server swallows are told, and those behind them served', async (t) => {
  const { servers, serves, connect } = await startScriptedProxy(t, ([name, word]) =>
    name === 'PING' && word !== undefined ? bulk(word) : undefined,
  )
  await serves()
  const client = await connect()
  for (const bytes of [...ANNOUNCED, '>1000000\r\n+a\r\n']) {
    for (const { connections } of servers) connections.at(-1)!.write(bytes)
    t.match(await client.ask('SET', 'a', '1'), /^(\+OK|-TRYAGAIN|-ERR|-CLUSTERDOWN|-[A-Z]+ )/, JSON.stringify(bytes))
    await serves()
  }
})

t.test('what really is large may come slowly', async (t) => {
  const story = await LinkStory.ready(t, { pingIntervalMs: 10 })
  const text = bulk('x'.repeat(1_000_000))
  const list = `*20000\r\n${bulk('y'.repeat(50)).repeat(20_000)}`
  const news = `>2\r\n+invalidate\r\n*1000\r\n${bulk('z'.repeat(100)).repeat(1000)}`
  for (const reply of [text, list, news + text]) {
    let later = ''
    let isOwing = false
    story.server.script = ([name, word], socket) => {
      if (name !== 'GET') {
        const answer = name === 'PING' ? bulk(word) : '*2\r\n$1\r\n1\r\n$1\r\n1\r\n'
        // A server answers in order: what came before the GET, too.
        if (!isOwing) return answer
        later += answer
        return ''
      }
      isOwing = true
      void (async () => {
        for (let at = 0; at < reply.length; at += 10_000) {
          socket.write(reply.slice(at, at + 10_000))
          await sleep(2)
        }
        isOwing = false
        socket.write(later)
      })()
      return ''
    }
    const { length } = story.outcomes
    story.emit(0, 'GET', 'a')
    await until('it is there', () => story.outcomes.length > length)
    t.ok(story.outcomes[length].length > 1_000_000)
    t.match(later, /[0-9a-f]{32}/, 'it was asked behind it')
    await until('and answered what was asked meanwhile', () => !isOwing)
  }
  t.same(story.events, ['up'])
})

t.test('a reply of which next to nothing comes is none', async (t) => {
  const story = await LinkStory.ready(t)
  const { link, server } = story
  server.script = () => ''
  story.emit(0, 'GET', 'a')
  await until('it has come', () => server.commands('GET').length === 1)
  server.connection.write('$100000000\r\n')
  const beat = heartbeat(link, 200)
  const drip = setInterval(() => server.connection.write('x'), 5)
  const beats = setInterval(beat, 10)
  t.teardown(() => {
    clearInterval(drip)
    clearInterval(beats)
  })
  t.same(await story.outcome(1), ['0 lost "GET a"'])
  t.match(story.events[1], /^down: it owes replies and has sent no more than \d+ bytes of one for 0 s$/)
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
