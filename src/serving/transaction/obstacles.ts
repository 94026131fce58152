import type { Order } from '../../order/order.js'
import { mayRead, readerNow } from '../../order/readable.js'
import type { Piece, Share } from './plan.js'

/*
 * What stands against emitting a transaction. Whoever waits remembers one such thing and looks at that alone whenever something
 * has changed: a look at all commands of all who wait, each time, would leave no time for anybody else.
 */

/** Whether it still does: costs next to nothing, however many commands there are. */
export type Obstacle = () => boolean

/**
 * What stands in the way: a server, others who have keys of it, transactions in the middle of their steps [middles.ts], or what
 * masters have to tell; and whether it still does.
 */
export interface Stop {
  readonly by: 'server' | 'keys' | 'middles' | 'answers' | 'steps'
  readonly stands: Obstacle
}

/** It has to enter the queue of the gates first. */
export const AT_GATES: Stop = { by: 'keys', stands: () => false }
/** It cannot leave in one turn. */
export const IN_STEPS: Stop = { by: 'steps', stands: () => false }

/** Whether a share cannot be emitted whatever becomes of its keys, because servers cannot be reached. */
export function isAway({ how, route }: Share): boolean {
  return route.isOutOfReach(how !== 'read')
}

/** The servers of a share that cannot be reached: also in later views, as long as the first one of its keys is out of reach. */
export function awayOf(order: Order, shares: readonly Share[]): Obstacle | undefined {
  const share = shares.find(isAway)
  if (share === undefined) return undefined
  const { how, ids } = share
  let { route } = share
  let { router } = order
  return () => {
    if (order.router !== router) {
      router = order.router
      route = ids.length === 0 ? router.anyMember : router.routeOf(ids[0])
    }
    return route.gone === undefined && route.isOutOfReach(how !== 'read')
  }
}

/**
 * What stands against emitting a share in this turn, in the order of its commands, though its servers can be reached; undefined when
 * nothing does. Finds out who is asked where it only reads.
 */
export function heldUpBy(order: Order, share: Share): Obstacle | undefined {
  const { lanes, doubts, uncertainty, owedSweeps, router } = order
  const { how, route } = share
  // Nothing depends on what the keys are.
  const isQuiet = lanes.active === 0 && !doubts.any && !uncertainty.active && !owedSweeps.any
  if (how === 'read') {
    share.reader = readerNow(order, route, isQuiet ? [] : share.ids, true)
    if (share.reader !== undefined) return undefined
  } else if (isQuiet) return undefined
  const isHeld = how === 'read' ? isUnreadable : isHeldUp
  const piece = share.pieces.find((each) => isHeld(order, share, each))
  if (piece !== undefined) return () => order.router === router && isHeld(order, share, piece)
  // One who can be asked for each of the keys, and none for all.
  if (how !== 'read') return undefined
  const { ids } = share
  return () => order.router === router && readerNow(order, route, ids, true) === undefined
}

function isUnreadable(order: Order, { route }: Share, { ids }: Piece): boolean {
  return readerNow(order, route, ids, true) === undefined
}

/** A command of a share that writes. */
function isHeldUp(order: Order, { route, how }: Share, { ids, isWrite }: Piece): boolean {
  const { lanes, doubts } = order
  const { natural, targets } = route
  if (lanes.active > 0 && targets.some((link) => lanes.isAnyHeld(link, ids))) return true
  if (!isWrite) return !mayRead(order, natural[0], natural, ids)
  // Who chooses has to be who is asked.
  return how !== 'apply' && doubts.any && ids.some((id) => targets.some((link) => doubts.isInDoubt(link, id)))
}
