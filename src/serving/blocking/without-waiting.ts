import { hasBlockOption } from '../../command/keys.js'
import { encodeReply } from '../../resp/encode.js'
import type { QueuedCommand } from '../transaction/plan.js'
import { blockedCommandOf, isBlocked } from './blocked-command.js'
import { plainForm, withoutBlock } from './blocked-streams.js'
import { flattened } from './flat.js'

const STAR = 0x2a
const MINUS = 0x2d

/** Between MULTI and EXEC nothing waits: the command that does the same at once, which no server can take for one that waits. */
export function withoutWaiting(queued: QueuedCommand): QueuedCommand {
  const { frame, row, db, proto } = queued
  if (row.keyFinder === 'streams' && hasBlockOption(frame)) {
    const { timeoutMs } = withoutBlock(frame)
    return typeof timeoutMs === 'number' || timeoutMs === undefined
      ? { ...queued, frame: plainForm(row, frame) }
      : { ...queued, reply: encodeReply(timeoutMs, proto) }
  }
  if (row.waits === undefined) return queued
  const command = blockedCommandOf(row, frame, db)
  if (!isBlocked(command)) return { ...queued, reply: encodeReply(command, proto) }
  return { ...queued, frame: command.frame, row: command.row, reshape: command.isFlat ? flatReply : undefined }
}

/** The reply of LMPOP or ZMPOP as that of the command that waits. */
function flatReply(reply: Buffer): Buffer {
  return reply[0] === STAR && reply[1] !== MINUS ? flattened(reply, 0, reply.length) : reply
}
