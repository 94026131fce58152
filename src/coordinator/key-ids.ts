import { findKeys } from '../command/keys.js'
import type { CommandRow } from '../command/row.js'
import type { Frame } from '../resp/frame.js'
import { keyId } from './lanes.js'

/** The names in lanes and doubts of all keys of a command. */
export function keyIds(row: CommandRow, frame: Frame, db: number): string[] {
  const indexes: number[] = []
  const count = findKeys(row, frame, indexes)
  const ids: string[] = []
  for (let k = 0; k < count; k++) ids.push(keyId(db, frame.buf, frame.argStart[indexes[k]], frame.argEnd[indexes[k]]))
  return ids
}
