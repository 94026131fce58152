import fc from 'fast-check'
import t from 'tap'
import { type Council, isNoted } from '../../src/membership/council.js'
import { LEASE_MS, leaseEndMs, OUTLAST_MS } from '../../src/membership/lease.js'

const names = (n: number) => Array.from({ length: n }, (_, i) => `dt-${i + 1}`)

t.test('with our state file nobody else can go on, whoever is silent', async (t) => {
  const council: Council = { members: names(3), file: 'ours' }
  t.equal(
    leaseEndMs([council], 'ours', () => 0),
    Number.POSITIVE_INFINITY,
  )
  t.equal(
    leaseEndMs([], undefined, () => 0),
    Number.POSITIVE_INFINITY,
  )
})

t.test('it ends when so many have been silent for so long that the others are not enough', async (t) => {
  const heard: Record<string, number> = { 'dt-1': 5000, 'dt-2': 4000, 'dt-3': 3000, 'dt-4': 0 }
  const end = (n: number) => leaseEndMs([{ members: names(n), file: undefined }], undefined, (name) => heard[name])
  t.equal(end(1), 5000 + LEASE_MS)
  t.equal(end(2), 5000 + LEASE_MS, 'one of two: the other one alone is not more than half')
  t.equal(end(3), 4000 + LEASE_MS)
  t.equal(end(4), 4000 + LEASE_MS, 'two of four: the other two are not more than half')
})

t.test('of several councils the first that is taken from us counts', async (t) => {
  const councils = [
    { members: ['dt-1', 'dt-2', 'dt-3'], file: undefined },
    { members: ['dt-3'], file: undefined },
  ]
  t.equal(
    leaseEndMs(councils, undefined, (name) => (name === 'dt-3' ? 100 : 900)),
    100 + LEASE_MS,
  )
})

t.test('whoever takes members one after the other and waits has waited longer than the lease lasts', async (t) => {
  const councils = fc.array(fc.uniqueArray(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 7 }), {
    minLength: 1,
    maxLength: 3,
  })
  // When each member is taken from us; what it has answered to us was sent before that.
  const taken = fc.array(fc.option(fc.integer({ min: 0, max: 10_000 })), { minLength: 7, maxLength: 7 })
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(councils, taken, (some, times) => {
        const before = some.map((numbers): Council => ({ members: numbers.map((i) => `dt-${i}`), file: undefined }))
        const takenMs = (name: string) => times[Number(name.slice(3)) - 1]
        // Whoever was not taken answers for ever.
        const endMs = leaseEndMs(before, undefined, (name) => takenMs(name) ?? Number.POSITIVE_INFINITY)
        const enoughMs = [...times]
          .sort((a, b) => (a ?? 0) - (b ?? 0))
          .find((time) => {
            const has = (name: string) => takenMs(name) !== null && takenMs(name)! <= (time ?? -1)
            return isNoted(before, { file: undefined, has })
          })
        return enoughMs === undefined || enoughMs === null || endMs < enoughMs + OUTLAST_MS
      }),
      { numRuns: 2000 },
    ),
  )
})
