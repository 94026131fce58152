import type { CommandRow } from '../command/row.js'
import type { Reply } from '../resp/encode.js'
import type { Coordinator } from './coordinator.js'
import { scan, scanKey } from './scan.js'
import { changeDatabases } from './whole-databases.js'

/** Iterations over the elements of one key. */
const KEY_SCANS: ReadonlySet<string> = new Set(['hscan', 'sscan', 'zscan'])

/** Serves a command that asks, or changes, all members [design §7 Keyspace-wide]. */
export async function overMembers(
  coordinator: Coordinator,
  row: CommandRow,
  args: readonly Buffer[],
  db: number,
): Promise<Reply> {
  const { keyspace, router } = coordinator
  if (KEY_SCANS.has(row.name)) {
    const { gone } = router.routeOfKey(args[1], 0, args[1].length)
    return gone ?? scanKey(coordinator, args, db)
  }
  // What they hold can neither be counted nor emptied, and waiting would be in vain.
  if (router.someGone !== undefined) return router.someGone
  switch (row.name) {
    case 'scan':
      return scan(coordinator, args, db)
    case 'keys':
      return keyspace.keys(args, db)
    case 'dbsize':
      return keyspace.size(db)
    case 'randomkey':
      return keyspace.randomKey(db)
    default:
      return changeDatabases(coordinator, args, db)
  }
}
