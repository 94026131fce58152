import type { KeyId } from '../../base/key-id.js'
import type { CommandRow } from '../../command/row.js'
import { DatabaseChange } from '../../order/database-change.js'
import type { Claim } from '../../order/gates.js'
import type { Order } from '../../order/order.js'
import type { Frame } from '../../resp/frame.js'
import { parseRequest } from '../../resp/request-parser.js'
import type { Scripts } from '../script/scripts.js'
import { namesOthers, type Plan, planOf, type QueuedCommand } from './plan.js'
import type { Ways } from './ways.js'

/** So many commands are looked at first to find where a part ends. */
const PART_COMMANDS = 16

/**
 * Some commands of a transaction, from the number `from` up to `to`: a part that leaves in one turn, or a step, which is one that takes
 * turns of its own, or one that the proxy executes when the others have been.
 */
export interface Section {
  readonly from: number
  readonly to: number
  /** Of a part. */
  readonly plan: Plan | undefined
  readonly isLater: boolean
}

/** Whether something is written by one of these commands. */
export function writes(commands: readonly QueuedCommand[]): boolean {
  return commands.some(({ row, reply }) => reply === undefined && row.replicate !== 'none')
}

/** Done when the others have been executed. */
function isLater({ reply }: QueuedCommand): boolean {
  return typeof reply === 'function'
}

/** What begins with command `from`, for the moment: other views have other replica sets. */
export function sectionAt(order: Order, commands: readonly QueuedCommand[], from: number): Section {
  if (isLater(commands[from])) return { from, to: from + 1, plan: undefined, isLater: true }
  // Not all that is left: there may be thousands of sections.
  for (let count = PART_COMMANDS; ; count *= 2) {
    const rest = commands.slice(from, from + count)
    const later = rest.findIndex(isLater)
    const plan = planOf(order, later < 0 ? rest : rest.slice(0, later))
    if (plan.step === 0) return { from, to: from + 1, plan: undefined, isLater: false }
    if (plan.step === undefined && later < 0 && from + count < commands.length) continue
    return { from, to: from + (plan.step ?? (later < 0 ? rest.length : later)), plan, isLater: false }
  }
}

/** All sections, for the moment. */
export function sectionsOf(order: Order, commands: readonly QueuedCommand[]): Section[] {
  const sections: Section[] = []
  for (let from = 0; from < commands.length; from = sections.at(-1)!.to) sections.push(sectionAt(order, commands, from))
  return sections
}

/** Whether a command may touch keys that stand nowhere in it. */
function mayNameAny(scripts: Scripts, frame: Frame, row: CommandRow): boolean {
  if (row.route === 'function') return row.script === 'call'
  if (row.route === 'script') return !scripts.staysInside(frame, row)
  return namesOthers(row, frame)
}

/** What a transaction in steps needs for itself: all its keys, and whole databases where a command looks at these, or may name any key. */
export function claimOf(
  { order, scripts }: Ways,
  commands: readonly QueuedCommand[],
  watched: readonly KeyId[],
): Claim {
  const ids: KeyId[] = [...watched]
  const concerned: ((db: number) => boolean)[] = []
  for (const { frame, row, db, reply } of commands) {
    if (reply !== undefined) continue
    const isOfAll = row.route === 'members' && row.keyFinder !== 'range'
    if (isOfAll && row.replicate !== 'none') {
      const change = new DatabaseChange(row, parseRequest(frame), db)
      concerned.push((each) => change.concerns(each))
    } else if (isOfAll || mayNameAny(scripts, frame, row)) concerned.push((each) => each === db)
    if (!isOfAll) for (const id of order.keyIds(row, frame, db)) ids.push(id)
  }
  const claim = { ids, isShared: !writes(commands) }
  return concerned.length === 0 ? claim : { ...claim, isOfDatabase: (db) => concerned.some((concerns) => concerns(db)) }
}
