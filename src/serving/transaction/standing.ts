import type { Order } from '../../order/order.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { type ErrorReply, encodeReply, isError, type Reply } from '../../resp/encode.js'
import { type Section, sectionsOf } from './cut.js'
import { awayOf, type Obstacle } from './obstacles.js'
import type { QueuedCommand } from './plan.js'
import { discarded, refusalOf } from './refusal.js'
import { operationOf } from './step.js'
import { isOfProxy } from './texts.js'
import type { Ways } from './ways.js'
import { barrierOf } from './wide.js'

/** It is refused, or servers are away; what tells so costs little. */
export type Against = { readonly refusal: Reply } | { readonly away: Obstacle }

/** What stands against a transaction in steps, whichever of its sections is meant, before any is begun and without the gates. */
export function standsAgainst(ways: Ways, commands: readonly QueuedCommand[], slot: ReplySlot): Against | undefined {
  const { order } = ways
  const { router } = order
  let away: Obstacle | undefined
  for (const section of sectionsOf(order, commands)) {
    if (section.isLater) continue
    const against =
      section.plan === undefined ? againstStep(ways, commands[section.from], slot) : againstPart(order, section)
    if (against !== undefined && 'refusal' in against) return against
    away ??= against?.away
  }
  if (away === undefined) return undefined
  const stands = away
  return { away: () => order.router === router && stands() }
}

function againstPart(order: Order, { plan }: Section): Against | undefined {
  const refusal = refusalOf(order, plan!)
  if (refusal !== undefined) return { refusal }
  const { shares, wide } = plan!
  const away = awayOf(order, shares)
  if (away !== undefined) return { away }
  const isAway = () => wide.length > 0 && barrierOf(order, wide, true) === 'server'
  return isAway() ? { away: isAway } : undefined
}

function againstStep(ways: Ways, command: QueuedCommand, slot: ReplySlot): Against | undefined {
  const { order, gathering } = ways
  const { row } = command
  const operation = operationOf(ways, command, slot)
  if (row.route === 'script' || row.route === 'function') return againstScript(order, command)
  if (operation === undefined) return againstMembers(order, command)
  if (row.plan === undefined && gathering.refusal !== undefined)
    return { refusal: discarded(gathering.refusal as ErrorReply) }
  const barrier = operation.barrier()
  if (barrier === 'wait') return { away: () => operation.barrier() === 'wait' }
  // What Redis answers as well it says in its turn.
  const isRefused = barrier !== undefined && isError(barrier) && isOfProxy(encodeReply(barrier, 2))
  return isRefused ? { refusal: discarded(barrier) } : undefined
}

/** As far as it is known which keys it touches. */
function againstScript(order: Order, { frame, row, db }: QueuedCommand): Against | undefined {
  const routes = order.keyIds(row, frame, db).map((id) => order.router.routeOf(id))
  for (const { gone } of routes) if (gone !== undefined) return { refusal: gone }
  const isAway = () => routes.some((route) => route.isOutOfReach(row.replicate !== 'none'))
  return isAway() ? { away: isAway } : undefined
}

function againstMembers({ router }: Order, { row, frame }: QueuedCommand): Against | undefined {
  if (row.keyFinder === 'range') {
    const route = router.routeOfKey(frame.buf, frame.argStart[row.firstKey], frame.argEnd[row.firstKey])
    if (route.gone !== undefined) return { refusal: route.gone }
    return route.isOutOfReach(false) ? { away: () => route.isOutOfReach(false) } : undefined
  }
  if (router.someGone !== undefined) return { refusal: router.someGone }
  const isAway =
    row.replicate === 'none'
      ? () => router.routes.some((route) => route.serving() === undefined)
      : () => !router.anyMember.writable()
  return isAway() ? { away: isAway } : undefined
}
