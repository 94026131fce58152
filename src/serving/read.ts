import type { Link } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import type { KeyId } from '../base/key-id.js'
import { areQuick } from '../command/quick.js'
import type { CommandRow } from '../command/row.js'
import { replyShape } from '../command/table.js'
import type { Order } from '../order/order.js'
import { readable, readerNow } from '../order/readable.js'
import { answer, deliver, READ_STUCK, READ_UNMARKED } from '../order/replies.js'
import type { ReplySlot } from '../order/reply-slot.js'
import type { Route } from '../order/router.js'
import { type Frame, frameIn, ownFrame } from '../resp/frame.js'
import { OWNED } from '../resp/reply-framer.js'
import type { Shape } from '../resp/resp3-to-resp2.js'

/**
 * A read: to the master of its key, or at once to the first backup whose link is up. If the link breaks before the
 * reply the read is sent again to the next [design §6].
 */
export class Read implements ReplySink {
  /** [ReplySink] */
  get speaks(): ReplySink['speaks'] {
    return 'at once'
  }

  private static readonly spare: Read[] = []

  private order!: Order
  private slot!: ReplySlot
  private row!: CommandRow
  /** Where it was sent. */
  private link!: Link
  private shape: Shape = 'generic'
  /** What its client has written behind it may have left before it. */
  private wasHeld = false

  /** Emits the read; false when no replica of the route can be reached. */
  static emit(order: Order, route: Route, frame: Frame, row: CommandRow, slot: ReplySlot): boolean {
    const master = route.natural[0]
    const isCertain = master?.serving === true && !order.doubts.any
    const link = isCertain ? master : readable(order, route, frame, row, slot.db)
    if (link === undefined) return false
    const read = Read.spare.pop() ?? new Read()
    read.order = order
    read.slot = slot
    read.row = row
    read.shape = replyShape(row, frame.argc)
    order.stats.reads++
    if (link !== route.natural[0]) order.stats.readsFromBackup++
    read.link = link
    read.wasHeld = false
    if (order.lanes.active !== 0 && order.lanes.mayHold(frame, slot.db)) read.emitInLanes(link, route, frame)
    else link.emit(frame.buf, frame.start, frame.end, frame.owned, slot.db, read, 0)
    return true
  }

  /**
   * Some keys are held: to a replica where this one's are not, or else behind what they are held for. Not past a replica
   * that is still to execute a write of them: if the proxy crashes before that, what was read elsewhere would be gone.
   */
  private emitInLanes(first: Link, route: Route, frame: Frame): void {
    const { order, row, slot } = this
    const ids = order.keyIds(row, frame, slot.db)
    const free = readerNow(order, route, ids)
    if (free !== undefined) {
      this.link = free
      free.emitFrame(frame, slot.db, this, 0)
      return
    }
    this.wasHeld = true
    // Who asks that server for other keys does not wait for it.
    slot.putAside?.()
    const own = ownFrame(frame)
    const covered = () => order.readUncovered(own, row, slot)
    // What the client wrote behind it is dropped with it, and may be done elsewhere: see `LostReads`.
    const dropped = () => order.readLost(own, row, slot, true)
    order.lanes.hold(first, ids, { emit: () => first.emitFrame(own, slot.db, this, 0), dropped, covered })()
  }

  onReply(_tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    if (this.order.doubts.any && this.isDoubted(buf, start, end, flags)) return
    deliver(this.slot, this.shape, buf, start, end, flags)
    this.recycle()
  }

  /**
   * Whether its server has come into doubt since it was sent: then it is served again. Or it says what is not acknowledged, and that waits until
   * it is.
   */
  private isDoubted(buf: Buffer, start: number, end: number, flags: number): boolean {
    const { order, slot, row, link } = this
    const { doubts } = order
    const frame = frameIn(Buffer.from(link.answering))
    const ids = order.keyIds(row, frame, slot.db)
    if (ids.some((id) => doubts.isInDoubt(link, id))) {
      this.recycle()
      order.readAgain(frame, row, slot)
      return true
    }
    if (!ids.some((id) => doubts.unmarked.has(id))) return false
    this.whenMarked(frame, ids, Buffer.from(buf.subarray(start, end)), flags | OWNED)
    return true
  }

  private whenMarked(frame: Frame, ids: readonly KeyId[], reply: Buffer, flags: number): void {
    const { order, slot, row, link, shape } = this
    this.recycle()
    void order.acknowledgement.opens(order.options.unavailableTimeoutMs).then((isMarked) => {
      if (!isMarked) answer(slot, READ_UNMARKED)
      else if (ids.some((id) => order.doubts.isInDoubt(link, id))) order.readAgain(frame, row, slot)
      else deliver(slot, shape, reply, 0, reply.length, flags)
    })
  }

  /** It is not sent on when it may be why: what silences one server for long would silence the next one as well. */
  onStuck(tag: number, buf: Buffer, start: number, end: number): void {
    const { slot, row } = this
    if (areQuick([{ row, argc: frameIn(buf, start).argc }])) {
      this.onLost(tag, buf, start, end)
      return
    }
    this.recycle()
    answer(slot, READ_STUCK)
  }

  onLost(_tag: number, buf: Buffer, start: number, end: number): void {
    const { slot, row, order } = this
    const frame = frameIn(Buffer.from(buf.subarray(start, end)))
    this.recycle()
    order.readLost(frame, row, slot, this.wasHeld)
  }

  /** To be used again. Until then it keeps nothing of who asked: he may be gone for long. */
  private recycle(): void {
    this.slot = undefined!
    Read.spare.push(this)
  }
}
