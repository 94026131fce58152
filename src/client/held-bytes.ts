import type { Surroundings } from './surroundings.js'

/** So much of what clients write is kept at most: the framer's offsets are 32-bit integers. */
const KEPT_BYTES_MAX = 1024 ** 3

/** What one client makes the proxy hold, as it counts among what all of them do. */
export class HeldBytes {
  /** Of commands that wait to be served. */
  private kept = 0
  /** Of replies that it has to take. */
  private untaken = 0

  constructor(private readonly all: Surroundings['clients']) {}

  get hasToTake(): boolean {
    return this.untaken > 0
  }

  /** All clients together may have so much kept as one may. */
  mayKeepMore(limit: number): boolean {
    return this.all.keptBytes < Math.min(limit, KEPT_BYTES_MAX)
  }

  noteKept(bytes: number): void {
    this.all.keptBytes += bytes - this.kept
    this.kept = bytes
  }

  noteUntaken(bytes: number): void {
    this.all.replyBudget.untakenBytes += bytes - this.untaken
    this.untaken = bytes
  }
}
