import type { Member, ReplicaSet, View } from './view.js'

/**
 * The members that have a range and are not to have it any more: nobody else is still to receive it. They are the last of
 * its natural replicas, so that others are asked, until those have all that was ever read from these [design §8 Parting].
 */
export function partingOf({ wanted, replicas }: View, { natural, pending }: ReplicaSet): readonly Member[] {
  if (pending.length > 0 || wanted.length === 0) return []
  return natural.slice(Math.min(wanted.length, replicas + 1))
}

/** Whether a range is not yet on exactly those who are to hold it. */
export function isMoving(view: View, set: ReplicaSet): boolean {
  return set.pending.length > 0 || partingOf(view, set).length > 0
}
