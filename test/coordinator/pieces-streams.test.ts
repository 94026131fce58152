import t from 'tap'
import { isSameOnBoth } from '../../src/migration/equal-copies.js'
import { argumentOf } from '../../src/resp/frame.js'
import { LongestTurn } from '../helpers/longest-turn.js'
import { PiecesStory } from './pieces-story.js'

/** How often each command is sent to the source: `XINFO GROUPS`, `XRANGE` … */
function countCommands(story: PiecesStory): Map<string, number> {
  const { source } = story.links
  const counts = new Map<string, number>()
  const emitFrame = source.emitFrame.bind(source)
  source.emitFrame = (frame, ...rest) => {
    const name = argumentOf(frame, 0).latin1Slice()
    const command = name === 'XINFO' ? `${name} ${argumentOf(frame, 1)}` : name
    counts.set(command, (counts.get(command) ?? 0) + 1)
    emitFrame(frame, ...rest)
  }
  return counts
}

/** Calls `write` once, right before the next page of entries but one is read. */
function beforeThirdPage(story: PiecesStory, write: () => void): () => void {
  const { source } = story.links
  const emitFrame = source.emitFrame.bind(source)
  let pages = 0
  source.emitFrame = (frame, ...rest) => {
    const isPage = argumentOf(frame, 0).equals(Buffer.from('XRANGE')) && frame.argc === 6
    if (isPage && ++pages === 3) write()
    emitFrame(frame, ...rest)
  }
  return () => {
    source.emitFrame = emitFrame
  }
}

async function writeAll(story: PiecesStory, commands: readonly string[][]): Promise<void> {
  for (const command of commands) story.write(command, ['k'])
  await story.quiet()
}

const GROUPS = 300
const ENTRIES = 3000

const entries = (n: number) => Array.from({ length: n }, (_, i) => ['XADD', 'k', `${i + 1}-1`, 'n', String(i)])
const inEachGroup = (make: (group: string, i: number) => string[]) =>
  Array.from({ length: GROUPS }, (_, i) => make(`group ${i}`, i))

t.test('of a stream with many groups each is asked about a few times, however many entries there are', async (t) => {
  const story = await PiecesStory.begin(t)
  await writeAll(story, [
    ...entries(ENTRIES),
    ...inEachGroup((group, i) => ['XGROUP', 'CREATE', 'k', group, `${i * 5}-0`]),
    // Every second one has pending entries, some of which are deleted then.
    ...inEachGroup((group, i) => [
      'XREADGROUP',
      'GROUP',
      `group ${i - (i % 2)}`,
      group,
      'COUNT',
      '3',
      'STREAMS',
      'k',
      '>',
    ]),
    ...inEachGroup((_, i) => ['XDEL', 'k', `${i * 7}-1`]),
    ['XTRIM', 'k', 'MINID', '100-0'],
  ])
  await story.on('target', 'DEL', 'k')
  const counts = countCommands(story)
  const asked = (command: string) => counts.get(command) ?? 0
  for (const way of ['ahead', 'at once']) {
    counts.clear()
    t.equal(await (way === 'ahead' ? story.copyAhead('k') : story.copy('k').then(([result]) => result)), 'copied', way)
    await story.quiet()
    t.equal(await story.differs('k'), false, way)
    t.ok(asked('XRANGE') >= ENTRIES / 100 / 2, `${way}: ${asked('XRANGE')} pages`)
    t.ok(asked('XINFO GROUPS') <= 3, `${way}: groups were asked for ${asked('XINFO GROUPS')} times`)
    t.ok(asked('XPENDING') <= 2 * GROUPS, `${way}: pending entries were asked for ${asked('XPENDING')} times`)
    t.ok(asked('XINFO CONSUMERS') <= GROUPS / 2, `${way}: consumers were asked for ${asked('XINFO CONSUMERS')} times`)
    await story.on('target', 'DEL', 'k')
  }
  await story.nothingIsLeft()
})

