import type { Link } from '../backend/link.js'
import { isSameKey, type KeyId, keyOfId } from '../base/key-id.js'
import { lookupCommand, lookupSubcommand } from '../command/table.js'
import type { Frame } from '../resp/frame.js'
import { leavesDeadline } from './deadline.js'
import type { Order } from './order.js'

/**
 * A server told of an expired key, and that may mean: expired before the command that it answered last, whose answer has
 * been handed over [backend/expiry-pushes.ts]. If that was a write of the key, nobody knows whether it was executed on the
 * old value or on none, so the others get what the master has [design §7 Expiry].
 *
 * @param on whose server told that
 * @param answered that command; undefined when it is not known
 */
export function expiredLate(order: Order, on: Link, id: KeyId, answered: Frame | undefined): void {
  if (answered !== undefined && !mayHaveMet(order, answered, id)) return
  const { key } = keyOfId(id)
  const [, ...others] = order.router.routeOfKey(key, 0, key.length).targets
  order.stats.unequalExpiries++
  const ids = order.swaps.namesOn(on, id)
  for (const link of others) order.doubts.note(link, ids)
}

function mayHaveMet(order: Order, frame: Frame, id: KeyId): boolean {
  const { buf, argc, argStart, argEnd } = frame
  const command = lookupCommand(buf, argStart[0], argEnd[0])
  if (command === undefined) return true
  const isContainer = command.subcommands !== undefined && argc > 1
  const row = (isContainer ? lookupSubcommand(command, buf, argStart[1], argEnd[1]) : undefined) ?? command
  if (row.replicate === 'none' || !leavesDeadline(row, frame)) return false
  // Of any database: the server does not say to which one the command went.
  return order.keyIds(row, frame, 0).some((each) => isSameKey(each, id))
}
