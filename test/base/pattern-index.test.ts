import fc from 'fast-check'
import t from 'tap'
import { Glob } from '../../src/base/glob.js'
import { PatternIndex } from '../../src/base/pattern-index.js'
import { cpuMs } from '../helpers/cpu-time.js'

const text = (unit: readonly string[], maxLength: number) =>
  fc.array(fc.constantFrom(...unit), { maxLength }).map((chars) => chars.join(''))
const patterns = fc.uniqueArray(text(['a', 'b', 'c', '*', '?', '[ab]', '[^a]', '\\*', '[b-c]'], 8), { maxLength: 40 })
const texts = fc.array(text(['a', 'b', 'c', '*'], 10), { minLength: 1, maxLength: 20 })

function found(index: PatternIndex<string>, channel: string): string[] {
  const bytes = Buffer.from(`x${channel}y`)
  const out: string[] = []
  index.find(bytes, 1, bytes.length - 1, out)
  return out.sort()
}

function matching(all: readonly string[], channel: string): string[] {
  return all.filter((pattern) => new Glob(Buffer.from(pattern)).matches(Buffer.from(channel))).sort()
}

t.test('finds the patterns that match, whatever was added and taken away before', async () => {
  fc.assert(
    fc.property(patterns, texts, fc.func(fc.boolean()), (all, channels, stays) => {
      const index = new PatternIndex<string>()
      const places = all.map((pattern) => index.add(Buffer.from(pattern), pattern))
      for (const channel of channels) {
        if (`${found(index, channel)}` !== `${matching(all, channel)}`) return false
      }
      const left = all.filter((pattern, i) => {
        if (!stays(pattern)) index.remove(places[i], pattern)
        return stays(pattern)
      })
      return (
        index.size === left.length &&
        channels.every((channel) => `${found(index, channel)}` === `${matching(left, channel)}`)
      )
    }),
    { numRuns: 2000 },
  )
})

t.test('nothing is left of patterns that were taken away', async (t) => {
  const index = new PatternIndex<string>()
  const all = ['', '*', 'a', 'abc', 'abd*', 'ab?d', 'ab[cd]d', 'a*b*c', 'abcdefgh', '?', '[^x]*']
  const places = all.map((pattern) => index.add(Buffer.from(pattern), pattern))
  for (const [i, place] of places.entries()) index.remove(place, all[i])
  t.equal(index.size, 0)
  t.match(index, { root: { isEmpty: true } })
})

/** The time of one search, the best of some. */
function searchUs(index: PatternIndex<string>, channel: string): number {
  const bytes = Buffer.from(channel)
  const rounds = Array.from({ length: 15 }, () => {
    const startMs = performance.now()
    for (let i = 0; i < 200; i++) index.find(bytes, 0, bytes.length, [])
    return ((performance.now() - startMs) * 1000) / 200
  })
  return Math.min(...rounds)
}

t.test('ten thousand patterns that do not match cost nothing', async (t) => {
  for (const make of [
    (i: number) => `user:${i}:*`,
    (i: number) => `*:user:${i}`,
    (i: number) => `news.*.sport.${i}`,
    (i: number) => `*${i}x*`,
    (i: number) => `?${i}`,
  ]) {
    const few = new PatternIndex<string>()
    const many = new PatternIndex<string>()
    for (let i = 0; i < 10; i++) few.add(Buffer.from(make(i)), make(i))
    for (let i = 0; i < 10_000; i++) many.add(Buffer.from(make(i)), make(i))
    for (const channel of [make(7).replaceAll(/[*?]/g, 'some'), 'user:nobody:at:all', 'news.of.sport.77777']) {
      t.ok(searchUs(many, channel) < 12 * searchUs(few, channel) + 5, `${make(1)}, ${channel}`)
    }
  }
})

t.test('a search that would take minutes is given up, and the next one is none of that', async (t) => {
  const index = new PatternIndex<string>()
  const alike = `*${'a?'.repeat(20_000)}b`
  index.add(Buffer.from(alike), alike)
  index.add(Buffer.from('*'), '*')
  const found: string[] = []
  const name = Buffer.alloc(60_000, 'a')
  const tookMs = cpuMs(() => t.notOk(index.find(name, 0, name.length, found)))
  t.ok(index.gaveUp)
  t.same(found, [])
  t.ok(tookMs < 3000, `${tookMs} ms`)
  index.find(name, 0, 20, found)
  t.notOk(index.gaveUp)
  t.same(found, ['*'])
})
