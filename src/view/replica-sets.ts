import type { Member, ReplicaSet } from './view.js'

/** The names of the members that hold, and are to hold, one range. */
export interface NamedSet {
  readonly natural: readonly string[]
  readonly pending: readonly string[]
}

/** The replica sets of ranges given by names, in the ranges' order; equal ones are the same object. */
export function replicaSetsOf(
  ranges: readonly NamedSet[],
  byName: ReadonlyMap<string, Member>,
): { readonly replicaSets: readonly ReplicaSet[]; readonly setOfRange: readonly ReplicaSet[] } {
  const replicaSets: ReplicaSet[] = []
  const setOfNames = new Map<string, ReplicaSet>()
  const setOfRange = ranges.map(({ natural, pending }) => {
    const id = JSON.stringify([natural, pending])
    let set = setOfNames.get(id)
    if (set === undefined) {
      const member = (name: string) => byName.get(name)!
      set = { index: replicaSets.length, natural: natural.map(member), pending: pending.map(member) }
      setOfNames.set(id, set)
      replicaSets.push(set)
    }
    return set
  })
  return { replicaSets, setOfRange }
}
