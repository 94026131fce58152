import type { Surroundings } from './surroundings.js'

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

  noteKept(bytes: number): void {
    this.all.keptBytes += bytes - this.kept
    this.kept = bytes
  }

  noteUntaken(bytes: number): void {
    this.all.replyBudget.untakenBytes += bytes - this.untaken
    this.untaken = bytes
  }
}
