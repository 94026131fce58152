import t from 'tap'
import { Expirations } from '../../src/backend/expirations.js'

t.test('an expiration is remembered for some seconds, and asked for by key and database', async (t) => {
  const expirations = new Expirations()
  t.equal(expirations.any, false)
  expirations.note('0:a', 10_000)
  t.equal(expirations.any, true)
  t.equal(expirations.hasAny(['1:a', '0:a'], 12_900), true)
  t.equal(expirations.hasAny(['1:a', '0:b'], 12_900), false)
  t.equal(expirations.hasAny(['0:a'], 14_000), false)
  t.equal(expirations.any, false, 'and nobody needs to ask any more')
})

t.test('a key that expires again is remembered anew', async (t) => {
  const expirations = new Expirations()
  expirations.note('0:a', 10_000)
  expirations.note('0:b', 11_000)
  expirations.note('0:a', 12_500)
  t.equal(expirations.hasAny(['0:a'], 14_500), true)
  t.equal(expirations.hasAny(['0:b'], 14_500), false)
})

t.test('what expires is forgotten also while nobody asks', async (t) => {
  const expirations = new Expirations()
  let most = 0
  // Ten a millisecond, for a minute.
  for (let i = 0; i < 600_000; i++) {
    expirations.note(`0:${i}`, 10_000 + Math.floor(i / 10))
    most = Math.max(most, expirations.size)
  }
  t.ok(most <= 40_000, `never more than those of four seconds, not ${most}`)
})
