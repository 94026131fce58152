import { dbOfId, type KeyId } from '../base/key-id.js'
import type { SomeKeys } from '../base/some-keys.js'
import { identifierOfId } from '../ring/identifier.js'

/** What an operation needs for itself: keys, or whole databases. */
export interface Claim {
  readonly ids: readonly KeyId[]
  /** Its keys are only read: others may read them, too. */
  readonly isShared: boolean
  /** Where they are not: those of them that are only read all the same. */
  readonly onlyRead?: ReadonlySet<KeyId> | undefined
  /** Every key of these databases. */
  readonly isOfDatabase?: (db: number) => boolean
}

/** An operation that stands in the queue. */
export class Entry {
  /** It was admitted, and has not left. */
  isAdmitted = false
  /** Ends its waiting. */
  timer: NodeJS.Timeout | undefined

  constructor(
    readonly ticket: number,
    readonly ids: ReadonlySet<KeyId>,
    readonly isShared: boolean,
    readonly onlyRead: ReadonlySet<KeyId> | undefined,
    readonly isOfDatabase: ((db: number) => boolean) | undefined,
    readonly admitted: (entry: Entry) => void,
  ) {}

  /** Whether this key is only read. */
  isSharedAt(id: KeyId): boolean {
    return this.isShared || this.onlyRead?.has(id) === true
  }
}

/** Bits of an identifier by which it is known where no gate can be. */
const BITS = 12
const MASK = (1 << BITS) - 1

/**
 * The gates of keys: while an operation that takes several turns of the event loop needs keys for itself, commands of clients on
 * them wait, in one queue for all [design §7 Several keys]. An entry stands in the lanes of all its keys (and databases) at once,
 * in the order of the tickets, and is admitted when nobody is before it in any of them, but those who only read when it does,
 * too. So nobody waits in a circle, and nobody for ever: the oldest one waits for those alone who were admitted.
 *
 *     lane of a   [1 admitted] [3]        3 waits for 1 and for 2
 *     lane of b   [2 admitted] [3] [4]    4 waits for 3, though 2 may leave before 1
 *
 * An entry is never given more keys: who needs more leaves, and enters anew with its first ticket. How long those before it take is
 * not bounded by anything here, so it has a deadline, at which it leaves.
 */
export class Gates {
  /** Entries in the queue: while there are none, nobody needs to ask. */
  active = 0
  private tickets = 0
  private readonly entries = new Set<Entry>()
  private readonly lanes = new Map<KeyId, Entry[]>()
  /** Those that claim databases, by their tickets. */
  private readonly sweeps: Entry[] = []
  /** How many keys in lanes have these bits in their identifiers. */
  private readonly counts = new Uint32Array(MASK + 1)
  /** Lanes whose entries may go on. */
  private readonly moved = new Set<KeyId>()
  private draining = false

  /** `onLeft` is told when an entry has left, before others are let on. */
  constructor(private readonly onLeft = () => {}) {}

  /** A place in the order of the queue, behind all that were given before. */
  ticket(): number {
    return ++this.tickets
  }

  /** False when there is certainly no gate at keys with this identifier; costs nothing. */
  mayStandAt(identifier: number): boolean {
    return this.counts[identifier & MASK] !== 0 || this.sweeps.length > 0
  }

  /** The same of many keys: whether there is none at any of them, as far as `have` tells which of some they have. */
  mayStandAmong(have: (some: SomeKeys) => boolean): boolean {
    return this.sweeps.length > 0 || have(this.lanes)
  }

  /** Whether an entry with a new ticket would be admitted at once. */
  isFree({ ids, isShared, onlyRead, isOfDatabase }: Claim): boolean {
    const last = Number.POSITIVE_INFINITY
    return this.isOpenFor(new Entry(last, new Set(ids), isShared, onlyRead, isOfDatabase, () => {}))
  }

  /** Whether an entry was admitted at this key, of another ticket than this one. */
  isTaken(id: KeyId, ticket: number): boolean {
    if (this.active === 0) return false
    const takes = (each: Entry) => each.isAdmitted && each.ticket !== ticket
    if (this.lanes.get(id)?.some(takes) === true) return true
    return this.sweeps.some((sweep) => takes(sweep) && sweep.isOfDatabase!(dbOfId(id)))
  }

