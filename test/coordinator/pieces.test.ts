import t from 'tap'
import { Source } from '../../src/order/pieces/asking.js'
import { Budget } from '../../src/order/pieces/budget.js'
import { HIDDEN_NAME } from '../../src/order/pieces/hidden-name.js'
import { streamPages } from '../../src/order/pieces/stream-pages.js'
import { until } from '../helpers/until.js'
import { PiecesStory } from './pieces-story.js'

/** Values of every type near and far from the sizes of pieces, built so that each of them crosses some. */
const N = 3000

t.test('a value of every type arrives in pieces as it is', async (t) => {
  const story = await PiecesStory.begin(t)
  const many = (of: (i: number) => string[]) => Array.from({ length: N }, (_, i) => of(i)).flat()
  await story.on('source', 'SET', 'string', 'x'.repeat(300_000))
  await story.on('source', 'SETBIT', 'bits', '4000000', '1')
  await story.on('source', 'RPUSH', 'list', ...many((i) => [`element ${i}`]))
  await story.on('source', 'RPUSH', 'list of large', ...many((i) => [i % 500 === 0 ? 'y'.repeat(50_000) : `${i}`]))
  await story.on('source', 'SADD', 'set', ...many((i) => [`member ${i}`]))
  await story.on('source', 'SADD', 'numbers', ...many((i) => [`${i * 7}`]))
  await story.on('source', 'HSET', 'hash', ...many((i) => [`field ${i}`, `value ${i}`]))
  await story.on('source', 'HSET', 'binary', ...many((i) => [`\r\n${i}\0`, i % 3 === 0 ? '' : '$3\r\nabc\r\n']))
  await story.on('source', 'ZADD', 'zset', ...many((i) => [String(Math.sin(i) * 10 ** (i % 30)), `member ${i}`]))
  await story.on('source', 'ZADD', 'zset', ...many((i) => (i % 20 === 7 ? ['-0', `zero ${i}`] : [])))
  await story.on('source', 'ZADD', 'zset', 'inf', 'most', '-inf', 'least', '-0', 'none', '1e-300', 'tiny')
  const keys = ['string', 'bits', 'list', 'list of large', 'set', 'numbers', 'hash', 'binary', 'zset', 'nothing']
  for (const key of keys) {
    await story.on('target', 'SET', key, 'left over')
    t.same(await story.copy(key), ['copied'], key)
    t.equal(await story.differs(key), false, key)
  }
  t.equal(story.inPieces, keys.length - 1)
  await story.nothingIsLeft()
})

