import type { KeyId } from '../../base/key-id.js'
import type { CommandRow } from '../../command/row.js'
import { serveAfter, settling } from '../../order/copy-first.js'
import type { Order } from '../../order/order.js'
import { mayRead } from '../../order/readable.js'
import { answer } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import type { Route } from '../../order/router.js'
import type { Frame } from '../../resp/frame.js'

/** The first `parts` routes are those of the parts of a command; `partOf` says of each of its keys in which part it is. */
export interface Parts {
  readonly routes: readonly Route[]
  readonly parts: number
  readonly partOf: ArrayLike<number>
}

const NO_IDS: readonly KeyId[] = []

/**
 * Whether something stands against a part of a command now: then all of it waits, or is refused. Afterwards every part can be
 * emitted in this turn.
 */
export function isPutOff(
  order: Order,
  frame: Frame,
  row: CommandRow,
  slot: ReplySlot,
  cut: Parts,
  deadlineMs: number,
): boolean {
  const { uncertainty, doubts } = order
  const { routes, parts } = cut
  const isWrite = row.replicate !== 'none'
  const ids = uncertainty.active || doubts.any ? order.keyIds(row, frame, slot.db) : NO_IDS
  if (uncertainty.active) {
    const settle = (route: Route, part: number) => settling(order, route, idsOf(cut, part, ids), isWrite) ?? []
    const settled = routes.slice(0, parts).flatMap(settle)
    if (settled.length > 0) {
      serveAfter(order, Promise.all(settled), frame, row, slot)
      return true
    }
  }
  for (let part = 0; part < parts; part++) {
    const route = routes[part]
    if (isWrite ? route.writable() : isReadable(order, cut, part, ids)) continue
    if (route.gone !== undefined) answer(slot, route.gone)
    else order.park(frame, row, slot, deadlineMs, route)
    return true
  }
  return false
}

function isReadable(order: Order, cut: Parts, part: number, ids: readonly KeyId[]): boolean {
  const { natural } = cut.routes[part]
  if (ids === NO_IDS && natural[0]?.serving === true) return true
  const own = idsOf(cut, part, ids)
  return natural.some((link) => mayRead(order, link, natural, own))
}

function idsOf({ partOf }: Parts, part: number, ids: readonly KeyId[]): KeyId[] {
  return ids.filter((_, k) => partOf[k] === part)
}