t.test(
  'what is deleted while a stream is built ahead is pending all the same, in groups that had been looked at',
  async (t) => {
    const story = await PiecesStory.begin(t)
    const readNext = (count: number) => ['XREADGROUP', 'GROUP', 'g', 'late', 'COUNT', `${count}`, 'STREAMS', 'k', '>']
    const cases: Record<string, string[][]> = {
      'by XDEL': [
        ['XGROUP', 'SETID', 'k', 'g', '1500-0'],
        readNext(20),
        ['XDEL', 'k', '1501-1', '1503-1', '1510-1', '1600-1', '5000-7'],
      ],
      'by XDEL, and then trimmed': [
        ['XGROUP', 'SETID', 'k', 'g', '400-0'],
        readNext(300),
        ['XDEL', 'k', '410-1', '650-1'],
        ['XTRIM', 'k', 'MINID', '640-0'],
      ],
      'by a trim beyond what was read': [
        ['XGROUP', 'SETID', 'k', 'g', '150-0'],
        readNext(1000),
        ['XTRIM', 'k', 'MINID', '1100-0'],
      ],
      'by a trim of everything': [readNext(3000), ['XTRIM', 'k', 'MAXLEN', '0'], ['XADD', 'k', '7000-1', 'n', 'new']],
      'in a group that is new': [
        ['XGROUP', 'CREATE', 'k', 'new', '1700-0'],
        ['XREADGROUP', 'GROUP', 'new', 'c', 'COUNT', '9', 'STREAMS', 'k', '>'],
        ['XDEL', 'k', '1705-1'],
        ['XADD', 'k', 'MAXLEN', '1400', '7000-1', 'n', 'new'],
      ],
      // XDEL has deleted nothing, so the copy must not say that it has.
      'which never was there': [['XDEL', 'k', '1500-7', '1600-2', '9999-1']],
    }
    for (const [how, writes] of Object.entries(cases)) {
      story.flush()
      await story.quiet()
      await writeAll(story, [...entries(ENTRIES), ['XGROUP', 'CREATE', 'k', 'g', '0'], readNext(1)])
      await story.on('target', 'DEL', 'k')
      const done = beforeThirdPage(story, () => {
        for (const write of writes) story.write(write, ['k'])
      })
      t.equal(await story.copyAhead('k'), 'copied', how)
      done()
      t.ok(story.wasOfUse, `${how}: it is not begun anew`)
      await story.quiet()
      t.equal(await story.differs('k'), false, how)
    }
    await story.nothingIsLeft()
  },
)

t.test('neither copying nor comparing a stream with very many consumers keeps the process from all else', async (t) => {
  const story = await PiecesStory.begin(t, { maxBlockMs: 50 })
  const N = 100_000
  await writeAll(story, [['XGROUP', 'CREATE', 'k', 'g', '0', 'MKSTREAM']])
  for (let i = 0; i < N; i += 2000) {
    const some = Array.from({ length: 2000 }, (_, j) => ['XGROUP', 'CREATECONSUMER', 'k', 'g', `consumer ${i + j}`])
    await writeAll(story, some)
  }
  await story.on('target', 'DEL', 'k')
  const counts = countCommands(story)
  const longest = new LongestTurn()
  t.same(await story.copy('k'), ['copied'])
  const { source, target } = story.links
  t.ok(await isSameOnBoth('0:k', 100_000, source, target), 'it is equal')
  await story.on('target', 'XGROUP', 'DELCONSUMER', 'k', 'g', `consumer ${N - 1}`)
  await story.on('target', 'XGROUP', 'CREATECONSUMER', 'k', 'g', `consumer ${N}`)
  t.notOk(await isSameOnBoth('0:k', 100_000, source, target), 'a difference at the end is found')
  longest.stop()
  // What took so long was to make all of them into objects, commands and text, which was more than a second.
  t.ok(longest.ms < 400, `the longest turn took ${Math.round(longest.ms)} ms`)
  t.equal(counts.get('XINFO CONSUMERS'), 3, 'once for the copy, and once for each comparison')
})

t.test('many groups without consumers are compared by what one question tells', async (t) => {
  const story = await PiecesStory.begin(t)
  await writeAll(story, [
    ...inEachGroup((group) => ['XGROUP', 'CREATE', 'k', group, '0', 'MKSTREAM']),
    ...entries(20),
    ['XREADGROUP', 'GROUP', 'group 7', 'c', 'COUNT', '5', 'STREAMS', 'k', '>'],
  ])
  const counts = countCommands(story)
  const { source, target } = story.links
  t.ok(await isSameOnBoth('0:k', 100_000, source, target), 'it is equal')
  t.equal(counts.get('XINFO GROUPS'), 1)
  t.equal(counts.get('XINFO CONSUMERS'), 1)
  t.equal(counts.get('XPENDING'), 1)
})
