import type { KeyId } from '../base/key-id.js'

/** Longer chains of keys are repaired key by key: what is copied together waits together, in our memory. */
const TIED_MAX = 100

/**
 * Keys in doubt that belong together [design §7 Several keys]: what one write has left in them was executed or not, so they are
 * repaired from one member and in one turn. If each were copied for itself, and the source failed in between, the one would be as
 * it is after the write and the other as before: after a RENAME the value under both names, or under none.
 */
export class Ties {
  private readonly byId = new Map<KeyId, Set<KeyId>>()

  get any(): boolean {
    return this.byId.size > 0
  }

  /** These keys belong together from now on, with all that belong to one of them. */
  tie(ids: ReadonlySet<KeyId>): void {
    if (ids.size < 2 || ids.size > TIED_MAX) return
    const all = new Set<KeyId>()
    for (const id of ids) for (const tied of this.byId.get(id) ?? [id]) all.add(tied)
    if (all.size > TIED_MAX) return
    for (const id of all) this.byId.set(id, all)
  }

  /** The keys that belong to this one, with itself; undefined when there are none. */
  of(id: KeyId): ReadonlySet<KeyId> | undefined {
    return this.byId.get(id)
  }

  /** These keys, with those of `others` that belong to one of them. */
  with(ids: readonly KeyId[], others: ReadonlyMap<KeyId, unknown> | undefined): readonly KeyId[] {
    if (this.byId.size === 0 || others === undefined) return ids
    const tied = ids.flatMap((id) => [...(this.byId.get(id) ?? [])]).filter((id) => others.has(id))
    return tied.length === 0 ? ids : [...new Set([...ids, ...tied])]
  }

  /** The key is not in doubt any more. */
  untie(id: KeyId): void {
    const tied = this.byId.get(id)
    if (tied === undefined) return
    this.byId.delete(id)
    tied.delete(id)
    if (tied.size === 1) for (const last of tied) this.byId.delete(last)
  }

  clear(): void {
    this.byId.clear()
  }
}
