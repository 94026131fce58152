import type { Link } from '../backend/link.js'
import { dbOfId, idInDb, type KeyId } from '../base/key-id.js'

/** More swaps than these are not remembered: nothing that is under way is older. */
const SWAPS_MAX = 10_000

/**
 * The databases that were swapped, by what was emitted when: a key that was meant before a swap, and is spoken of after it,
 * has another name by then.
 */
export class Swaps {
  /** How many there have been. */
  count = 0
  /** The last of them. */
  private readonly last: (readonly [one: number, other: number])[] = []
  /** How many there had been before each one that a link has not answered. */
  private readonly unanswered = new Map<Link, number[]>()

  /** Two databases are swapped by what is emitted on these links now. */
  add(one: number, other: number, links: readonly Link[]): void {
    for (const link of links) {
      const before = this.unanswered.get(link)
      if (before === undefined) this.unanswered.set(link, [this.count])
      else before.push(this.count)
    }
    this.count++
    this.last.push([one, other])
    if (this.last.length > SWAPS_MAX) this.last.shift()
  }

  /** A link has answered the oldest of those that were emitted on it, or will answer none of them. */
  answered(link: Link, isLost: boolean): void {
    const before = this.unanswered.get(link)
    before?.shift()
    if (isLost || before?.length === 0) this.unanswered.delete(link)
  }

  /**
   * What keys may be called now, see `keyId`, that were called so when there had been so many swaps: the old names too, as a
   * swap that is under way may be refused.
   */
  namesNow(ids: readonly KeyId[], count: number): readonly KeyId[] {
    return count === this.count ? ids : [...ids, ...ids.map((id) => this.nameNow(id, count))]
  }

  /** The same of a key that a link's server calls so, which may not have executed all swaps yet. */
  namesOn(link: Link, id: KeyId): readonly KeyId[] {
    return this.namesNow([id], this.unanswered.get(link)?.[0] ?? this.count)
  }

  private nameNow(id: KeyId, count: number): KeyId {
    let db = dbOfId(id)
    const first = Math.max(0, this.last.length - (this.count - count))
    for (const [one, other] of this.last.slice(first)) db = db === one ? other : db === other ? one : db
    return idInDb(id, db)
  }
}
