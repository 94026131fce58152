import type { ReplySink } from '../../backend/reply-sink.js'
import { copyBytes } from '../../base/copy-bytes.js'
import type { KeyId } from '../../base/key-id.js'
import type { Order } from '../../order/order.js'
import { deliver, isOfReplica } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import type { Route } from '../../order/router.js'
import { IS_ERROR } from '../../resp/reply-framer.js'
import { ByMaster, MASTER, mostCertainFirst } from '../by-master.js'
import { LOOP, LOOP_SHA } from './loop.js'
import { type Effects, NOTHING, outcomeOf, type Said } from './outcome.js'
import { inItsTurn, isLate, type Messages } from './questions.js'
import { errorOf, isNotThere, isWithoutEffect, type ScriptCall } from './script-call.js'

const NO_MESSAGES: Messages = []

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
export class ScriptWrite extends ByMaster {
  private effects: Effects = NOTHING
  /** What comes of it when all others have what it did: an answer for the client, or another run. */
  private said: Said | undefined
  private next: (() => void) | undefined
  private messages: Messages = NO_MESSAGES

  private constructor(
    order: Order,
    route: Route,
    private readonly call: ScriptCall,
    slot: ReplySlot,
  ) {
    super()
    this.begin(order, slot, mostCertainFirst(order, route, call.ids))
  }

  protected get ids(): readonly KeyId[] {
    return this.call.ids
  }

  /** [ReplySink] It may be stopped, and what it has done taken back. */
  override get speaks(): ReplySink['speaks'] {
    return 'if it counts'
  }

  get isCounted(): boolean {
    return this.said !== undefined
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
    call.long.ended(master)
    if (isOfReplica(master, buf, start, flags)) {
      this.masterLost()
      return
    }
    if ((flags & IS_ERROR) !== 0) {
      if (!isWithoutEffect(buf, start, end)) this.masterLost()
      else if (isNotThere(buf, start)) {
        call.loaded.missing(master)
        call.place?.broke(false)
        this.tell(NOTHING, undefined, () => call.notThere())
      } else this.tell(NOTHING, errorOf(script, buf, start, end, flags))
      return
    }
    const said = Buffer.allocUnsafe(end - start)
    copyBytes(buf, start, end, said, 0)
    const outcome = outcomeOf(script, call, said, 0, said.length)
    if (outcome.kind === 'done') {
      this.deadlineMs = outcome.deadlineMs
      this.messages = outcome.messages
      call.done(outcome.touched, outcome.messages)
      this.tell(outcome.effects, outcome.reply)
    } else if (outcome.failed === undefined) {
      this.deadlineMs = outcome.deadlineMs
      // What it had written is given back; what has expired in this moment is gone without a word.
      this.mayBeLate(MASTER)
      call.place?.broke(!isLate(outcome.wanted))
      this.tell(NOTHING, undefined, () => call.stopped(outcome.wanted))
    } else {
      call.place?.broke(true)
      this.masterLost()
    }
  }

  onLost(): void {
    this.call.long.ended(this.targets[MASTER])
    this.masterLost()
  }

  protected override masterLost(): void {
    this.call.place?.broke(false)
    super.masterLost()
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
    this.release()
    // What it published goes out with its reply, before what its client publishes next.
    if (said !== undefined && this.messages.length === 0) this.slot.goOn?.(said.end - said.start)
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
    if (said === undefined) {
      this.next!()
      return
    }
    const { effects, messages, call } = this
    if (effects.kind === 'unknown' || effects.frame !== undefined) slot.wrote?.(this.ids)
    inItsTurn(slot, messages, () => {
      if (messages.length > 0) call.publish(messages)
      deliver(slot, 'generic', said.buf, said.start, said.end, said.flags)
    })
  }

  private emitToMaster(): void {
    const { slot } = this
    const { frame, script, loaded, long, place } = this.call
    const master = this.targets[MASTER]
    this.emitByMaster(() => {
      loaded.load(master, script.wrapped, script.wrappedSha, script.library)
      master.emitFrame(frame, slot.db, this, MASTER)
      place?.sent()
      long.began(master)
    })
  }

  emitEffect(i: number, sink: ReplySink): void {
    const { effects, call, ids } = this
    const target = this.targets[i]
    if (effects.kind === 'unknown') this.lost(i, ids)
    else if (effects.frame === undefined) this.heard()
    else {
      if (effects.isLoop) call.loaded.load(target, LOOP, LOOP_SHA)
      target.emit(effects.frame, 0, effects.frame.length, true, this.slot.db, sink, i)
    }
  }

  effectAnswered(i: number, buf: Buffer, start: number, _end: number, flags: number): void {
    const { effects, call, ids } = this
    this.noteAnswer(i)
    if ((flags & IS_ERROR) !== 0) {
      if (effects.kind === 'commands' && effects.isLoop && isNotThere(buf, start)) call.loaded.missing(this.targets[i])
      this.lost(i, ids)
    } else if (this.mayBeLate(i)) this.lost(i, ids)
    else this.heard()
  }
}
