/**
 * How long an expiration is remembered, in ms: longer than the clocks of two servers may differ, and than a command may
 * be under way to one of them and answered by the other.
 */
const REMEMBER_MS = 3000
/** How often the old ones are looked for: looking is not free, because a Map walks over what was deleted before. */
const FORGET_MS = 500

/**
 * The keys that a server said it expired a short while ago. In RESP3 it says so before it answers the command that made
 * it notice, so at the moment of a reply the set tells whether the key had expired for that command
 * [design §7 Expiry].
 */
export class Expirations {
  /** False nearly always: nobody needs to ask further. */
  any = false
  private readonly untilMs = new Map<string, number>()
  private forgotAtMs = 0

  /** How many are remembered. */
  get size(): number {
    return this.untilMs.size
  }

  /** `id` as `keyId` of the coordinator names keys: `<db>:<key in latin1>`. */
  note(id: string, nowMs: number): void {
    // Put behind, so that the map stays in the order of time.
    this.untilMs.delete(id)
    this.untilMs.set(id, nowMs + REMEMBER_MS)
    this.any = true
    this.forgetOld(nowMs)
  }

  hasAny(ids: readonly string[], nowMs: number): boolean {
    this.forgetOld(nowMs)
    return ids.some((id) => this.untilMs.has(id))
  }

  private forgetOld(nowMs: number): void {
    // The clock may have been set back.
    if (Math.abs(nowMs - this.forgotAtMs) < FORGET_MS) return
    this.forgotAtMs = nowMs
    for (const [id, untilMs] of this.untilMs) {
      if (untilMs > nowMs) break
      this.untilMs.delete(id)
    }
    this.any = this.untilMs.size > 0
  }
}
