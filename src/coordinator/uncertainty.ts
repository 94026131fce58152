import type { KeyId } from '../base/key-id.js'

/** More keys than this are not remembered: they are copied again, which costs time and is right. */
const KEYS_MAX = 200_000

/**
 * After a stop that was not in order every key is in doubt: its replicas may differ in a write that was under way
 * [design §8 Start]. The first command that touches a key makes its replicas equal to its master before it is served;
 * a verification of everything does the rest and ends the doubt.
 */
export class Uncertainty {
  /** False nearly always: nobody needs to ask further. */
  active = false
  private readonly settled = new Set<KeyId>()

  begin(): void {
    this.active = true
  }

  end(): void {
    this.active = false
    this.settled.clear()
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
