import type { Operation } from '../history.js'

/** Something that no single server would have done, and the operations that show it. */
export interface Violation {
  /** Which rule is broken: one word or two, for the summary. */
  readonly check: string
  readonly key: string
  readonly message: string
  /** As few operations as possible that cannot all be right. */
  readonly witness: readonly Operation[]
}
