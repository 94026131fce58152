import { isAloneWith } from '../view/holders.js'
import type { View } from '../view/view.js'

/** Members that answer and do not take the marker of the present view. */
export interface Refusals {
  /** By name: what they answer. */
  readonly reasons: ReadonlyMap<string, string>
  /** Those of them that have a range alone, but for others that are down or refuse as well. */
  readonly indispensable: ReadonlySet<string>
}

export const NO_REFUSALS: Refusals = { reasons: new Map(), indispensable: new Set() }

/** Who refuses now, and who of them could not be done without. */
export function refusalsOf(reasons: ReadonlyMap<string, string>, view: View): Refusals {
  if (reasons.size === 0) return NO_REFUSALS
  const sound = new Set(
    view.members.filter(({ name, state }) => state === 'up' && !reasons.has(name)).map(({ name }) => name),
  )
  const alone = [...reasons.keys()].filter((name) => isAloneWith(view, name, (other) => sound.has(other)))
  return { reasons, indispensable: new Set(alone) }
}
