import { setTimeout as sleep } from 'node:timers/promises'
import { type Link, LinkLostError } from '../backend/link.js'
import { type KeyId, keyId, keyOfId } from '../base/key-id.js'
import type { CopyListener } from '../order/copy-key.js'
import type { Order } from '../order/order.js'
import { isHidden } from '../order/pieces/hidden-name.js'
import { identifierOfId, identifierOfKey } from '../ring/identifier.js'
import { RangeSet } from '../ring/range-set.js'
import type { TokenRange } from '../ring/token-range.js'
import { shareHeld } from '../view/share.js'
import type { Pace } from './pace.js'
import type { IntakePlan } from './plan.js'
import { walkRanges } from './range-walk.js'
import { sizesOf } from './sizes.js'
import { accepted, databasesOf, WalkError, walkKeys } from './walk.js'
import { type Rate, Window } from './window.js'

/** Keys and bytes that are copied at a time: more makes nothing faster, and costs memory. */
const WINDOW_KEYS = 4096
const WINDOW_BYTES = 32 * 1024 * 1024
/** A copy that failed is tried again so often, at this distance; that of a large value, which costs more, less often. */
const RETRIES = 20
const RETRIES_LARGE = 2
const RETRY_MS = 250
/** A member that does not take so many keys takes none. */
const FAILED_MAX = 1000
/** Of a large value only a part is in memory at a time. */
const LARGE_COST_BYTES = 4 * 1024 * 1024
/** How often it is looked whether the copies have come that others asked for. */
const COMING_MS = 5
/** How often it is looked whether a member without memory has some again. */
const FULL_MS = 200

/** A key that was not copied. */
export interface Failed {
  readonly id: KeyId
  readonly why: string
}

/** What a member has received. */
export interface Received {
  /** Ranges that it has whole. */
  readonly whole: readonly TokenRange[]
  /** Those with keys that it did not take, and the keys. */
  readonly partly: readonly TokenRange[]
  readonly failed: readonly Failed[]
}

/** How far an intake is; the totals are estimates from the sizes of the sources. */
export interface IntakeProgress {
  keysCopied: number
  bytesCopied: number
  keysTotal: number
  step: 'clearing' | 'copying' | 'done'
}

/**
 * Fills one pending replica [design §8 Join]: deletes what it has left of its new ranges, then copies every key of them
 * in one pass over each source. Ranges that it has kept from before get only what is owed to it [design §8 Failure]. All of it goes over the links, between the clients' writes.
 */
export class Intake {
  readonly ranges: RangeSet
  readonly startedAtMs = performance.now()
  readonly progress: IntakeProgress = { keysCopied: 0, bytesCopied: 0, keysTotal: 0, step: 'clearing' }
  /** How far it was at the last two marks. */
  private marks = [{ atMs: this.startedAtMs, keys: 0 }]
  private cancelled = false
  private failure: Error | undefined
  private reopen: () => void = () => {}
  /** Whether the member still has what was copied to it: not when it has restarted. */
  private isThere: () => boolean = () => true
  /** Keys that were held for the member when it was cleared: what came behind that may be older than what it was not sent. */
  private heldAtClearing: readonly KeyId[] = []
  private readonly window = new Window(WINDOW_KEYS, WINDOW_BYTES)
  /** Keys that are being copied, with the link to the member. */
  private readonly underWay = new Map<KeyId, Link>()
  /** Keys that the member did not take, and why. */
  private readonly failed = new Map<KeyId, string>()

  constructor(
    private readonly order: Order,
    readonly plan: IntakePlan,
    private readonly link: (name: string) => Link,
    private readonly rate: Rate,
    private readonly pace: Pace,
  ) {
    this.ranges = new RangeSet(plan.ranges)
  }

  /** Called at intervals: the time that is left is estimated from what was copied since the mark before the last. */
  mark(): void {
    this.marks = [...this.marks.slice(-1), { atMs: performance.now(), keys: this.progress.keysCopied }]
  }

  /** Estimated, undefined as long as there is nothing to estimate from. */
  secondsLeft(): number | undefined {
    const { keysCopied, keysTotal } = this.progress
    const [{ atMs, keys }] = this.marks
    const copied = keysCopied - keys
    if (copied === 0) return undefined
    return (Math.max(0, keysTotal - keysCopied) * (performance.now() - atMs)) / 1000 / copied
  }

