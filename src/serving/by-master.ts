import type { Link } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import type { KeyId } from '../base/key-id.js'
import { mayHavePassed, NO_DEADLINE } from '../order/deadline.js'
import type { Held, HeldKey } from '../order/lanes.js'
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
  /** What is held for the others, the first of which is the second target. */
  protected readonly held: HeldKey[] = []

  abstract onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void
  abstract onLost(tag: number): void
  /** Emits what it did to the target at this place, which answers to the sink. */
  abstract emitEffect(i: number, sink: ReplySink): void
  /** That target has answered. */
  abstract effectAnswered(i: number, buf: Buffer, start: number, end: number, flags: number): void

  /** [ReplySink] */
  get speaks(): ReplySink['speaks'] {
    return 'at once'
  }

  holdForOthers(): void {
    const { order, targets, ids, held } = this
    for (let i = 1; i < targets.length; i++) {
      held.push(order.lanes.holdKeys(targets[i], ids, new HeldEffect(this, i)))
    }
  }

  /** The target at this place gets nothing of what it did, or nobody knows whether it has. */
  effectLost(i: number): void {
    this.lost(i, this.ids)
  }

  /** That target needs nothing of it any more. */
  effectCovered(): void {
    this.heard()
  }

  /** Its keys are held no more. */
  protected release(): void {
    const { order, targets, held } = this
    for (let i = 0; i < held.length; i++) order.lanes.release(targets[i + 1], held[i])
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
    const { order, ids } = this
    this.answered++
    if (!order.acknowledgement.open) order.doubts.untilMarked(ids)
    if (this.targets[tag].expirations.any) this.noteExpired(tag, ids, true)
  }
}

/** What one of the others gets of a write, from when its keys are held to its answer: one object, as there are thousands under way. */
class HeldEffect implements Held, ReplySink {
  readonly isWrite = true
  readonly changes = true

  constructor(
    private readonly write: ByMaster,
    private readonly place: number,
  ) {}

  /** [Held] */
  emit(): void {
    this.write.emitEffect(this.place, this)
  }

  dropped(): void {
    this.write.effectLost(this.place)
  }

  covered(): void {
    this.write.effectCovered()
  }

  /** [ReplySink] */
  onReply(_tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    this.write.effectAnswered(this.place, buf, start, end, flags)
  }

  onLost(): void {
    this.write.effectLost(this.place)
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
