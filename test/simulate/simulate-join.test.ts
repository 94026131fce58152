import t from 'tap'
import { simulateJoin } from '../../src/simulate/simulate-join.js'
import { buildView, replicaSetOfKey } from '../../src/view/build-view.js'

const seeds = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

t.test('equal options give equal results, another seed gives others', async (t) => {
  const options = { nodes: [5], keys: [1000], virtualNodes: [8], replicas: 2, seeds: [1, 2, 3] }
  t.strictSame(simulateJoin(options), simulateJoin(options))
  t.notSame(simulateJoin({ ...options, seeds: [4, 5, 6] }), simulateJoin(options))
})

t.test('there is a result for each kind of ring and each number of keys', async (t) => {
  const results = simulateJoin({ nodes: [3, 5], keys: [100, 300], virtualNodes: [1, 4], replicas: 1, seeds: [1] })
  t.strictSame(
    results.map(({ virtualNodes, nodes, keys, ideal }) => [virtualNodes, nodes, keys, ideal]),
    [1, 4].flatMap((virtualNodes) =>
      [3, 5].flatMap((nodes) => [100, 300].map((keys) => [virtualNodes, nodes, keys, keys / nodes])),
    ),
  )
})

t.test('what moves is what two views of the proxy say', async (t) => {
  const [nodes, keys, virtualNodes, replicas, seed] = [6, 500, 16, 2, 42]
  const members = Array.from({ length: nodes + 1 }, (_, i) => ({
    name: `node:${seed}:${i}`,
    host: 'h',
    port: i,
    state: 'up' as const,
  }))
  const before = buildView('dt', 1, replicas, virtualNodes, members.slice(0, nodes))
  const after = buildView('dt', 2, replicas, virtualNodes, members)
  let changed = 0
  let copies = 0
  for (let i = 0; i < keys; i++) {
    const key = Buffer.from(`key:${seed}:${i}`)
    const old = replicaSetOfKey(before, key, 0, key.length).natural
    const now = replicaSetOfKey(after, key, 0, key.length).natural
    if (old[0] !== now[0]) changed++
    copies += now.filter((member) => !old.includes(member)).length
  }
  const [result] = simulateJoin({ nodes: [nodes], keys: [keys], virtualNodes: [virtualNodes], replicas, seeds: [seed] })
  t.equal(result.keysChangingHands.mean, changed)
  t.equal(result.copiesMoving.mean, copies)
  t.ok(changed > 0 && copies > changed)
})

t.test(
  'the mean approaches one part of N+1 of the keys, and r+1 times as many copies [Chord §4.2 Theorem 1]',
  async (t) => {
    for (const result of simulateJoin({
      nodes: [5, 20],
      keys: [5000],
      virtualNodes: [64],
      replicas: 2,
      seeds: seeds(40),
    })) {
      const expected = 5000 / (result.nodes + 1)
      t.ok(
        Math.abs(result.keysChangingHands.mean / expected - 1) < 0.1,
        `${result.keysChangingHands.mean} of ${expected}`,
      )
      t.ok(
        Math.abs(result.copiesMoving.mean / (3 * expected) - 1) < 0.1,
        `${result.copiesMoving.mean} of ${3 * expected}`,
      )
    }
  },
)

t.test('virtual nodes make what moves more even', async (t) => {
  const [chord, dt] = simulateJoin({ nodes: [10], keys: [2000], virtualNodes: [1, 64], replicas: 0, seeds: seeds(40) })
  const spread = ({ p5, p95 }: { p5: number; p95: number }): number => p95 - p5
  t.ok(spread(dt.keysChangingHands) * 3 < spread(chord.keysChangingHands))
})

t.test('without backups the copies that move are the keys that change hands', async (t) => {
  const [result] = simulateJoin({ nodes: [4], keys: [1000], virtualNodes: [8], replicas: 0, seeds: seeds(5) })
  t.strictSame(result.copiesMoving, result.keysChangingHands)
})

t.test('a ring that has fewer than r+1 nodes gives the new one a copy of every key', async (t) => {
  const [result] = simulateJoin({ nodes: [2], keys: [1000], virtualNodes: [8], replicas: 2, seeds: seeds(5) })
  t.equal(result.copiesMoving.min, 1000)
  t.equal(result.copiesMoving.max, 1000)
})
