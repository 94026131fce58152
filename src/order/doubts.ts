import type { Link } from '../backend/link.js'
import { dbOfId, type KeyId, keyOfId } from '../base/key-id.js'
import type { Logger } from '../base/log.js'
import { CopiesUnderWay } from './copies-under-way.js'
import { type CopyListener, type CopyResult, KeyCopy } from './copy-key.js'
import { type Doubt, type DoubtEvents, type DoubtfulWrite, doubtAfter, Waiter } from './doubt.js'
import { type Group, Groups, type Keys } from './groups.js'
import type { Lanes } from './lanes.js'
import { describeKey } from './pieces/failed-copies.js'
import type { Pieces } from './pieces/pieces.js'
import type { Router } from './router.js'

/** So many keys of a member may be in doubt; beyond that it is cheaper to fill it anew than to mend it. */
const KEYS_MAX = 100_000

/** A refused repair is tried again after this long: the server may be out of memory, or saving. */
const RETRY_MS = 500
/** One that is refused for another reason than memory is tried less and less often: it may cost much each time. */
const PAUSE_MAX_MS = 8000
const REFUSAL_LOG_MS = 1000
/**
 * So many repairs of a member are under way at a time: all that are asked for in one turn a server answers before anything
 * else, and keeps what it answers in its memory.
 */
const REPAIRS_MAX = 100
/** One that takes longer, because its value is large, does not keep others waiting. */
const SLOW_REPAIR_MS = 1000

/**
 * In-doubt keys: for each member the keys with a write that it may have missed, because its link broke before the
 * answer, or because it answered something else than the master. Each is copied to it from a replica that answered all
 * writes of the key, or from the master when there is none [design §7 Differences, §8 Broken link].
 *
 * Such a key is not read anywhere before it is certain, for whoever has the write may be alone with it, and after a crash
 * of the proxy the master's word counts: what was read would be gone again [design §2 G3].
 */
export class Doubts {
  /** False nearly always: nobody needs to ask further. */
  any = false
  /** What of keys gets into others, by the writes under way. */
  readonly groups = new Groups()
  readonly copies = new CopiesUnderWay()
  /** Keys that were in doubt on members which have left by a view that is not marked everywhere yet: after a crash they may be back. */
  private readonly unmarked = new Set<KeyId>()
  private readonly byMember = new Map<string, Map<KeyId, Doubt>>()
  private retryTimer: NodeJS.Timeout | undefined
  private soon = false
  private lastRefusalLogMs = Number.NEGATIVE_INFINITY

  constructor(
    private readonly lanes: Lanes,
    private readonly pieces: Pieces,
    private readonly router: () => Router,
    private readonly log: Logger,
    private readonly isMarked: () => boolean,
    private readonly events: DoubtEvents,
  ) {}

  /** Number of keys in doubt, each counted on every member where it is. */
  get size(): number {
    let size = 0
    for (const doubts of this.byMember.values()) size += doubts.size
    return size
  }

  /** All keys that are in doubt on some member. */
  ids(): KeyId[] {
    return [...this.byMember.values()].flatMap((doubts) => [...doubts.keys()])
  }

  /** Whether a key of one of these databases is in doubt somewhere. */
  concerns(dbs: readonly number[]): boolean {
    if (!this.any) return false
    const isTheirs = (id: KeyId) => dbs.includes(dbOfId(id))
    return [this.unmarked, ...this.byMember.values()].some((ids) => [...ids.keys()].some(isTheirs))
  }

  /**
   * A write of these keys is emitted to these members in this turn, which may leave in one of them what it finds in another:
   * where one is in doubt before or during that, all are, until the group ends and from then on.
   */
  begin(keys: Keys, targets: readonly Link[]): Group {
    if (this.byMember.size > 0) {
      const ids = typeof keys === 'function' ? keys() : keys
      for (const link of targets) {
        // Where the copy is under way the write waits behind it; should it not arrive, `copied` sees to that.
        if (ids.some((id) => this.byMember.get(link.name)?.get(id)?.copying === false)) this.spread(link, ids)
      }
    }
    return this.groups.begin(keys)
  }

