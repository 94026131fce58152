import { approximateAt, endOfOptions, isOption, type Options } from '../command/options.js'
import type { CommandRow } from '../command/row.js'
import { compareIds } from '../order/pieces/stream-ids.js'
import { elementsOf, textOf } from '../resp/decode.js'
import { encodeReply, isError, type Reply } from '../resp/encode.js'
import { argumentOf, argumentsOf, type Frame, frameOf } from '../resp/frame.js'

const STAR = 0x2a
const PLAIN_ID = /^\d{1,20}(-\d{1,20})?$/

/** What the backups get, and what each of them answers that is equal to the master: what that has answered, if nothing else. */
export interface Effect {
  readonly frame: Frame
  readonly answer?: Buffer
}

/**
 * What the backups get of a command for which the master chose a value [design §7 master first; redis-facts How writes
 * replicate]: nothing when the master changed nothing.
 *
 * @param reply what the master answered
 * @param left what it answered to `questionBehind`, if there is one
 */
export function effectOf(row: CommandRow, frame: Frame, reply: Reply, left?: Reply): Effect | undefined {
  if (changedNothing(reply)) return undefined
  switch (row.choice) {
    case 'members':
      return spopEffect(frame, reply)
    case 'id':
      return { frame: streamEffect(row, frame, left, reply as Buffer) }
    case 'trim':
      return { frame: streamEffect(row, frame, left) }
    case 'claimed':
      return claimEffect(frame, reply)
    default:
      throw new Error(`there is no effect for ${row.name}`)
  }
}

/** Whether the reply alone tells that the command has no effect. */
export function changedNothing(reply: Reply): boolean {
  return isError(reply) || reply === null || reply === 0
}

/**
 * Whether the command leaves a choice to the server; if not it can be applied as it is.
 *
 * @param copies on how many servers: a single one may trim as it likes
 */
export function serverChooses(row: CommandRow, frame: Frame, copies: number): boolean {
  if (row.choice === 'members' || row.choice === 'claimed') return true
  if (copies > 1 && approximateAt(row, frame) >= 0) return true
  if (row.choice !== 'id') return false
  const id = xaddIdIndex(row, frame)
  return id < frame.argc && frame.argEnd[id] - frame.argStart[id] === 1 && frame.buf[frame.argStart[id]] === STAR
}

/**
 * What the master has to be asked right behind the command, because its reply does not tell what it has chosen: where a stream
 * begins, or how long it is, that was trimmed approximately [redis-facts How writes replicate].
 */
export function questionBehind(row: CommandRow, frame: Frame): Frame | undefined {
  const sign = approximateAt(row, frame)
  if (sign < 0) return undefined
  const key = argumentOf(frame, 1)
  return isByLength(frame, sign) ? frameOf(['XLEN', key]) : frameOf(['XRANGE', key, '-', '+', 'COUNT', '1'])
}

/** SPOP key [count] → SREM key of the members that were popped [Redis t_set.c spopCommand]. */
function spopEffect(frame: Frame, reply: Reply): Effect | undefined {
  const members = Buffer.isBuffer(reply) ? [reply] : itemsOf(reply)
  if (members.length === 0) return undefined
  return { frame: frameOf(['SREM', argumentOf(frame, 1), ...members]), answer: encodeReply(members.length, 3) }
}

/** More than anything can have been idle. */
const NEVER = String(Number.MAX_SAFE_INTEGER)

/**
 * XAUTOCLAIM key group consumer min-idle-time start [COUNT n] [JUSTID] → XCLAIM of what was claimed, however idle it is there, with what
 * was dropped because its entry is gone, which XCLAIM drops, too. Where there is nothing the others look through the same, and find
 * nothing either: some versions make the consumer then [Redis t_stream.c xautoclaimCommand].
 */
function claimEffect(frame: Frame, reply: Reply): Effect {
  const [, claimed, dropped] = (reply as Reply[]).map((part) => elementsOf(part) ?? [])
  const [, key, group, consumer, , ...rest] = argumentsOf(frame)
  if (claimed.length + dropped.length === 0) {
    return { frame: frameOf(['XAUTOCLAIM', key, group, consumer, NEVER, ...rest]), answer: encodeReply(reply, 3) }
  }
  const isJustIds = rest.some((_, i) => i > 0 && isOption(frame, i + 5, 'justid'))
  const idOf = (entry: Reply) => (isJustIds ? entry : (entry as Reply[])[0]) as Buffer
  const ids = [...claimed.map(idOf), ...(dropped as Buffer[])]
  const words = ['XCLAIM', key, group, consumer, '0', ...ids, ...(isJustIds ? ['JUSTID'] : [])]
  return { frame: frameOf(words), answer: encodeReply(claimed, 3) }
}

function itemsOf(reply: Reply): Buffer[] {
  if (Array.isArray(reply)) return reply as Buffer[]
  if (typeof reply === 'object' && reply !== null && 'items' in reply) return reply.items as Buffer[]
  return []
}

/**
 * XADD and XTRIM key … → the same with the id of the reply, and with an exact trim for an approximate one. A LIMIT has had its
 * effect.
 */
function streamEffect(row: CommandRow, frame: Frame, left: Reply | undefined, id?: Buffer): Frame {
  const { from } = row.options as Options
  const sign = approximateAt(row, frame)
  const end = xaddIdIndex(row, frame)
  const args: (Buffer | string)[] = []
  for (let i = 0; i < frame.argc; i++) {
    if (i === end && id !== undefined) args.push(id)
    else if (sign < 0) args.push(argumentOf(frame, i))
    else if (i === sign) args.push('=', boundOf(frame, i++, left!))
    else if (i >= from && i < end && isOption(frame, i, 'limit')) i++
    else args.push(argumentOf(frame, i))
  }
  return frameOf(args)
}

/**
 * The bound that makes an exact trim remove on an equal replica what the approximate one has removed: always the oldest entries.
 * Never more than the client allows: a master that has lost entries must not take them from the others, too.
 *
 *     MAXLEN ~ n   keeps n or more, or all of fewer:                         as many as there are now, but n at least
 *     MINID ~ id   keeps all from id on, and perhaps some right before it:   the first one now, but id at most
 */
function boundOf(frame: Frame, sign: number, left: Reply): Buffer | string {
  const asked = argumentOf(frame, sign + 1)
  const text = asked.toString('latin1')
  if (isByLength(frame, sign)) return Number(text) > Number(left) ? asked : String(left)
  const first = firstId(left)
  if (first === undefined) return asked
  // In an unusual spelling that Redis takes it is left to the master alone.
  const isBehind = PLAIN_ID.test(text) && compareIds(first, text.includes('-') ? text : `${text}-0`) > 0
  return isBehind ? asked : first
}

/** The id of the first entry of a reply to XRANGE. */
function firstId(entries: Reply): string | undefined {
  const [entry = null] = elementsOf(entries) ?? []
  return textOf(elementsOf(entry)?.[0] ?? null)
}

function isByLength(frame: Frame, sign: number): boolean {
  return isOption(frame, sign - 1, 'maxlen')
}

/** Where the id of an XADD stands: behind its options [Redis t_stream.c streamParseAddOrTrimArgsOrReply]. */
function xaddIdIndex(row: CommandRow, frame: Frame): number {
  return endOfOptions(row, row.options as Options, frame)
}
