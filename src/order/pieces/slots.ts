import { type Answering, Silence } from './silence.js'

/** The links that somebody wants: from the first of them he reads, on the others he builds. */
export type Wanted = readonly Answering[]

/** Who waits for all of some links. */
interface Waiting {
  readonly links: Wanted
  begin(): void
}

/** So long links are kept for somebody who has waited for them, and still has to wait for other things before he can take them. */
const KEPT_MS = 100
/** As long as somebody waits it is looked so often who is silent. */
const LOOK_MS = 100

/** Links that cannot be had. */
interface Shut {
  /** Neither to be read from nor to be built on. */
  readonly taken: Set<Answering>
  /** Not to be built on, as long as somebody is silent. */
  readonly built: Set<Answering>
}

/**
 * One large value at a time is read from a member, and one is built on it: two of them together would block it for longer,
 * and fill its memory.
 *
 * Whoever waits longer comes first: nobody takes a link away for which somebody before him waits. But who waits for a member
 * that does not answer, which may last, takes nothing from others: neither does he begin, nor are the other links that he
 * wants kept for him. Who is under way when a member falls silent reads no more, so that others may read from all of his; built
 * on they may not be, because what he has built is there.
 *
 *     under way 1→2, 2 is silent      1→3 begins, 3→4 after it, and 2→3 waits for 2 alone
 *     under way 1→2, 1 is silent      2→3 begins, and 3→2 waits
 *
 * When that member goes on two may read from one for once: each piece takes no longer for that.
 */
export class Slots {
  private readonly held: Wanted[] = []
  private waiting: Waiting[] = []
  private readonly silence = new Silence()
  private timer: NodeJS.Timeout | undefined

  /** Resolves when all of these links are ours; `leave` must follow. */
  enter(links: Wanted): Promise<void> {
    return new Promise((resolve) => this.queue({ links, begin: resolve }))
  }

  /** Takes them in this turn, if they can be had, and nobody who waits comes before; then `leave` must follow. */
  take(links: Wanted): boolean {
    const shut = this.advance()
    if (this.isAnySilent(links) || !isFree(links, shut)) return false
    this.held.push(links)
    return true
  }

  /** Asks for them for somebody who may give up; `take` or `giveUp` must follow. */
  ask(links: Wanted): Place {
    const place = new Place(this, links)
    this.queue(place)
    return place
  }

  /** They are the same, in the same order, as were taken: nobody else can have them so. */
  leave(links: Wanted): void {
    const at = this.held.findIndex((each) => areSame(each, links))
    if (at >= 0) this.held.splice(at, 1)
    this.advance()
  }

  /** Who waits does not any more. */
  giveUp(waiting: Waiting): void {
    this.waiting = this.waiting.filter((each) => each !== waiting)
    this.advance()
  }

  /** Looks who is silent; to be called at regular times while somebody waits. */
  look(): void {
    this.silence.look(new Set([...this.held, ...this.waiting.map(({ links }) => links)].flat()))
    this.advance()
  }

  private queue(waiting: Waiting): void {
    this.waiting.push(waiting)
    this.advance()
  }

  /** Whoever can begin does. @returns what is left for who comes behind all that wait */
  private advance(): Shut {
    const shut = this.shutByHeld()
    const left: Waiting[] = []
    for (const each of this.waiting) {
      const { links } = each
      const isFirst = !this.isAnySilent(links) && isFree(links, shut)
      const isKept = !this.isAnySilent(links) && !links.some((link, i) => i > 0 && shut.built.has(link))
      if (isFirst) this.held.push(links)
      else left.push(each)
      if (isKept) for (const link of links) shut.taken.add(link)
      if (isFirst) each.begin()
    }
    this.waiting = left
    this.watch()
    return shut
  }

  private shutByHeld(): Shut {
    const shut: Shut = { taken: new Set(), built: new Set() }
    for (const links of this.held) {
      const isHeldUp = this.isAnySilent(links)
      for (const [i, link] of links.entries()) {
        if (!isHeldUp) shut.taken.add(link)
        else if (i > 0) shut.built.add(link)
      }
    }
    return shut
  }

  private isAnySilent(links: Wanted): boolean {
    return links.some((link) => this.silence.has(link))
  }

  private watch(): void {
    if (this.waiting.length > 0) this.timer ??= setInterval(() => this.look(), LOOK_MS)
    else {
      clearInterval(this.timer)
      this.timer = undefined
    }
  }
}

function isFree(links: Wanted, { taken, built }: Shut): boolean {
  return !links.some((link, i) => taken.has(link) || (i > 0 && built.has(link)))
}

function areSame(links: Wanted, others: Wanted): boolean {
  return links.length === others.length && links.every((link, i) => link === others[i])
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
    readonly links: Wanted,
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
  take(links: Wanted): boolean {
    if (this.state !== 'kept' || !areSame(links, this.links)) {
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
