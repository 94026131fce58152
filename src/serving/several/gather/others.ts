import { preciseNowMs } from '../../../backend/handshake.js'
import type { Link } from '../../../backend/link.js'
import type { KeyId } from '../../../base/key-id.js'
import { Deadlines, isAnyLostBy, mayBeAsked } from '../../../order/loss.js'
import type { Order } from '../../../order/order.js'

/** Clocks of servers, and ours, differ by less. */
const NEAR_MS = 2000

/** What other servers say of what an executor finds. */
export interface Others {
  /** False when it must be done again with masters alone. */
  readonly certain: Promise<boolean>
  /** The master of a key has lost it: then what was found does not count. */
  readonly lost: Promise<boolean>
}

/**
 * Asks other servers, in the turn in which an executor is given its block, about the deadlines of keys.
 *
 * A backup that executes it has been sent all that the master has. But if the proxy crashes the master's word counts, and a key may be
 * expiring: so for each of these keys both are asked in the same turn, and have executed then what was sent to them before.
 *
 * @param read what the executor reads in its own place
 * @param asksBackups whether it may be a backup
 * @param overwriting keys of which it is asked whether the master has lost them, see `isAnyLost`
 */
export function askOthers(
  order: Order,
  executor: Link,
  { read, asksBackups, overwriting }: { read: readonly KeyId[]; asksBackups: boolean; overwriting: readonly KeyId[] },
): Others {
  const { router } = order
  const isOfBackup = (id: KeyId) => {
    const [master, ...backups] = router.routeOf(id).natural
    return asksBackups && master.ready && backups.includes(executor)
  }
  const ofBackup = new Set(read.filter(isOfBackup))
  const mayBeLost = new Set(overwriting.filter((id) => mayBeAsked(order, id)))
  const isAsked = (link: Link, [master]: readonly Link[], id: KeyId) =>
    mayBeLost.has(id) || (ofBackup.has(id) && (link === master || link === executor))
  const deadlines = new Deadlines(order, [...new Set([...mayBeLost, ...ofBackup])], isAsked)
  const isCertain = async (id: KeyId) => {
    const both = [router.routeOf(id).natural[0], executor].map((link) => deadlines.on(link, id))
    const [one, other] = await Promise.all(both)
    return one !== undefined && one === other && (one < 0 || one > preciseNowMs() + NEAR_MS)
  }
  return {
    certain: Promise.all([...ofBackup].map(isCertain)).then((all) => all.every(Boolean)),
    lost: isAnyLostBy(order, [...mayBeLost], deadlines),
  }
}
