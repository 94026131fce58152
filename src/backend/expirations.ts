/**
 * How long an expiration is remembered, in ms: longer than the clocks of two servers may differ, and than a command may
 * be under way to one of them and answered by the other.
 */
const REMEMBER_MS = 3000

/**
 * The keys that a server said it expired a short while ago. In RESP3 it says so before it answers the command that made
 * it notice, so at the moment of a reply the set tells whether the key had expired for that command
 * [design §7 Expiry].
 */
export class Expirations {
  /** False nearly always: nobody needs to ask further. */
  any = false
  private readonly untilMs = new Map<string, number>()

  /** `id` as `keyId` of the coordinator names keys: `<db>:<key in latin1>`. */
  note(id: string, nowMs: number): void {
    // Put behind, so that the map stays in the order of time.
    this.untilMs.delete(id)
    this.untilMs.set(id, nowMs + REMEMBER_MS)
    this.any = true
  }

  hasAny(ids: readonly string[], nowMs: number): boolean {
    this.forgetOld(nowMs)
    return ids.some((id) => this.untilMs.has(id))
  }

  clear(): void {
    this.untilMs.clear()
    this.any = false
  }

  private forgetOld(nowMs: number): void {
    for (const [id, untilMs] of this.untilMs) {
      if (untilMs > nowMs) return
      this.untilMs.delete(id)
    }
    this.any = this.untilMs.size > 0
  }
}
