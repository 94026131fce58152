import type { Settings } from '../settings.js'
import type { Patch } from './hook.js'

/** A mistake that the harness has to find, and where it shows. */
export interface Sought {
  readonly summary: string
  /** The faults under which it shows. */
  readonly faults: readonly string[]
  /** It shows in answers that come late, or not at all. */
  readonly isLate?: boolean
  /** The workloads in which it shows, if not in all. */
  readonly workloads?: readonly string[]
  /** The ring in which it shows, if not in every one. */
  readonly ring?: Partial<Settings>
  /** For how long things go wrong at a time, if it takes long until it shows. */
  readonly roundSeconds?: number
  /** Keys that are written beforehand, if not as many as always. */
  readonly ballast?: number
}

/** One mistake that the proxy could have. */
export interface Defect extends Sought {
  readonly patches: readonly Patch[]
}
