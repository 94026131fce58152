import { fingerprint32 } from '../ring/identifier.js'
import { Ring } from '../ring/ring.js'
import { type Summary, summarize } from './summary.js'

export interface JoinOptions {
  /** Sizes N of the ring before the join. */
  readonly nodes: readonly number[]
  /** Numbers K of keys on the ring. */
  readonly keys: readonly number[]
  /** Virtual nodes of each node; 1 is plain Chord. */
  readonly virtualNodes: readonly number[]
  /** Backups of each key, r. */
  readonly replicas: number
  /** One ring and one set of keys is made from each. */
  readonly seeds: readonly number[]
}

/** What a join does to one kind of ring, over all seeds. */
export interface JoinResult {
  readonly virtualNodes: number
  readonly nodes: number
  readonly keys: number
  /** K/N, the order of magnitude that Chord promises [Chord §4.2 Theorem 1]. */
  readonly ideal: number
  /** Keys that change hands: those whose master is another node after the join than before. */
  readonly keysChangingHands: Summary
  /** Copies that move: those, on masters and backups, that a node holds after the join and did not hold before. */
  readonly copiesMoving: Summary
}

/**
 * Lets one node join rings of N nodes with K keys, for every seed, and counts what has to move. Names of nodes and
 * keys are made from the seed and placed by the ring of the proxy itself; equal options give equal results. A seed's
 * smaller rings and sets of keys are parts of its greater ones, so that results differ by N and K, not by luck.
 */
export function simulateJoin(options: JoinOptions): JoinResult[] {
  const { seeds, replicas } = options
  const mostKeys = Math.max(...options.keys)
  const kinds = options.virtualNodes.flatMap((virtualNodes) =>
    options.nodes.map((nodes) => ({ virtualNodes, nodes, changes: options.keys.map(() => emptySamples()) })),
  )
  for (const seed of seeds) {
    const identifiers = Array.from({ length: mostKeys }, (_, i) => fingerprint32(`key:${seed}:${i}`))
    for (const { virtualNodes, nodes, changes } of kinds) {
      const names = Array.from({ length: nodes + 1 }, (_, i) => `node:${seed}:${i}`)
      const before = new Placement(Ring.of(names.slice(0, nodes), virtualNodes), replicas)
      const after = new Placement(Ring.of(names, virtualNodes), replicas)
      const counts = countMoves(before, after, identifiers, options.keys)
      counts.forEach(({ keysChangingHands, copiesMoving }, i) => {
        changes[i].keysChangingHands.push(keysChangingHands)
        changes[i].copiesMoving.push(copiesMoving)
      })
    }
  }
  return kinds.flatMap(({ virtualNodes, nodes, changes }) =>
    changes.map(({ keysChangingHands, copiesMoving }, i) => ({
      virtualNodes,
      nodes,
      keys: options.keys[i],
      ideal: options.keys[i] / nodes,
      keysChangingHands: summarize(keysChangingHands),
      copiesMoving: summarize(copiesMoving),
    })),
  )
}

/** The holders of every identifier: the successor lists of a ring's ranges, each made when it is first asked for. */
class Placement {
  private readonly holdersOfRange: string[][]

  constructor(
    private readonly ring: Ring,
    private readonly replicas: number,
  ) {
    this.holdersOfRange = new Array(ring.size)
  }

  holdersOf(identifier: number): string[] {
    const range = this.ring.rangeOf(identifier)
    return (this.holdersOfRange[range] ??= this.ring.successors(range, this.replicas + 1))
  }
}

/** What moves from one placement to the other, for the first K identifiers, for each K of `sizes`. */
function countMoves(before: Placement, after: Placement, identifiers: readonly number[], sizes: readonly number[]) {
  const keysUpTo = new Uint32Array(identifiers.length + 1)
  const copiesUpTo = new Uint32Array(identifiers.length + 1)
  for (let i = 0; i < identifiers.length; i++) {
    const old = before.holdersOf(identifiers[i])
    const now = after.holdersOf(identifiers[i])
    let copies = 0
    for (const holder of now) if (!old.includes(holder)) copies++
    keysUpTo[i + 1] = keysUpTo[i] + (now[0] === old[0] ? 0 : 1)
    copiesUpTo[i + 1] = copiesUpTo[i] + copies
  }
  return sizes.map((size) => ({ keysChangingHands: keysUpTo[size], copiesMoving: copiesUpTo[size] }))
}

function emptySamples(): { keysChangingHands: number[]; copiesMoving: number[] } {
  return { keysChangingHands: [], copiesMoving: [] }
}
