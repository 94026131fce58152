import { fingerprint32 } from '../ring/identifier.js'
import { Ring } from '../ring/ring.js'

export interface LossOptions {
  /** Numbers N of servers; multiples of `replicas` + 1, so that a Redis Cluster can be made of them. */
  readonly nodes: readonly number[]
  /** Virtual nodes of each node; 1 is plain Chord. */
  readonly virtualNodes: readonly number[]
  /** Backups of each key, r; in a Redis Cluster the replicas of each master. */
  readonly replicas: number
  /** One ring is made from each. */
  readonly seeds: readonly number[]
  /** Orders in which the servers of each ring are let fail. */
  readonly orders: number
}

/** What failures do to one kind of store. Arrays are indexed by the number of servers that fail at once, 0 … N. */
export interface LossResult {
  /** Of DT; undefined stands for a Redis Cluster. */
  readonly virtualNodes: number | undefined
  readonly nodes: number
  /** Different sets of servers that hold all copies of some key, on average. */
  readonly copysets: number
  /** Probability that some key has lost all its copies. */
  readonly probability: readonly number[]
  /** The share of all keys that is lost, on average over the cases in which any is; undefined where none was. */
  readonly shareIfAny: readonly (number | undefined)[]
}

/**
 * Lets f of N servers fail at once, for every f, each of them as likely as the others, and asks whether some key has
 * lost all its copies. For DT the rings are those of the proxy itself, made from seeds, and the failures are drawn; for
 * a Redis Cluster, N/(r+1) masters with r replicas each, the probability is exact. Equal options give equal results.
 */
export function simulateLoss(options: LossOptions): LossResult[] {
  return options.nodes.flatMap((nodes) => [
    ...options.virtualNodes.map((virtualNodes) => lossOfRings(options, nodes, virtualNodes)),
    lossOfCluster(nodes, options.replicas),
  ])
}

function lossOfRings({ seeds, replicas, orders }: LossOptions, nodes: number, virtualNodes: number): LossResult {
  const losses = new Array<number>(nodes + 1).fill(0)
  let copysets = 0
  for (const seed of seeds) {
    const names = Array.from({ length: nodes }, (_, i) => `node:${seed}:${i}`)
    const sets = copysetsOf(Ring.of(names, virtualNodes), replicas)
    copysets += sets.length
    const holders = names.map((name) => sets.flatMap((set, i) => (set.includes(name) ? [i] : [])))
    const sizes = Uint16Array.from(sets, (set) => set.length)
    const alive = new Uint16Array(sets.length)
    for (let order = 0; order < orders; order++) {
      alive.set(sizes)
      losses[failuresUntilLoss(shuffled(nodes, `failures:${seed}:${order}`), holders, alive)]++
    }
  }
  let lost = 0
  const probability = losses.map((count) => {
    lost += count
    return lost / (seeds.length * orders)
  })
  return {
    ...{ virtualNodes, nodes, copysets: copysets / seeds.length, probability },
    shareIfAny: sharesIfAny(probability, replicas),
  }
}

/** The different sets of nodes that hold the keys of some range. */
function copysetsOf(ring: Ring, replicas: number): string[][] {
  const found = new Map<string, string[]>()
  for (let i = 0; i < ring.size; i++) {
    const set = ring.successors(i, replicas + 1).sort()
    found.set(set.join(' '), set)
  }
  return [...found.values()]
}

/** How many nodes, failing in this order, it takes until a set has no node left. `alive` is used up. */
function failuresUntilLoss(order: readonly number[], setsOfNode: readonly number[][], alive: Uint16Array): number {
  for (let f = 0; f < order.length; f++) {
    for (const set of setsOfNode[order[f]]) if (--alive[set] === 0) return f + 1
  }
  return order.length
}

/** 0 … count - 1 in an order that the text decides. */
function shuffled(count: number, text: string): number[] {
  const weights = Uint32Array.from({ length: count }, (_, i) => fingerprint32(`${text}:${i}`))
  return Array.from({ length: count }, (_, i) => i).sort((a, b) => weights[a] - weights[b] || a - b)
}

/**
 * Nothing is lost as long as each shard keeps one of its servers: of the C(N, f) ways to fail, the coefficient of x^f in
 * ((1 + x)^(r+1) - x^(r+1))^(N/(r+1)) is the number of those.
 */
function lossOfCluster(nodes: number, replicas: number): LossResult {
  const shards = nodes / (replicas + 1)
  const shard = binomials(replicas + 1)
  shard[replicas + 1] = 0
  let harmless = [1]
  for (let i = 0; i < shards; i++) harmless = product(harmless, shard)
  const all = binomials(nodes)
  const probability = all.map((ways, f) => 1 - (harmless[f] ?? 0) / ways)
  return {
    ...{ virtualNodes: undefined, nodes, copysets: shards, probability },
    shareIfAny: sharesIfAny(probability, replicas),
  }
}

/** C(n, 0) … C(n, n). */
function binomials(n: number): number[] {
  let row = [1]
  for (let i = 0; i < n; i++) row = product(row, [1, 1])
  return row
}

/** Of two polynomials, by their coefficients. */
function product(a: readonly number[], b: readonly number[]): number[] {
  const result = new Array<number>(a.length + b.length - 1).fill(0)
  for (const [i, x] of a.entries()) for (const [k, y] of b.entries()) result[i + k] += x * y
  return result
}

/**
 * Every set of r+1 nodes is as likely as any other to have failed whole, so on average the same share of all keys is lost
 * however they are placed; only how it is spread over the cases differs.
 */
function sharesIfAny(probability: readonly number[], replicas: number): (number | undefined)[] {
  const nodes = probability.length - 1
  return probability.map((some, f) => {
    let average = 1
    for (let i = 0; i <= replicas; i++) average *= Math.max(0, f - i) / (nodes - i)
    return some === 0 ? undefined : Math.min(1, average / some)
  })
}
