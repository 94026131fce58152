import type { Apply } from './apply.js'

/** How often the deadlines are looked at. */
const SWEEP_MS = 100

/**
 * Writes that all reachable replicas have answered while another one was lost on the way: they wait for the word
 * about that member [design §8 Failure]. At the deadline the client is told that the outcome is unknown.
 */
export class Verdicts {
  private open: { readonly apply: Apply; readonly deadlineMs: number }[] = []
  private sweeper: NodeJS.Timeout | undefined

  constructor(
    private readonly timeoutMs: number,
    private readonly isMember: (name: string) => boolean,
  ) {}

  await(apply: Apply): void {
    // The member may have left the view before its link broke.
    if (apply.settle(this.isMember, undefined)) return
    this.open.push({ apply, deadlineMs: Date.now() + this.timeoutMs })
    this.sweeper ??= setInterval(() => this.sweep(), SWEEP_MS)
  }

  /** A new view was published, or (`backUp`) the link of that member is up again. */
  settle(backUp?: string): void {
    this.open = this.open.filter(({ apply }) => !apply.settle(this.isMember, backUp))
    this.stopIfEmpty()
  }

  close(): void {
    clearInterval(this.sweeper)
  }

  private sweep(): void {
    const now = Date.now()
    this.open = this.open.filter(({ apply, deadlineMs }) => {
      if (deadlineMs > now) return true
      apply.giveUp()
      return false
    })
    this.stopIfEmpty()
  }

  private stopIfEmpty(): void {
    if (this.open.length > 0) return
    clearInterval(this.sweeper)
    this.sweeper = undefined
  }
}
