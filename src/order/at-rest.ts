import type { Links } from '../backend/links.js'
import type { Order } from './order.js'

/** Whether everything that was emitted has been answered, and nothing is held back or in doubt. */
export function isAtRest({ uncertainty, lanes, doubts, owedSweeps }: Order, links: Links): boolean {
  return (
    !uncertainty.active &&
    lanes.active === 0 &&
    doubts.size === 0 &&
    links.all().every(({ name, outstanding }) => !outstanding && !owedSweeps.isOwed(name))
  )
}
