/**
 * Snapshots of several keys of one database that are put on their targets in one turn, when all of them are there, and not at all if
 * one is missing: what one write, or one transaction, has left in several keys is on a replica whole, or it is not.
 */
export class Together {
  private isMissing = false
  private readonly waiting: ((isMissing: boolean) => void)[] = []

  /** @param open how many are still to come */
  constructor(private open: number) {}

  /** One of them is there, or never will be: `go` is called when that is known of all, with whether one is missing. */
  arrived(isThere: boolean, go: (isMissing: boolean) => void): void {
    this.isMissing ||= !isThere
    this.waiting.push(go)
    this.close()
  }

  /** One of them does not wait for the others, nor they for it: a large one, as they may wait for its place. */
  without(): void {
    this.close()
  }

  private close(): void {
    if (--this.open > 0) return
    for (const go of this.waiting.splice(0)) go(this.isMissing)
  }
}
