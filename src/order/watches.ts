import { preciseNowMs } from '../backend/handshake.js'
import type { Link } from '../backend/link.js'
import { dbOfId, idInDb, type KeyId, keyId, keyOfId } from '../base/key-id.js'
import type { SomeKeys } from '../base/some-keys.js'
import { frameOf } from '../resp/frame.js'
import type { Router } from './router.js'

/** So long before a key's deadline by its master's clock, in ms, a transaction may come too late for it. */
const MARGIN_MS = 10
/** What PEXPIRETIME says of a key that is not there. */
const MISSING = -2
const NOBODY: readonly Watch[] = []

/** What can be heard of a watch that was asked for. */
export interface Registering {
  /** The server tells of changes from now on, or the watch is broken. */
  registered(): void
  /** It does not tell of changes, and says why. */
  refused(error: string): void
}

/**
 * A key that a client watches [design §7 Transactions]. Its master is asked for the key's deadline, and to tell when the key
 * changes from then on. It is broken when that is told, or the deadline has passed; and when it could not be told any more: the
 * connection is another one, another member is the master, or this one got a copy of the key.
 */
export class Watch {
  isBroken = false
  /** Something was emitted since that may have changed it, and nobody has asked yet whether it did. */
  isSuspect = false
  /** How many answers of its master are missing. */
  asked = 0
  /** The deadline by the master's clock, or that there is none, or no key; unknown before the first answer. */
  private deadlineMs: number | undefined
  /** How many answers had come on the link with that one. */
  private answeredAt = 0

  constructor(
    readonly id: KeyId,
    readonly link: Link,
  ) {}

  /** Asks now, on a link that is up. */
  register(registering: Registering): void {
    this.ask((deadlineMs) => {
      this.deadlineMs = deadlineMs
      this.answeredAt = this.link.expirations.traffic().taken
      registering.registered()
    }, registering)
  }

  /**
   * All members were told to empty or swap databases: nobody tells of the key any more, so it is asked for again, behind that.
   *
   * @param isConcerned its database is another one now: whatever was, or is, in it counts as changed
   * @param answered it is known whether it has changed
   */
  swept(isConcerned: boolean, answered: () => void): void {
    if (this.isBroken || (this.asked === 0 && this.deadlineMs === undefined)) return
    const check = (deadlineMs: number) => {
      const isSame = deadlineMs === this.deadlineMs
      if (!isSame || (isConcerned && deadlineMs !== MISSING)) this.isBroken = true
      answered()
    }
    this.ask(check, { registered: answered, refused: answered })
  }

  /** Its master tells that a key of this name has changed. */
  changed(): void {
    // Before its own answer nobody watches it.
    if (this.deadlineMs === undefined) return
    // Somebody else watched it, and the question found it expired: it was not there then.
    if (this.deadlineMs === MISSING && this.link.expirations.traffic().taken === this.answeredAt) return
    this.isBroken = true
  }

  /** Whether its deadline has passed on its master, or may have when something that is emitted now is executed there. */
  get isOver(): boolean {
    const { deadlineMs } = this
    return (
      deadlineMs !== undefined && deadlineMs >= 0 && preciseNowMs() + this.link.clockOffsetMs + MARGIN_MS >= deadlineMs
    )
  }

  private ask(answered: (deadlineMs: number) => void, { registered, refused }: Registering): void {
    const { db, key } = keyOfId(this.id)
    this.asked++
    this.link.tracking.ask(this.link, frameOf(['PEXPIRETIME', key]), db, {
      answered: (reply) => {
        this.asked--
        answered(Number(reply.toString('latin1', 1)))
      },
      refused: (error) => {
        this.asked--
        this.isBroken = true
        refused(error)
      },
      lost: () => {
        this.asked--
        this.isBroken = true
        registered()
      },
    })
  }
}

/** Who watches which key: whoever may change one says so here. */
export class Watches {
  /** Whether anybody watches anything: nobody needs to say anything while not. */
  any = false
  private readonly byId = new Map<KeyId, Watching>()
  /** By the key without its database, as servers call it. */
  private readonly byName = new Map<KeyId, Watching>()

  /** `answered` is told when something more is known of a watch, for whoever waits for that. */
  constructor(private readonly answered: () => void) {}

  /** The keys that are watched. */
  get watched(): SomeKeys {
    return this.byId
  }

  add(watch: Watch): void {
    put(this.byId, watch.id, watch)
    put(this.byName, idInDb(watch.id, 0), watch)
    this.any = true
  }

  remove(watch: Watch): void {
    take(this.byId, watch.id, watch)
    take(this.byName, idInDb(watch.id, 0), watch)
    this.any = this.byId.size > 0
  }

  /** A write of these keys is emitted, or will be as soon as what it waits for has been. */
  wrote(ids: readonly KeyId[]): void {
    for (const id of ids) for (const watch of each(this.byId.get(id))) watch.isSuspect = true
  }

  /** Nobody knows what the replicas of these keys have. */
  doubted(ids: readonly KeyId[]): void {
    if (this.any) this.breakWhere(ids, () => true)
  }

  /** These keys are copied to a member. */
  copied(ids: readonly KeyId[], target: Link): void {
    this.breakWhere(ids, (watch) => watch.link === target)
  }

  /** A server tells that a key has changed, in some database. */
  changed(link: Link, key: Buffer): void {
    for (const watch of each(this.byName.get(keyId(0, key, 0, key.length)))) if (watch.link === link) watch.changed()
  }

  /** Databases were emptied or swapped, on all members. */
  swept(concerns: (db: number) => boolean): void {
    for (const watch of this.all()) watch.swept(concerns(dbOfId(watch.id)), this.answered)
  }

  linkDown(link: Link): void {
    for (const watch of this.all()) if (watch.link === link) watch.isBroken = true
  }

  /** Other members may be masters. */
  viewChanged(router: Router): void {
    for (const watch of this.all()) if (router.targetsOf(watch.id)[0] !== watch.link) watch.isBroken = true
  }

  private *all(): Iterable<Watch> {
    for (const there of this.byId.values()) yield* each(there)
  }

  private breakWhere(ids: readonly KeyId[], breaks: (watch: Watch) => boolean): void {
    for (const id of ids) for (const watch of each(this.byId.get(id))) if (breaks(watch)) watch.isBroken = true
  }
}

/** Nearly every key is watched by one client only: a set for each would take more time and memory than all the rest. */
type Watching = Watch | Set<Watch>

function put(byKey: Map<KeyId, Watching>, id: KeyId, watch: Watch): void {
  const there = byKey.get(id)
  if (there === undefined) byKey.set(id, watch)
  else if (there instanceof Watch) byKey.set(id, new Set([there, watch]))
  else there.add(watch)
}

function take(byKey: Map<KeyId, Watching>, id: KeyId, watch: Watch): void {
  const there = byKey.get(id)
  if (there === watch || (there instanceof Set && there.delete(watch) && there.size === 0)) byKey.delete(id)
}

function each(there: Watching | undefined): Iterable<Watch> {
  if (there === undefined) return NOBODY
  return there instanceof Watch ? [there] : there
}
