import { wordOf } from '../base/ascii.js'
import { type KeyId, keyId } from '../base/key-id.js'
import { findKeys } from '../command/keys.js'
import { isOption } from '../command/options.js'
import type { CommandRow } from '../command/row.js'
import { argumentOf, type Frame } from '../resp/frame.js'

/**
 * The names in lanes and doubts of all keys of a command that a client in database `db` sent. MOVE and COPY with DB
 * name a key of another database, too; `databases` is how many there are, which matters for these alone.
 */
export function keyIds(row: CommandRow, frame: Frame, db: number, databases: number): KeyId[] {
  const indexes: number[] = []
  const count = findKeys(row, frame, indexes)
  const ids: KeyId[] = []
  for (let k = 0; k < count; k++) ids.push(idOf(frame, indexes[k], db))
  if (row.otherDb === 'argument') ids.push(idOf(frame, 1, database(frame, 2, databases)))
  if (row.otherDb === 'option') {
    for (let i = 3; i + 1 < frame.argc; i++)
      if (isOption(frame, i, 'db')) ids.push(idOf(frame, 2, database(frame, ++i, databases)))
  }
  return ids
}

function idOf(frame: Frame, index: number, db: number): KeyId {
  return keyId(db, frame.buf, frame.argStart[index], frame.argEnd[index])
}

/** The number that argument `i` is; what is none makes the command fail everywhere. */
function database(frame: Frame, i: number, databases: number): number {
  const value = Number(wordOf(argumentOf(frame, i)))
  return Number.isInteger(value) && value >= 0 && value < databases ? value : 0
}
