import type { Link } from '../../backend/link.js'
import type { ReplySink } from '../../backend/reply-sink.js'
import type { Order } from '../../order/order.js'
import { mayRead, readerNow } from '../../order/readable.js'
import { answer, deliver, READ_STUCK, READ_UNCERTAIN } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import type { Route } from '../../order/router.js'
import { IS_ERROR } from '../../resp/reply-framer.js'
import { outcomeOf } from './outcome.js'
import { inItsTurn } from './questions.js'
import { errorOf, isNotThere, notAnswered, type ScriptCall } from './script-call.js'

/**
 * The run of a script that writes nothing, on one replica that may be read. When its link breaks it is not asked elsewhere: it may
 * be what broke it.
 */
export class ScriptRead implements ReplySink {
  private constructor(
    private readonly order: Order,
    private readonly link: Link,
    private readonly call: ScriptCall,
    private readonly slot: ReplySlot,
    /** Runs it anew. */
    private readonly again: () => void,
  ) {}

  /** Emits it; false when no replica of the route can be asked. */
  static emit(order: Order, route: Route, call: ScriptCall, slot: ReplySlot, again: () => void): boolean {
    const { natural } = route
    const { ids } = call
    const free = readerNow(order, route, ids)
    const link = free ?? natural.find((each) => mayRead(order, each, natural, ids))
    if (link === undefined) return false
    order.stats.reads++
    const read = new ScriptRead(order, link, call, slot, again)
    if (free !== undefined) read.emit()
    else {
      // Held it was not sent to anybody, and who asks that server for other keys does not wait for it.
      slot.putAside?.()
      order.lanes.hold(link, ids, { emit: () => read.emit(), dropped: again, covered: again })()
    }
    return true
  }

  onReply(_tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    const { order, link, call, slot } = this
    const { script, ids } = call
    call.long.ended(link)
    if ((flags & IS_ERROR) !== 0) {
      if (isNotThere(buf, start)) {
        call.loaded.missing(link)
        call.notThere()
        return
      }
      const said = errorOf(script, buf, start, end, flags)
      deliver(slot, 'generic', said.buf, said.start, said.end, said.flags)
      return
    }
    if (order.doubts.any && ids.some((id) => order.doubts.isInDoubt(link, id))) {
      if (slot.number < slot.newest) answer(slot, READ_UNCERTAIN)
      else this.again()
      return
    }
    const outcome = outcomeOf(script, call, buf, start, end)
    if (outcome.kind === 'stopped') call.stopped(outcome.wanted)
    else {
      const { reply, messages, touched } = outcome
      call.done(touched, messages)
      const own = messages.length > 0 ? Buffer.from(reply.buf.subarray(reply.start, reply.end)) : undefined
      inItsTurn(slot, messages, () => {
        if (own === undefined) deliver(slot, 'generic', reply.buf, reply.start, reply.end, reply.flags)
        else {
          call.publish(messages)
          deliver(slot, 'generic', own, 0, own.length, reply.flags)
        }
      })
    }
  }

  onStuck(): void {
    this.call.long.ended(this.link)
    answer(this.slot, READ_STUCK)
  }

  onLost(): void {
    this.call.long.ended(this.link)
    answer(this.slot, notAnswered(this.link.name))
  }

  private emit(): void {
    const { link, call, slot } = this
    const { script, loaded, long, frame } = call
    loaded.load(link, script.wrapped, script.wrappedSha, script.library)
    link.emitFrame(frame, slot.db, this, 0)
    long.began(link)
  }
}
