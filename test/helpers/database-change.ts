import type { CommandRow } from '../../src/command/row.js'
import { rowOf } from '../../src/command/table.js'
import { DatabaseChange } from '../../src/order/database-change.js'
import { frameOf } from '../../src/resp/frame.js'

/** What a client asks for that has selected this database. */
export function changeOf(words: readonly string[], db = 0): DatabaseChange {
  const args = words.map((word) => Buffer.from(word))
  return new DatabaseChange(rowOf(frameOf(args)) as CommandRow, args, db)
}
