import { type Link, LinkLostError } from '../backend/link.js'
import type { Order } from '../order/order.js'
import { isHidden } from '../order/pieces/hidden-name.js'
import type { Pace } from './pace.js'
import { accepted, walkKeys } from './walk.js'

/** How often it is looked whether something is still held. */
const HELD_POLL_MS = 10
/** How often it is looked whether the member is still there while a view is not noted. */
const NOTED_POLL_MS = 500

/**
 * Deletes from a member the keys of ranges that are not its own [design §8 Join, displaced copies]. Whether a key is one
 * is looked up in the turn in which its deletion is emitted, so a copy that has just become wanted again stays. What was
 * emitted for such a key before is still executed, also what waits for its turn: that is let go first, or it would come
 * behind the deletion.
 *
 * @returns the number of deleted keys
 */
export async function deleteDisplaced(order: Order, link: Link, pace: Pace): Promise<number> {
  const { acknowledgement, lanes, waiting } = order
  const isAnyHeld = () => lanes.heldOn(link).some((id) => !order.router.targetsOf(id).includes(link))
  while (order.router.links.includes(link) && isAnyHeld()) await waiting.change(performance.now() + HELD_POLL_MS)
  let deleted = 0
  /** False when they have to wait for a view to be noted: a start that finds the one before it counts on all its copies. */
  const deleteFrom = async (db: number, keys: readonly Buffer[]) => {
    // Who has left keeps what it has: should it come back, that is counted on [order/absences].
    if (!order.router.links.includes(link)) return true
    if (!acknowledgement.open) return false
    const isDisplaced = (key: Buffer) => !order.router.routeOfKey(key, 0, key.length).targets.includes(link)
    const displaced = keys.filter((key) => isDisplaced(key) && !isHidden(key))
    if (displaced.length > 0) deleted += accepted<number>(link, await link.call(['UNLINK', ...displaced], db))
    return true
  }
  for await (const { db, keys } of walkKeys(link)) {
    while (!(await pace.slice(() => deleteFrom(db, keys)))) {
      if (!link.ready) throw new LinkLostError(link.name, false)
      await acknowledgement.opens(NOTED_POLL_MS)
    }
  }
  return deleted
}
