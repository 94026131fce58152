import { randomBytes } from 'node:crypto'
import type { FreshStart, Resume } from './decide-start.js'
import type { Origin } from './markers.js'
import { withStart } from './provenance.js'

/** What the first view comes from. A state file that is not the one in which the ring was kept begins as another one. */
export function originOf(decision: FreshStart | Resume, term: number, where: string | undefined): Origin {
  const isResume = decision.kind === 'resume'
  const id = (isResume ? decision.file : undefined) ?? randomBytes(8).toString('hex')
  const file = where === undefined ? undefined : { id, where }
  if (!isResume) return { term, heartbeat: 0, answered: new Map(), before: [], starts: [], file }
  const { heartbeat, answered, before, from, proven } = decision
  return { term, heartbeat, answered, before, starts: withStart(decision.starts, { term, from, proven }), file }
}
