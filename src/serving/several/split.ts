import type { Link } from '../../backend/link.js'
import { wrongArityError } from '../../command/errors.js'
import type { CommandRow } from '../../command/row.js'
import { OUT_OF_MEMORY } from '../../order/memory.js'
import type { Order } from '../../order/order.js'
import { answer } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import type { Route } from '../../order/router.js'
import type { Frame } from '../../resp/frame.js'
import type { OneRoute } from '../one-route.js'
import { ByMember } from './by-member.js'
import { Merge } from './merge.js'
import { partFrame } from './part-frame.js'
import { isPutOff } from './put-off.js'

/**
 * Of the command that is being cut: its parts, with a route of each, and for each of its keys in which part it is. What lies
 * behind is of earlier commands; emptying an array means to allocate it anew.
 */
let parts = 0
const routes: Route[] = []
const partOf: number[] = []
/** What the keys of a part have in common: the replica set, or just the master. */
const common: (Route | Link)[] = []
/** The keys of the part that is being encoded, by their places among the arguments. */
const chosen: number[] = []

/**
 * A command on several keys whose semantics allow to cut it by replica set (MGET, MSET, DEL, UNLINK, EXISTS, TOUCH):
 * one command for each replica set, all emitted in the same turn, their replies merged in the order of the keys; of MSET
 * one for each member, where nothing stands against it [by-member].
 *
 * Links are first in, first out, and nothing else is emitted in between, so every other command is before or behind all of it
 * [design §7 Several keys]. For that no part is ever emitted later: where one has to wait the whole does, and where one of a read
 * has no answer, or one that does not count, the whole is asked again. (A part that is held in the lanes of its keys keeps its
 * place before what comes later.) Only when the outcome of a write is unknown some of its keys may have been written alone.
 */
export function split(
  oneRoute: OneRoute,
  frame: Frame,
  row: CommandRow,
  slot: ReplySlot,
  keys: readonly number[],
  keyCount: number,
  deadlineMs: number,
): void {
  const { order } = oneRoute
  const step = row.keyStep
  if ((frame.argc - row.firstKey) % step !== 0) {
    // MSET with a key that has no value, which Redis takes for a matter of arity too [Redis t_string.c msetGenericCommand].
    const refusal = wrongArityError(row)
    slot.finish(refusal, 0, refusal.length, true)
    return
  }
  cut(order, frame, row, keys, keyCount)
  if (parts === 1) {
    oneRoute.serve(routes[0], frame, row, slot, deadlineMs)
    return
  }
  const { memory } = order
  if (memory.anyFull && routes.slice(0, parts).some((route) => memory.refuses(row, route, false))) {
    answer(slot, OUT_OF_MEMORY)
    return
  }
  if (ByMember.suits(order, row, routes, parts)) {
    order.stats.plans++
    ByMember.emit(order, frame, row, slot, { keys, keyCount, routes, parts, partOf })
    return
  }
  if (isPutOff(order, frame, row, slot, { routes, parts, partOf }, deadlineMs)) return
  order.stats.plans++
  const merge = Merge.of(row, slot, parts, partOf, keyCount)
  if (row.replicate === 'none') merge.isRead(frame)
  for (let part = 0; part < parts; part++) {
    let count = 0
    for (let k = 0; k < keyCount; k++) if (partOf[k] === part) chosen[count++] = keys[k]
    partFrame.fill(frame, chosen, count, step)
    oneRoute.serve(routes[part], partFrame, row, merge.slotOf(part, masterOf(routes[part], row)), deadlineMs)
    partFrame.empty()
  }
}

/** Of whom a part asks what its keys hold. */
export function masterOf({ natural }: Route, { answersValues }: CommandRow): string {
  return answersValues && natural.length > 0 ? natural[0].name : ''
}

/** Finds the parts. Reads may go together when they go to the same master, as long as nobody needs to ask its backups. */
function cut(order: Order, frame: Frame, row: CommandRow, keys: readonly number[], keyCount: number): void {
  const { router, lanes, uncertainty, doubts } = order
  const byMaster = row.replicate === 'none' && lanes.active === 0 && !uncertainty.active && !doubts.any
  parts = 0
  for (let k = 0; k < keyCount; k++) {
    const index = keys[k]
    const route = router.routeOfKey(frame.buf, frame.argStart[index], frame.argEnd[index])
    const master = byMaster ? route.natural[0] : undefined
    const together = master?.serving === true ? master : route
    let part = 0
    while (part < parts && common[part] !== together) part++
    if (part === parts) {
      routes[part] = route
      common[part] = together
      parts++
    }
    partOf[k] = part
  }
}
