import type { Ring } from '../ring/ring.js'

/** One Redis backend. The name, not the address, decides its place on the ring [design §3 member]. */
export interface Member {
  readonly name: string
  readonly host: string
  readonly port: number
  /**
   * `suspect`: its link is broken or Sentinel says sdown; it still has its place. `gone`: it has failed, and stays only
   * because nobody who is there has what it holds [design §8 The last natural replica].
   */
  readonly state: 'up' | 'suspect' | 'gone'
}

/** The members that hold one set of token ranges. Equal sets are the same object, so that they compare by identity. */
export interface ReplicaSet {
  /** Position in `View.replicaSets`. */
  readonly index: number
  /**
   * The master first, then its backups: members that have the whole range and may serve reads. Last those who are about to let
   * go of it: see `partingOf`.
   */
  readonly natural: readonly Member[]
  /** Members that are receiving the range: they get writes and serve nothing. */
  readonly pending: readonly Member[]
}

/** Everything the data path needs to know about the ring at one moment: immutable, published by the control path only. */
export interface View {
  readonly ringId: string
  /** Grows by one with every published view. */
  readonly epoch: number
  /** Number of backups of each key, r [design §3 replica set]. A ring with fewer members has fewer. */
  readonly replicas: number
  readonly virtualNodes: number
  /** Patterns of keys that belong together without a tag: see `KeyGroups`. */
  readonly keyGroups: readonly string[]
  /** Everybody who holds data or is to get it, in order of their names. */
  readonly members: readonly Member[]
  /** The names that make up the ring when all data has moved: whoever else is a member leaves, or is gone. */
  readonly wanted: readonly string[]
  /** The token ranges; while data moves they are cut at the tokens of leaving members, too. */
  readonly ring: Ring
  readonly replicaSets: readonly ReplicaSet[]
  /** The replica set of each token range of the ring, by the range's index (see `Ring.rangeOf`). */
  readonly setOfRange: readonly ReplicaSet[]
}
