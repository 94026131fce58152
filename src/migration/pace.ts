import type { CoordinatorStats } from '../coordinator/stats.js'

/** Clients that were served so short a while ago are there. */
const QUIET_MS = 1000
/** Keys that are copied at a time, and begun with at once. */
const ALONE = { window: 512, piece: 128 }
const WITH_CLIENTS = { window: 128, piece: 32 }

/**
 * How many keys are copied at a time. A command of a client waits on the links behind the copies that were emitted before
 * it, so there are few of these while there are clients; without any, larger bursts cost less.
 */
export class Pace {
  private served: number
  private servedAtMs = Number.NEGATIVE_INFINITY

  constructor(private readonly stats: CoordinatorStats) {
    this.served = stats.reads + stats.writes
  }

  windowKeys(): number {
    return this.now().window
  }

  pieceKeys(): number {
    return this.now().piece
  }

  private now(): typeof ALONE {
    const served = this.stats.reads + this.stats.writes
    const nowMs = performance.now()
    if (served !== this.served) this.servedAtMs = nowMs
    this.served = served
    return nowMs - this.servedAtMs < QUIET_MS ? WITH_CLIENTS : ALONE
  }
}