  /**
   * These keys may have missed a write on the member of `link`, and so may those that a write under way makes of them; `write`
   * is told when that is mended.
   *
   * @param isVoted it is in doubt because of what it has said, see `Doubt`
   */
  note(link: Link, missed: readonly KeyId[], write?: DoubtfulWrite, tag = 0, isVoted = false): void {
    const ids = this.groups.reach(missed)
    this.events.doubted(ids)
    let doubts = this.byMember.get(link.name)
    // The caller is not done with its own part yet.
    const settleAtOnce = () => queueMicrotask(() => write?.settled(tag, false))
    // Its link may break after it has left, when nobody asks any more what it has.
    if (!this.router().links.includes(link)) {
      this.left(ids)
      settleAtOnce()
      return
    }
    if (link.serving) {
      link.serving = false
      this.events.stoppedServing()
    }
    if ((doubts?.size ?? 0) + ids.length > KEYS_MAX) {
      settleAtOnce()
      this.events.distrust(link.name, `more than ${KEYS_MAX} of its keys are in doubt`)
      return
    }
    if (doubts === undefined) this.byMember.set(link.name, (doubts = new Map()))
    this.any = true
    const waiter = write === undefined ? undefined : new Waiter(write, tag)
    for (const id of ids) {
      let doubt = doubts.get(id)
      // A copy that is under way took its snapshot before this write failed: it counts as a new doubt.
      if (doubt === undefined || doubt.copying) doubts.set(id, (doubt = doubtAfter(doubt, RETRY_MS / 2)))
      doubt.voted ||= isVoted
      waiter?.waitFor(doubt)
    }
    if (this.byMember.size > 1) this.distrustCopies(link, ids)
    for (const { id, target } of this.copies.from(link, ids)) {
      if (this.byMember.get(target.name)?.get(id)?.copying !== false) this.spread(target, this.groups.reach([id]))
    }
    if (link.ready) this.repairSoon()
  }

  /** Whoever is just getting these keys from this member gets what is in doubt. */
  private distrustCopies(source: Link, ids: readonly KeyId[]): void {
    for (const link of this.router().links) {
      const doubts = this.byMember.get(link.name)
      for (const id of doubts === undefined ? [] : ids) {
        const doubt = doubts!.get(id)
        if (doubt?.copying && doubt.source === source) this.spread(link, this.groups.reach([id]))
      }
    }
  }

  /** Some of these keys are in doubt on a member, and so are all of them: whoever waits for the ones waits for the others. */
  private spread(link: Link, ids: readonly KeyId[]): void {
    const before = this.byMember.get(link.name)
    const waiters = new Set(ids.flatMap((id) => [...(before?.get(id)?.waiters ?? [])]))
    this.note(link, ids)
    const doubts = this.byMember.get(link.name)
    for (const id of ids) {
      const doubt = doubts?.get(id)
      if (doubt !== undefined) for (const waiter of waiters) waiter.waitFor(doubt)
    }
  }

  /** The link is ready for emissions: it serves reads as soon as none of its keys is in doubt. */
  linkUp(link: Link): void {
    for (const doubt of this.byMember.get(link.name)?.values() ?? []) {
      doubt.copying = false
      doubt.untilMs = 0
    }
    link.serving = !this.byMember.has(link.name)
    this.repair()
  }

  /** What a member has is not asked any more, because it will be filled anew. */
  forget(name: string): void {
    const doubts = this.byMember.get(name)
    this.byMember.delete(name)
    this.certain()
    // Whoever waits asks the view in which the member does not count any more, which may be published right after this.
    queueMicrotask(() => {
      for (const doubt of doubts?.values() ?? []) for (const waiter of doubt.waiters) waiter.settled(false)
    })
  }

