import { hasBlockOption } from '../../command/keys.js'
import type { CommandRow } from '../../command/row.js'
import type { Frame } from '../../resp/frame.js'
import { blockedCommandOf, isBlocked } from './blocked-command.js'
import { withoutBlock } from './blocked-streams.js'

const FOR_EVER = Number.POSITIVE_INFINITY

/** Whether a command waits for what may never come, if nothing is there. */
export function mayWait(row: CommandRow, frame: Frame): boolean {
  return row.waits !== undefined || (row.keyFinder === 'streams' && hasBlockOption(frame))
}

/** How long a command lets itself be made to wait, in ms: infinite when it says nothing of that. */
export function ownTimeoutMs(row: CommandRow, frame: Frame, db: number): number {
  if (row.waits !== undefined) {
    const command = blockedCommandOf(row, frame, db)
    return (isBlocked(command) && command.timeoutMs) || FOR_EVER
  }
  if (!mayWait(row, frame)) return FOR_EVER
  const { timeoutMs } = withoutBlock(frame)
  return (typeof timeoutMs === 'number' && timeoutMs) || FOR_EVER
}
