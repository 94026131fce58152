import type { Link } from '../../backend/link.js'

/** A member, as far as it tells whether its server answers. */
export type Answering = Pick<Link, 'ready' | 'outstanding' | 'lastReceivedMs'>

/** A server that owes replies and has sent nothing from one look to the next, so many times, is silent. */
const SILENT_LOOKS = 5

/** What was seen of a server that owed replies. */
interface Seen {
  readonly receivedMs: number
  /** How often that was the last that had come. */
  readonly looks: number
}

/**
 * Which servers do not answer at the moment. It is counted how often that was seen, at looks a while apart, and not for how long: when
 * this process itself did not run nobody could be heard.
 */
export class Silence {
  private seen = new Map<Answering, Seen>()

  look(links: Iterable<Answering>): void {
    const seen = new Map<Answering, Seen>()
    for (const link of links) {
      if (!link.ready || link.outstanding === 0) continue
      const before = this.seen.get(link)
      const looks = before?.receivedMs === link.lastReceivedMs ? before.looks + 1 : 0
      seen.set(link, { receivedMs: link.lastReceivedMs, looks })
    }
    this.seen = seen
  }

  /** A link that broke is not silent: what goes over it ends. */
  has(link: Answering): boolean {
    const seen = this.seen.get(link)
    if (seen === undefined || seen.looks < SILENT_LOOKS) return false
    return link.ready && link.outstanding > 0 && link.lastReceivedMs === seen.receivedMs
  }
}