  /** Members that left, and who is no replica of a key any more, have no doubts; who waited for them goes on. */
  viewChanged(): void {
    const router = this.router()
    for (const [name, doubts] of [...this.byMember]) {
      const link = router.links.find((candidate) => candidate.name === name)
      if (link === undefined) {
        this.left(doubts.keys())
        this.forget(name)
        continue
      }
      for (const [id, doubt] of [...doubts]) {
        const { key } = keyOfId(id)
        if (router.routeOfKey(key, 0, key.length).targets.includes(link)) continue
        this.left([id])
        this.resolve(link, id, doubt, false)
      }
    }
    // Who left with keys in doubt and is back over the same connection has none any more.
    for (const link of router.links) if (link.ready && !this.byMember.has(link.name)) link.serving = true
    this.repair()
  }

  /** The view is marked on all its members: nobody who has left comes back. */
  marked(): void {
    if (this.unmarked.size === 0) return
    this.unmarked.clear()
    this.certain()
  }

  close(): void {
    clearTimeout(this.retryTimer)
  }

  private repairSoon(): void {
    if (this.soon) return
    this.soon = true
    setImmediate(() => {
      this.soon = false
      this.repair()
    })
  }

  /** Starts a copy for the doubts that can be mended now, not for too many at a time: the others follow. */
  private repair(): void {
    const nowMs = performance.now()
    for (const [name, doubts] of [...this.byMember]) {
      const link = this.router().links.find((candidate) => candidate.name === name)
      if (link === undefined || !link.ready) continue
      let underWay = 0
      for (const [id, doubt] of doubts) {
        if (!doubt.copying) {
          if (doubt.untilMs <= nowMs) this.repairKey(link, id, doubt)
          else this.retryLater()
        }
        if (!doubt.copying || nowMs - doubt.begunAtMs > SLOW_REPAIR_MS || ++underWay < REPAIRS_MAX) continue
        // What ends calls this again, and what takes long does not count later.
        this.retryLater()
        break
      }
    }
  }

  private repairKey(link: Link, id: KeyId, doubt: Doubt): void {
    const { key } = keyOfId(id)
    const { natural, targets } = this.router().routeOfKey(key, 0, key.length)
    if (!targets.includes(link)) {
      this.resolve(link, id, doubt, false)
      return
    }
    const source = natural.find((each) => each !== link && each.ready && !this.isInDoubt(each, id))
    if (source !== undefined) {
      doubt.copying = true
      doubt.begunAtMs = performance.now()
      doubt.copies.open++
      doubt.source = source
      const listener: CopyListener = (_target, result, reason) => this.copied(link, id, doubt, result, reason)
      new KeyCopy(this.lanes, [id], source, [link], listener, this.pieces)
      return
    }
    // A replica that is away may know better, and is waited for. When all are in doubt, the master's word counts: when it has got
    // what was on its way from one that was certain then.
    if (doubt.copies.open === 0 && this.lastResort(natural, id) === link) this.trust(link, id, doubt, targets)
  }

  /**
   * Whose word counts when all are in doubt: the master's; but if it has lost something itself, the first one's that has not. Who is
   * in doubt because its link broke lacks nothing that was acknowledged. For keys of one write under way it is the same one: the doubt
   * of the one key is the doubt of the others, and two who count for one key each would take it from each other without end.
   */
  private lastResort(natural: readonly Link[], id: KeyId): Link | undefined {
    if (!natural.every((each) => this.isInDoubt(each, id))) return undefined
    const group = this.groups.reach([id])
    return natural.find((each) => !group.some((key) => this.isVoted(each, key))) ?? natural[0]
  }

  /** Its word counts: also for those who have, or are just getting, what somebody had whom nobody trusts any more. */
  private trust(master: Link, id: KeyId, doubt: Doubt, targets: readonly Link[]): void {
    for (const target of targets) {
      if (target === master) continue
      this.note(target, [id])
      for (const waiter of this.byMember.get(target.name)?.get(id)?.waiters ?? []) waiter.mayLack()
    }
    this.resolve(master, id, doubt, false)
  }