  /**
   * Enters the queue; `admitted` is called at once or later, and whoever was admitted has to `leave`. Or `tooLate` is called when
   * it still waits at the deadline, in ms of `performance.now`: then it has left. Gives the entry, which may leave before.
   */
  enter(
    claim: Claim,
    ticket: number,
    deadlineMs: number,
    admitted: (entry: Entry) => void,
    tooLate: () => void,
  ): Entry {
    const entry = new Entry(ticket, new Set(claim.ids), claim.isShared, claim.onlyRead, claim.isOfDatabase, admitted)
    this.active++
    this.entries.add(entry)
    for (const id of entry.ids) {
      this.counts[bitsOf(id)]++
      let lane = this.lanes.get(id)
      if (lane === undefined) this.lanes.set(id, (lane = []))
      insert(lane, entry)
    }
    if (entry.isOfDatabase !== undefined) insert(this.sweeps, entry)
    if (this.isOpenFor(entry)) {
      this.admit(entry)
      return entry
    }
    const end = () => {
      this.leave(entry)
      tooLate()
    }
    entry.timer = setTimeout(end, Math.max(0, deadlineMs - performance.now()))
    return entry
  }

  /** The same for those who are served step by step; undefined when it was too late. */
  entered(claim: Claim, ticket: number, deadlineMs: number): Promise<Entry | undefined> {
    return new Promise((resolve) => {
      this.enter(claim, ticket, deadlineMs, resolve, () => resolve(undefined))
    })
  }

  /** Lets others on; an entry that was not admitted may leave, too. */
  leave(entry: Entry): void {
    if (!this.entries.delete(entry)) return
    clearTimeout(entry.timer)
    this.active--
    entry.isAdmitted = false
    for (const id of entry.ids) {
      this.counts[bitsOf(id)]--
      const lane = this.lanes.get(id)!
      lane.splice(lane.indexOf(entry), 1)
      if (lane.length === 0) this.lanes.delete(id)
      else this.moved.add(id)
    }
    if (entry.isOfDatabase !== undefined) {
      this.sweeps.splice(this.sweeps.indexOf(entry), 1)
      for (const id of this.lanes.keys()) this.moved.add(id)
    }
    this.onLeft()
    this.drain()
  }

  private drain(): void {
    if (this.draining) return
    this.draining = true
    try {
      do {
        for (const id of this.moved) {
          this.moved.delete(id)
          this.drainLane(id)
        }
        for (const sweep of [...this.sweeps]) if (!sweep.isAdmitted && this.isOpenFor(sweep)) this.admit(sweep)
      } while (this.moved.size > 0)
    } finally {
      this.draining = false
    }
  }

  /** Admits from the front of a lane: nobody is admitted behind one that needs the key for itself. */
  private drainLane(id: KeyId): void {
    const lane = this.lanes.get(id)
    if (lane === undefined) return
    for (let i = 0; i < lane.length; ) {
      const entry = lane[i]
      if (!entry.isAdmitted && this.isOpenFor(entry)) this.admit(entry)
      // It may have left at once.
      if (lane[i] !== entry) continue
      if (!entry.isSharedAt(id)) return
      i++
    }
  }

  private admit(entry: Entry): void {
    clearTimeout(entry.timer)
    entry.isAdmitted = true
    entry.admitted(entry)
  }

  private isOpenFor(entry: Entry): boolean {
    for (const id of entry.ids) {
      for (const other of this.lanes.get(id) ?? []) if (isBefore(other, entry, id)) return false
      if (this.sweeps.length === 0) continue
      const db = dbOfId(id)
      for (const sweep of this.sweeps) if (sweep.isOfDatabase!(db) && isBefore(sweep, entry)) return false
    }
    return entry.isOfDatabase === undefined || this.isOpenForSweep(entry, entry.isOfDatabase)
  }

  private isOpenForSweep(entry: Entry, isOfDatabase: (db: number) => boolean): boolean {
    for (const other of this.entries) {
      if (!isBefore(other, entry)) continue
      // Two that claim databases are few: they go one after the other, whichever these are.
      if (other.isOfDatabase !== undefined) return false
      for (const id of other.ids) if (isOfDatabase(dbOfId(id))) return false
    }
    return true
  }
}

/** Whether one has to wait for the other, at this key if it is because of one. */
function isBefore(other: Entry, entry: Entry, id?: KeyId): boolean {
  const isShared = (each: Entry) => (id === undefined ? each.isShared : each.isSharedAt(id))
  if (other === entry || (isShared(other) && isShared(entry))) return false
  return other.isAdmitted || other.ticket < entry.ticket
}

/** Puts an entry behind those with its ticket or lower ones. */
function insert(lane: Entry[], entry: Entry): void {
  let at = lane.length
  while (at > 0 && lane[at - 1].ticket > entry.ticket) at--
  lane.splice(at, 0, entry)
}

function bitsOf(id: KeyId): number {
  return identifierOfId(id) & MASK
}
