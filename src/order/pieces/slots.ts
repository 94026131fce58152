import type { Link } from '../../backend/link.js'

/** Who waits for all of some links. */
interface Waiting {
  readonly links: readonly Link[]
  begin(): void
}

/**
 * One large value at a time is read from a member, and one is built on it: two of them together would block it for longer,
 * and fill its memory.
 *
 * Whoever waits longer comes first: nobody takes a link away for which somebody before him waits.
 */
export class Slots {
  private readonly busy = new Set<Link>()
  private waiting: Waiting[] = []

  /** Resolves when all of these links are ours; `leave` must follow. */
  enter(links: readonly Link[]): Promise<void> {
    return new Promise((resolve) => {
      this.waiting.push({ links, begin: resolve })
      this.advance()
    })
  }

  leave(links: readonly Link[]): void {
    for (const link of links) this.busy.delete(link)
    this.advance()
  }

  private advance(): void {
    const taken = new Set(this.busy)
    const left: Waiting[] = []
    for (const each of this.waiting) {
      const isFree = !each.links.some((link) => taken.has(link))
      for (const link of each.links) taken.add(link)
      if (!isFree) left.push(each)
      else {
        for (const link of each.links) this.busy.add(link)
        each.begin()
      }
    }
    this.waiting = left
  }
}
