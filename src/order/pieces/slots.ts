import type { Link } from '../../backend/link.js'

/** Who waits for all of some links. */
interface Waiting {
  readonly links: readonly Link[]
  begin(): void
}

/** So long links are kept for somebody who has waited for them, and still has to wait for other things before he can take them. */
const KEPT_MS = 100

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
    return new Promise((resolve) => this.queue({ links, begin: resolve }))
  }

  /** Takes them in this turn, if nobody has one of them, nor waits for it; then `leave` must follow. */
  take(links: readonly Link[]): boolean {
    const isWanted = (link: Link) => this.busy.has(link) || this.waiting.some((each) => each.links.includes(link))
    if (links.some(isWanted)) return false
    for (const link of links) this.busy.add(link)
    return true
  }

  /** Asks for them for somebody who may give up; `take` or `giveUp` must follow. */
  ask(links: readonly Link[]): Place {
    const place = new Place(this, links)
    this.queue(place)
    return place
  }

  leave(links: readonly Link[]): void {
    for (const link of links) this.busy.delete(link)
    this.advance()
  }

  /** Who waits does not any more. */
  giveUp(waiting: Waiting): void {
    this.waiting = this.waiting.filter((each) => each !== waiting)
    this.advance()
  }

  private queue(waiting: Waiting): void {
    this.waiting.push(waiting)
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

/** A place in the queue for some links, and then these links for a moment: whoever takes too long for it loses them again. */
export class Place implements Waiting {
  /** Resolves with whether the links are kept for us. */
  readonly isKept: Promise<boolean>
  private state: 'waiting' | 'kept' | 'over' = 'waiting'
  private told: (isKept: boolean) => void = () => {}
  private timer: NodeJS.Timeout | undefined

  constructor(
    private readonly slots: Slots,
    readonly links: readonly Link[],
  ) {
    this.isKept = new Promise((resolve) => {
      this.told = resolve
    })
  }

  /** [Waiting] */
  begin(): void {
    this.state = 'kept'
    this.timer = setTimeout(() => this.giveUp(), KEPT_MS)
    this.told(true)
  }

  /** Takes them, if they are kept, and just these are wanted: then `leave` must follow. Otherwise it is given up. */
  take(links: readonly Link[]): boolean {
    const areSame = links.length === this.links.length && links.every((link, i) => link === this.links[i])
    if (this.state !== 'kept' || !areSame) {
      this.giveUp()
      return false
    }
    this.state = 'over'
    clearTimeout(this.timer)
    return true
  }

  giveUp(): void {
    const { state } = this
    this.state = 'over'
    clearTimeout(this.timer)
    this.told(false)
    if (state === 'kept') this.slots.leave(this.links)
    else if (state === 'waiting') this.slots.giveUp(this)
  }
}
