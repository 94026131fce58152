import type { Link } from '../backend/link.js'
import type { KeyId } from '../base/key-id.js'

/** A refused repair is tried again after this long: the server may be out of memory, or saving. */
export const RETRY_MS = 500
/** One that is refused for another reason than memory is tried less and less often: it may cost much each time. */
const PAUSE_MAX_MS = 8000

/** A write that waits until a member has its effect by other means than its own bytes. */
export interface DoubtfulWrite {
  /** The keys are not in doubt any more on the member at this place of its targets, which has the write now or has not. */
  settled(tag: number, hasWrite: boolean): void
  /** The member has no memory for the repair, which is tried again: that may take longer than anybody waits. */
  outOfMemory?(tag: number): void
}

/** A write that waits for doubts about one member. */
export class Waiter {
  private open = 0
  private hasAll = true

  constructor(
    private readonly write: DoubtfulWrite,
    private readonly tag: number,
  ) {}

  /** It waits for one doubt more, unless it does already. */
  waitFor({ waiters }: Doubt): void {
    if (waiters.has(this)) return
    waiters.add(this)
    this.open++
  }

  settled(hasWrite: boolean): void {
    this.hasAll &&= hasWrite
    if (--this.open === 0) this.write.settled(this.tag, this.hasAll)
  }

  /** What the member will get may be without the write. */
  mayLack(): void {
    this.hasAll = false
  }

  outOfMemory(): void {
    this.write.outOfMemory?.(this.tag)
  }
}

/** A key that may have missed a write on one member [design §3 in-doubt key]. */
export interface Doubt {
  readonly waiters: Set<Waiter>
  copying: boolean
  /** By `performance.now`, since when, if so. */
  begunAtMs: number
  /** How many copies of the key are on their way to the member, those of the doubts before this one included. */
  readonly copies: { open: number }
  /** Where it was copied from the last time. */
  source: Link | undefined
  /** The member did not take the repair, and may not for long. */
  refused: boolean
  /** Because it has no memory. */
  lacksMemory: boolean
  /** It has said something else than other replicas, of which no more than one can have lost something: see `Votes`. */
  voted: boolean
  /** It is tried again then, by `performance.now()`; how long that was put off. */
  untilMs: number
  pauseMs: number
}

/** A new doubt, for which whoever waited for the one before waits, too. */
export function doubtAfter(before: Doubt | undefined): Doubt {
  return {
    waiters: before?.waiters ?? new Set(),
    copying: false,
    copies: before?.copies ?? { open: 0 },
    begunAtMs: 0,
    source: undefined,
    refused: false,
    lacksMemory: false,
    voted: before?.voted === true,
    untilMs: 0,
    pauseMs: RETRY_MS / 2,
  }
}

/** The member has not taken the repair. */
export function refuse(doubt: Doubt, isOutOfMemory: boolean): void {
  doubt.refused = true
  doubt.lacksMemory = isOutOfMemory
  doubt.pauseMs = isOutOfMemory ? RETRY_MS : Math.min(PAUSE_MAX_MS, doubt.pauseMs * 2)
  doubt.untilMs = performance.now() + doubt.pauseMs
}

/** What follows from doubts. */
export interface DoubtEvents {
  /** The replicas of these keys may differ, because this member may have missed a write of them. */
  doubted(ids: readonly KeyId[], link: Link): void
  /** A member serves reads no more, or again. */
  stoppedServing(): void
  serving(): void
  /** Some keys are not in doubt any more, or not so that they could not be read. */
  readable(): void
  /** What a member holds does not count any more: it has to be filled anew. */
  distrust(name: string, reason: string): void
  /** A member has refused something because it has no memory. */
  outOfMemory(): void
}
