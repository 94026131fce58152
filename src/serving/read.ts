import type { Link } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import type { CommandRow, Shape } from '../command/row.js'
import { replyShape } from '../command/table.js'
import type { Coordinator } from '../coordinator/coordinator.js'
import { mayRead, readable } from '../order/readable.js'
import { deliver } from '../order/replies.js'
import type { ReplySlot } from '../order/reply-slot.js'
import type { Route } from '../order/router.js'
import { type Frame, frameIn, ownFrame } from '../resp/frame.js'

/**
 * A read: to the master of its key, or at once to the first backup whose link is up. If the link breaks before the
 * reply the read is sent again to the next [design §6].
 */
export class Read implements ReplySink {
  private static readonly spare: Read[] = []

  private coordinator!: Coordinator
  private slot!: ReplySlot
  private row!: CommandRow
  private shape: Shape = 'generic'

  /** Emits the read; false when no replica of the route can be reached. */
  static emit(coordinator: Coordinator, route: Route, frame: Frame, row: CommandRow, slot: ReplySlot): boolean {
    const master = route.natural[0]
    const isCertain = master?.serving === true && !coordinator.doubts.any
    const link = isCertain ? master : readable(coordinator, route, frame, row, slot.db)
    if (link === undefined) return false
    const read = Read.spare.pop() ?? new Read()
    read.coordinator = coordinator
    read.slot = slot
    read.row = row
    read.shape = replyShape(row, frame.argc)
    coordinator.stats.reads++
    if (link !== route.natural[0]) coordinator.stats.readsFromBackup++
    if (coordinator.lanes.active !== 0) read.emitInLanes(link, route, frame)
    else link.emit(frame.buf, frame.start, frame.end, frame.owned, slot.db, read, 0)
    return true
  }

  /**
   * Some keys are held: to a replica where this one's are not, or else behind what they are held for. Not past a replica
   * that is still to execute a write of them: if the proxy crashes before that, what was read elsewhere would be gone.
   */
  private emitInLanes(first: Link, route: Route, frame: Frame): void {
    const { coordinator, row, slot } = this
    const { lanes } = coordinator
    const ids = this.coordinator.keyIds(row, frame, slot.db)
    const { natural } = route
    const behind = natural.findIndex((link) => lanes.mayBeBehind(link, ids))
    const candidates = behind < 0 ? natural : natural.slice(0, behind)
    const free = candidates.find((link) => mayRead(coordinator, link, natural, ids) && !lanes.isAnyHeld(link, ids))
    if (free !== undefined) {
      free.emitFrame(frame, slot.db, this, 0)
      return
    }
    const own = ownFrame(frame)
    const again = () => coordinator.resubmit(own, row, slot)
    // What the client wrote behind it is dropped with it, and may be done elsewhere: see `LostReads`.
    const dropped = () => coordinator.lostReads.add(own, row, slot, ids)
    lanes.hold(first, ids, { emit: () => first.emitFrame(own, slot.db, this, 0), dropped, covered: again })()
  }

  onReply(_tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    deliver(this.slot, this.shape, buf, start, end, flags)
    Read.spare.push(this)
  }

  onLost(_tag: number, buf: Buffer, start: number, end: number): void {
    const { slot, row, coordinator } = this
    const frame = frameIn(Buffer.from(buf.subarray(start, end)))
    Read.spare.push(this)
    coordinator.stats.readsResent++
    coordinator.lostReads.add(frame, row, slot, coordinator.keyIds(row, frame, slot.db))
  }
}
