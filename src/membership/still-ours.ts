import type { Link } from '../backend/link.js'
import type { Turn } from '../base/turn.js'

/**
 * How long all links are waited for before the word of most members is enough. Nobody is served meanwhile, and the time of
 * day may be set while a member is silent.
 */
const CONFIRM_MS = 500
const CONFIRM_AGAIN_MS = 100

export interface StillOursDeps {
  readonly turn: Turn
  /** How many members there are. */
  members(): number
  /** Asks a server whose it is, and says `confirm` when it is ours. */
  ask(link: Link, isCurrent: () => boolean): Promise<void>
}

/** After a stall nothing leaves this process before every server whose link was up has said that it is still ours. */
export class StillOurs {
  /** Links that were up at the last stall, and whose servers have not said since then that they are ours. */
  private readonly unconfirmed = new Set<string>()
  private confirmed = 0
  private round = 0
  private timer: NodeJS.Timeout | undefined

  constructor(private readonly deps: StillOursDeps) {}

  /** What leaves is held from now on, until that is known. */
  ask(links: readonly Link[]): void {
    const { turn, members, ask } = this.deps
    turn.hold()
    const round = ++this.round
    this.unconfirmed.clear()
    this.confirmed = 0
    for (const link of links) this.unconfirmed.add(link.name)
    for (const link of links) void ask(link, () => round === this.round)
    clearInterval(this.timer)
    const sinceMs = performance.now()
    this.timer = setInterval(() => {
      if (performance.now() - sinceMs >= CONFIRM_MS) this.releaseIf(this.confirmed * 2 > members())
    }, CONFIRM_AGAIN_MS)
    this.releaseIf(this.unconfirmed.size === 0)
  }

  confirm(name: string): void {
    if (!this.unconfirmed.delete(name)) return
    this.confirmed++
    this.releaseIf(this.unconfirmed.size === 0)
  }

  /** Who need not confirm anything any more: its next handshake will tell. */
  excuse(isExcused: (name: string) => boolean): void {
    if (this.unconfirmed.size === 0) return
    for (const name of this.unconfirmed) if (isExcused(name)) this.unconfirmed.delete(name)
    this.releaseIf(this.unconfirmed.size === 0)
  }

  /** It is not ours: what is held stays so, whoever confirms it still. */
  end(): void {
    this.stop()
    this.round++
    this.unconfirmed.clear()
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private releaseIf(isConfirmed: boolean): void {
    if (!isConfirmed) return
    clearInterval(this.timer)
    this.unconfirmed.clear()
    this.deps.turn.release()
  }
}
