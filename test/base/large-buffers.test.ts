import t from 'tap'
import { hold, release, takeLarge } from '../../src/base/large-buffers.js'

t.test('a buffer is used again when the last holder has released it, not before', async (t) => {
  const first = takeLarge(100_000)
  t.ok(first.length >= 100_000)
  t.ok(hold(first))
  release(first)
  const second = takeLarge(100_000)
  t.not(second, first)
  release(first)
  const third = takeLarge(90_000)
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

t.test('no more is kept than 64 MB, and nothing that is larger than 16', async (t) => {
  const many = Array.from({ length: 100 }, () => takeLarge(1024 * 1024))
  for (const buffer of many) release(buffer)
  const again = new Set(Array.from({ length: 100 }, () => takeLarge(1024 * 1024)))
  const kept = many.filter((buffer) => again.has(buffer)).length
  t.ok(kept > 50 && kept <= 64, `${kept} of 100`)
  for (const buffer of again) release(buffer)
  const huge = takeLarge(20_000_000)
  t.equal(huge.length, 20_000_000)
  t.ok(hold(huge))
  release(huge)
  release(huge)
  t.not(takeLarge(20_000_000), huge)
})
