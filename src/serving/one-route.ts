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
import { type Frame, mayName } from '../resp/frame.js'
import { mayHaveTime, toAbsolute } from './absolute.js'
import { Apply } from './apply.js'
import { serverChooses } from './effects.js'
import { noteLeft } from './left.js'
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
    const copied = isCopied(row, frame)
    if (order.memory.anyFull && order.memory.refuses(row, route, copied)) {
      answer(slot, OUT_OF_MEMORY)
      return
    }
    noteWrite(order, frame, row, slot.db, copied)
    const to = route.pending.length === 0 ? route : routeOfWrite(order, route, order.keyIds(row, frame, slot.db))
    if (copied || (row.replicate === 'master-first' && serverChooses(row, frame, to.targets.length))) {
      MasterFirst.emit(order, to, frame, row, slot, copied)
    } else this.apply(to, frame, row, slot)
  }

  /** Emits a write that is the same for all replicas to those of the route, which must be `writable`. */
  apply(to: Route, frame: Frame, row: CommandRow, slot: ReplySlot): void {
    const { order } = this
    if (row.replicate === 'absolute' && mayHaveTime(row, frame)) {
      const absolute = absoluteFor(to, frame, row)
      Apply.emit(order, to, absolute, row, slot, missableDeadline(row, absolute, preciseNowMs() + to.slowestOffsetMs))
    } else if (order.lanes.active === 0 && PlainWrites.suits(row, frame, to)) {
      this.plainWrites.emit(to, frame, row, slot)
    } else {
      Apply.emit(order, to, frame, row, slot)
    }
  }
}

/** Whether the table cannot tell what the command leaves: the other replicas get copies of its keys. */
export function isCopied(row: CommandRow, frame: Frame): boolean {
  const { options } = row
  return row.replicate === 'copy' || (options !== undefined && frame.argc > options.from && !isKnownForm(row, frame))
}

/**
 * A write is about to be emitted: for who remembers what was written while a member is away, or is filled, or a key is watched, or
 * waited for.
 *
 * @param inBlock other commands may be emitted between it and what is emitted for those who wait
 */
export function noteWrite(
  order: Order,
  frame: Frame,
  row: CommandRow,
  db: number,
  copied: boolean,
  inBlock = false,
): void {
  if (order.absences.any) order.absences.note(order.keyIds(row, frame, db))
  if (order.watches.any && mayName(frame, db, order.watches.watched)) order.watches.wrote(order.keyIds(row, frame, db))
  const { awaited } = order
  if (awaited.any && (row.leaves !== undefined || awaited.ends) && mayName(frame, db, awaited.keys)) {
    noteLeft(order, frame, row, db, !inBlock)
  }
  const { aheads } = order.pieces
  if (aheads.any) aheads.wrote(copied ? undefined : row, frame, order.keyIds(row, frame, db), inBlock)
}

/** Whether `noteWrite` has anybody to tell. */
export function areWritesNoted({ absences, watches, awaited, pieces }: Order): boolean {
  return absences.any || watches.any || awaited.any || pieces.aheads.any
}

/** The command with its time as an absolute one, by the clock of the key's master. */
export function absoluteFor({ natural }: Route, frame: Frame, row: CommandRow): Frame {
  const nowMs = preciseNowMs() + natural[0].clockOffsetMs
  return toAbsolute(row, frame, nowMs)
}
