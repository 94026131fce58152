import { randomBytes } from 'node:crypto'
import type { Council } from './council.js'
import type { FreshStart, Resume } from './decide-start.js'
import { type KeptIn, type Succession, withStart } from './provenance.js'

/** What the first view comes from. */
export interface Origin {
  /** Ours. */
  readonly term: number
  /** The highest heartbeat that was found. */
  readonly heartbeat: number
  /** The last heartbeat that each member is known to have answered to an earlier owner. */
  readonly answered: ReadonlyMap<string, number>
  /** Who has to know of the first view before it counts; nobody but those in it when the ring is new. */
  readonly before: readonly Council[]
  readonly starts: readonly Succession[]
  /** Whether an owner before may be there still, on members that we do not reach. */
  readonly mayHaveOwner: boolean
  /** The state file that we use, by the name that it has from now on. */
  readonly file: KeptIn | undefined
}

/** What the first view comes from. A state file that is not the one in which the ring was kept begins as another one. */
export function originOf(decision: FreshStart | Resume, term: number, where: string | undefined): Origin {
  const isResume = decision.kind === 'resume'
  const id = (isResume ? decision.file : undefined) ?? randomBytes(8).toString('hex')
  const file = where === undefined ? undefined : { id, where }
  if (!isResume) return { term, heartbeat: 0, answered: new Map(), before: [], starts: [], mayHaveOwner: false, file }
  const { heartbeat, answered, before, from, proven, mayHaveOwner } = decision
  const starts = withStart(decision.starts, { term, from, proven })
  return { term, heartbeat, answered, before, starts, mayHaveOwner, file }
}
