import type { Marks } from './marker.js'

/* What the heartbeats that owners count on the members say of their data [design §3 marker]. */

/** What a server has taken of what is noted on it, since it has answered that; 0 where nothing is known. */
export interface Taken {
  readonly heartbeat: number
  /** Of its marker's view. */
  readonly epoch: number
}

export const NOTHING_TAKEN: Taken = { heartbeat: 0, epoch: 0 }

/**
 * Whether a server has older marks than it had, and so older data: it restarted from an old file, or its machine was set
 * back to a snapshot, after which it is the same process. Marks that somebody has removed say nothing.
 */
export function isBehind({ marker, owner }: Marks, taken: Taken): boolean {
  const hasOlderMarker = marker !== undefined && marker.view.epoch < taken.epoch
  return hasOlderMarker || (owner !== undefined && owner.heartbeat < taken.heartbeat)
}

/** A server as far as its marks tell. */
interface Marked {
  readonly marks: Marks
}

export function highestHeartbeat(found: readonly Marked[]): number {
  return Math.max(0, ...found.map(({ marks }) => marks.owner?.heartbeat ?? 0))
}

/** Whether the latest owner that these servers know of has stopped in order, and said so on each that it reached. */
export function hasStopped(found: readonly Marked[]): boolean {
  const owners = found.flatMap(({ marks }) => marks.owner ?? [])
  const last = owners.reduce((latest, owner) => (owner.term > latest.term ? owner : latest), owners[0])
  return owners.length > 0 && owners.filter(({ run }) => run === last.run).every(({ clean }) => clean)
}

/** The last heartbeat that each member had answered, as far as any of these was told, or the state file. */
export function answeredOf(
  found: readonly Marked[],
  kept: ReadonlyMap<string, number> = new Map(),
): Map<string, number> {
  const answered = new Map(kept)
  for (const { marks } of found) {
    for (const [name, heartbeat] of marks.owner?.answered ?? []) {
      answered.set(name, Math.max(heartbeat, answered.get(name) ?? 0))
    }
  }
  return answered
}
