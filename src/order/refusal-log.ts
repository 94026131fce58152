import type { KeyId } from '../base/key-id.js'
import type { Logger } from '../base/log.js'
import { describeKey } from './pieces/failed-copies.js'

/** At most one is logged in this time: a server that refuses one key refuses many. */
const PAUSE_MS = 1000

/** Says which member does not take the repair of a key, and why. */
export class RefusalLog {
  private lastMs = Number.NEGATIVE_INFINITY

  constructor(private readonly log: Logger) {}

  /** `keys` is how many are in doubt there. */
  say(name: string, id: KeyId, reason: string, keys: number | undefined): void {
    const now = performance.now()
    if (now - this.lastMs < PAUSE_MS) return
    this.lastMs = now
    this.log.warn(
      { event: 'repair-refused', member: name, reason, keys },
      `${name} refuses the repair of ${describeKey(id)}`,
    )
  }
}