  /** What is under way is still done, and nothing more is begun. Whoever follows does not count on its arriving. */
  cancel(): void {
    this.cancelled = true
    for (const [id, target] of this.underWay) this.order.arrivals.remove(target, id)
    this.underWay.clear()
  }

  /**
   * What the member has now; undefined when the intake was cancelled. Keys that it does not take, though it answers, keep
   * their own ranges from being whole, and no others; what has arrived of these ranges counts.
   *
   * @throws WalkError, LinkLostError when a server could not be asked: the intake has to be made again
   */
  async run(): Promise<Received | undefined> {
    const target = this.link(this.plan.member)
    const { arrivals } = this.order
    const missing = (ranges: readonly TokenRange[]) =>
      new RangeSet(ranges.filter((range) => !arrivals.hasKept(target, range)))
    const sources = this.plan.sources.map(({ source, ranges }) => ({
      source: this.link(source),
      ranges: new RangeSet(ranges),
      missing: missing(ranges),
    }))
    this.isThere = arrivals.watch(target)
    await this.clear(target, missing(this.plan.ranges))
    this.progress.step = 'copying'
    await Promise.all(sources.map(({ source, missing }) => this.estimate(source, missing)))
    await Promise.all(sources.map(({ source, missing }) => this.copyFrom(source, target, missing)))
    await this.copied(target)
    // Most of what is owed now comes before its writes would have to wait for it.
    await Promise.all(sources.map(({ source, ranges }) => this.copyOwed(source, target, ranges)))
    await this.copied(target)
    this.reopen = this.order.arrivals.close(target)
    await Promise.all(sources.map(({ source, ranges }) => this.copyOwed(source, target, ranges)))
    await this.copied(target)
    await this.repaired(target)
    if (this.cancelled) return undefined
    this.progress.step = 'done'
    return this.received(target)
  }

  private received(target: Link): Received {
    const { arrivals, doubts } = this.order
    // A write may have brought one since.
    const isThere = (id: KeyId) => arrivals.has(target, id) && !doubts.isInDoubt(target, id)
    const failed = [...this.failed].filter(([id]) => !isThere(id)).map(([id, why]) => ({ id, why }))
    const lacking = (range: TokenRange) => {
      const set = new RangeSet([range])
      return failed.some(({ id }) => set.has(identifierOfId(id)))
    }
    const partly = failed.length === 0 ? [] : this.plan.ranges.filter(lacking)
    const whole = this.plan.ranges.filter((range) => !partly.includes(range))
    const ids = failed.map(({ id }) => id)
    if (partly.length > 0) arrivals.keepAlso(target, partly, ids)
    return { whole, partly, failed }
  }

  /** Lets the member be owed keys again; called when it counts as having everything, or will not get it. */
  over(): void {
    this.reopen()
  }

  /** Resolves when nothing is under way, nor what a write has asked for: without that the member has not got the key. */
  private async copied(target: Link): Promise<void> {
    await this.window.empty()
    // Those that begin later bring keys that are written now: the write itself waits for them.
    const isComing = this.order.arrivals.coming(target)
    while (!this.cancelled && isComing()) await sleep(COMING_MS)
    if (this.failure !== undefined) throw this.failure
    this.assertThere()
  }

  /**
   * Resolves when the keys are repaired that are in doubt on the member: one that a write has had copied in vain may not be
   * there at all, and who is natural is the last to have it when its source fails. One whose repair it refuses it does not take.
   */
  private async repaired(target: Link): Promise<void> {
    const { doubts, pieces } = this.order
    let open = doubts.on(target).filter((id) => this.ranges.has(identifierOfId(id)))
    for (;;) {
      if (this.cancelled) return
      // Where it is not there it may come into doubt at any time, and nothing is repaired.
      if (!target.ready) throw new LinkLostError(target.name, false)
      this.assertThere()
      open = open.filter((id) => doubts.isInDoubt(target, id))
      const refused = open.filter((id) => doubts.isRefused(target, id))
      if (refused.length === open.length) break
      await sleep(COMING_MS)
    }
    const reasons = new Map(pieces.failed.of(target.name).map(({ id, reason }) => [id, reason]))
    this.noteFailed(
      open.map((id) => ({ id, why: reasons.get(id) ?? 'it refused the repair' })),
      target,
    )
  }

