import type { CommandRow } from '../command/row.js'
import type { Reply } from '../resp/encode.js'
import type { Coordinator } from './coordinator.js'
import { scan, scanKey } from './scan.js'

/** Serves a command that asks, or changes, all members [design §7 Keyspace-wide]. */
export function overMembers(
  coordinator: Coordinator,
  row: CommandRow,
  args: readonly Buffer[],
  db: number,
): Promise<Reply> {
  const { keyspace } = coordinator
  switch (row.name) {
    case 'scan':
      return scan(coordinator, args, db)
    case 'hscan':
    case 'sscan':
    case 'zscan':
      return scanKey(coordinator, args, db)
    case 'keys':
      return keyspace.keys(args, db)
    case 'dbsize':
      return keyspace.size(db)
    case 'randomkey':
      return keyspace.randomKey(db)
    default:
      return keyspace.everywhere(args, db)
  }
}
