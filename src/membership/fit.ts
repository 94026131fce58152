import type { View } from '../view/view.js'

/** What settings say of where keys lie. */
interface Placing {
  readonly virtualNodes: number
  readonly keyGroups?: readonly string[]
}

/** Why a ring cannot go on with these settings, which place keys elsewhere. */
export function whyNotFit(view: View, ring: Placing): string | undefined {
  const { virtualNodes } = view
  if (virtualNodes !== ring.virtualNodes) {
    return `the ring has ${virtualNodes} virtual nodes a member: set ring.virtualNodes to that, not ${ring.virtualNodes}`
  }
  const [groups, ours] = [listOfGroups(view.keyGroups), listOfGroups(ring.keyGroups ?? [])]
  if (groups === ours) return undefined
  return `the keys of the ring are placed by the groups ${groups}: set ring.keyGroups to that, not ${ours}`
}

/** Which patterns they are, whatever their order: no two match one key. */
function listOfGroups(patterns: readonly string[]): string {
  return `[${[...patterns].sort().join(', ')}]`
}
