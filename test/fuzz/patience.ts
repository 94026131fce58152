/** Between two looks more than this is a time in which this process itself has not run. */
const RUNS_MS = 50

/**
 * How long somebody else may take, without what this process itself has lost, as on a busy machine: what has come meanwhile it has not
 * read yet.
 */
export class Patience {
  private spentMs = 0
  private lookedMs = performance.now()

  constructor(private readonly ms: number) {}

  /** To be asked every few ms. Whether it is over. */
  get isOver(): boolean {
    const nowMs = performance.now()
    this.spentMs += Math.min(RUNS_MS, nowMs - this.lookedMs)
    this.lookedMs = nowMs
    return this.spentMs >= this.ms
  }
}
