import t from 'tap'
import { hold, letGoUnneeded, release, takeLarge } from '../../src/base/large-buffers.js'

const MEGABYTE = 1024 * 1024

t.test('a buffer is used again when the last holder has released it, not before', async (t) => {
  const first = takeLarge(100_000)
  t.ok(first.length >= 100_000)
  t.ok(hold(first))
  release(first)
  const second = takeLarge(100_000)
  t.not(second, first)
  release(first)
  const third = takeLarge(99_000)
  t.equal(third, first)
  release(second)
  release(third)
})

t.test('what is no such buffer cannot be held, and releasing it does nothing', async (t) => {
  const ordinary = Buffer.alloc(100_000)
  t.notOk(hold(ordinary))
  release(ordinary)
  t.not(takeLarge(100_000), ordinary)
})

t.test('values of about one size use the same buffers, and take not much more than they have', async (t) => {
  for (const size of [1, 8191, 8193, 70_000, 1024 * 1024 + 40, 2 ** 24 - 1, 2 ** 24]) {
    const buffer = takeLarge(size)
    t.ok(buffer.length >= size && buffer.length <= Math.max(8192, size * 1.125), `${buffer.length} for ${size}`)
    release(buffer)
    const again = takeLarge(Math.max(1, size - Math.floor(size / 20)))
    t.ok(again.length <= buffer.length)
    release(again)
  }
})

t.test('all that was needed at once is kept for the next values, up to 256 MB, and nothing above 16 MB', async (t) => {
  const keptOf = (count: number) => {
    const many = new Set(Array.from({ length: count }, () => takeLarge(MEGABYTE)))
    for (const buffer of many) release(buffer)
    const again = Array.from({ length: count }, () => takeLarge(MEGABYTE))
    for (const buffer of again) release(buffer)
    return again.filter((buffer) => many.has(buffer)).length
  }
  t.equal(keptOf(200), 200)
  const kept = keptOf(300)
  t.ok(kept > 200 && kept <= 256, `${kept} of 300`)
  const huge = takeLarge(20_000_000)
  t.equal(huge.length, 20_000_000)
  t.ok(hold(huge))
  release(huge)
  release(huge)
  t.not(takeLarge(20_000_000), huge)
})

t.test('of what nobody has needed for a while 64 MB are kept, the others are let go', async (t) => {
  const take = (count: number) => new Set(Array.from({ length: count }, () => takeLarge(MEGABYTE)))
  const giveBack = (buffers: Iterable<Buffer>) => {
    for (const buffer of buffers) release(buffer)
  }
  letGoUnneeded()
  const many = take(200)
  giveBack(many)
  letGoUnneeded()
  const needed = take(100)
  t.ok(
    [...needed].every((buffer) => many.has(buffer)),
    'they were needed until the last look',
  )
  giveBack(needed)
  letGoUnneeded()
  const both = take(200)
  t.equal([...both].filter((buffer) => needed.has(buffer)).length, 100)
  const left = [...both].filter((buffer) => many.has(buffer)).length
  t.ok(left >= 100 && left <= 101, `${left} of 200: the others had been spare all the time`)
  giveBack(both)
  letGoUnneeded()
  letGoUnneeded()
  const kept = [...take(200)].filter((buffer) => both.has(buffer)).length
  t.ok(kept > 50 && kept <= 64, `${kept} of 200`)
})
