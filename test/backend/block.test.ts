import t from 'tap'
import { Block, type RunSink } from '../../src/backend/block.js'
import { Expirations } from '../../src/backend/expirations.js'
import { ExpiryPushes } from '../../src/backend/expiry-pushes.js'
import { InFlight } from '../../src/backend/in-flight.js'
import type { ReplySink } from '../../src/backend/reply-sink.js'
import { Segment, SendLog } from '../../src/backend/send-log.js'
import { frameOf } from '../../src/resp/frame.js'
import { IS_ERROR } from '../../src/resp/reply-framer.js'
import type { Script } from '../helpers/scripted-server.js'
import { LinkStory } from './link-story.js'

const bytesOf = (command: string) => frameOf(command.split(' ')).buf

/** Emits commands as one run of the block that is open; what it comes to is told with its number among all. */
function emitRun(story: LinkStory, number: number, ...commands: readonly string[]): void {
  const sink: RunSink = {
    onRun: (tag, buf, start, end, flags) => {
      story.outcomes.push(`${tag} ${JSON.stringify(buf.toString('utf8', start, end))}${flags & IS_ERROR ? ' !' : ''}`)
    },
    onReply: () => story.outcomes.push('a run is answered as one'),
    onLost: (tag, buf, start, end) => story.outcomes.push(`${tag} lost ${end - start} ${buf[start]}`),
  }
  const bytes = Buffer.concat(commands.map(bytesOf))
  story.link.emitRun(bytes, 0, bytes.length, 0, sink, number, commands.length)
}

/** A server with transactions: `exec` answers to what stands in them. */
function transactions(exec: (queued: readonly string[]) => string): Script {
  let queued: string[] | undefined
  return (args) => {
    if (args[0] === 'MULTI') {
      queued = []
      return '+OK\r\n'
    }
    if (queued !== undefined && args[0] === 'EXEC') {
      const reply = exec(queued)
      queued = undefined
      return reply
    }
    if (queued === undefined) return args[0] === 'GET' ? `$${args[1].length}\r\n${args[1]}\r\n` : undefined
    queued.push(args.join(' '))
    return '+QUEUED\r\n'
  }
}

const echoed = (queued: readonly string[]) => `*${queued.length}\r\n${queued.map((text) => `+${text}\r\n`).join('')}`

/** GET a, a block of SET b and a run of two and INCR e, GET f. */
function blockBetweenOthers(story: LinkStory): void {
  story.emit(0, 'GET', 'a')
  const end = story.link.openBlock()
  story.emit(0, 'SET', 'b', '1')
  emitRun(story, 7, 'SET c 1', 'SET d 1')
  story.emit(0, 'INCR', 'e')
  end()
  story.emit(0, 'GET', 'f')
}

t.test(
  'who emitted a command of a block, or a run of them, is told what stands in its place in the reply',
  async (t) => {
    const story = await LinkStory.ready(t)
    story.server.script = transactions(echoed)
    for (let i = 0; i < 3; i++) blockBetweenOthers(story)
    t.equal(story.link.outstanding, 3 * 4, 'a block is two commands in flight')
    const outcome = (first: number) => [
      `${first} "$1\\r\\na\\r\\n"`,
      `${first + 1} "+SET b 1\\r\\n"`,
      '7 "+SET c 1\\r\\n+SET d 1\\r\\n"',
      `${first + 2} "+INCR e\\r\\n"`,
      `${first + 3} "$1\\r\\nf\\r\\n"`,
    ]
    t.same(await story.outcome(15), [...outcome(0), ...outcome(4), ...outcome(8)])
    t.equal(story.link.outstanding, 0)
  },
)

t.test('errors among the replies of a run are told', async (t) => {
  const story = await LinkStory.ready(t)
  story.server.script = transactions(() => '*4\r\n-ERR 1\r\n+OK\r\n-ERR 2\r\n:1\r\n')
  blockBetweenOthers(story)
  t.same((await story.outcome(5)).slice(1, 4), ['1 "-ERR 1\\r\\n"', '7 "+OK\\r\\n-ERR 2\\r\\n" !', '2 ":1\\r\\n"'])
})

t.test('of a block that the server discards all is lost, and what stands behind it is not', async (t) => {
  const story = await LinkStory.ready(t)
  let isFull = 0
  story.link.onBlockRefused = () => isFull++
  const script = transactions(() => '-EXECABORT because of previous errors\r\n')
  story.server.script = (args, socket) => {
    const reply = script(args, socket)
    return args[0] === 'INCR' ? '-OOM too much\r\n' : reply
  }
  blockBetweenOthers(story)
  const lost = ['1 lost "SET b 1"', `7 lost ${bytesOf('SET c 1').length * 2} 42`, '2 lost "INCR e"']
  t.same(await story.outcome(5), ['0 "$1\\r\\na\\r\\n"', ...lost, '3 "$1\\r\\nf\\r\\n"'])
  t.equal(isFull, 1)
  t.same(story.events, ['up'])
})

