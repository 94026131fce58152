import { assert } from '../base/assert.js'
import { identifierOfKey } from '../ring/identifier.js'
import { Ring } from '../ring/ring.js'
import type { Member, ReplicaSet, View } from './view.js'

/**
 * The view of these members (in any order, names distinct) with `replicas` backups of each key: every range is on its
 * owner and the next `replicas` distinct members [design §3 replica set], or on all members when there are fewer.
 * A view without members has one replica set, which is empty and holds every key.
 */
export function buildView(
  ringId: string,
  epoch: number,
  replicas: number,
  virtualNodes: number,
  members: readonly Member[],
): View {
  assert(Number.isInteger(replicas) && replicas >= 0, 'the number of backups is a whole number')
  const byName = new Map(members.map((member) => [member.name, member]))
  const ring = Ring.of(
    members.map((member) => member.name),
    virtualNodes,
  )
  const replicaSets: ReplicaSet[] = []
  const setOfNames = new Map<string, ReplicaSet>()
  const setOf = (names: readonly string[]): ReplicaSet => {
    const id = JSON.stringify(names)
    let set = setOfNames.get(id)
    if (set === undefined) {
      set = { index: replicaSets.length, natural: names.map((name) => byName.get(name)!), pending: [] }
      setOfNames.set(id, set)
      replicaSets.push(set)
    }
    return set
  }
  const setOfRange: ReplicaSet[] = []
  for (let range = 0; range < ring.size; range++) setOfRange.push(setOf(ring.successors(range, replicas + 1)))
  if (ring.size === 0) setOfRange.push(setOf([]))
  const sortedMembers = ring.names.map((name) => byName.get(name)!)
  return { ringId, epoch, replicas, virtualNodes, members: sortedMembers, ring, replicaSets, setOfRange }
}

/** The replica set of the key that lies in `buf` from `start` up to `end`. */
export function replicaSetOfKey(view: View, buf: Buffer, start: number, end: number): ReplicaSet {
  return view.setOfRange[view.ring.rangeOf(identifierOfKey(buf, start, end))]
}
