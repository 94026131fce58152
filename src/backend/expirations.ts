import { dbOfId, idInDb, type KeyId } from '../base/key-id.js'
import type { SomeKeys } from '../base/some-keys.js'
import { FieldExpirations } from './field-expirations.js'

/**
 * How long an expiration is remembered at least, in ms: longer than the clocks of two servers may differ, so that what
 * is emitted later finds the key expired on every server.
 */
const REMEMBER_MS = 3000
/** How often the old ones are looked for: looking is not free, because a Map walks over what was deleted before. */
const FORGET_MS = 500
/** More keys are not remembered. Then nothing is known of any key that a command under way concerns. */
const KEYS_MAX = 1_000_000
const NOT_YET = -1
const NONE = -1

/** How many commands have been put on a link since its beginning, and how many of them are answered or lost. */
export interface Traffic {
  readonly pushed: number
  readonly taken: number
}

/** What is known of a write's keys at the moment of its reply. */
export interface Expired {
  /** Which of them had expired: the same text for the same ones. */
  readonly which: string
  /** One of them may have been deleted because of its deadline without the server saying so. */
  readonly unsure: boolean
}

interface Entry {
  /** When it needs not be remembered any more for what is emitted from then on. */
  readonly untilMs: number
  readonly unsure: boolean
  /** The number of the answer behind which the server said so: before or after that command, if it concerns the key. */
  readonly behind: number
  /** How many commands had been emitted when that moment had come: once they are answered it can be forgotten. */
  emittedBefore: number
}

/**
 * The keys that a server said it expired since it answered the last write of them. Redis 7.0 says so before it answers
 * the command that made it notice, so at the moment of a write's reply the set tells whether the key had expired
 * between the write before and this one [design §7 Expiry]. Replicas for which that is the same for every write stay
 * equal. Redis 7.2 and newer say so right behind that answer, as when the key expires right after the command: then
 * nothing is known, unless the command leaves no deadline that could pass.
 *
 * A reply that is late by any time finds what happened before it: an expiration is remembered until everything has been
 * answered that was emitted, here or elsewhere, before all servers can have noticed it.
 */
export class Expirations {
  /** False nearly always: nobody needs to ask further. */
  any = false
  /** Whether something on the key is still to be emitted, behind what it waits for. Set by who knows that. */
  isHeld: (id: KeyId) => boolean = () => false
  /** Told of each key of which the server says that it has expired. */
  onExpired: (id: KeyId) => void = () => {}
  readonly fields = new FieldExpirations()
  private readonly byId = new Map<KeyId, Entry>()
  private forgotAtMs = Number.NEGATIVE_INFINITY
  /** Up to this number of answers nothing is known. */
  private unknownUpTo = 0

  constructor(readonly traffic: () => Traffic) {}

  /** How many are remembered. */
  get size(): number {
    return this.byId.size
  }

  /** Whether something may be known of many keys, as far as `have` tells which of some they have. */
  mayKnow(have: (some: SomeKeys) => boolean): boolean {
    return this.unknownUpTo > 0 || have(this.byId)
  }

  /**
   * The server says that the key has expired.
   *
   * @param nowMs a clock that only goes forward
   */
  note(id: KeyId, nowMs: number): void {
    this.put(id, nowMs, this.byId.get(id)?.unsure === true, NONE)
    this.onExpired(id)
  }

  /** The same, right behind an answer that is still to be handed over. */
  noteBehind(id: KeyId, nowMs: number): void {
    this.put(id, nowMs, this.byId.get(id)?.unsure === true, this.traffic().taken + 1)
    this.onExpired(id)
  }

  /** The server has done something with the key that deletes it when its deadline has passed, and perhaps it had. */
  noteUnsure(id: KeyId, nowMs: number): void {
    this.put(id, nowMs, true, NONE)
  }

  /**
   * The server has answered a write of these keys: gives what is known of them, and forgets it; undefined when nothing is.
   *
   * @param leavesDeadline whether a key may expire right after the write: see `leavesDeadline` of the coordinator
   */
  take(ids: readonly KeyId[], nowMs: number, leavesDeadline: boolean): Expired | undefined {
    const { taken } = this.traffic()
    let which = ''
    let unsure = this.unknownUpTo > 0 && taken <= this.unknownUpTo
    for (const [i, id] of ids.entries()) {
      const entry = this.byId.get(id)
      if (entry === undefined) continue
      which += `${i} `
      unsure ||= entry.unsure || (leavesDeadline && entry.behind === taken)
    }
    for (const id of ids) this.byId.delete(id)
    this.forgetOld(nowMs)
    return which === '' && !unsure ? undefined : { which, unsure }
  }

  /** The key was given a new content, whatever it had been before. */
  forget(id: KeyId): void {
    this.byId.delete(id)
  }

  /** SWAPDB was answered: what was known of keys in one of the databases is known of keys in the other now. */
  swapped(one: number, other: number): void {
    const { taken } = this.traffic()
    const before = [...this.byId]
    this.byId.clear()
    for (const [id, entry] of before) {
      // What was said behind that answer has the new names.
      const now = entry.behind === taken ? id : inOther(id, one, other)
      const unsure = entry.unsure || this.byId.get(now)?.unsure === true
      this.byId.set(now, { ...entry, unsure, emittedBefore: NOT_YET })
    }
  }

  private put(id: KeyId, nowMs: number, unsure: boolean, behind: number): void {
    if (this.byId.size >= KEYS_MAX) {
      this.byId.clear()
      this.unknownUpTo = this.traffic().pushed
    }
    // Put behind, so that the map stays in the order of time.
    this.byId.delete(id)
    this.byId.set(id, { untilMs: nowMs + REMEMBER_MS, unsure, behind, emittedBefore: NOT_YET })
    this.any = true
    this.forgetOld(nowMs)
  }

  private forgetOld(nowMs: number): void {
    if (nowMs - this.forgotAtMs < FORGET_MS) return
    this.forgotAtMs = nowMs
    const { pushed, taken } = this.traffic()
    for (const [id, entry] of this.byId) {
      if (entry.untilMs > nowMs) break
      if (this.isHeld(id)) entry.emittedBefore = NOT_YET
      else if (entry.emittedBefore === NOT_YET) entry.emittedBefore = pushed
      if (entry.emittedBefore !== NOT_YET && taken >= entry.emittedBefore) this.byId.delete(id)
    }
    this.any = this.byId.size > 0 || taken < this.unknownUpTo
  }
}

function inOther(id: KeyId, one: number, other: number): KeyId {
  const db = dbOfId(id)
  return db === one || db === other ? idInDb(id, db === one ? other : one) : id
}
