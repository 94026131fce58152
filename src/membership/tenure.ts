import type { Links } from '../backend/links.js'
import type { Logger } from '../base/log.js'
import { Certainty, type CertaintyState } from './certainty.js'
import { type Council, keepsFromNoting } from './council.js'
import { explainCutOff, explainGivenUp } from './explain-start.js'
import { Lease, type LeaseState } from './lease.js'

export interface TenureDeps {
  readonly links: Links
  readonly log: Logger
  /** Whether there is no lease: it is served what is reached. */
  readonly unguarded: boolean
  /** Whether another proxy may go on without being told to. */
  readonly isFollowed: boolean
  /** Who knows of the view that was acknowledged last, and of those before it where that is not known. */
  councils(): readonly Council[]
  /** The id of our state file. */
  file(): string | undefined
  /** Members are to be asked whether they are still ours. */
  ask(): void
  /** Whether another proxy may serve the ring by now, and nothing is served here for this reason, or is to wait. */
  cutOff(isCutOff: boolean, reason?: string): void
  /** Whether another proxy may have gone on by now, and what it would have to know is given up here for this reason, or is to wait. */
  doubted(isUnsure: boolean, reason?: string): void
}

/** How long an owner may go on that hears of few of its members, or of none [design §12 Lease]. */
export class Tenure {
  private readonly heardMs = new Map<string, number>()
  private beganMs = 0
  private readonly lease: Lease
  private readonly certainty: Certainty | undefined

  constructor(private readonly deps: TenureDeps) {
    const { links, unguarded, isFollowed, councils, file } = deps
    const heardMs = (name: string) => this.heardMs.get(name) ?? this.beganMs
    this.lease = new Lease(
      () => (unguarded ? [] : councils()),
      file,
      heardMs,
      (state) => this.leaseIs(state),
    )
    if (!isFollowed) return
    this.certainty = new Certainty({
      councils,
      // Where we keep a state file, others need all members: one that is ours is enough, as it is where nobody needs most of them.
      needed: (council) => (unguarded ? 1 : Math.max(1, keepsFromNoting(council, file()))),
      isUp: (name) => links.get(name)?.ready === true,
      heardMs,
      changed: (state) => this.certaintyIs(state),
    })
  }

  /** All members that are there were made ours just now. */
  begin(): void {
    this.beganMs = performance.now()
    this.lease.look()
    this.certainty?.begin()
  }

  /** A member has answered on our connection what was sent at this moment: nobody had taken it from us then. */
  heard(name: string, sentMs: number): void {
    this.heardMs.set(name, Math.max(sentMs, this.heardMs.get(name) ?? 0))
    this.look()
  }

  /** Members have answered, or other councils count. */
  look(): void {
    this.lease.look()
  }

  stop(): void {
    this.lease.stop()
    this.certainty?.stop()
  }

  private leaseIs(state: LeaseState): void {
    const { log, cutOff, ask } = this.deps
    const unheard = state === 'lost' ? this.unheard() : undefined
    const reason = unheard && explainCutOff(unheard)
    cutOff(state !== 'held', reason)
    if (reason !== undefined) log.error({ event: 'cut-off', unheard }, reason)
    else if (state === 'held') log.info({ event: 'not-cut-off' }, 'enough members have said that they are ours')
    else ask()
  }

  private certaintyIs(state: CertaintyState): void {
    const { log, doubted } = this.deps
    if (state !== 'given up') {
      doubted(state === 'unsure')
      return
    }
    const unheard = this.unheard()
    const reason = explainGivenUp(unheard)
    log.error({ event: 'given-up', unheard }, reason)
    doubted(true, reason)
  }

  /** Members that are not reached, of those whose word counts. */
  private unheard(): string[] {
    const { councils, links } = this.deps
    const members = councils().flatMap((council) => council.members)
    return members.filter((name) => links.get(name)?.ready !== true)
  }
}
