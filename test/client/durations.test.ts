import t from 'tap'
import { answeredBy } from '../../src/backend/answering.js'
import { coarse, TICKS_PER_MS } from '../../src/base/coarse-clock.js'
import { BOUNDS_S, Durations, type Histogram, type Part, quantile } from '../../src/client/durations.js'
import { classNumber } from '../../src/command/command-class.js'

const READ = classNumber('read')
const WRITE = classNumber('write')
const MS = TICKS_PER_MS

/** A command whose turn was at 0, was sent then, and whose reply was read then, in ms. */
function answer(durations: Durations, timedAs: number, name: string, sentMs: number, readMs: number): void {
  coarse.tick = readMs * MS
  answeredBy({ name, tick: sentMs * MS }, () => durations.note(timedAs, 0))
}

/** In how many ms how many were done, about. */
function shape({ counts }: Histogram): Record<string, number> {
  const named = counts.map((count, i) => [`<${((BOUNDS_S[i] ?? Number.POSITIVE_INFINITY) * 1000).toFixed(2)}`, count])
  return Object.fromEntries(named.filter(([, count]) => count !== 0))
}

t.test('waiting, the server and the proxy are told apart, by class and by member', async (t) => {
  const durations = new Durations()
  answer(durations, READ, 'dt-1', 3, 103)
  answer(durations, READ, 'dt-2', 0, 1)
  answer(durations, WRITE, 'dt-1', 0, 5)
  const of = (part: Part) => [shape(durations.ofClass(READ, part)), shape(durations.of('dt-1', part))]
  t.same(of('waiting'), [
    { '<0.02': 1, '<4.00': 1 },
    { '<0.02': 1, '<4.00': 1 },
  ])
  t.same(of('server'), [
    { '<2.00': 1, '<128.00': 1 },
    { '<8.00': 1, '<128.00': 1 },
  ])
  t.same(durations.ofClass(READ, 'server').sumS, 0.101)
  t.same(durations.of('dt-3', 'server').sumS, 0)
  t.equal(shape(durations.ofClass(WRITE, 'duration'))['<8.00'], 1)
})

t.test('what no server answered has waited, and what answers at that moment is not its server', async (t) => {
  const durations = new Durations()
  coarse.tick = 50 * MS
  durations.note(READ, 0)
  answeredBy({ name: 'dt-1', tick: -10 * MS }, () => durations.note(READ, 0))
  t.same(shape(durations.ofClass(READ, 'waiting')), { '<64.00': 2 })
  t.same(shape(durations.of('dt-1', 'waiting')), {})
})

t.test('the coarse clock may wrap around, and whatever takes longer than the last bound counts', async (t) => {
  const durations = new Durations()
  coarse.tick = -(2 ** 31) + 10
  answeredBy({ name: 'dt-1', tick: 2 ** 31 - 10 }, () => durations.note(READ, 2 ** 31 - 20))
  t.same(shape(durations.ofClass(READ, 'server')), { '<0.50': 1 })
  answer(durations, READ, 'dt-1', 0, 100_000)
  t.same(shape(durations.ofClass(READ, 'server')), { '<0.50': 1, '<Infinity': 1 })
})

t.test('while many replies are handed on the time goes on', async (t) => {
  const durations = new Durations()
  coarse.tick = (performance.now() * MS) | 0
  const since = coarse.tick
  const untilMs = performance.now() + 5
  while (performance.now() < untilMs);
  for (let i = 0; i < 32; i++) durations.note(READ, since)
  const { counts } = durations.ofClass(READ, 'proxy')
  t.ok(counts.slice(9).reduce((sum, count) => sum + count) >= 15, counts.join())
})

t.test('commands that are alike are counted together, and each counts', async (t) => {
  const durations = new Durations()
  const expected = new Map<string, number[]>()
  // Neighbours differ in one thing now and then: the class, the turn, when it was sent, when its reply was read, or from whom.
  for (let i = 0; i < 600; i++) {
    const [asked, turn, sent, read, who] = [3, 5, 7, 11, 13].map((every) => Math.floor(i / every) % 2)
    const timedAs = [WRITE, READ][asked]
    const by = { name: `dt-${who}`, tick: (2 + 4 * sent) * MS }
    coarse.tick = (10 + 64 * read) * MS
    answeredBy(by, () => durations.note(timedAs, turn * MS))
    const key = `${timedAs} dt-${who}`
    expected.set(key, [...(expected.get(key) ?? []), 10 + 64 * read - (2 + 4 * sent)])
    if (i % 50 === 0) durations.of('dt-0', 'server')
  }
  const tookOf = (what: string) =>
    [...expected].filter(([key]) => key.split(' ').includes(what)).flatMap(([, ms]) => ms)
  const found = [
    ...[WRITE, READ].map((timedAs) => [String(timedAs), durations.ofClass(timedAs, 'server')] as const),
    ...['dt-0', 'dt-1'].map((name) => [name, durations.of(name, 'server')] as const),
  ]
  for (const [what, { counts, sumS }] of found) {
    const took = tookOf(what)
    t.equal(sumS, took.reduce((sum, ms) => sum + ms, 0) / 1000, what)
    const below = (ms: number) => took.filter((each) => each < ms).length
    const bounds = [...BOUNDS_S.map((s) => s * 1000), Number.POSITIVE_INFINITY]
    t.same(
      counts,
      bounds.map((ms, k) => below(ms) - below(bounds[k - 1] ?? 0)),
      what,
    )
  }
})

t.test('below which time so large a part stayed', async (t) => {
  const histogram = { counts: BOUNDS_S.map(() => 0), sumS: 0 }
  t.equal(quantile(histogram, 0.5), undefined)
  histogram.counts[7] = 90
  histogram.counts[10] = 10
  t.equal(quantile(histogram, 0.45), 0.0015)
  t.equal(quantile(histogram, 0.9), 0.002)
  t.equal(quantile(histogram, 1), 0.016)
})
