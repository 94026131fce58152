import type { Link } from '../backend/link.js'
import { dbOfId, idInDb, type KeyId } from '../base/key-id.js'

/** The keys of one write of several keys, from its emission to the last answer. */
export interface Group {
  /** Every replica has answered it, or is lost to it. */
  end(): void
}

/** Names of keys, see `keyId`; or what tells them, for who would have to make many of them that nobody needs. */
export type Keys = readonly KeyId[] | (() => readonly KeyId[])

/** What a link has to have answered before everything is known that was emitted on it earlier. */
interface Barrier {
  readonly link: Link
  readonly pushed: number
}

/**
 * Groups of keys [design §7 Several keys]: what a write of several keys leaves in one of them may depend on what it found in
 * another. So as long as it is under way, a doubt about one of its keys is a doubt about all of them:
 *
 *     HSET h   emitted   .........................  answered: unequal on B, h is in doubt there
 *     RENAME h d         emitted ...............................  answered
 *     COPY d e                     emitted ..............................  answered      so d and e are in doubt on B, too
 *
 * Answers come in the order of emissions, so the group of a later write is still open when an earlier one is found to be
 * unequal. Only where keys have other replicas than before may one of the earlier ones still wait for somebody whom the later
 * one does not concern: then a group lasts until all have answered what they had been sent until then.
 */
export class Groups {
  /** In no order; no `Set`, whose former tables would keep some of those that have ended, and all that these know. */
  private readonly open: OpenGroup[] = []
  /** Which groups each key is in: made when somebody asks, which is rare, and kept as long as there is any group. */
  private byId: Map<KeyId, Set<OpenGroup>> | undefined
  /** Those that have ended and are kept. */
  private ended: OpenGroup[] = []
  private barriers: Barrier[] = []

  /** Whether there is any group. */
  get any(): boolean {
    return this.open.length > 0
  }

  /** A write of these keys is emitted in this turn. */
  begin(keys: Keys): Group {
    const group = new OpenGroup(this, keys, this.open.length)
    this.open.push(group)
    if (this.byId !== undefined) for (const id of group.ids) add(this.byId, group, id)
    return group
  }

  /** These keys, and all that a write under way may have made of one of them. */
  reach(ids: readonly KeyId[]): readonly KeyId[] {
    if (this.open.length === 0) return ids
    const byId = this.index()
    const reached = new Set(ids)
    const size = reached.size
    // A set is walked through to its end, with what is added meanwhile.
    for (const id of reached) {
      for (const group of byId.get(id) ?? []) for (const other of group.ids) reached.add(other)
    }
    return reached.size === size ? ids : [...reached]
  }

  /** The keys of each write under way that names one of these. */
  naming(ids: readonly KeyId[]): ReadonlySet<ReadonlySet<KeyId>> {
    const found = new Set<ReadonlySet<KeyId>>()
    if (this.open.length === 0) return found
    const byId = this.index()
    for (const id of ids) for (const group of byId.get(id) ?? []) found.add(group.ids)
    return found
  }

  /** Keys of these databases may have each other's names from now on. */
  swapped(one: number, other: number): void {
    if (this.open.length === 0) return
    const byId = this.index()
    for (const group of this.open) {
      for (const id of [...group.ids]) {
        const db = dbOfId(id)
        if (db !== one && db !== other) continue
        const name = idInDb(id, db === one ? other : one)
        group.ids.add(name)
        add(byId, group, name)
      }
    }
  }

  /** Keys have other replicas from now on; `links` are those that were there before. */
  placementChanged(links: readonly Link[]): void {
    for (const link of links) {
      if (link.outstanding > 0) this.barriers.push({ link, pushed: link.expirations.traffic().pushed })
    }
  }

  /** [Group] */
  ends(group: OpenGroup): void {
    if (this.barriers.length > 0) {
      this.barriers = this.barriers.filter(({ link, pushed }) => link.expirations.traffic().taken < pushed)
      this.ended.push(group)
      if (this.barriers.length > 0) return
      for (const each of this.ended) this.remove(each)
      this.ended = []
    } else this.remove(group)
  }

  private index(): Map<KeyId, Set<OpenGroup>> {
    if (this.byId === undefined) {
      this.byId = new Map()
      for (const group of this.open) for (const id of group.ids) add(this.byId, group, id)
    }
    return this.byId
  }

  private remove(group: OpenGroup): void {
    const { open, byId } = this
    // It has been ended before.
    if (open[group.place] !== group) return
    const last = open.pop()!
    if (last !== group) {
      open[group.place] = last
      last.place = group.place
    }
    if (byId === undefined) return
    for (const id of group.ids) {
      const groups = byId.get(id)
      groups?.delete(group)
      if (groups?.size === 0) byId.delete(id)
    }
    if (open.length === 0) this.byId = undefined
  }
}

function add(byId: Map<KeyId, Set<OpenGroup>>, group: OpenGroup, id: KeyId): void {
  const groups = byId.get(id)
  if (groups === undefined) byId.set(id, new Set([group]))
  else groups.add(group)
}

class OpenGroup implements Group {
  private known: Set<KeyId> | undefined

  constructor(
    private readonly groups: Groups,
    private readonly keys: Keys,
    /** Among those that are open. */
    public place: number,
  ) {}

  get ids(): Set<KeyId> {
    this.known ??= new Set(typeof this.keys === 'function' ? this.keys() : this.keys)
    return this.known
  }

  end(): void {
    this.groups.ends(this)
  }
}
