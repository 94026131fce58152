import t from 'tap'
import type { Link } from '../../src/backend/link.js'
import { differingValues } from '../../src/migration/compare-value.js'
import { InStep } from '../../src/migration/in-step.js'
import { argumentOf } from '../../src/resp/frame.js'
import { PiecesStory } from './pieces-story.js'

/* Elements of very different sizes, side by side: the few large ones are most of the value. */

const MAX_BLOCK_MS = 5
const BUDGET_BYTES = 100_000
const LARGE = 40_000
/** What a piece may carry: its last element may be the one with which it is enough. */
const PIECE_MAX = BUDGET_BYTES + LARGE

/** The longest frames that begin with one of these words, as they are emitted on a link. */
function watchFrames(link: Link, ...words: string[]): { longest: number; count: number } {
  const seen = { longest: 0, count: 0 }
  const emit = link.emitFrame.bind(link)
  link.emitFrame = (frame, ...rest) => {
    const word = frame.buf.latin1Slice(frame.start, Math.min(frame.end, frame.start + 20))
    if (words.some((each) => word.includes(`\r\n${each}\r\n`))) {
      seen.longest = Math.max(seen.longest, frame.end - frame.start)
      seen.count++
    }
    return emit(frame, ...rest)
  }
  return seen
}

/** How many elements each LRANGE asks for. */
function watchRanges(link: Link): number[][] {
  const asked: number[][] = []
  const emit = link.emitFrame.bind(link)
  link.emitFrame = (frame, ...rest) => {
    if (frame.argc === 4 && String(argumentOf(frame, 0)) === 'LRANGE')
      asked.push([Number(argumentOf(frame, 2)), Number(argumentOf(frame, 3))])
    return emit(frame, ...rest)
  }
  return asked
}

/** How many entries each XRANGE asks for that reads a page. */
function watchCounts(link: Link): number[] {
  const asked: number[] = []
  const emit = link.emitFrame.bind(link)
  link.emitFrame = (frame, ...rest) => {
    if (frame.argc === 6 && String(argumentOf(frame, 0)) === 'XRANGE' && String(argumentOf(frame, 5)) !== '1')
      asked.push(Number(argumentOf(frame, 5)))
    return emit(frame, ...rest)
  }
  return asked
}

async function makeUneven(story: PiecesStory, key: string): Promise<void> {
  const small = Array.from({ length: 1000 }, (_, i) => String(i % 90))
  const large = Array.from({ length: 10 }, (_, i) => `${i}${'x'.repeat(LARGE - 1)}`)
  for (let i = 0; i < 20; i++) await story.on('source', 'RPUSH', key, ...small)
  for (let i = 0; i < 6; i++) await story.on('source', 'RPUSH', key, ...large)
  for (let i = 0; i < 2; i++) await story.on('source', 'LPUSH', key, ...large)
}

t.test('a list with a few large elements at its ends is copied in pieces none of which is large', async (t) => {
  const story = await PiecesStory.begin(t, { maxBlockMs: MAX_BLOCK_MS })
  await makeUneven(story, 'list')
  const pushed = watchFrames(story.links.target, 'RPUSH', 'LPUSH')
  t.same(await story.copy('list'), ['copied'])
  t.equal(story.inPieces, 1)
  t.equal(await story.differs('list'), false)
  t.ok(pushed.longest <= PIECE_MAX, `the longest was ${pushed.longest}`)
  t.ok(pushed.count >= 30, `${pushed.count} of them`)
})

t.test('nor when it is built while it is written', async (t) => {
  const story = await PiecesStory.begin(t, { maxBlockMs: MAX_BLOCK_MS })
  await makeUneven(story, 'list')
  const pushed = watchFrames(story.links.target, 'RPUSH', 'LPUSH')
  t.equal(await story.copyAhead('list'), 'copied')
  t.equal(story.wasOfUse, true)
  t.equal(await story.differs('list'), false)
  t.ok(pushed.longest <= PIECE_MAX, `the longest was ${pushed.longest}`)
  t.ok(pushed.count >= 30, `${pushed.count} of them`)
})

t.test('nor is it compared in pieces that are', async (t) => {
  const story = await PiecesStory.begin(t, { maxBlockMs: MAX_BLOCK_MS })
  await makeUneven(story, 'list')
  await story.on('source', 'RPUSH', 'list', ...Array.from({ length: 40 }, () => 'y'.repeat(100_000)))
  t.same(await story.copy('list'), ['copied'])
  const { source, target } = story.links
  const asked = watchRanges(target)
  const replicas = new InStep(story.lanes, [source, target], '0:list')
  t.same(await differingValues(replicas, { type: 'list', bytes: 100_000 }), [false, false])
  const tail = asked.filter(([from]) => from >= 20_080)
  t.ok(tail.length >= 4, `${tail.length} pieces for 4 MB`)
  t.equal(asked.at(-1)![1], 20_119)
  await story.on('target', 'LSET', 'list', '-3', 'z')
  t.same(await differingValues(replicas, { type: 'list', bytes: 100_000 }), [false, true])
})

t.test('nor are entries of a stream, which is copied, built while it is written, and compared', async (t) => {
  const story = await PiecesStory.begin(t, { maxBlockMs: MAX_BLOCK_MS })
  const add = async (count: number, value: string) => {
    for (let i = 0; i < count; i++) await story.on('source', 'XADD', 'stream', '*', 'f', value)
  }
  await add(3000, 'v')
  await add(60, 'x'.repeat(LARGE))
  await story.on('source', 'XGROUP', 'CREATE', 'stream', 'g', '0')
  await story.on('source', 'XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', '10', 'STREAMS', 'stream', '>')
  const { source, target } = story.links
  const asked = watchCounts(source)
  t.same(await story.copy('stream'), ['copied'])
  t.equal(await story.differs('stream'), false)
  t.ok(asked.length >= 30, `${asked.length} pages`)
  await story.on('target', 'DEL', 'stream')
  asked.length = 0
  t.equal(await story.copyAhead('stream'), 'copied')
  t.equal(story.wasOfUse, true)
  t.equal(await story.differs('stream'), false)
  t.ok(asked.length >= 30, `${asked.length} pages`)

  const compared = watchCounts(target)
  const replicas = new InStep(story.lanes, [source, target], '0:stream')
  t.same(await differingValues(replicas, { type: 'stream', bytes: 100_000 }), [false, false])
  // 1000 entries at most, and 1 MB.
  t.ok(compared.length >= 6, `${compared.length} pieces`)
  await story.on('target', 'XADD', 'stream', '*', 'f', 'v')
  t.same(await differingValues(replicas, { type: 'stream', bytes: 100_000 }), [false, true])
})
