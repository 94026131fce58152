import type { Link } from '../backend/link.js'
import { assert } from '../base/assert.js'
import { dbOfId, type KeyId } from '../base/key-id.js'
import { type Frame, mayName } from '../resp/frame.js'

/** Something that is to be emitted on one link later than it was asked for. */
export interface Held {
  /** It is a write of a client: whoever has executed it knows more than the member for which it is held. */
  readonly isWrite?: boolean
  /** Emits it: called once, when everything before it on its keys has been emitted. */
  emit(): void
  /** Everything before it has been emitted, and it is not ready itself: it is told that it could begin. */
  first?(): void
  /** It is read on this link and changes nothing there: it only keeps the key as it is until then. */
  readonly reads?: true
  /** The link broke before it was emitted, so it never will be. */
  dropped(): void
  /** It changes the key on this link. */
  readonly changes?: true
  /**
   * The whole database is emptied: what it would have done does not matter any more, and it will not be emitted. What changes the
   * key is told when the member has done that; should it not, it is dropped.
   */
  covered(): void
}

/** What was held for a member that is being sent a command which empties it: its keys, and what is still to be told. */
export interface Voided {
  readonly ids: readonly KeyId[]
  readonly held: readonly Held[]
}

/** A held emission, for `release`. */
export type HeldKey = Entry

/** A held emission in its lanes. */
class Entry {
  ready = false
  readonly lanes: Lane[] = []
  constructor(readonly held: Held) {}
}

/** What is held for one key on one link, in the order in which it has to be emitted. */
interface Lane {
  readonly id: KeyId
  readonly entries: Entry[]
  /** How much had been emitted on the link when the lane began, or last went on. */
  emitted: number
}

/**
 * Holds [design §3]: for a key and a link, later emissions of the key are kept back until what must come first has been
 * emitted. Each key that is held on a link has a lane there; an emission that names several keys stands in all their
 * lanes, and goes out when it is ready and the first in every one of them. So each member executes the writes of each
 * key in the order in which the master did, also where the bytes of an earlier one are still to be found out.
 *
 *     lane of a   [copy of a: waits for its snapshot] [SET a 1: ready, not first]
 *     lane of b   [RENAME c b: ready, first here, not first in c]
 */
export class Lanes {
  /** Number of lanes: 0 nearly always, and then nobody needs to ask further. */
  active = 0
  /** How many copies of keys were made on targets, and how many bytes they had. */
  copies = 0
  copiedBytes = 0

  private readonly byLink = new Map<Link, Map<KeyId, Lane>>()

  /** `onIdle` is told when nothing is held any more. */
  constructor(private readonly onIdle: () => void) {}

  /** Whether a later emission of this key on this link has to be held too. */
  isHeld(link: Link, id: KeyId): boolean {
    return this.byLink.get(link)?.has(id) === true
  }

  /** The keys of which something is held on this link. */
  heldOn(link: Link): readonly KeyId[] {
    return [...(this.byLink.get(link)?.keys() ?? [])]
  }

  /** Whether nothing stands in the lane of a key but writes of it alone: these wait for nothing but what servers answer. */
  isOnlyWritten(link: Link, id: KeyId): boolean {
    const entries = this.byLink.get(link)?.get(id)?.entries ?? []
    return entries.every(({ held, lanes }) => held.isWrite === true && lanes.length === 1)
  }

  /** Whether something of a command is held somewhere, as far as it can be told without much ado. */
  mayHold(frame: Frame, db: number): boolean {
    if (this.active === 0) return false
    for (const lanes of this.byLink.values()) if (mayName(frame, db, lanes)) return true
    return false
  }

  isAnyHeld(link: Link, ids: readonly KeyId[]): boolean {
    const lanes = this.byLink.get(link)
    return lanes !== undefined && ids.some((id) => lanes.has(id))
  }

  /**
   * Whether another replica may have executed a write of these keys that this member has not, as far as they are held here: one
   * is held as well, or was not answered when the last thing was emitted before that for which they are held.
   */
  mayBeBehind(link: Link, ids: readonly KeyId[]): boolean {
    const lanes = this.byLink.get(link)
    if (lanes === undefined) return false
    const { taken } = link.expirations.traffic()
    return ids.some((id) => {
      const lane = lanes.get(id)
      return lane !== undefined && (taken < lane.emitted || lane.entries.some(({ held }) => held.isWrite === true))
    })
  }

  /**
   * Holds an emission of these keys on this link. It goes out when the returned function has been called (once), and
   * what stands before it has gone out.
   */
  hold(link: Link, ids: readonly KeyId[], held: Held): () => void {
    const entry = this.holdKeys(link, ids, held)
    return () => this.release(link, entry)
  }

  /** Resolves when what stands in the lanes of these keys has been emitted, or never will be; undefined when nothing does. */
  whenPassed(link: Link, ids: readonly KeyId[]): Promise<void> | undefined {
    const held = ids.filter((id) => this.isHeld(link, id))
    if (held.length === 0) return undefined
    return new Promise((resolve) => {
      const release = this.hold(link, held, {
        first: () => release(),
        emit: resolve,
        dropped: resolve,
        covered: resolve,
      })
    })
  }

  /** The same; `release` must follow. */
  holdKeys(link: Link, ids: readonly KeyId[], held: Held): HeldKey {
    assert(ids.length > 0, 'what is held has a key')
    if (ids.length === 1) return this.holdKey(link, ids[0], held)
    const entry = new Entry(held)
    for (const id of new Set(ids)) this.stand(entry, this.laneOf(link, id))
    return entry
  }

