import { assert } from '../base/assert.js'
import { identifierOfKey } from '../ring/identifier.js'
import { Ring } from '../ring/ring.js'
import { nextView } from './placement.js'
import type { Member, ReplicaSet, View } from './view.js'

/** The view before the first one, epoch 0: no members, and one replica set, which is empty and holds every key. */
export function emptyView(
  ringId: string,
  replicas: number,
  virtualNodes: number,
  keyGroups: readonly string[] = [],
): View {
  assert(Number.isInteger(replicas) && replicas >= 0, 'the number of backups is a whole number')
  const nobody: ReplicaSet = { index: 0, natural: [], pending: [] }
  return {
    ringId,
    epoch: 0,
    replicas,
    virtualNodes,
    keyGroups,
    members: [],
    wanted: [],
    ring: Ring.of([], virtualNodes),
    replicaSets: [nobody],
    setOfRange: [nobody],
  }
}

/**
 * The view of these members (in any order, names distinct) in which nothing moves, with `replicas` backups of each key:
 * every range is on its owner and the next `replicas` distinct members [design §3 replica set], or on all members when
 * there are fewer.
 */
export function buildView(
  ringId: string,
  epoch: number,
  replicas: number,
  virtualNodes: number,
  members: readonly Member[],
  keyGroups: readonly string[] = [],
): View {
  const wanted = members.map(({ name }) => name)
  return { ...nextView(emptyView(ringId, replicas, virtualNodes, keyGroups), { members, wanted }), epoch }
}

/** The replica set of the key that lies in `buf` from `start` up to `end`. */
export function replicaSetOfKey(view: View, buf: Buffer, start: number, end: number): ReplicaSet {
  return view.setOfRange[view.ring.rangeOf(identifierOfKey(buf, start, end))]
}
