import type { Link } from '../backend/link.js'
import { nameOfKind } from '../backend/server-kind.js'
import { isKnownForm } from '../command/options.js'
import type { CommandRow } from '../command/row.js'
import type { Frame } from '../resp/frame.js'

/** The version of which the table was made: it has no words that the table does not know. */
const TABLE_VERSION = /^Redis 7\.0\./

/** Whether it is certain what a command reads and writes: the table knows its words, or all servers refuse what it does not know. */
export function isCertain(row: CommandRow, frame: Frame, links: readonly Link[]): boolean {
  return isKnownForm(row, frame) || areOfTable(links)
}

export function areOfTable(links: readonly Link[]): boolean {
  return links.every(isOfTable)
}

/** Whether a member is of that version, so that no command may have more than the table says. */
export function isAnyOfTable(links: readonly Link[]): boolean {
  return links.some(isOfTable)
}

function isOfTable({ info }: Link): boolean {
  return info !== undefined && TABLE_VERSION.test(nameOfKind(info.kind))
}
