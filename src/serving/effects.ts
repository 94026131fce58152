import { endOfOptions, type Options } from '../command/options.js'
import type { CommandRow } from '../command/row.js'
import { isError, type Reply } from '../resp/encode.js'
import { type Frame, frameOf } from '../resp/frame.js'

/**
 * What the backups get of a command for which the master chose a value [design §7 master first; redis-facts How writes
 * replicate]: nothing when the master changed nothing.
 *
 * @param reply what the master answered
 */
export function effectOf(row: CommandRow, frame: Frame, reply: Reply): Frame | undefined {
  if (isError(reply) || reply === null) return undefined
  switch (row.name) {
    case 'spop':
      return spopEffect(frame, reply)
    case 'xadd':
      return xaddEffect(row, frame, reply as Buffer)
    default:
      throw new Error(`there is no effect for ${row.name}`)
  }
}

/** Whether the command leaves a choice to the server; if not it can be applied as it is. */
export function serverChooses(row: CommandRow, frame: Frame): boolean {
  if (row.name !== 'xadd') return true
  const id = xaddIdIndex(row, frame)
  return id < frame.argc && frame.argEnd[id] - frame.argStart[id] === 1 && frame.buf[frame.argStart[id]] === 0x2a
}

/** SPOP key [count] → SREM key of the members that were popped [Redis t_set.c spopCommand]. */
function spopEffect(frame: Frame, reply: Reply): Frame | undefined {
  const members = Buffer.isBuffer(reply) ? [reply] : itemsOf(reply)
  return members.length === 0 ? undefined : frameOf(['SREM', argument(frame, 1), ...members])
}

function itemsOf(reply: Reply): Buffer[] {
  if (Array.isArray(reply)) return reply as Buffer[]
  if (typeof reply === 'object' && reply !== null && 'items' in reply) return reply.items as Buffer[]
  return []
}

/** XADD key … * … → the same with the id of the reply. */
function xaddEffect(row: CommandRow, frame: Frame, id: Buffer): Frame {
  const at = xaddIdIndex(row, frame)
  return frameOf(Array.from({ length: frame.argc }, (_, i) => (i === at ? id : argument(frame, i))))
}

/** Where the id of an XADD stands: behind its options [Redis t_stream.c streamParseAddOrTrimArgsOrReply]. */
function xaddIdIndex(row: CommandRow, frame: Frame): number {
  return endOfOptions(row, row.options as Options, frame)
}

function argument(frame: Frame, i: number): Buffer {
  return frame.buf.subarray(frame.argStart[i], frame.argEnd[i])
}
