import { CIRCLE_SIZE, rangeSize } from '../ring/token-range.js'
import { isMoving } from './parting.js'
import type { Member, ReplicaSet, View } from './view.js'

/** The fraction of the circle, 0 … 1, of whose keys the member is the master now. */
export function shareMastered(view: View, name: string): number {
  let identifiers = 0
  for (let i = 0; i < view.ring.size; i++) {
    if (view.setOfRange[i].natural[0].name === name) identifiers += rangeSize(view.ring.range(i))
  }
  return identifiers / CIRCLE_SIZE
}

/** The fraction of the circle, 0 … 1, of which the member has whole copies. */
export function shareHeld({ ring, setOfRange }: View, name: string): number {
  let identifiers = 0
  for (let i = 0; i < ring.size; i++) {
    if (isAmong(setOfRange[i].natural, name)) identifiers += rangeSize(ring.range(i))
  }
  return identifiers / CIRCLE_SIZE
}

/** How many token ranges have a replica that is still receiving them, or one that is still to let go of them. */
export function pendingRanges(view: View): number {
  return view.setOfRange.filter((set) => isMoving(view, set)).length
}

/** How many token ranges have fewer whole copies on servers that are there than the settings ask for: a suspect one may not come back. */
export function shortRanges({ ring, setOfRange, replicas }: View): number {
  if (ring.size === 0) return 0
  return setOfRange.filter(({ natural }) => natural.filter(({ state }) => state === 'up').length <= replicas).length
}

/** Whether a member can be asked now. */
export type IsReached = (name: string) => boolean

/** How many token ranges nobody can be asked for: their keys wait, whether their servers have been declared down or not. */
export function unservedRanges(view: View, isReached: IsReached): number {
  return unserved(view, isReached).length
}

/** Whose data they wait for, in order of the names. */
export function missedByUnserved(view: View, isReached: IsReached): string[] {
  return [...new Set(unserved(view, isReached).flatMap(({ natural }) => natural.map(({ name }) => name)))].sort()
}

/** A ring of nobody has one replica set, which is empty: of that nothing is missed. */
function unserved({ ring, setOfRange }: View, isReached: IsReached): ReplicaSet[] {
  if (ring.size === 0) return []
  return setOfRange.filter((set) => isOutOfReach(set, isReached))
}

function isOutOfReach({ natural }: ReplicaSet, isReached: IsReached): boolean {
  return natural.every(({ name, state }) => state === 'gone' || !isReached(name))
}

/** How many token ranges can be read and not be written now, and which members their writes wait for. */
export function unwritableRanges({ setOfRange }: View, isReached: IsReached): { count: number; waitFor: string[] } {
  const waitFor = new Set<string>()
  let count = 0
  for (const set of setOfRange) {
    const away = [...set.natural, ...set.pending].filter(({ name }) => !isReached(name))
    if (away.length === 0 || isOutOfReach(set, isReached)) continue
    count++
    for (const { name } of away) waitFor.add(name)
  }
  return { count, waitFor: [...waitFor].sort() }
}

/** Whether all who have its ranges have been declared down [design §8 The last natural replica]. */
export function isUnserved({ natural }: ReplicaSet): boolean {
  return natural.every(({ state }) => state === 'gone')
}

/** Whether a member receives data and has no range yet: it gets writes and serves nothing. */
export function isFirstFilled({ replicaSets }: View, name: string): boolean {
  return (
    replicaSets.some(({ pending }) => isAmong(pending, name)) &&
    !replicaSets.some(({ natural }) => isAmong(natural, name))
  )
}

export function isAmong(members: readonly Member[], name: string): boolean {
  return members.some((member) => member.name === name)
}