for (const where of ['MULTI', 'SET', 'EXEC'] as const) {
  t.test(`a link that breaks when ${where} is answered: all of the block is lost, once`, async (t) => {
    const story = await LinkStory.ready(t)
    const script = transactions(echoed)
    story.server.script = (args, socket) => {
      if (args[0] === where) socket.destroy()
      return script(args, socket)
    }
    blockBetweenOthers(story)
    const outcome = await story.outcome(5)
    t.same(outcome.slice(1), ['1 lost "SET b 1"', '7 lost 54 42', '2 lost "INCR e"', '3 lost "GET f"'])
  })
}

t.test('a server that has become a replica is no member: the link breaks', async (t) => {
  const story = await LinkStory.ready(t)
  const script = transactions(echoed)
  story.server.script = (args, socket) =>
    script(args, socket) === '+QUEUED\r\n' ? "-READONLY You can't write\r\n" : script(args, socket)
  blockBetweenOthers(story)
  t.match(await story.outcome(5), [/"/, /lost/, /lost/, /lost/, /lost/])
  t.match(story.events[1], /READONLY/)
})

t.test('a link that breaks while a block is open tells of what was put into it', async (t) => {
  const story = await LinkStory.ready(t)
  story.server.script = transactions(echoed)
  story.link.openBlock()
  story.emit(0, 'SET', 'b', '1')
  emitRun(story, 7, 'SET c 1')
  story.link.reset('something failed')
  t.same(await story.outcome(2), ['0 lost "SET b 1"', '7 lost 27 42'])
  // What comes then belongs to no block.
  await story.up()
  story.emit(0, 'GET', 'a')
  t.equal((await story.outcome(3))[2], '1 "$1\\r\\na\\r\\n"')
})

/** Two commands between MULTI and EXEC on a link that breaks when the oldest command has waited for so many ms. */
function lostAfter(waitedMs: number, isFirst = true): string[] {
  const told: string[] = []
  const sink: ReplySink = {
    onReply: () => told.push('reply'),
    onLost: (tag) => told.push(`lost ${tag}`),
    onStuck: (tag) => told.push(`stuck ${tag}`),
  }
  const inFlight = new InFlight()
  const segment = new Segment(Buffer.alloc(1), false)
  const expiryPushes = new ExpiryPushes(new Expirations(() => ({ pushed: 0, taken: 0 })))
  const block = new Block({ expiryPushes, onBlockRefused: () => {}, blockBegun: () => {} }, inFlight, new SendLog())
  const other = { onReply: () => {}, onLost: () => {} }
  segment.unanswered = 9
  if (!isFirst) inFlight.push(other, 0, segment, 0, 0)
  inFlight.push(block, -1, segment, 0, 0)
  for (const tag of [1, 2]) block.add(sink, tag, segment, 0, 0)
  inFlight.push(block, -2, segment, 0, 0)
  inFlight.lose(waitedMs)
  return told
}

t.test('whoever waits for a command of a transaction is told that it may be what its server was silent for', (t) => {
  t.same(lostAfter(1000), ['stuck 1', 'stuck 2'])
  t.same(lostAfter(10), ['lost 1', 'lost 2'])
  t.same(lostAfter(1000, false), ['lost 1', 'lost 2'], 'another one was there before')
  t.end()
})

t.test('how long a server may say nothing because of a transaction is known from how many commands it has', (t) => {
  const inFlight = new InFlight()
  const segment = new Segment(Buffer.alloc(1), false)
  const other = { onReply: () => {}, onLost: () => {} }
  const expiryPushes = new ExpiryPushes(new Expirations(() => ({ pushed: 0, taken: 0 })))
  const host = { expiryPushes, onBlockRefused: () => {}, blockBegun: () => {} }
  const patienceMs = (count: number) => {
    const block = new Block(host, inFlight, new SendLog())
    block.addRun({ ...other, onRun: () => {} }, 0, segment, 0, 0, count)
    // What comes before it may be answered together with it.
    for (const sink of [other, block, block]) inFlight.push(sink, 0, segment, 0, 0)
    const found = inFlight.patienceMs
    while (inFlight.shift());
    return found
  }
  inFlight.push(other, 0, segment, 0, 0)
  t.equal(inFlight.patienceMs, 0)
  t.same([5, 1000, 51_000, 100_000_000].map(patienceMs), [50, 10_000, 11_000, 30_000])
  t.end()
})
