import type { Link } from '../backend/link.js'
import { nameOfKind } from '../backend/server-kind.js'
import { isModuleWrite } from '../command/build-row.js'
import { findKeys, hasBlockOption, sortReadsPatterns, UNCERTAIN_KEYS } from '../command/keys.js'
import { isKnownForm } from '../command/options.js'
import type { CommandRow } from '../command/row.js'
import { isHidden } from '../order/pieces/hidden-name.js'
import { notSupported } from '../order/replies.js'
import { error, type Reply } from '../resp/encode.js'
import type { Frame } from '../resp/frame.js'

/**
 * Commands that are served in some of their forms only. What is refused here would block the link.
 *
 * @returns what to tell the user behind `is not supported yet by this proxy`, or undefined when it can be served
 */
export function refusedForm(row: CommandRow, frame: Frame): string | undefined {
  return row.keyFinder === 'streams' && hasBlockOption(frame) ? ' with BLOCK' : undefined
}

/** The same of forms that are served, but not between MULTI and EXEC: they read keys that are not named. */
export function refusedInTransaction(row: CommandRow, frame: Frame): string | undefined {
  return row.gather === 'sort' && sortReadsPatterns(frame) ? ' with BY or GET patterns' : undefined
}

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

/** The version of which the table was made: it has no words that the table does not know. */
const TABLE_VERSION = /^Redis 7\.0\./

/**
 * What is answered to a command for which no keys were found, when it is not certain that every server refuses it: executed on
 * some member it would write there alone, or read what that one has by chance.
 *
 * @param count what `findKeys` gave
 * @param links of all members
 */
export function unclearKeys(row: CommandRow, count: number, links: readonly Link[]): Reply | undefined {
  if (row.learnt && row.replicate !== 'none') return notCertain(row, 'does not find the keys of')
  if (count !== UNCERTAIN_KEYS || areOfTable(links)) return undefined
  return notCertain(row, 'does not know an argument of')
}

/** Whether it is certain what a command reads and writes: the table knows its words, or all servers refuse what it does not know. */
export function isCertain(row: CommandRow, frame: Frame, links: readonly Link[]): boolean {
  return isKnownForm(row, frame) || areOfTable(links)
}

function areOfTable(links: readonly Link[]): boolean {
  return links.every(({ info }) => info !== undefined && TABLE_VERSION.test(nameOfKind(info.kind)))
}

/** What is answered to a command that is not served in any form. */
export function unsupported(row: CommandRow): Reply {
  const isOff = row.learnt && row.keyFinder !== 'none' && isModuleWrite(row.flags)
  return notSupported(row, isOff ? '; the setting commands.moduleWrites can allow it, and says what that promises' : '')
}

function notCertain({ name }: CommandRow, what: string): Reply {
  return error(`ERR this proxy ${what} '${name}', so that it is not certain which keys it concerns; it was not applied`)
}
