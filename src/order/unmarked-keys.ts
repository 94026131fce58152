import { dbOfId, type KeyId } from '../base/key-id.js'
import { ALL_DATABASES } from './database-change.js'

/** So many are known one by one; with more, every key counts as one: that lasts until the view is marked. */
const KEYS_MAX = 100_000

/** Keys with what a crash may undo as long as the view is not marked on all its members: see `Doubts.untilMarked`. */
export class UnmarkedKeys {
  private readonly ids = new Set<KeyId>()
  /** The databases of these. */
  private readonly theirs = new Set<number>()
  /** Databases of which every key is one. */
  private readonly whole = new Set<number>()
  private isEach = false

  /** @param max how many are known one by one */
  constructor(private readonly max = KEYS_MAX) {}

  get any(): boolean {
    return this.isEach || this.ids.size > 0 || this.whole.size > 0
  }

  has(id: KeyId): boolean {
    return this.isEach || this.ids.has(id) || (this.whole.size > 0 && this.whole.has(dbOfId(id)))
  }

  add(ids: Iterable<KeyId>): void {
    if (this.isEach) return
    for (const id of ids) {
      this.ids.add(id)
      this.theirs.add(dbOfId(id))
    }
    if (this.ids.size > this.max) this.addEach()
  }

  /** Every key of these databases, or of ALL_DATABASES: of a database that was emptied nobody knows what it had. */
  addDatabases(dbs: Iterable<number>): void {
    if (this.isEach) return
    for (const db of dbs) {
      if (db === ALL_DATABASES) this.addEach()
      else this.whole.add(db)
    }
  }

  /** Whether some of them are of these databases. */
  concerns(dbs: readonly number[]): boolean {
    return this.isEach || dbs.some((db) => this.theirs.has(db) || this.whole.has(db))
  }

  clear(): void {
    this.isEach = false
    this.forgetEach()
  }

  private addEach(): void {
    this.isEach = true
    this.forgetEach()
  }

  private forgetEach(): void {
    for (const known of [this.ids, this.theirs, this.whole]) known.clear()
  }
}
