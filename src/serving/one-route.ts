import { preciseNowMs } from '../backend/handshake.js'
import { isKnownForm } from '../command/options.js'
import type { CommandRow } from '../command/row.js'
import { routeOfWrite, settleFirst } from '../order/copy-first.js'
import { missableDeadline } from '../order/deadline.js'
import { OUT_OF_MEMORY } from '../order/memory.js'
import type { Order } from '../order/order.js'
import { answer } from '../order/replies.js'
import type { ReplySlot } from '../order/reply-slot.js'
import type { Route } from '../order/router.js'
import type { Frame } from '../resp/frame.js'
import { mayHaveTime, toAbsolute } from './absolute.js'
import { Apply } from './apply.js'
import { serverChooses } from './effects.js'
import { MasterFirst } from './master-first.js'
import { PlainWrites } from './plain-writes.js'
import { Read } from './read.js'

/** Commands whose keys all have one replica set: what comes before them, and which way of serving is theirs. */
export class OneRoute {
  private readonly plainWrites: PlainWrites

  constructor(readonly order: Order) {
    this.plainWrites = new PlainWrites(order)
  }

  /** Serves a command all of whose keys have the replica set of `route`; `deadlineMs` as for `Order.park`. */
  serve(route: Route, frame: Frame, row: CommandRow, slot: ReplySlot, deadlineMs: number): void {
    const { order } = this
    if (order.uncertainty.active && settleFirst(order, route, frame, row, slot)) return
    const emitted = row.replicate === 'none' ? Read.emit(order, route, frame, row, slot) : route.writable()
    if (!emitted) {
      if (route.gone !== undefined) answer(slot, route.gone)
      else order.park(frame, row, slot, deadlineMs)
      return
    }
    if (row.replicate === 'none') return
    const { options } = row
    const isCopied =
      row.replicate === 'copy' || (options !== undefined && frame.argc > options.from && !isKnownForm(row, frame))
    if (order.memory.anyFull && order.memory.refuses(row, route, isCopied)) {
      answer(slot, OUT_OF_MEMORY)
      return
    }
    if (order.absences.any) order.absences.note(order.keyIds(row, frame, slot.db))
    const { aheads } = order.pieces
    if (aheads.any) aheads.wrote(isCopied ? undefined : row, frame, order.keyIds(row, frame, slot.db))
    const to = route.pending.length === 0 ? route : routeOfWrite(order, route, order.keyIds(row, frame, slot.db))
    if (isCopied || (row.replicate === 'master-first' && serverChooses(row, frame, to.targets.length))) {
      MasterFirst.emit(order, to, frame, row, slot, isCopied)
    } else if (row.replicate === 'absolute' && mayHaveTime(row, frame)) {
      const nowMs = preciseNowMs() + route.natural[0].clockOffsetMs
      const absolute = toAbsolute(row, frame, nowMs)
      Apply.emit(order, to, absolute, row, slot, missableDeadline(row, absolute, preciseNowMs() + to.slowestOffsetMs))
    } else if (order.lanes.active === 0 && PlainWrites.suits(row, frame, to)) {
      this.plainWrites.emit(to, frame, row, slot)
    } else {
      Apply.emit(order, to, frame, row, slot)
    }
  }
}