  /** Leftovers would bring back keys that were deleted meanwhile. What arrives while they are looked for is kept. */
  private async clear(target: Link, ranges: RangeSet): Promise<void> {
    const { arrivals, lanes } = this.order
    if (ranges.isEmpty) return
    this.heldAtClearing = lanes.heldOn(target)
    if (this.plan.empty) {
      // In one turn: whatever came before is gone, and not taken for there.
      arrivals.forget(target)
      this.isThere = arrivals.watch(target)
      target.sweeps++
      accepted(target, await target.call(['FLUSHALL', 'ASYNC']))
      return
    }
    const relax = arrivals.forgetAndRemember(target)
    try {
      for await (const { db, keys } of walkKeys(target)) {
        if (this.cancelled) return
        await this.pace.slice(async () => {
          // Another intake may have brought them meanwhile.
          if (this.cancelled) return
          const leftovers = keys.filter(
            (key) =>
              ranges.has(identifierOfKey(key, 0, key.length)) && !isHidden(key) && !arrivals.has(target, idOf(db, key)),
          )
          if (leftovers.length > 0) accepted(target, await target.call(['UNLINK', ...leftovers], db))
        })
      }
    } finally {
      relax()
    }
  }

  private async estimate(source: Link, ranges: RangeSet): Promise<void> {
    if (ranges.isEmpty) return
    let keys = 0
    for (const database of await databasesOf(source)) keys += database.keys
    // A source holds what it masters and the copies of others, and is asked for a part of that; newcomers hold nothing yet.
    const held = shareHeld(this.order.router.view, source.name)
    this.progress.keysTotal += Math.round(keys * (held === 0 ? 1 : Math.min(1, ranges.share / held)))
  }

  private async copyFrom(source: Link, target: Link, ranges: RangeSet): Promise<void> {
    if (ranges.isEmpty) return
    // Of what is held back or in doubt there a walk sees nothing yet, and nobody will send the member what was emitted before it came.
    const { lanes, doubts } = this.order
    const held = new Set([...this.heldAtClearing, ...lanes.heldOn(source), ...doubts.on(source)])
    for await (const { db, ids } of walkRanges(source, ranges, this.pace)) {
      await this.copyAll(source, target, db, ids)
      if (this.cancelled) return
    }
    await this.copyThese([...held], source, target, ranges)
  }

  /** What was written meanwhile and not sent to the member, because it did not have it yet. */
  private copyOwed(source: Link, target: Link, ranges: RangeSet): Promise<void> {
    return this.copyThese(this.order.arrivals.owed(target), source, target, ranges)
  }

  /** Those of these keys that are in some ranges. */
  private async copyThese(these: readonly KeyId[], source: Link, target: Link, ranges: RangeSet): Promise<void> {
    const byDb = new Map<number, KeyId[]>()
    for (const id of these) {
      const { db } = keyOfId(id)
      if (!ranges.has(identifierOfId(id))) continue
      const ids = byDb.get(db)
      if (ids === undefined) byDb.set(db, [id])
      else ids.push(id)
    }
    for (const ids of byDb.values()) this.progress.keysTotal += ids.length
    for (const [db, ids] of byDb) await this.copyAll(source, target, db, ids)
  }

  /** As many at a time as a piece has. */
  private async copyAll(source: Link, target: Link, db: number, ids: readonly KeyId[]): Promise<void> {
    for (let from = 0, to = 0; from < ids.length; from = to) {
      if (this.cancelled) return
      to = Math.min(ids.length, from + this.pace.piece.keys)
      await this.copySome(source, target, db, ids.slice(from, to))
    }
  }

  /** Its link may have been down and up again while nothing was under way. */
  private assertThere(): void {
    if (!this.cancelled && !this.isThere()) throw new WalkError(`${this.plan.member} has lost what was copied to it`)
  }

  /** The sizes are asked for first, so that a few large values do not fill the memory; large ones go one by one. */
  private async copySome(source: Link, target: Link, db: number, ids: readonly KeyId[]): Promise<void> {
    const { rate, pace } = this
    const { pieces } = this.order
    const sizes = await pace.slice(() => sizesOf(source, db, ids))
    const isLarge = (i: number) => pieces.isLarge(sizes[i], [target])
    for (let from = 0, to = 0; from < ids.length; from = to) {
      const bytesMax = Math.min(pace.piece.bytes, rate.burstBytes)
      const large = isLarge(from)
      let bytes = sizes[to++]
      while (!large && to < ids.length && bytes + sizes[to] <= bytesMax && !isLarge(to)) bytes += sizes[to++]
      const piece = to - from === ids.length ? ids : ids.slice(from, to)
      // Beyond its limit it would refuse also the marker, without which nothing is acknowledged.
      while (target.full && !this.cancelled) await sleep(FULL_MS)
      await rate.take(bytes)
      await this.begin(source, target, piece, bytes, large)
      if (this.failure !== undefined) throw this.failure
      this.assertThere()
      if (this.cancelled) return
    }
  }

