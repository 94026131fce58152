import type { Council } from './council.js'
import { LEASE_MS } from './lease.js'

/** So often it is looked who is connected. */
const LOOK_MS = 100
/** A proxy that stands by goes on when it has not seen the owner on its servers for a second [rivals.ts]. */
const GIVE_UP_MS = 500

export type CertaintyState = 'sure' | 'unsure' | 'given up'

export interface CertaintyDeps {
  councils(): readonly Council[]
  /** How many members of a council are enough to keep others from going on. */
  needed(council: Council): number
  /** Whether a member is connected to us. */
  isUp(name: string): boolean
  /** When that was sent which a member has answered last. */
  heardMs(name: string): number
  /** Told of each state but the first. */
  changed(state: CertaintyState): void
}

/**
 * Whether nobody can have gone on in our place. What is read and written proves itself, by the servers' answers [lease.ts]. What no server
 * is asked for does not: who listens, who waits, whose caches are told of writes. An owner that is followed leaves that as soon as it is not
 * sure any more, and before the next one begins:
 *
 *     sure ──too few are connected, or none has said anything for long──> unsure ──500 ms──> given up
 *      ^──────────enough are connected, and have made themselves heard─────┴──────────────────┘
 */
export class Certainty {
  private state: CertaintyState = 'sure'
  private unsureMs = 0
  private timer: NodeJS.Timeout | undefined

  constructor(private readonly deps: CertaintyDeps) {}

  begin(): void {
    this.timer = setInterval(() => this.look(performance.now()), LOOK_MS)
    this.look(performance.now())
  }

  look(nowMs: number): void {
    if (this.isSure(nowMs)) {
      this.become('sure')
      return
    }
    if (this.state === 'sure') this.unsureMs = nowMs
    const isOver = this.state === 'given up' || nowMs - this.unsureMs >= GIVE_UP_MS
    this.become(isOver ? 'given up' : 'unsure')
  }

  stop(): void {
    clearInterval(this.timer)
  }

  private isSure(nowMs: number): boolean {
    const { councils, needed, isUp, heardMs } = this.deps
    return councils().every((council) => {
      const ours = council.members.filter((name) => isUp(name) && heardMs(name) + LEASE_MS > nowMs)
      return ours.length >= needed(council)
    })
  }

  private become(state: CertaintyState): void {
    if (state === this.state) return
    this.state = state
    this.deps.changed(state)
  }
}
