import type { Link } from '../backend/link.js'

/** More keys than this are not remembered: they are copied again, which costs time and is right. */
const KEYS_MAX = 100_000

/**
 * Which keys of the ranges that a pending replica receives are known to be on it already [design §8 Join]. A write to
 * another key of such a range begins with a copy of that key: applied to nothing, it would leave something that neither
 * the master nor a later copy has.
 */
export class Arrivals {
  private readonly byLink = new Map<Link, { readonly ids: Set<string>; exact: boolean }>()

  has(link: Link, id: string): boolean {
    return this.byLink.get(link)?.ids.has(id) === true
  }

  /** The key is, or will be in the order of emissions, on the pending replica. */
  add(link: Link, id: string): void {
    let known = this.byLink.get(link)
    if (known === undefined) this.byLink.set(link, (known = { ids: new Set(), exact: false }))
    if (!known.exact && known.ids.size >= KEYS_MAX) known.ids.clear()
    known.ids.add(id)
  }

  remove(link: Link, id: string): void {
    this.byLink.get(link)?.ids.delete(id)
  }

  /** Nothing is known any more of what is on the replica. */
  forget(link: Link): void {
    this.byLink.delete(link)
  }

  /** Nothing is known any more of what is on any replica. */
  forgetAll(): void {
    this.byLink.clear()
  }

  /**
   * From now on, until the returned function is called, exactly what arrives is remembered: for telling it from leftovers,
   * which are to be deleted.
   */
  forgetAndRemember(link: Link): () => void {
    const known = { ids: new Set<string>(), exact: true }
    this.byLink.set(link, known)
    return () => {
      known.exact = false
    }
  }
}
