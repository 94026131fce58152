import type { Link } from '../../backend/link.js'
import type { ReplySink } from '../../backend/reply-sink.js'
import { mayHavePassed, NO_DEADLINE } from '../../order/deadline.js'
import type { Order } from '../../order/order.js'
import { ReplicatedWrite } from '../../order/replicated-write.js'
import { deliver, isOfReplica } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import type { Route } from '../../order/router.js'
import { IS_ERROR } from '../../resp/reply-framer.js'
import { mostCertainFirst } from '../master-first.js'
import { LOOP, LOOP_SHA } from './loop.js'
import { type Effects, NOTHING, outcomeOf, type Said } from './outcome.js'
import { errorOf, isNotThere, isWithoutEffect, keysOf, type ScriptCall } from './script-call.js'

/** The place of the one that executes it: the master, or who stands in for it. */
const MASTER = 0

/**
 * The run of a script that may write [design §7 Scripts]: on the master alone, or while its keys are in doubt there on the first
 * backup where they are not. The others get what it has done, as one command; where that is not known, copies of its keys.
 *
 *     master   [EVALSHA]
 *     others   its keys are held ······ [what it has done]
 *
 * It is never sent twice: it may be what broke the connection. Where nobody knows what it did, the others go on without it, and the
 * master is repaired from them.
 */
export class ScriptWrite extends ReplicatedWrite implements ReplySink {
  private readonly releases: (() => void)[] = []
  private effects: Effects = NOTHING
  private deadlineMs = NO_DEADLINE
  /** What comes of it when all others have what it did: an answer for the client, or another run. */
  private said: Said | undefined
  private next: (() => void) | undefined
  /** Targets that executed what it did, with the master. */
  private answered = 0

  private constructor(
    order: Order,
    route: Route,
    private readonly call: ScriptCall,
    slot: ReplySlot,
  ) {
    super()
    this.begin(order, slot, mostCertainFirst(order, route, call.ids))
  }

  /** Emits it to the replicas of the route, which must be `writable`. */
  static emit(order: Order, route: Route, call: ScriptCall, slot: ReplySlot): void {
    const { ids } = call
    order.stats.writes++
    const write = new ScriptWrite(order, route, call, slot)
    if (ids.length > 1) write.group = order.doubts.begin(ids, route.targets)
    write.emitToMaster()
    write.holdForOthers()
  }

  onReply(_tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    const { call, targets } = this
    const { script } = call
    const master = targets[MASTER]
    if (isOfReplica(master, buf, start, flags)) {
      this.masterLost()
      return
    }
    if ((flags & IS_ERROR) !== 0) {
      if (!isWithoutEffect(buf, start, end)) this.masterLost()
      else if (isNotThere(buf, start)) {
        call.loaded.missing(master)
        this.tell(NOTHING, undefined, () => call.notThere())
      } else this.tell(NOTHING, errorOf(script, buf, start, end, flags))
      return
    }
    const outcome = outcomeOf(script, keysOf(call), Buffer.from(buf.subarray(start, end)), 0, end - start)
    if (outcome.kind === 'done') {
      this.deadlineMs = outcome.deadlineMs
      this.tell(outcome.effects, outcome.reply)
    } else if (outcome.failed === undefined) this.tell(NOTHING, undefined, () => call.stopped(outcome.key))
    else this.masterLost()
  }

  onLost(): void {
    this.masterLost()
  }

  private tell(effects: Effects, said: Said | undefined, next?: () => void): void {
    const { order, targets } = this
    const hasEffects = effects.kind === 'unknown' || effects.frame !== undefined
    if (hasEffects && this.isOutvoted()) {
      // It has seen what it is not to have: it is repaired from the others, which get nothing of that.
      this.masterLost()
      return
    }
    this.effects = effects
    this.said = said
    if (said !== undefined) this.firstAnswered(said.end - said.start)
    this.next = next
    // Without effects the others learn nothing of it, and neither does anybody who compares.
    if (hasEffects) this.noteAnswer(MASTER)
    if (effects.kind === 'unknown' && targets.length > 1) order.stats.scriptsCopied++
    this.goOn()
  }

  /** Nobody knows what it did: the others go on without it, and the master is repaired from them. */
  private masterLost(): void {
    this.lost(MASTER, this.call.ids)
    for (const release of this.releases.splice(0)) release()
  }

  private goOn(): void {
    for (const release of this.releases.splice(0)) release()
    this.heard()
  }

  protected hasReply(): boolean {
    return this.said !== undefined || this.next !== undefined
  }

  protected override compareReplies(): void {
    const expired = this.unequallyExpired(this.answered)
    if (expired !== undefined) this.doubtOthers(MASTER, expired)
  }

  protected deliverReply(): void {
    const { said, slot } = this
    if (said === undefined) this.next!()
    else deliver(slot, 'generic', said.buf, said.start, said.end, said.flags)
  }

  private emitToMaster(): void {
    const { order, call, slot } = this
    const { ids, frame, script, loaded } = call
    const master = this.targets[MASTER]
    const emit = () => {
      loaded.load(master, script.wrapped, script.wrappedSha)
      master.emitFrame(frame, slot.db, this, MASTER)
    }
    if (order.lanes.active === 0 || !order.lanes.isAnyHeld(master, ids)) {
      emit()
      return
    }
    const lost = () => this.masterLost()
    order.lanes.hold(master, ids, { isWrite: true, changes: true, emit, dropped: lost, covered: lost })()
  }

  private holdForOthers(): void {
    const { ids } = this.call
    for (let i = 1; i < this.targets.length; i++) {
      const release = this.order.lanes.hold(this.targets[i], ids, {
        isWrite: true,
        changes: true,
        emit: () => this.emitEffects(i),
        dropped: () => this.lost(i, ids),
        covered: () => this.heard(),
      })
      this.releases.push(release)
    }
  }

  private emitEffects(i: number): void {
    const { effects, call } = this
    const { ids } = call
    const target = this.targets[i]
    if (effects.kind === 'unknown') this.lost(i, ids)
    else if (effects.frame === undefined) this.heard()
    else {
      const sink: ReplySink = {
        onReply: (_tag, buf, start, _end, flags) => {
          this.noteAnswer(i)
          if (effects.isLoop && isNotThere(buf, start)) call.loaded.missing(target)
          if ((flags & IS_ERROR) !== 0 || this.mayBeLate(i)) this.lost(i, ids)
          else this.heard()
        },
        onLost: () => this.lost(i, ids),
      }
      if (effects.isLoop) call.loaded.load(target, LOOP, LOOP_SHA)
      target.emit(effects.frame, 0, effects.frame.length, true, this.slot.db, sink, i)
    }
  }

  /** Whether the one that executed it has come into doubt since, and another one has not. */
  private isOutvoted(): boolean {
    const { order, targets, call } = this
    if (!order.doubts.any) return false
    const isInDoubt = (link: Link) => call.ids.some((id) => order.doubts.isInDoubt(link, id))
    return isInDoubt(targets[MASTER]) && targets.some((link) => !isInDoubt(link))
  }

  /** Whether a deadline that it gave may have passed before a target got it, which found no key then for what follows. */
  private mayBeLate(tag: number): boolean {
    const { targets, deadlineMs, call } = this
    if (!mayHavePassed(deadlineMs, targets[tag]) && !mayHavePassed(deadlineMs, targets[MASTER])) return false
    for (const id of call.ids) targets[MASTER].expirations.noteUnsure(id, performance.now())
    return true
  }

  private noteAnswer(tag: number): void {
    this.answered++
    if (this.targets[tag].expirations.any) this.noteExpired(tag, this.call.ids, true)
  }
}
