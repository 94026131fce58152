import type { Link } from '../backend/link.js'
import { dbOfId, type KeyId } from '../base/key-id.js'
import type { Logger } from '../base/log.js'
import { CopiesUnderWay } from './copies-under-way.js'
import { type Doubt, type DoubtEvents, type DoubtfulWrite, doubtAfter, RETRY_MS, refuse, Waiter } from './doubt.js'
import { type Group, Groups, type Keys } from './groups.js'
import { isHidden } from './hidden.js'
import type { Lanes } from './lanes.js'
import type { Pieces } from './pieces/pieces.js'
import { RefusalLog } from './refusal-log.js'
import type { Router } from './router.js'
import { Ties } from './ties.js'
import { copyUnit, type Told, type Unit, unitOf } from './unit-repair.js'
import { UnmarkedKeys } from './unmarked-keys.js'

/** So many keys of a member may be in doubt; beyond that it is cheaper to fill it anew than to mend it. */
const KEYS_MAX = 100_000

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
  /** What of these was under way together is repaired together. */
  private readonly ties = new Ties()
  /** What is not to be told of before the view is marked, see `untilMarked`. */
  readonly unmarked = new UnmarkedKeys()
  private readonly byMember = new Map<string, Map<KeyId, Doubt>>()
  private retryTimer: NodeJS.Timeout | undefined
  private soon = false
  private readonly refusalLog: RefusalLog

  constructor(
    private readonly lanes: Lanes,
    private readonly pieces: Pieces,
    private readonly router: () => Router,
    log: Logger,
    private readonly isMarked: () => boolean,
    private readonly events: DoubtEvents,
  ) {
    this.refusalLog = new RefusalLog(log)
  }

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
    return this.unmarked.concerns(dbs) || [...this.byMember.values()].some((ids) => [...ids.keys()].some(isTheirs))
  }

  /**
   * A write of these keys is emitted to these members in this turn, which may leave in one of them what it finds in another:
   * where one is in doubt before or during that, all are, until the group ends and from then on.
   */
  begin(keys: Keys, targets: readonly Link[]): Group {
    const group = this.groups.begin(keys)
    if (this.byMember.size > 0) {
      const ids = typeof keys === 'function' ? keys() : keys
      for (const link of targets) {
        const doubts = this.byMember.get(link.name)
        // Where the copy is under way the write waits behind it; should it not arrive, `copied` sees to that.
        if (doubts !== undefined && ids.some((id) => doubts.get(id)?.copying === false)) this.spread(link, ids)
      }
    }
    return group
  }

  /**
   * These keys may have missed a write on the member of `link`, and so may those that a write under way makes of them; `write`
   * is told when that is mended.
   *
   * @param isVoted it is in doubt because of what it has said, see `Doubt`
   */
  note(link: Link, missed: readonly KeyId[], write?: DoubtfulWrite, tag = 0, isVoted = false): void {
    let doubts = this.byMember.get(link.name)
    const reached = this.groups.reach(missed)
    for (const group of this.groups.naming(reached)) this.ties.tie(group)
    const ids = this.ties.with(reached, doubts)
    this.events.doubted(ids, link)
    // The caller is not done with its own part yet.
    const settleAtOnce = () => queueMicrotask(() => write?.settled(tag, false))
    // Its link may break after it has left, when nobody asks any more what it has.
    if (!this.router().links.includes(link)) {
      this.untilMarked(ids)
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
      if (doubt === undefined || doubt.copying) doubts.set(id, (doubt = doubtAfter(doubt)))
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
        this.untilMarked(doubts.keys())
        this.forget(name)
        continue
      }
      for (const [id, doubt] of [...doubts]) {
        if (router.routeOf(id).targets.includes(link)) continue
        this.untilMarked([id])
        this.resolve(link, id, doubt, false)
      }
    }
    // Who left with keys in doubt and is back over the same connection has none any more.
    for (const link of router.links) if (link.ready && !this.byMember.has(link.name)) link.serving = true
    this.repair()
  }

  /** The view is marked on all its members: nobody who has left comes back. */
  marked(): void {
    if (!this.unmarked.any) return
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
    const { natural, targets } = this.router().routeOf(id)
    if (!targets.includes(link)) {
      this.resolve(link, id, doubt, false)
      return
    }
    const unit = unitOf(this.ties, this.byMember.get(link.name)!, this.router(), id)
    const [ids, doubts] = [[...unit.keys()], [...unit.values()]]
    if (doubts.some(({ untilMs }) => untilMs > performance.now())) {
      this.retryLater()
      return
    }
    const isCertain = (each: Link) => !ids.some((key) => this.isInDoubt(each, key))
    const source = natural.find((each) => each !== link && each.ready && isCertain(each))
    if (source !== undefined) {
      copyUnit(this.lanes, this.pieces, unit, source, link, (failure) => this.copied(link, unit, failure))
      return
    }
    // A replica that is away may know better, and is waited for. When all are in doubt, the master's word counts: when it has got
    // what was on its way to it from one that was certain then.
    const isComing = doubts.some(({ copies }) => copies.open > 0)
    if (!isComing && !natural.some(isCertain) && this.lastResort(natural, id) === link) this.trust(link, ids, targets)
  }

  /**
   * Whose word counts when all are in doubt: the master's; but if it has lost something itself, the first one's that has not. Who is
   * in doubt because its link broke lacks nothing that was acknowledged. For keys of one write it is the same one: the doubt
   * of the one key is the doubt of the others, and two who count for one key each would take it from each other without end.
   */
  private lastResort(natural: readonly Link[], id: KeyId): Link {
    const group = this.groups.reach([...(this.ties.of(id) ?? [id])])
    return natural.find((each) => !group.some((key) => this.isVoted(each, key))) ?? natural[0]
  }

  /** Its word counts: also for those who have, or are just getting, what somebody had whom nobody trusts any more. */
  private trust(master: Link, ids: readonly KeyId[], targets: readonly Link[]): void {
    for (const target of targets) {
      if (target === master) continue
      this.note(target, ids)
      const noted = this.byMember.get(target.name)
      for (const id of ids) for (const waiter of noted?.get(id)?.waiters ?? []) waiter.mayLack()
    }
    for (const id of ids) {
      const doubt = this.byMember.get(master.name)?.get(id)
      if (doubt !== undefined) this.resolve(master, id, doubt, false)
    }
  }

  /** All of what is repaired together has come to an end: it is certain only if all of it was copied. */
  private copied(link: Link, unit: Unit, failure: Told | undefined): void {
    for (const doubt of unit.values()) doubt.copying = false
    for (const [id, doubt] of unit) {
      // A newer doubt has taken this one's place.
      if (this.byMember.get(link.name)?.get(id) !== doubt) this.repairSoon()
      else if (failure === undefined) this.resolve(link, id, doubt, true)
      else if (failure.result !== 'target lost') this.notCopied(link, id, doubt, failure)
    }
  }

  private notCopied(link: Link, id: KeyId, doubt: Doubt, { result, reason }: Told): void {
    // What was emitted behind the copy was executed without it.
    const reached = this.groups.reach([id])
    if (reached.length > 1) this.spread(link, reached)
    if (result === 'refused') {
      const isOutOfMemory = reason.startsWith('-OOM ')
      refuse(doubt, isOutOfMemory)
      this.events.readable()
      this.refusalLog.say(link.name, id, reason, this.byMember.get(link.name)?.size)
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
   * Whether a replica must not be asked for this key: for doubts (`isHidden`), or because a crash may undo what it says.
   *
   * @param natural the natural replicas of the key, the master first
   */
  hides(id: KeyId, link: Link, natural: readonly Link[]): boolean {
    if (this.unmarked.has(id)) return true
    const doubts = natural.map((each) => this.byMember.get(each.name)?.get(id))
    return isHidden(doubts, natural.indexOf(link))
  }

  /**
   * Under a view that is not marked everywhere yet these keys were in doubt on members that have left, which after a crash may be back,
   * or were written: until it is marked they are not read, as the write is not acknowledged [design §8 Views and markers].
   *
   * @param dbs databases that were emptied or exchanged, or ALL_DATABASES: every key of them counts
   */
  untilMarked(ids: Iterable<KeyId>, dbs: readonly number[] = []): void {
    if (this.isMarked()) return
    this.unmarked.add(ids)
    this.unmarked.addDatabases(dbs)
    this.any = this.any || this.unmarked.any
  }

  /** There are fewer doubts than before. */
  private certain(): void {
    this.any = this.byMember.size > 0 || this.unmarked.any
    if (this.byMember.size === 0) this.ties.clear()
    this.events.readable()
  }

  private resolve(link: Link, id: KeyId, doubt: Doubt, hasWrites: boolean): void {
    const doubts = this.byMember.get(link.name)
    doubts?.delete(id)
    if (this.ties.any && ![...this.byMember.values()].some((others) => others.has(id))) this.ties.untie(id)
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
