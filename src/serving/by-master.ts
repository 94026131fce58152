import type { Link } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import type { KeyId } from '../base/key-id.js'
import { mayHavePassed, NO_DEADLINE } from '../order/deadline.js'
import type { Order } from '../order/order.js'
import { ReplicatedWrite } from '../order/replicated-write.js'
import type { Route } from '../order/router.js'

/** The place of the one that executes it: the master, or who stands in for it. */
export const MASTER = 0

/**
 * A write that one server executes, the master, or while its keys are in doubt there the first backup where they are not. They are
 * held for the others until it is known what they get of it:
 *
 *     master   [the command]
 *     others   its keys are held ······ [what it has done]
 */
export abstract class ByMaster extends ReplicatedWrite implements ReplySink {
  protected abstract readonly ids: readonly KeyId[]
  /** The deadline that it gives a key, if that may be passing meanwhile. */
  protected deadlineMs = NO_DEADLINE
  /** Targets that executed what it did, with the master. */
  protected answered = 0
  protected readonly releases: (() => void)[] = []

  abstract onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void
  abstract onLost(tag: number): void
  /** Emits what it did to the target at this place. */
  protected abstract emitEffect(i: number): void

  /** [ReplySink] */
  get speaks(): ReplySink['speaks'] {
    return 'at once'
  }

  holdForOthers(): void {
    const { order, targets, ids, releases } = this
    for (let i = 1; i < targets.length; i++) {
      const release = order.lanes.hold(targets[i], ids, {
        isWrite: true,
        changes: true,
        emit: () => this.emitEffect(i),
        dropped: () => this.lost(i, ids),
        covered: () => this.heard(),
      })
      releases.push(release)
    }
  }

  /** Its keys are held no more. */
  protected release(): void {
    for (const release of this.releases) release()
  }

  /** Calls `emit` when it is its turn at the master: now, if its keys are not held there. */
  protected emitByMaster(emit: () => void): void {
    const { order, targets, ids } = this
    const master = targets[MASTER]
    if (order.lanes.active === 0 || !order.lanes.isAnyHeld(master, ids)) {
      emit()
      return
    }
    const lost = () => this.masterLost()
    order.lanes.hold(master, ids, { isWrite: true, changes: true, emit, dropped: lost, covered: lost })()
  }

  /** Nobody knows what the master did: the others go on without it, and the master is repaired from them. */
  protected masterLost(): void {
    this.lost(MASTER, this.ids)
    this.release()
  }

  /** Whether the one that executes it has come into doubt since, and another one has not. */
  protected isOutvoted(): boolean {
    const { order, targets, ids } = this
    if (!order.doubts.any) return false
    return isInDoubt(order, targets[MASTER], ids) && targets.some((link) => !isInDoubt(order, link, ids))
  }

  /** Whether its deadline may have passed before the master or a target got it: then the key is gone there without a word. */
  protected mayBeLate(tag: number): boolean {
    const { targets, deadlineMs } = this
    if (!mayHavePassed(deadlineMs, targets[tag]) && !mayHavePassed(deadlineMs, targets[MASTER])) return false
    for (const id of this.ids) targets[MASTER].expirations.noteUnsure(id, performance.now())
    return true
  }

  protected noteAnswer(tag: number): void {
    this.answered++
    if (this.targets[tag].expirations.any) this.noteExpired(tag, this.ids, true)
  }
}

/** The targets of a write, the one first that executes it: a natural replica that has all earlier writes, if there is one. */
export function mostCertainFirst(order: Order, { natural, targets }: Route, ids: readonly KeyId[]): readonly Link[] {
  if (!order.doubts.any) return targets
  const certain = natural.find((link) => !isInDoubt(order, link, ids))
  return certain === undefined ? targets : [certain, ...targets.filter((link) => link !== certain)]
}

/** Whether the member may have missed a write of one of the keys. */
export function isInDoubt({ doubts }: Order, link: Link, ids: readonly KeyId[]): boolean {
  return ids.some((id) => doubts.isInDoubt(link, id))
}
