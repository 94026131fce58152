import type { Link } from '../backend/link.js'
import type { KeyId } from '../base/key-id.js'
import { RangeSet } from '../ring/range-set.js'
import type { TokenRange } from '../ring/token-range.js'
import type { Route } from './router.js'

/** More keys than this are not remembered: they are copied again, which costs time and is right. */
const KEYS_MAX = 100_000
/** So many keys may be owed to a replica. */
const OWED_MAX = 100_000

/** What is known of one pending replica. */
class Known {
  /** Keys that are on it. */
  ids = new Set<KeyId>()
  /** Keys that were written on other replicas alone. */
  readonly owed = new Set<KeyId>()
  /** Who wants nothing to be owed any more. */
  readonly closing = new Set<object>()
  exact = false
  /** What it has kept from before, but for the keys that are owed to it. */
  kept: RangeSet | undefined
}

/**
 * Which keys of the ranges that a pending replica receives are known to be on it already, and which are owed to it
 * [design §8 Join]. A write to a key that it may not have would leave something there that neither the master nor a later
 * copy has. So it is not sent there, and the key is owed: the migration copies it later, with this write. At its end nothing
 * may be owed any more; from then on such a write begins with a copy of the key.
 */
export class Arrivals {
  private readonly byLink = new Map<Link, Known>()
  /** The copies that are on their way to each replica, whoever asked for them. */
  private readonly copies = new Map<Link, Set<object>>()

  /** A copy is on its way to the replica, until the returned function is called. */
  begin(link: Link): () => void {
    const copies = this.copies.get(link) ?? new Set()
    this.copies.set(link, copies)
    const one = {}
    copies.add(one)
    return () => {
      copies.delete(one)
      if (copies.size === 0 && this.copies.get(link) === copies) this.copies.delete(link)
    }
  }

  /**
   * Gives a function that tells whether a copy is still on its way to the replica which is so now: what is known to be there
   * may not be yet.
   */
  coming(link: Link): () => boolean {
    const copies = this.copies.get(link)
    const now = [...(copies ?? [])]
    return () => now.some((one) => copies!.has(one))
  }

  has(link: Link, id: KeyId): boolean {
    return this.byLink.get(link)?.ids.has(id) === true
  }

  /** The key is, or will be in the order of emissions, on the pending replica, with all writes until now. */
  add(link: Link, id: KeyId): void {
    const known = this.of(link)
    if (!known.exact && known.ids.size >= KEYS_MAX) known.ids.clear()
    known.ids.add(id)
    known.owed.delete(id)
  }

  /** It did not arrive after all. Where no walk over the sources finds it again, because the rest was kept, it is owed. */
  remove(link: Link, id: KeyId): void {
    const known = this.byLink.get(link)
    known?.ids.delete(id)
    if (known?.kept !== undefined) known.owed.add(id)
  }

  /** Notes that a write of these keys is not sent to the pending replica. False if it must be. */
  owe(link: Link, ids: readonly KeyId[]): boolean {
    const known = this.of(link)
    if (known.closing.size > 0 || known.owed.size + ids.length > OWED_MAX) return false
    for (const id of ids) {
      known.ids.delete(id)
      known.owed.add(id)
    }
    return true
  }

  /** The keys that are owed to a pending replica. */
  owed(link: Link): readonly KeyId[] {
    return [...(this.byLink.get(link)?.owed ?? [])]
  }

  /** The replica is back with all that it had in these ranges, but for the keys `missed`, which are owed to it. */
  keep(link: Link, ranges: RangeSet, missed: Iterable<KeyId>): void {
    this.forget(link)
    const known = this.of(link)
    known.kept = ranges
    for (const id of missed) known.owed.add(id)
  }

  /** The replica has received everything of these ranges but the keys `missed`, which are owed to it. */
  keepAlso(link: Link, ranges: readonly TokenRange[], missed: Iterable<KeyId>): void {
    const known = this.of(link)
    const { kept } = known
    const more = new RangeSet(ranges.filter((range) => kept?.covers(range) !== true))
    const others = kept?.ranges.filter((range) => !more.covers(range)) ?? []
    known.kept = new RangeSet([...others, ...more.ranges])
    for (const id of missed) {
      known.ids.delete(id)
      known.owed.add(id)
    }
  }

  /** What it has kept counts only where it is sent, or owed, what is written. */
  keepWithin(link: Link, pending: () => readonly TokenRange[]): void {
    const known = this.byLink.get(link)
    const kept = known?.kept
    if (known !== undefined && kept !== undefined) {
      known.kept = new RangeSet(pending().filter((range) => kept.covers(range)))
    }
  }

  keepsAny(link: Link): boolean {
    return this.keptBy(link).length > 0
  }

  /** The ranges of which it has kept everything but what is owed to it. */
  keptBy(link: Link): readonly TokenRange[] {
    return this.byLink.get(link)?.kept?.ranges ?? []
  }

  /** Whether it has kept everything of a range but what is owed to it. */
  hasKept(link: Link, range: TokenRange): boolean {
    return this.byLink.get(link)?.kept?.covers(range) === true
  }

  /** From now on, until the returned function is called, nothing more is owed to the replica. */
  close(link: Link): () => void {
    const known = this.of(link)
    const one = {}
    known.closing.add(one)
    return () => known.closing.delete(one)
  }

  /** Gives a function that tells whether what is known of the replica from now on still counts: not after `forget`. */
  watch(link: Link): () => boolean {
    const known = this.of(link)
    return () => this.byLink.get(link) === known
  }

  /** Nothing is known any more of what is on the replica, nor owed to it: it will be filled anew. */
  forget(link: Link): void {
    this.byLink.delete(link)
  }

  /**
   * The server of a link is another process: it has nothing of what is known. Where it is the last that has a range it keeps it
   * all the same, and may have less than was copied from it, or written beside it: who is to get the range gets it anew.
   */
  restarted(link: Link, routes: readonly Route[]): void {
    this.forget(link)
    for (const { natural, pending, isGone } of routes) {
      const isLast = natural.includes(link) && (natural.length === 1 || isGone)
      if (isLast) for (const each of pending) this.forget(each)
    }
  }

  /** Who is pending nowhere any more needs nothing to be known of it. */
  keepOnly(pending: ReadonlySet<Link>): void {
    for (const link of this.byLink.keys()) if (!pending.has(link)) this.forget(link)
  }

  /** The same for all replicas. */
  forgetAll(): void {
    this.byLink.clear()
  }

  /**
   * From now on, until the returned function is called, exactly what arrives is remembered: for telling it from leftovers,
   * which are to be deleted. What is owed still is.
   */
  forgetAndRemember(link: Link): () => void {
    const known = this.of(link)
    known.exact = true
    const ids = (known.ids = new Set())
    return () => {
      if (known.ids === ids) known.exact = false
    }
  }

  private of(link: Link): Known {
    let known = this.byLink.get(link)
    if (known === undefined) this.byLink.set(link, (known = new Known()))
    return known
  }
}
