import type { Logger } from '../base/log.js'
import type { Order } from '../order/order.js'

/** Of so many keys a member has lost or changed its copies, in one look at everything, before all that it has is given up. */
const KEYS_MAX = 10

export interface OutvotedDeps {
  readonly log: Logger
  readonly order: Pick<Order, 'onOutvoted' | 'uncertainty'>
  /** All copies are to be looked at, and what differs is to be repaired. */
  lookAtAll(): void
  /** What the member has does not count any more: it is filled anew. */
  distrust(name: string, reason: string): void
}

/**
 * Masters that stood alone against all other replicas of a key [design §8 Verify]: they have lost data without restarting, or
 * were written to by hand. The key itself is repaired by whoever finds it; one is hardly ever alone, so all copies are looked
 * at, and who has lost many is a member that came back with less.
 */
export class Outvoted {
  /** Keys by member, since all copies were last seen to be equal. */
  private readonly keys = new Map<string, number>()

  constructor(private readonly deps: OutvotedDeps) {
    const { order } = deps
    order.onOutvoted = (member) => this.note(member)
    order.uncertainty.onRestored = (member) => this.noteLack(member)
  }

  note(member: string): void {
    const keys = this.of(member) + 1
    this.keys.set(member, keys)
    const { log, lookAtAll, distrust } = this.deps
    if (keys === 1) {
      log.error(
        { event: 'member-outvoted', member },
        `${member} has something else of a key than all other replicas, which are equal: it gets what they have, and all ` +
          'copies are looked at. It has lost data without restarting, or was written to by hand',
      )
      lookAtAll()
    } else if (keys === KEYS_MAX) {
      // Once: of what was under way then more is heard.
      distrust(member, `it had something else of ${keys} keys than all their other replicas, which are equal`)
    }
  }

  /** How many keys of a member had to be repaired so. */
  of(member: string): number {
    return this.keys.get(member) ?? 0
  }

  /** All copies are equal again. */
  settled(): void {
    this.keys.clear()
  }

  /** When every key is in doubt: a master alone lacks some, that its other replicas have. */
  private noteLack(member: string): void {
    this.deps.log.error(
      { event: 'member-lost-keys', member },
      `${member} lacks keys that it is the master of, and that all their other replicas have: it is given them back. ` +
        'It has lost data without restarting; was it emptied by hand?',
    )
  }
}