t.test('so does a stream, with groups, consumers and what is pending', async (t) => {
  const story = await PiecesStory.begin(t)
  for (let i = 1; i <= N; i++) await story.on('source', 'XADD', 's', `${i}-${i % 3}`, 'n', String(i), '', 'value')
  for (const group of ['first', 'second']) {
    await story.on('source', 'XGROUP', 'CREATE', 's', group, '5-2')
    for (const consumer of ['a', 'b']) {
      await story.on('source', 'XREADGROUP', 'GROUP', group, consumer, 'COUNT', '400', 'STREAMS', 's', '>')
    }
    await story.on('source', 'XACK', 's', group, '10-1', '11-2')
    await story.on(
      'source',
      'XCLAIM',
      's',
      group,
      'b',
      '0',
      '12-0',
      '13-1',
      'TIME',
      '1500000000000',
      'RETRYCOUNT',
      '77',
    )
  }
  await story.on('source', 'XGROUP', 'CREATECONSUMER', 's', 'first', 'idle')
  await story.on('source', 'XGROUP', 'CREATE', 's', 'at the end', '$')
  const copied = async (what: string) => {
    t.same(await story.copy('s'), ['copied'], what)
    t.equal(await story.differs('s'), false, what)
  }
  await copied('whole')
  // Pending entries that are not there any more, at the beginning.
  await story.on('source', 'XTRIM', 's', 'MINID', '300-0')
  await copied('trimmed')
  await story.on('source', 'XDEL', 's', '400-1', '401-2', '402-0', '3000-0')
  await copied('with gaps')
  await story.on('source', 'XTRIM', 's', 'MAXLEN', '0')
  await copied('without entries')
  await story.on('source', 'XADD', 'trimmed', '7-0', 'a', 'b')
  await story.on('source', 'XGROUP', 'CREATE', 'trimmed', 'g', '0')
  await story.on('source', 'XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'trimmed', '>')
  await story.on('source', 'XTRIM', 'trimmed', 'MAXLEN', '0')
  t.same(await story.copy('trimmed'), ['copied'])
  t.equal(await story.differs('trimmed'), false)
  await story.nothingIsLeft()
})

t.test('a stream whose groups have many consumers is built in pieces, too', async (t) => {
  const story = await PiecesStory.begin(t)
  for (const group of ['g', 'h']) await story.on('source', 'XGROUP', 'CREATE', 's', group, '0', 'MKSTREAM')
  for (let i = 0; i < N; i++) await story.on('source', 'XGROUP', 'CREATECONSUMER', 's', 'g', `consumer ${i}`)
  await story.on('source', 'XGROUP', 'CREATECONSUMER', 's', 'h', 'x'.repeat(20_000))
  const budget = new Budget(1)
  const source = new Source(story.links.source, 0, Buffer.from('s'), budget)
  const pages: number[] = []
  for await (const page of streamPages({ source, budget, bytes: 100_000 })) pages.push(page.length)
  t.ok(Math.max(...pages) <= 100, 'as many as for one millisecond')
  t.same(await story.copy('s'), ['copied'])
  t.equal(await story.differs('s'), false)
  await story.nothingIsLeft()
})

t.test('a copy that a silent member holds up takes its source from nobody', async (t) => {
  const story = await PiecesStory.begin(t)
  const sleeper = await PiecesStory.begin(t, { options: ['--enable-debug-command', 'yes'] })
  const { slots } = story.pieces
  await story.on('source', 'SET', 'k', 'x'.repeat(200_000))
  await slots.enter([story.links.source, sleeper.links.target])
  const copied = story.copy('k')
  await until('it waits', () => story.inPieces === 2)
  sleeper.on('target', 'DEBUG', 'SLEEP', '60').catch(() => {})
  sleeper.links.target.call(['PING']).catch(() => {})
  t.same(await copied, ['copied'])
  await story.nothingIsLeft()
})

t.test('deadlines come along', async (t) => {
  const story = await PiecesStory.begin(t)
  await story.on('source', 'SET', 'k', 'x'.repeat(200_000), 'PXAT', String(Date.now() + 600_000))
  t.same(await story.copy('k'), ['copied'])
  t.equal(await story.differs('k'), false)
  await story.on('source', 'PERSIST', 'k')
  t.same(await story.copy('k'), ['copied'])
  t.equal(await story.differs('k'), false)
})

/** A hash that takes many pieces. */
async function makeLarge(story: PiecesStory, key: string): Promise<void> {
  for (let from = 0; from < 40_000; from += 5000) {
    const pairs = Array.from({ length: 5000 }, (_, i) => [`field ${from + i}`, `${i}`])
    await story.on('source', 'HSET', key, ...pairs.flat())
  }
}

t.test('a link that breaks in the middle leaves nothing behind, and the next copy is whole', async (t) => {
  const story = await PiecesStory.begin(t, { maxBlockMs: 5 })
  await makeLarge(story, 'k')
  for (const side of ['source', 'target'] as const) {
    const copied = story.copy('k')
    await until('it is half there', async () => String(await story.on('target', 'EXISTS', HIDDEN_NAME)) === ':1\r\n')
    story.links[side].reset('the test breaks it')
    t.same(await copied, [side === 'source' ? 'no snapshot' : 'target lost'])
    t.equal(String(await story.on('target', 'EXISTS', 'k')), ':0\r\n')
    await until('the link is up', () => story.links[side].ready)
    await story.quiet()
    await story.nothingIsLeft()
  }
  t.same(await story.copy('k'), ['copied'])
  t.equal(await story.differs('k'), false)
})

t.test('what a target has no memory for is refused, and its old value stays', async (t) => {
  const story = await PiecesStory.begin(t, {
    maxBlockMs: 5,
    options: ['--maxmemory', '4mb', '--maxmemory-policy', 'noeviction'],
  })
  await makeLarge(story, 'k')
  await story.on('target', 'SET', 'k', 'old')
  t.same(await story.copy('k'), ['refused'])
  t.match(story.reason, /^-OOM /)
  await story.quiet()
  t.equal(String(await story.on('target', 'GET', 'k')), '$3\r\nold\r\n')
  t.same(
    story.pieces.failed.of('target').map(({ id }) => id),
    ['0:k'],
  )
  await story.nothingIsLeft()
  await story.on('target', 'CONFIG', 'SET', 'maxmemory', '0')
  t.same(await story.copy('k'), ['copied'])
  t.same(story.pieces.failed.of('target'), [])
  t.equal(await story.differs('k'), false)
})

t.test('a value that is longer than its target takes goes there in pieces, if its elements are not', async (t) => {
  const story = await PiecesStory.begin(t, { maxBlockMs: 1000, options: ['--proto-max-bulk-len', '1mb'] })
  await makeLarge(story, 'hash')
  await story.on('source', 'RPUSH', 'list', 'short', 'x'.repeat(1_500_000))
  await story.on('source', 'SET', 'string', 'x'.repeat(1_500_000))
  t.same(await story.copy('hash'), ['copied'])
  t.equal(await story.differs('hash'), false)
  for (const key of ['list', 'string']) {
    t.same(await story.copy(key), ['refused'])
    t.match(story.reason, /proto-max-bulk-len/)
  }
  t.equal(story.inPieces, 3)
  t.equal(story.links.target.ready, true)
  await story.nothingIsLeft()
})

t.test('a value that is there already needs not be written, and so may be longer than its target takes', async (t) => {
  const story = await PiecesStory.begin(t, { maxBlockMs: 5, options: ['--proto-max-bulk-len', '1mb'] })
  await story.on('source', 'SET', 'string', 'x'.repeat(1_500_000))
  await story.on('source', 'RPUSH', 'list', 'short', 'x'.repeat(1_500_000))
  t.same(await story.copy('string', 'list'), ['refused', 'refused'])
  await story.on('target', 'CONFIG', 'SET', 'proto-max-bulk-len', '10mb')
  await story.on('target', 'SET', 'string', 'x'.repeat(1_500_000))
  await story.on('target', 'RPUSH', 'list', 'short', 'x'.repeat(1_500_000))
  await story.on('target', 'CONFIG', 'SET', 'proto-max-bulk-len', '1mb')
  t.same(await story.copy('string', 'list'), ['copied', 'copied'])
  for (const change of [
    ['SETRANGE', 'string', '1400000', 'y'],
    ['PEXPIREAT', 'list', String(Date.now() + 1_000_000)],
  ]) {
    await story.on('source', ...change)
    t.same(await story.copy(change[1]), ['refused'], `${change[0]} makes a difference`)
  }
  await story.nothingIsLeft()
})

t.test('several at once go one after the other', async (t) => {
  const story = await PiecesStory.begin(t, { maxBlockMs: 5 })
  const keys = Array.from({ length: 4 }, (_, i) => `k${i}`)
  for (const key of keys) await makeLarge(story, key)
  t.same(
    await story.copy(...keys, 'k0'),
    keys.concat('k0').map(() => 'copied'),
  )
  for (const key of keys) t.equal(await story.differs(key), false)
  await story.nothingIsLeft()
})

t.test('a server that does not take what another one dumps gets small values in pieces, too', async (t) => {
  const story = await PiecesStory.begin(t, { maxBlockMs: 1000 })
  const { target } = story.links
  const info = target.info!
  await story.on('source', 'SET', 'string', 'value', 'PXAT', '5000000000000')
  await story.on('source', 'RPUSH', 'list', 'a', 'b', 'a')
  await story.on('source', 'SADD', 'set', 'a', 'b')
  await story.on('source', 'HSET', 'hash', 'a', '1', 'b', '2')
  await story.on('source', 'ZADD', 'zset', '1', 'a', '-inf', 'b')
  await story.on('source', 'XADD', 'stream', '1-1', 'a', '1')
  await story.on('source', 'XGROUP', 'CREATE', 'stream', 'g', '0')
  await story.on('source', 'XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', 'stream', '>')
  const keys = ['string', 'list', 'set', 'hash', 'zset', 'stream', 'nothing']
  const copied = keys.map(() => 'copied')
  t.same(await story.copy(...keys), copied)
  t.equal(story.inPieces, 0, 'it does: they go as a whole')

  target.info = { ...info, kind: { ...info.kind, payloadVersion: 9 } }
  for (const key of keys) await story.on('target', 'SET', key, 'left over')
  t.same(await story.copy(...keys), copied)
  for (const key of keys) t.equal(await story.differs(key), false, key)
  t.equal(story.inPieces, keys.length)
  await story.nothingIsLeft()
})

t.test('a target that is lost while a copy still waits for another one is not written to by it', async (t) => {
  const story = await PiecesStory.begin(t)
  const many = Array.from({ length: N }, (_, i) => [`field ${i}`, `value ${i}`]).flat()
  await story.on('source', 'HSET', 'hash', ...many)
  const both = [story.copy('hash'), story.copy('hash')]
  story.links.target.reset('cut')
  t.same(await Promise.all(both), [['target lost'], ['target lost']])
  await until('the link is up again', () => story.links.target.ready)
  t.same(await story.copy('hash'), ['copied'])
  t.equal(await story.differs('hash'), false)
  await story.nothingIsLeft()
})