  private copied(link: Link, id: KeyId, doubt: Doubt, result: CopyResult, reason: string): void {
    doubt.copies.open--
    // A newer doubt has taken this one's place.
    if (this.byMember.get(link.name)?.get(id) !== doubt) {
      this.repairSoon()
      return
    }
    doubt.copying = false
    if (result === 'copied') {
      this.resolve(link, id, doubt, true)
      return
    }
    if (result === 'target lost') return
    // What was emitted behind the copy was executed without it.
    const reached = this.groups.reach([id])
    if (reached.length > 1) this.spread(link, reached)
    if (result === 'refused') {
      const isOutOfMemory = reason.startsWith('-OOM ')
      doubt.refused = true
      doubt.lacksMemory = isOutOfMemory
      this.events.readable()
      this.logRefusal(link.name, id, reason)
      doubt.pauseMs = isOutOfMemory ? RETRY_MS : Math.min(PAUSE_MAX_MS, doubt.pauseMs * 2)
      doubt.untilMs = performance.now() + doubt.pauseMs
      if (isOutOfMemory) {
        this.events.outOfMemory()
        for (const waiter of doubt.waiters) waiter.outOfMemory()
      }
      // It is the turn of those who have waited for this one.
      this.repairSoon()
    }
    this.retryLater()
  }

  private retryLater(): void {
    this.retryTimer ??= setTimeout(() => {
      this.retryTimer = undefined
      this.repair()
    }, RETRY_MS)
  }

  /** A server that refuses one key refuses many: one of them is named. */
  private logRefusal(name: string, id: KeyId, reason: string): void {
    const now = performance.now()
    if (now - this.lastRefusalLogMs < REFUSAL_LOG_MS) return
    this.lastRefusalLogMs = now
    const keys = this.byMember.get(name)?.size
    this.log.warn({ member: name, reason, keys }, `${name} refuses the repair of ${describeKey(id)}`)
  }

  /** The keys of which the member of `link` may have missed a write. */
  on({ name }: Link): KeyId[] {
    return [...(this.byMember.get(name)?.keys() ?? [])]
  }

  /** Whether the member of `link` did not take the repair of this key, and may not for long. */
  isRefused({ name }: Link, id: KeyId): boolean {
    return this.byMember.get(name)?.get(id)?.refused === true
  }

  /** Whether the member of `link` may have missed a write of this key. */
  isInDoubt(link: Link, id: KeyId): boolean {
    return this.byMember.get(link.name)?.has(id) === true
  }

  /** Whether that is so because of what it has said, see `Doubt`. */
  isVoted({ name }: Link, id: KeyId): boolean {
    return this.byMember.get(name)?.get(id)?.voted === true
  }

  /**
   * Whether a replica must not be asked for this key: it may have missed a write of it, or another one may have missed a
   * write that this one has. One that refuses to be repaired is not waited for when it is behind it; and wherever it is when it has
   * no memory, which may last: until then nobody could read what the others have.
   *
   * @param natural the natural replicas of the key, the master first
   */
  hides(id: KeyId, link: Link, natural: readonly Link[]): boolean {
    if (this.unmarked.has(id)) return true
    let isBehind = false
    for (const each of natural) {
      const doubt = this.byMember.get(each.name)?.get(id)
      if (doubt !== undefined && !(each !== link && doubt.refused && (isBehind || doubt.lacksMemory))) return true
      if (each === link) isBehind = true
    }
    return false
  }

  private left(ids: Iterable<KeyId>): void {
    if (this.isMarked()) return
    for (const id of ids) this.unmarked.add(id)
    this.any = this.any || this.unmarked.size > 0
  }

  /** There are fewer doubts than before. */
  private certain(): void {
    this.any = this.byMember.size > 0 || this.unmarked.size > 0
    this.events.readable()
  }

  private resolve(link: Link, id: KeyId, doubt: Doubt, hasWrites: boolean): void {
    const doubts = this.byMember.get(link.name)
    doubts?.delete(id)
    if (this.pieces.failed.any) this.pieces.failed.remove(link.name, id)
    if (doubts?.size === 0) {
      this.byMember.delete(link.name)
      link.serving = link.ready
      if (link.ready) this.events.serving()
    }
    this.certain()
    for (const waiter of doubt.waiters) waiter.settled(hasWrites)
    // Others may have waited for this key to be certain somewhere.
    if (this.byMember.size > 0) this.repairSoon()
  }
}
