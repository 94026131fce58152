import type { TokenRange } from '../ring/token-range.js'
import type { View } from '../view/view.js'

/** Why data moves [design §3 migration]. */
export type Reason = 'join' | 'leave' | 'failure'

/** What one member is to receive. */
export interface IntakePlan {
  readonly member: string
  readonly ranges: readonly TokenRange[]
  /** From whom, by the masters of the ranges. */
  readonly sources: readonly { readonly source: string; readonly ranges: readonly TokenRange[] }[]
  /** It is natural nowhere: whatever it holds is left over. */
  readonly empty: boolean
  /** `failure` is where there are fewer copies meanwhile: somebody who leaves has its own until it is not needed. */
  readonly reason: Reason
}

/**
 * What has to move so that nobody is pending any more: one plan for each member that is, and each reason, with a range from the
 * first of its natural replicas that `canGive` names.
 *
 * @param isUnderWay ranges that are being received already are left out
 */
export function planIntakes(
  view: View,
  canGive: (member: string) => boolean,
  isUnderWay: (member: string, range: TokenRange) => boolean,
): IntakePlan[] {
  const plans = new Map<string, { member: string; reason: Reason; sources: Map<string, TokenRange[]> }>()
  const naturals = naturalMembers(view)
  for (let i = 0; i < view.ring.size; i++) {
    const { natural, pending } = view.setOfRange[i]
    const source = natural.find(({ name }) => canGive(name))
    if (source === undefined) continue
    const isLeft = natural.some(({ name }) => !view.wanted.includes(name))
    for (const { name } of pending) {
      const range = view.ring.range(i)
      if (isUnderWay(name, range)) continue
      const reason = !naturals.has(name) ? 'join' : isLeft ? 'leave' : 'failure'
      const plan = plans.get(`${reason} ${name}`) ?? { member: name, reason, sources: new Map() }
      plans.set(`${reason} ${name}`, plan)
      plan.sources.set(source.name, [...(plan.sources.get(source.name) ?? []), range])
    }
  }
  return [...plans.values()].map(({ member, reason, sources }) => {
    const parts = [...sources].map(([source, ranges]) => ({ source, ranges }))
    return { member, reason, sources: parts, ranges: parts.flatMap(({ ranges }) => ranges), empty: reason === 'join' }
  })
}

/** The members that are to get data and are natural nowhere. */
export function joiningMembers(view: View): string[] {
  const natural = naturalMembers(view)
  const pending = new Set(view.replicaSets.flatMap((set) => set.pending.map(({ name }) => name)))
  return [...pending].filter((name) => !natural.has(name))
}

function naturalMembers(view: View): Set<string> {
  return new Set(view.replicaSets.flatMap((set) => set.natural.map(({ name }) => name)))
}

/** The members that held, or were receiving, something in `previous` that they do not hold in `view`. */
export function displacedMembers(previous: View, view: View): Set<string> {
  const displaced = new Set<string>()
  const compare = (identifier: number) => {
    const before = previous.setOfRange[previous.ring.rangeOf(identifier)]
    const after = view.setOfRange[view.ring.rangeOf(identifier)]
    const keepers = new Set([...after.natural, ...after.pending].map(({ name }) => name))
    for (const { name } of [...before.natural, ...before.pending]) if (!keepers.has(name)) displaced.add(name)
  }
  // One of the two rings cuts the other's ranges, or neither does: the ends of all ranges of both see every change.
  for (const { ring } of [previous, view]) for (let i = 0; i < ring.size; i++) compare(ring.tokens[i])
  return displaced
}
