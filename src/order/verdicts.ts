/** A write that all reachable replicas have answered, while its keys are in doubt on others. */
export interface AwaitedWrite {
  /** Tells the client that nobody can say yet whether all copies have the write. */
  giveUp(): void
}

/** How often the deadlines are looked at. */
const SWEEP_MS = 100

/**
 * Writes that wait until doubts about some of their replicas are settled [design §8 Failure]: at the deadline the client
 * is told that the outcome is unknown.
 */
export class Verdicts {
  private readonly deadlines = new Map<AwaitedWrite, number>()
  private sweeper: NodeJS.Timeout | undefined

  constructor(private readonly timeoutMs: number) {}

  await(write: AwaitedWrite): void {
    this.deadlines.set(write, performance.now() + this.timeoutMs)
    this.sweeper ??= setInterval(() => this.sweep(), SWEEP_MS)
  }

  /** Its doubts are settled. */
  settled(write: AwaitedWrite): void {
    this.deadlines.delete(write)
    this.stopIfEmpty()
  }

  close(): void {
    clearInterval(this.sweeper)
  }

  private sweep(): void {
    const now = performance.now()
    for (const [write, deadlineMs] of this.deadlines) {
      if (deadlineMs > now) continue
      this.deadlines.delete(write)
      write.giveUp()
    }
    this.stopIfEmpty()
  }

  private stopIfEmpty(): void {
    if (this.deadlines.size > 0) return
    clearInterval(this.sweeper)
    this.sweeper = undefined
  }
}
