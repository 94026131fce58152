import { argumentsOf, type Frame, frameOf } from '../resp/frame.js'
import { hasWordOf, isKnownForm } from './options.js'
import type { CommandRow } from './row.js'

/**
 * The command that reads the same, when this one is flagged as a write and writes nothing in this form: SORT and GEORADIUS without
 * STORE, BITFIELD with nothing but GET, GETEX without a time. As writes they would go to all replicas, of which each has its own order
 * for a set, and then they seem to differ. Sent under their own names they would be refused where no write is taken, at once in a
 * MULTI as well; so they get the name of what they are.
 *
 * @param row with a column `reading`
 * @returns undefined when it may write, and when there is a word in it that the table does not know
 */
export function readingForm(row: CommandRow, frame: Frame): Frame | undefined {
  const { reading } = row
  if (reading === undefined || !isKnownForm(row, frame) || hasWordOf(row, frame, reading.writing)) return undefined
  const args = argumentsOf(frame)
  args[0] = Buffer.from(reading.name.toUpperCase())
  return frameOf(args)
}
