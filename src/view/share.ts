import { CIRCLE_SIZE, rangeSize } from '../ring/token-range.js'
import { isMoving } from './parting.js'
import type { ReplicaSet, View } from './view.js'

/** The fraction of the circle, 0 … 1, of whose keys the member is the master now. */
export function shareMastered(view: View, name: string): number {
  let identifiers = 0
  for (let i = 0; i < view.ring.size; i++) {
    if (view.setOfRange[i].natural[0].name === name) identifiers += rangeSize(view.ring.range(i))
  }
  return identifiers / CIRCLE_SIZE
}

/** How many token ranges have a replica that is still receiving them, or one that is still to let go of them. */
export function pendingRanges(view: View): number {
  return view.setOfRange.filter((set) => isMoving(view, set)).length
}

/** How many token ranges nobody is there for: their keys wait [design §8 The last natural replica]. */
export function unservedRanges(view: View): number {
  return view.setOfRange.filter(isUnserved).length
}

/** Whether nobody is there who has its ranges. */
export function isUnserved({ natural }: ReplicaSet): boolean {
  return natural.every(({ state }) => state === 'gone')
}
