import type { Link } from '../backend/link.js'
import type { Coordinator } from '../coordinator/coordinator.js'
import { isHidden } from '../coordinator/pieces/hidden-name.js'
import type { Pace } from './pace.js'
import { accepted, walkKeys } from './walk.js'

/**
 * Deletes from a member the keys of ranges that are not its own [design §8 Join, displaced copies]. Whether a key is one
 * is looked up in the turn in which its deletion is emitted, so a copy that has just become wanted again stays.
 *
 * @returns the number of deleted keys
 */
export async function deleteDisplaced(coordinator: Coordinator, link: Link, pace: Pace): Promise<number> {
  let deleted = 0
  for await (const { db, keys } of walkKeys(link)) {
    await pace.slice(async () => {
      // Who has left keeps what it has: should it come back, that is counted on [coordinator/absences].
      if (!coordinator.router.links.includes(link)) return
      const isDisplaced = (key: Buffer) => !coordinator.router.routeOfKey(key, 0, key.length).targets.includes(link)
      const displaced = keys.filter((key) => isDisplaced(key) && !isHidden(key))
      if (displaced.length > 0) deleted += accepted<number>(link, await link.call(['UNLINK', ...displaced], db))
    })
  }
  return deleted
}