  /** The same for one key. */
  holdKey(link: Link, id: KeyId, held: Held): HeldKey {
    const entry = new Entry(held)
    this.stand(entry, this.laneOf(link, id))
    return entry
  }

  /** Whether everything before it on its keys has been emitted; also when the link has broken. */
  isFirst(entry: HeldKey): boolean {
    return entry.lanes.every((lane) => lane.entries[0] === entry)
  }

  /** What was held goes out, once, when what stands before it has gone out. */
  release(link: Link, entry: HeldKey): void {
    assert(!entry.ready, 'a held emission becomes ready once')
    entry.ready = true
    // The link may have broken in the meantime: then it has been dropped and stands in no lane.
    if (entry.lanes.length > 0) this.advance(link, entry)
  }

  /** The link broke, or its server is no member any more: what is held for it will not be emitted. */
  drop(link: Link): void {
    for (const entry of this.takeOut(link, () => true)) entry.held.dropped()
  }

  /** Whether something is held that concerns one of these databases. */
  concerns(dbs: readonly number[]): boolean {
    if (this.active === 0) return false
    for (const lanes of this.byLink.values()) for (const id of lanes.keys()) if (dbs.includes(dbOfId(id))) return true
    return false
  }

  /** Whether something is held that concerns this database and another one (MOVE, COPY with DB). */
  crosses(db: number): boolean {
    for (const lanes of this.byLink.values()) {
      for (const { id, entries } of lanes.values()) {
        if (dbOfId(id) !== db) continue
        if (entries.some((entry) => entry.lanes.some((lane) => dbOfId(lane.id) !== db))) return true
      }
    }
    return false
  }

  /**
   * The databases for which `emptied` says so are about to be emptied everywhere: what is held there is settled by that. None
   * of it may concern a database that is not emptied.
   *
   * @returns by their links, what would have changed something: whoever waits for that has to be told when it is void, and not before
   */
  cover(emptied: (db: number) => boolean): Map<Link, Voided> {
    const voided = new Map<Link, Voided>()
    for (const [link, lanes] of [...this.byLink]) {
      for (const lane of [...lanes.values()]) if (emptied(dbOfId(lane.id))) this.stopReading(link, lane)
    }
    for (const [link, lanes] of [...this.byLink]) {
      const isChanged = ({ id, entries }: Lane) => emptied(dbOfId(id)) && entries.some(({ held }) => held.changes)
      const ids = [...lanes.values()].filter(isChanged).map(({ id }) => id)
      const held: Held[] = []
      for (const entry of this.takeOut(link, (lane) => emptied(dbOfId(lane.id)))) {
        if (entry.held.changes) held.push(entry.held)
        else entry.held.covered()
      }
      if (held.length > 0) voided.set(link, { ids, held })
    }
    return voided
  }

  /**
   * What is read there is not needed any more. What waits behind it has its turn before the database is emptied: on its other
   * replicas it may be held, too, and somebody has to execute it, because its client is owed a reply.
   */
  private stopReading(link: Link, lane: Lane): void {
    while (lane.entries.length > 0 && lane.entries[0].held.reads === true) {
      const [entry] = lane.entries.splice(0, 1)
      entry.lanes.length = 0
      entry.held.covered()
      if (lane.entries.length > 0) this.advance(link, lane.entries[0])
      else this.closeLane(link, lane)
    }
  }

  /** Ends lanes of a link; what stands in one of them stands in none that goes on. */
  private takeOut(link: Link, ends: (lane: Lane) => boolean): Set<Entry> {
    const entries = new Set<Entry>()
    for (const lane of [...(this.byLink.get(link)?.values() ?? [])]) {
      if (!ends(lane)) continue
      for (const entry of lane.entries) {
        entry.lanes.length = 0
        entries.add(entry)
      }
      this.closeLane(link, lane)
    }
    return entries
  }

  /** Emits `first` if it can be, and then what it stood in the way of. */
  private advance(link: Link, first: Entry): void {
    const candidates = [first]
    for (let entry = candidates.shift(); entry !== undefined; entry = candidates.shift()) {
      if (entry.lanes.length === 0 || !this.isFirst(entry)) continue
      if (!entry.ready) {
        entry.held.first?.()
        continue
      }
      const { lanes } = entry
      entry.held.emit()
      for (const lane of lanes.splice(0)) {
        lane.entries.shift()
        lane.emitted = link.expirations.traffic().pushed
        if (lane.entries.length > 0) candidates.push(lane.entries[0])
        else this.closeLane(link, lane)
      }
    }
  }

  private stand(entry: Entry, lane: Lane): void {
    lane.entries.push(entry)
    entry.lanes.push(lane)
  }

  private laneOf(link: Link, id: KeyId): Lane {
    let lanes = this.byLink.get(link)
    if (lanes === undefined) this.byLink.set(link, (lanes = new Map()))
    let lane = lanes.get(id)
    if (lane === undefined) {
      lane = { id, entries: [], emitted: link.expirations.traffic().pushed }
      lanes.set(id, lane)
      this.active++
    }
    return lane
  }

  private closeLane(link: Link, lane: Lane): void {
    const lanes = this.byLink.get(link)!
    lanes.delete(lane.id)
    if (lanes.size === 0) this.byLink.delete(link)
    if (--this.active === 0) this.onIdle()
  }
}
