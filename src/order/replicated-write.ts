import type { Expired } from '../backend/expirations.js'
import type { Link } from '../backend/link.js'
import { type KeyId, keyOfId } from '../base/key-id.js'
import type { FinishedWrite } from './acknowledgement.js'
import { doubtOwed } from './copy-first.js'
import type { DoubtfulWrite } from './doubt.js'
import type { Group } from './groups.js'
import type { Order } from './order.js'
import { answer, outcomeUnknown } from './replies.js'
import type { ReplySlot } from './reply-slot.js'
import type { AwaitedWrite } from './verdicts.js'

/** One for all: nearly no write is in doubt. */
const NONE: readonly never[] = []

/**
 * A write on its way to a replica set, and what is common to all modes: when the client may be told that it is done.
 *
 *     every target has answered, or its keys are in doubt there ──> every doubt is settled ──> the view is marked ──> reply
 *
 * A target has its keys in doubt when its link broke before the answer, or when it answered something else than the
 * master. A doubt is settled when the target was repaired, or does not matter any more. If in the end no natural
 * replica, or not every one, is sure to have the write, the client is told that the outcome is unknown.
 */
export abstract class ReplicatedWrite implements DoubtfulWrite, AwaitedWrite, FinishedWrite {
  protected order!: Order
  protected slot!: ReplySlot
  protected targets: readonly Link[] = []
  /** Targets that have not answered and were not lost. */
  protected expected = 0
  /** Targets where the keys are in doubt, and those that came out of doubt without having the write, by their place. */
  protected doubtful: readonly number[] = NONE
  private without: readonly number[] = NONE
  /** Those of the latter that were natural replicas then. */
  private missing: readonly number[] = NONE
  private doubtfulIds: readonly KeyId[] = NONE
  /** What targets knew of expirations of the keys when they answered, by their place; and the keys. */
  private expired: Map<number, Expired> | undefined
  private expiredIds: readonly KeyId[] = NONE
  private done = false
  /** Its keys, when it is a write of several of which one may get into another. */
  protected group: Group | undefined
  /** How often databases had been swapped when it was emitted. */
  protected swapsBefore = 0
  /** Those of them that have no memory for it. */
  private full: number[] = []

  protected begin(order: Order, slot: ReplySlot, targets: readonly Link[]): void {
    this.order = order
    this.slot = slot
    this.targets = targets
    this.expected = targets.length
    this.expired = undefined
    this.done = false
    this.swapsBefore = order.swaps.count
  }

  /** Whether a natural replica has answered, so that there is a reply for the client. */
  protected abstract hasReply(): boolean
  /** Hands the reply to the client. */
  protected abstract deliverReply(): void
  /** All targets have answered or were lost; the last moment to find differences, and that the reply is worth nothing. */
  protected compareReplies(): void {}

  /** [DoubtfulWrite] */
  settled(tag: number, hasWrite: boolean): void {
    this.doubtful = this.doubtful.filter((each) => each !== tag)
    if (!hasWrite) this.without = [...this.without, tag]
    if (!hasWrite && this.isNatural(tag)) this.missing = [...this.missing, tag]
    if (this.done || this.expected > 0 || this.doubtful.length > 0) return
    this.order.verdicts.settled(this)
    this.complete()
  }

  /** [DoubtfulWrite] */
  outOfMemory(tag: number): void {
    this.full.push(tag)
    if (this.done || this.expected > 0 || this.doubtful.length === 0) return
    this.order.verdicts.settled(this)
    this.giveUp()
  }

  /** [FinishedWrite] */
  acknowledge(): void {
    this.order.verdicts.settled(this)
    this.finish()
  }

  /** [AwaitedWrite] */
  giveUp(): void {
    const { order, slot, targets } = this
    this.done = true
    order.acknowledgement.forget(this)
    order.stats.outcomesUnknown++
    const names = (tags: readonly number[]) => [...new Set(tags)].map((tag) => targets[tag].name)
    answer(slot, outcomeUnknown(names([...this.doubtful, ...this.without]), names(this.full)))
  }

  /** The first target has answered with so many bytes, which may wait for others. */
  protected firstAnswered(bytes: number): void {
    if (!this.done) this.slot.cameFrom?.(this.targets[0].name, bytes)
  }

  /** A target may have missed the write. */
  protected lost(tag: number, ids: readonly KeyId[]): void {
    this.order.lostReads.noteWrite(this.slot, ids)
    this.doubt(tag, ids)
    this.heard()
  }

