import { dbOfId, type KeyId } from '../base/key-id.js'

/** So many are known one by one; with more, every key counts as one: that lasts until the view is marked. */
const KEYS_MAX = 100_000

/** Keys with what a crash may undo as long as the view is not marked on all its members: see `Doubts.untilMarked`. */
export class UnmarkedKeys {
  private readonly ids = new Set<KeyId>()
  private isEach = false

  /** @param max how many are known one by one */
  constructor(private readonly max = KEYS_MAX) {}

  get any(): boolean {
    return this.isEach || this.ids.size > 0
  }

  has(id: KeyId): boolean {
    return this.isEach || this.ids.has(id)
  }

  add(ids: Iterable<KeyId>): void {
    if (this.isEach) return
    for (const id of ids) this.ids.add(id)
    if (this.ids.size <= this.max) return
    this.isEach = true
    this.ids.clear()
  }

  /** Whether some of them are of these databases. */
  concerns(dbs: readonly number[]): boolean {
    return this.isEach || [...this.ids].some((id) => dbs.includes(dbOfId(id)))
  }

  clear(): void {
    this.isEach = false
    this.ids.clear()
  }
}
