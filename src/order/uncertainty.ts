import type { KeyId } from '../base/key-id.js'

/** More keys than this are not remembered: they are copied again, which costs time and is right. */
const KEYS_MAX = 200_000

/**
 * After a stop that was not in order every key is in doubt: its replicas may differ in a write that was under way
 * [design §8 Start]. The first command that touches a key makes its replicas equal before it is served; a verification of
 * everything does the rest and ends the doubt.
 */
export class Uncertainty {
  /** False nearly always: nobody needs to ask further. */
  active = false
  /** How often it has begun. */
  begun = 0
  /** Told of a member that, as their master, lacked keys that all their other replicas had: once for each member. */
  onRestored: (member: string) => void = () => {}
  /** Keys that such a master was given back, instead of being deleted elsewhere. */
  restored = 0
  private readonly outvoted = new Set<string>()
  /** Keys that are being made equal, with what is over then. */
  private readonly underWay = new Map<KeyId, Promise<void>>()
  private readonly settled = new Set<KeyId>()

  /** From now on every key is in doubt, also those that were settled. */
  begin(): void {
    this.active = true
    this.begun++
    this.settled.clear()
  }

  end(): void {
    this.active = false
    this.settled.clear()
    this.outvoted.clear()
  }

  /** Makes the replicas of a key equal, unless that is under way already. */
  once(id: KeyId, settle: () => Promise<void>): Promise<void> {
    const before = this.underWay.get(id)
    if (before !== undefined) return before
    const over = settle().finally(() => this.underWay.delete(id))
    this.underWay.set(id, over)
    return over
  }

  /** A key is copied to its master, which alone lacks it. */
  noteRestored(member: string): void {
    this.restored++
    if (this.outvoted.has(member)) return
    this.outvoted.add(member)
    this.onRestored(member)
  }

  /** What was settled is something else now. */
  unsettle(): void {
    this.settled.clear()
  }

  isSettled(id: KeyId): boolean {
    return !this.active || this.settled.has(id)
  }

  /** The replicas of this key are equal, or will be in the order of emissions. */
  settle(id: KeyId): void {
    if (this.settled.size >= KEYS_MAX) this.settled.clear()
    this.settled.add(id)
  }
}
