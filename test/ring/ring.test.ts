import fc from 'fast-check'
import t from 'tap'
import { identifierOfVirtualNode } from '../../src/ring/identifier.js'
import { Ring } from '../../src/ring/ring.js'
import { rangeContains, rangeSize } from '../../src/ring/token-range.js'

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 12 })
const virtualNodes = fc.integer({ min: 1, max: 20 })
const identifier = fc.integer({ min: 0, max: 2 ** 32 - 1 })

/** Identifiers at, before and after every token, where mistakes by one show, and some between. */
function probes(ring: Ring): number[] {
  const near = Array.from(ring.tokens).flatMap((token) => [(token - 1) >>> 0, token, (token + 1) >>> 0])
  return [...near, 0, 1, 2 ** 31, 2 ** 32 - 1]
}

/** The owner of an identifier by the definition: the first virtual node at or after it, clockwise, found by trying all. */
function naiveOwner(names: readonly string[], virtualNodes: number, identifier: number): string {
  let owner = ''
  let shortest = Number.POSITIVE_INFINITY
  for (const name of [...names].sort()) {
    for (let i = 0; i < virtualNodes; i++) {
      const distance = (identifierOfVirtualNode(name, i) - identifier) >>> 0
      if (distance < shortest) {
        shortest = distance
        owner = name
      }
    }
  }
  return owner
}

t.test('every identifier lies in exactly one range, the one that rangeOf gives', async () => {
  fc.assert(
    fc.property(names, virtualNodes, fc.array(identifier), (names, virtualNodes, some) => {
      const ring = Ring.of(names, virtualNodes)
      const ranges = ring.ranges()
      for (const x of [...probes(ring), ...some]) {
        const holders = ranges.flatMap((range, i) => (rangeContains(range, x) ? [i] : []))
        if (holders.length !== 1 || holders[0] !== ring.rangeOf(x)) return false
      }
      return ranges.reduce((sum, range) => sum + rangeSize(range), 0) === 2 ** 32
    }),
    { numRuns: 50 },
  )
})

t.test('the owner is the one that a search over all virtual nodes finds', async () => {
  fc.assert(
    fc.property(names, virtualNodes, fc.array(identifier), (names, virtualNodes, some) => {
      const ring = Ring.of(names, virtualNodes)
      return [...probes(ring), ...some].every((x) => ring.owner(ring.rangeOf(x)) === naiveOwner(names, virtualNodes, x))
    }),
    { numRuns: 50 },
  )
})

t.test('successors are the owner and then the next distinct members clockwise', async () => {
  fc.assert(
    fc.property(names, virtualNodes, fc.integer({ min: 1, max: 14 }), (names, virtualNodes, count) => {
      const ring = Ring.of(names, virtualNodes)
      for (let range = 0; range < ring.size; range++) {
        const clockwise = Array.from({ length: ring.size }, (_, step) => ring.owner((range + step) % ring.size))
        const expected = [...new Set(clockwise)].slice(0, count)
        if (JSON.stringify(ring.successors(range, count)) !== JSON.stringify(expected)) return false
      }
      return true
    }),
    { numRuns: 50 },
  )
})

t.test('when a member joins, ranges move to it and between no others', async () => {
  fc.assert(
    fc.property(names, fc.string({ minLength: 7, maxLength: 9 }), virtualNodes, (names, joining, virtualNodes) => {
      const before = Ring.of(names, virtualNodes)
      const after = Ring.of([...names, joining], virtualNodes)
      // Between two neighbouring tokens of either ring nothing changes, so these places stand for all.
      return [...probes(before), ...probes(after)].every((x) => {
        const owner = after.owner(after.rangeOf(x))
        return owner === joining || owner === before.owner(before.rangeOf(x))
      })
    }),
    { numRuns: 50 },
  )
})

t.test('the order in which the names are given does not matter', async (t) => {
  const ring = Ring.of(['dt-1', 'dt-2', 'dt-3'], 64)
  t.strictSame(Ring.of(['dt-3', 'dt-1', 'dt-2'], 64), ring)
})

t.test('the shares of all members sum to 1', async (t) => {
  fc.assert(
    fc.property(names, virtualNodes, (names, virtualNodes) => {
      const ring = Ring.of(names, virtualNodes)
      return Math.abs(names.reduce((sum, name) => sum + ring.share(name), 0) - 1) < 1e-12
    }),
  )
  t.equal(Ring.of(['dt-1'], 64).share('dt-2'), 0)
})

t.test('more virtual nodes make the shares more even', async (t) => {
  const names = ['dt-1', 'dt-2', 'dt-3', 'dt-4']
  const spread = (virtualNodes: number): number => {
    const ring = Ring.of(names, virtualNodes)
    const shares = names.map((name) => ring.share(name))
    return Math.max(...shares) - Math.min(...shares)
  }
  t.ok(spread(64) < 0.1, `${spread(64)}`)
  t.ok(spread(1000) < 0.03, `${spread(1000)}`)
})

t.test('a single member with one virtual node owns the whole circle', async (t) => {
  const ring = Ring.of(['dt-1'], 1)
  t.equal(ring.size, 1)
  t.equal(ring.share('dt-1'), 1)
  for (const x of probes(ring)) t.equal(ring.rangeOf(x), 0)
  t.strictSame(ring.successors(0, 3), ['dt-1'])
})

t.test('a ring without members has no ranges', async (t) => {
  const ring = Ring.of([], 64)
  t.equal(ring.size, 0)
  t.strictSame(ring.ranges(), [])
  t.equal(ring.rangeOf(12345), 0)
  t.strictSame(ring.successors(0, 3), [])
})

t.test('a token at the very beginning of a slice of the index is found', async (t) => {
  // Found by trying names; with 64 tokens the index has slices of 2^23 identifiers.
  const token = identifierOfVirtualNode('dt-122622', 1)
  t.equal(token % 2 ** 23, 0)
  const ring = Ring.of(['dt-122622'], 64)
  t.equal(ring.tokens[ring.rangeOf(token)], token)
})

t.test('of two members with the same token the first by name has the range', async (t) => {
  // Found by trying names: both have the token 4256870528.
  const [first, second] = ['dt-207449', 'dt-221290']
  t.equal(identifierOfVirtualNode(first, 0), identifierOfVirtualNode(second, 0))
  for (const names of [
    [first, second],
    [second, first],
  ]) {
    const ring = Ring.of(names, 1)
    t.equal(ring.size, 1)
    t.equal(ring.owner(0), first)
    t.equal(ring.share(second), 0)
  }
})

t.test('names twice and rings without virtual nodes are refused', async (t) => {
  t.throws(() => Ring.of(['dt-1', 'dt-1'], 64), { message: 'the names of the members are distinct' })
  t.throws(() => Ring.of(['dt-1'], 0), { message: 'a member has at least one virtual node' })
})

t.test('keys stay where earlier versions have put them', async (t) => {
  const ring = Ring.of(['dt-1', 'dt-2', 'dt-3', 'dt-4'], 64)
  const places = [0, 1_000_000_000, 2_000_000_000, 3_000_000_000, 4_000_000_000, 2 ** 32 - 1]
  t.strictSame(
    places.map((x) => ring.successors(ring.rangeOf(x), 3).join(' ')),
    ['dt-3 dt-1 dt-2', 'dt-1 dt-3 dt-2', 'dt-3 dt-2 dt-1', 'dt-4 dt-3 dt-1', 'dt-1 dt-2 dt-3', 'dt-3 dt-1 dt-2'],
  )
})
