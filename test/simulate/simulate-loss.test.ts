import t, { type Test } from 'tap'
import { type LossResult, simulateLoss } from '../../src/simulate/simulate-loss.js'

const seeds = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

/** All subsets of 0 … n - 1, by their sizes, as bit masks. */
function subsets(n: number): number[][] {
  const bySize: number[][] = Array.from({ length: n + 1 }, () => [])
  for (let mask = 0; mask < 2 ** n; mask++) bySize[mask.toString(2).replace(/0/g, '').length].push(mask)
  return bySize
}

/** How many of the subsets of each size contain one of the sets, out of all of them. */
function countedProbability(n: number, sets: readonly number[]): number[] {
  return subsets(n).map(
    (masks) => masks.filter((mask) => sets.some((set) => (mask & set) === set)).length / masks.length,
  )
}

function near(t: Test, found: readonly number[], wanted: readonly number[], within: number): void {
  t.equal(found.length, wanted.length)
  for (const [f, value] of wanted.entries()) {
    t.ok(Math.abs(found[f] - value) <= within, `f = ${f}: ${found[f]}, and counted ${value}`)
  }
}

t.test('equal options give equal results', async (t) => {
  const options = { nodes: [6, 9], virtualNodes: [1, 4], replicas: 2, seeds: [1, 2, 3], orders: 20 }
  const results = simulateLoss(options)
  t.strictSame(results, simulateLoss(options))
  t.strictSame(
    results.map(({ nodes, virtualNodes }) => [nodes, virtualNodes]),
    [6, 9].flatMap((nodes) => [1, 4, undefined].map((virtualNodes) => [nodes, virtualNodes])),
  )
})

t.test('for a Redis Cluster it is what counting all cases gives', async (t) => {
  const of = (nodes: number, replicas: number) => {
    const results = simulateLoss({ nodes: [nodes], virtualNodes: [], replicas, seeds: [], orders: 0 })
    return results[0]
  }
  near(t, of(12, 2).probability, countedProbability(12, [0o7, 0o70, 0o700, 0o7000]), 1e-12)
  near(t, of(8, 1).probability, countedProbability(8, [0b11, 0b1100, 0b110000, 0b11000000]), 1e-12)
  t.equal(of(12, 2).copysets, 4)
  t.ok(Math.abs(of(12, 2).shareIfAny[3]! - 1 / 4) < 1e-12, 'who loses one shard of four loses a fourth of the keys')
})

t.test('with one virtual node a key is lost when r+1 neighbours on the ring are [Chord §4.3.2]', async (t) => {
  const [ring] = simulateLoss({ nodes: [9], virtualNodes: [1], replicas: 2, seeds: seeds(200), orders: 100 })
  const neighbours = Array.from({ length: 9 }, (_, i) => (1 << i) | (1 << ((i + 1) % 9)) | (1 << ((i + 2) % 9)))
  near(t, ring.probability, countedProbability(9, neighbours), 0.015)
  t.equal(ring.copysets, 9)
})

t.test('up to r failures nothing is lost, and when all fail everything is', async (t) => {
  for (const result of simulateLoss({ nodes: [9], virtualNodes: [1, 64], replicas: 2, seeds: [1, 2], orders: 50 })) {
    t.strictSame(result.probability.slice(0, 3), [0, 0, 0])
    t.strictSame(result.shareIfAny.slice(0, 3), [undefined, undefined, undefined])
    t.equal(result.probability[9], 1)
    t.equal(result.shareIfAny[9], 1)
  }
})

t.test('virtual nodes make a loss likelier and smaller: the product is the same', async (t) => {
  const options = { nodes: [30], virtualNodes: [1, 64], replicas: 2, seeds: seeds(100), orders: 100 }
  const [chord, dt, cluster] = simulateLoss(options)
  const average = ({ probability, shareIfAny }: LossResult, f: number) => probability[f] * shareIfAny[f]!
  for (const f of [4, 6, 10]) {
    t.ok(cluster.probability[f] < chord.probability[f] && chord.probability[f] < dt.probability[f])
    t.ok(cluster.shareIfAny[f]! > chord.shareIfAny[f]! && chord.shareIfAny[f]! > dt.shareIfAny[f]!)
    for (const result of [chord, dt, cluster]) {
      t.ok(Math.abs(average(result, f) / ((f * (f - 1) * (f - 2)) / (30 * 29 * 28)) - 1) < 1e-9)
    }
  }
  t.ok(dt.copysets > 40 * chord.copysets)
})