  /** One target fewer to hear of. */
  protected heard(): void {
    if (--this.expected > 0) return
    const { group } = this
    if (group === undefined) {
      this.conclude()
      return
    }
    // Whoever takes this object for another write has no group, or its own.
    this.group = undefined
    this.conclude()
    group.end()
  }

  private conclude(): void {
    if (this.hasReply()) this.compareReplies()
    if (!this.hasReply()) this.giveUp()
    else if (this.doubtful.length === 0) this.complete()
    else if (this.full.length > 0) this.giveUp()
    else this.order.verdicts.await(this)
  }

  /** @param isVoted because of what it has said, see `Doubt` */
  protected doubt(tag: number, idsBefore: readonly KeyId[], isVoted = false): void {
    const ids = this.order.swaps.namesNow(idsBefore, this.swapsBefore)
    this.doubtful = [...this.doubtful, tag]
    this.doubtfulIds = ids
    this.order.doubts.note(this.targets[tag], ids, this, tag, isVoted)
    doubtOwed(this.order, this.targets, ids)
  }

  /** Everybody but the target at this place has its keys in doubt, and gets what that one has. */
  protected doubtOthers(tag: number, ids: readonly KeyId[]): void {
    for (let other = 0; other < this.targets.length; other++) {
      if (other !== tag && !this.doubtful.includes(other)) this.doubt(other, ids)
    }
  }

  /** A target has answered: whether keys of the write had expired there before it executed it; see `leavesDeadline`. */
  protected noteExpired(tag: number, ids: readonly KeyId[], leavesDeadline: boolean): void {
    const expired = this.targets[tag].expirations.take(ids, performance.now(), leavesDeadline)
    if (expired === undefined) return
    this.expired ??= new Map()
    this.expired.set(tag, expired)
    this.expiredIds = ids
  }

  /**
   * The keys, when they had expired before the write for some of those who answered and not for others, or nobody knows:
   * some replicas executed it on the old value and others on none, even if their answers are equal.
   */
  protected unequallyExpired(answered: number): readonly KeyId[] | undefined {
    const { expired } = this
    if (expired === undefined) return undefined
    const [first, ...others] = expired.values()
    const equal = !first.unsure && others.every(({ which, unsure }) => !unsure && which === first.which)
    if (equal && expired.size === answered) return undefined
    this.order.stats.unequalExpiries++
    return this.expiredIds
  }

  /** Whether some target knew of an expiration of the keys. */
  protected get knowsExpired(): boolean {
    return this.expired !== undefined
  }

  /** Whether nobody will tell this write anything any more, and nobody ever was in doubt. */
  protected get isOver(): boolean {
    return this.doubtfulIds.length === 0
  }

  /** Who is no replica now, or a pending one, will be filled by those who are, before it counts again. */
  private isNatural(tag: number): boolean {
    const { name } = this.targets[tag]
    return this.doubtfulIds.some((id) => {
      const { key } = keyOfId(id)
      return this.order.router.routeOfKey(key, 0, key.length).natural.some((link) => link.name === name)
    })
  }

  /**
   * Nothing is in doubt any more. That is the moment to ask who has it: a replica that leaves later, and comes back before the view
   * is marked, has got what others had meanwhile.
   */
  private complete(): void {
    if (this.doubtfulIds.length > 0 && !this.isWithReplicas()) this.giveUp()
    else this.finish()
  }

  private finish(): void {
    const { acknowledgement, verdicts } = this.order
    if (!acknowledgement.open) {
      this.order.doubts.untilMarked(this.doubtfulIds)
      acknowledgement.wait(this)
      verdicts.await(this)
    } else {
      this.done = true
      this.deliverReply()
    }
  }

  /**
   * After doubts: whether the natural replicas of now have the write, those of them that it was sent to. Of each key: they need
   * not be the same ones any more. Where one counted that is without it, the others have got what that one has. One that is not there
   * now may come back as another process, with less: alone it does not count.
   */
  private isWithReplicas(): boolean {
    if (this.missing.length > 0) return false
    const { router } = this.order
    return this.doubtfulIds.every((id) => {
      const { key } = keyOfId(id)
      const { natural } = router.routeOfKey(key, 0, key.length)
      return natural.some(({ name, ready }) => ready && this.targets.some((target) => target.name === name))
    })
  }
}
