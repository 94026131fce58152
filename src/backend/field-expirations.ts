import type { KeyId } from '../base/key-id.js'

/** For so long a generation takes what is said; it is remembered for as long again. */
const GENERATION_MS = 30_000
/** More keys begin another generation: what was said before the last so many is not remembered. */
const KEYS_MAX = 100_000

/**
 * The hashes of which a server said lately that fields of theirs have expired. It does not say which fields, and others may still have
 * them: a server removes them when it finds them, and until then some commands answer as if they were there [redis-facts Versions].
 */
export class FieldExpirations {
  private recent = new Map<KeyId, number>()
  private older = new Map<KeyId, number>()
  private begunMs = Number.NEGATIVE_INFINITY

  /** @param nowMs a clock that only goes forward */
  note(id: KeyId, nowMs: number): void {
    if (nowMs - this.begunMs > GENERATION_MS || this.recent.size >= KEYS_MAX) {
      this.older = this.recent
      this.recent = new Map()
      this.begunMs = nowMs
    }
    this.recent.set(id, nowMs)
  }

  /** Whether it was said in the last so many ms, no more than a generation lasts. */
  saidWithin(id: KeyId, ms: number, nowMs: number): boolean {
    const at = this.recent.get(id) ?? this.older.get(id)
    return at !== undefined && nowMs - at <= ms
  }
}
