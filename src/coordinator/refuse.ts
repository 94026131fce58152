import type { Link } from '../backend/link.js'
import { isModuleWrite } from '../command/build-row.js'
import { findKeys, UNCERTAIN_KEYS } from '../command/keys.js'
import type { CommandRow } from '../command/row.js'
import { isHidden } from '../order/pieces/hidden-name.js'
import { notSupported, refused } from '../order/replies.js'
import { error, type Reply } from '../resp/encode.js'
import { argumentOf, type Frame } from '../resp/frame.js'
import { areOfTable } from '../serving/certain.js'
import { wrongWords } from './wrong-words.js'

const places: number[] = []

export const KEY_OF_OURS = error(
  'ERR names that begin with \\0dt:pieces: are those under which this proxy builds values that it copies; the command was not applied',
)

/** Whether a command names a key under which DT builds a value: what it did to that would get into another key. */
export function namesOurs(row: CommandRow, frame: Frame): boolean {
  const { buf, argc, argStart, argEnd } = frame
  for (let i = 1; i < argc; i++) {
    if (buf[argStart[i]] !== 0 || !isHidden(buf, argStart[i], argEnd[i])) continue
    const count = findKeys(row, frame, places)
    if (count <= 0 || places.slice(0, count).includes(i)) return true
  }
  return false
}

/**
 * What is answered to a command for which no keys were found, when it is not certain that every server refuses it: executed on
 * some member it would write there alone, or read what that one has by chance.
 *
 * @param count what `findKeys` gave
 * @param links of all members
 */
export function unclearKeys(row: CommandRow, count: number, links: readonly Link[]): Reply | undefined {
  if (row.learnt && row.replicate !== 'none' && row.plan === undefined)
    return notCertain(row, 'does not find the keys of')
  if (count !== UNCERTAIN_KEYS || areOfTable(links)) return undefined
  return notCertain(row, 'does not know an argument of')
}

/** What is answered to a command that is never served: what is wrong with it, or why it is not. */
export function refusal(row: CommandRow, frame: Frame): Reply {
  const args = Array.from({ length: frame.argc }, (_, i) => argumentOf(frame, i))
  return wrongWords(row.name, args) ?? refused(row)
}

/** What is answered to a command that is not served in any form yet. */
export function unsupported(row: CommandRow): Reply {
  const isOff = row.learnt && row.keyFinder !== 'none' && isModuleWrite(row.flags)
  return notSupported(row, isOff ? '; the setting commands.moduleWrites can allow it, and says what that promises' : '')
}

function notCertain({ name }: CommandRow, what: string): Reply {
  return error(`ERR this proxy ${what} '${name}', so that it is not certain which keys it concerns; it was not applied`)
}