  /** Resolves when the next piece may begin. */
  private async begin(
    source: Link,
    target: Link,
    piece: readonly KeyId[],
    bytes: number,
    large: boolean,
  ): Promise<void> {
    const { window, pace } = this
    const cost = large ? Math.min(bytes, LARGE_COST_BYTES) : bytes
    await window.enter(cost, piece.length)
    const copied = pace
      .slice(() => (large ? this.copyLarge(source, target, piece, bytes) : this.copyPiece(source, target, piece)))
      .then((failed) => this.copyAgain(source, target, failed, large))
      .catch((failure) => {
        this.failure ??= failure
      })
      .finally(() => window.leave(cost, piece.length))
    // Without clients several pieces are under way, from each source.
    if (pace.busy) await copied
  }

  /** One large value: while most of it is copied, it is written. */
  private async copyLarge(source: Link, target: Link, piece: readonly KeyId[], bytes: number): Promise<Failed[]> {
    const value = { id: piece[0], bytes, source, target, isWanted: () => !this.cancelled }
    const ahead = await this.order.buildAhead(value)
    try {
      if (ahead?.isFree === false) ahead.drop()
      return await this.copyPiece(source, target, piece, true)
    } finally {
      ahead?.drop()
    }
  }

  /** A copy may be refused for a moment, for example by a server that is short of memory. */
  private async copyAgain(source: Link, target: Link, failed: readonly Failed[], large: boolean): Promise<void> {
    const retries = large ? RETRIES_LARGE : RETRIES
    let left = failed
    for (let i = 0; i < retries && left.length > 0 && !this.cancelled; i++) {
      await sleep(RETRY_MS)
      const ids = left.map(({ id }) => id)
      left = await this.copyPiece(source, target, ids, large)
    }
    this.noteFailed(left, target)
  }

  private noteFailed(failed: readonly Failed[], target: Link): void {
    for (const { id, why } of failed) this.failed.set(id, why)
    if (failed.length > 0 && this.failed.size > FAILED_MAX) {
      throw new WalkError(`more than ${FAILED_MAX} keys were not copied to ${target.name}: ${failed[0].why}`)
    }
  }

  /**
   * Copies those that are not there yet; all of it is emitted in one turn, so that a server gets it in one write. Resolves
   * with those that were not copied.
   */
  private copyPiece(source: Link, target: Link, piece: readonly KeyId[], large = false): Promise<Failed[]> {
    const { order, progress, cancelled } = this
    const ids = piece.filter((id) => !order.arrivals.has(target, id))
    // Who was cancelled may be asking a member that is to have the keys no more.
    if (cancelled || ids.length === 0) return Promise.resolve([])
    for (const link of [source, target]) if (!link.ready) return Promise.reject(new LinkLostError(link.name, false))
    // The source may be without a write, which the member was not sent either.
    const isInDoubt = (id: KeyId) => order.doubts.isInDoubt(source, id)
    const failed: Failed[] = ids.filter(isInDoubt).map((id) => ({ id, why: `it is in doubt on ${source.name}` }))
    const certain = failed.length === 0 ? ids : ids.filter((id) => !isInDoubt(id))
    if (certain.length === 0) return Promise.resolve(failed)
    return new Promise((resolve) => {
      let open = certain.length
      const listener: CopyListener = (_target, result, reason, bytes, id) => {
        this.underWay.delete(id)
        if (result === 'copied') {
          progress.keysCopied++
          progress.bytesCopied += bytes
          this.failed.delete(id)
        } else failed.push({ id, why: reason || result })
        if (--open === 0) resolve(failed)
      }
      for (const id of certain) this.underWay.set(id, target)
      order.copyKeys(certain, source, target, listener, large ? 'differs' : 'small')
    })
  }
}

function idOf(db: number, key: Buffer): KeyId {
  return keyId(db, key, 0, key.length)
}
