import type { Frame } from '../../resp/frame.js'
import type { Source } from './asking.js'
import type { Budget } from './budget.js'

/** What is written for one piece of a value: all of it in one turn, in this order. */
export interface Page extends ReadonlyArray<Frame> {
  /** What the server prepares at once for the value, in bytes, so that nothing else of it takes long. */
  readonly prepares?: number
}

/** A value that is read in pieces. */
export interface Value {
  readonly source: Source
  /** About how much memory it takes. */
  readonly bytes: number
  readonly budget: Budget
}
