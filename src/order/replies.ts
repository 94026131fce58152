import type { Link } from '../backend/link.js'
import { AssertionError } from '../base/assert.js'
import type { CommandRow } from '../command/row.js'
import { type ErrorReply, encodeReply, error, NULL_BULK, type Reply } from '../resp/encode.js'
import { HAS_RESP3, IS_ERROR, OWNED } from '../resp/reply-framer.js'
import type { Shape } from '../resp/resp3-to-resp2.js'
import { toResp2 } from '../resp/resp3-to-resp2.js'
import type { ReplySlot } from './reply-slot.js'

const MINUS = 0x2d

const UNDERSCORE = 0x5f

/** Hands a backend's reply to the client, converted when it speaks RESP2 and the reply would look different there. */
export function deliver(slot: ReplySlot, shape: Shape, buf: Buffer, start: number, end: number, flags: number): void {
  try {
    convert(slot, shape, buf, start, end, flags)
  } catch (failure) {
    if (failure instanceof AssertionError) throw failure
    slot.fail(failure as Error, false)
  }
}

function convert(slot: ReplySlot, shape: Shape, buf: Buffer, start: number, end: number, flags: number): void {
  if (slot.proto === 3 || ((flags & HAS_RESP3) === 0 && shape === 'generic')) {
    slot.finish(buf, start, end, (flags & OWNED) !== 0)
  } else if (buf[start] === UNDERSCORE && shape === 'generic') {
    slot.finish(NULL_BULK, 0, NULL_BULK.length, true)
  } else {
    const converted = toResp2(buf, start, end, shape)
    slot.finish(converted, 0, converted.length, (flags & OWNED) !== 0 || converted.buffer !== buf.buffer)
  }
}

const READONLY = Buffer.from('-READONLY ')

/**
 * Whether a server refused a write because somebody has made a replica of it. It has not executed it, and is no member any
 * more: for the write that is as if the connection had broken.
 */
export function isOfReplica(link: Link, buf: Buffer, start: number, flags: number): boolean {
  if ((flags & IS_ERROR) === 0 || buf.compare(READONLY, 0, READONLY.length, start, start + READONLY.length) !== 0) {
    return false
  }
  // When this reply has been handed over: others may have come with it.
  queueMicrotask(() => {
    if (link.ready) link.reset('it refuses writes because it is a replica; a member must be a master')
  })
  return true
}

/** Answers with a value of our own. */
export function answer(slot: ReplySlot, reply: Reply): void {
  const bytes = encodeReply(reply, slot.proto)
  slot.finish(bytes, 0, bytes.length, true)
}

/** The same with one that comes later; the client waits. */
export function answerLater(slot: ReplySlot, reply: Promise<Reply>): void {
  slot.pauseClient()
  reply.then(
    (value) => answer(slot, value),
    (failure: Error) => slot.fail(failure, false),
  )
}

/** `-ERR '<command>' is not supported yet by this proxy`, and what the user can do instead where there is something. */
export function notSupported(row: CommandRow, hint = ''): Reply {
  return error(`ERR '${row.name}' is not supported yet by this proxy${hint}`)
}

/** What is answered to a command that is never served, or not in this form: the table has the reason. */
export function refused({ name, note }: CommandRow): ErrorReply {
  return error(`ERR '${name}' is refused by this proxy: ${note}; nothing was done`)
}

/** What errors say of a command that was not emitted to anybody. */
export const NOT_APPLIED = 'the command was not applied'
/** How the error begins of a write that somebody may have executed, and somebody else not. */
export const OUTCOME_UNKNOWN = 'ERR the outcome of this write is unknown'

/** Whether an encoded reply says that. */
export function isUnknownOutcome(buf: Buffer, start: number): boolean {
  return (
    buf[start] === MINUS && buf.toString('latin1', start + 1, start + 1 + OUTCOME_UNKNOWN.length) === OUTCOME_UNKNOWN
  )
}

/** An exception that nobody expects. Of a write that may have been emitted it is not known what became of it. */
export function internalError(failure: Error, isWrite: boolean): ErrorReply {
  const what = `internal error of the proxy: ${failure.message}`
  return error(isWrite ? `${OUTCOME_UNKNOWN}: ${what}; read the key before you send the write again` : `ERR ${what}`)
}

/** What a step of an operation gets instead of waiting for a server: nobody else sees it, and nothing was emitted. */
export const MUST_WAIT = Buffer.from('-TRYAGAIN\r\n')

/** No server of the range came back in time [design §2 G4]; nothing was emitted. `away`: the members that are not there now. */
export function unavailable(waitedMs: number, away: readonly string[]): Reply {
  const who = away.length === 0 ? '' : ` (away: ${away.join(', ')})`
  return error(
    `CLUSTERDOWN a server that holds this key is not reachable and was waited for ${waitedMs} ms${who}; ${NOT_APPLIED}, try again`,
  )
}

/** Others have one of its keys still [gates.ts]; nothing was emitted. */
export function stillGated(waitedMs: number): Reply {
  return error(
    `TRYAGAIN it has waited for ${waitedMs} ms, at the end for other commands that have one of its keys; ${NOT_APPLIED}, try again`,
  )
}

/**
 * Everybody who holds the range is down by the quorum's word, was removed, or came back without its data; waiting would be
 * in vain.
 *
 * @param holders who has the data, as far as is known
 * @param wasRemoved whether the Sentinels were told to forget a holder
 * @param epoch of the view in use: what a start of the proxy has to be told to go on without them
 */
export function rangeGone(holders: readonly string[], wasRemoved: (name: string) => boolean, epoch: number): Reply {
  return gone('this key', 'the key is', holders.join(' or '), holders.filter(wasRemoved), holders.length, epoch)
}

/** The same for a command on all keys. */
export function someRangeGone(holders: readonly string[], wasRemoved: (name: string) => boolean, epoch: number): Reply {
  return gone('some of the keys', 'the keys are', holders.join(', '), holders.filter(wasRemoved), holders.length, epoch)
}

function gone(
  what: string,
  isBack: string,
  who: string,
  removed: readonly string[],
  holders: number,
  epoch: number,
): Reply {
  const names = removed.join(', ')
  const how = removed.length === 0 ? 'are down' : removed.length < holders ? 'are down or removed' : 'were removed'
  const removal =
    removed.length === 0
      ? ''
      : `; the Sentinels were told to forget ${names} before the data had moved: dt add ${removed.length > 1 ? 'brings them' : 'brings it'} back`
  return error(
    `CLUSTERDOWN all servers that hold ${what} ${how}${removal}; ` +
      `${NOT_APPLIED}, ${isBack} back when ${who} is, with its data; ` +
      `if that is lost, restart the proxy with --accept-epoch ${epoch} to go on without it`,
  )
}

const UNANSWERED = 'ERR the read was not answered: '

function unanswered(cause: string): ErrorReply {
  return error(`${UNANSWERED}${cause}`)
}

/**
 * What is answered to a write that reads first, when that read was not answered: it has not begun to write then, and its client has
 * sent no read. Undefined when the error says something else.
 */
export function withoutItsRead({ message }: ErrorReply): ErrorReply | undefined {
  if (!message.startsWith(UNANSWERED)) return undefined
  // Behind the cause stands what to do about a read.
  const [cause] = message.slice(UNANSWERED.length).split(';')
  return error(
    `ERR what the command has to read first was not answered: ${cause}; ${NOT_APPLIED}, send it again if it is not one that takes long`,
  )
}

/** A read and a write of keys with the same name or {tag} by one connection, of which the read got no answer and the write is under way. */
export const READ_OVERTAKEN = unanswered(
  'the connection to its server broke, and a later write to the same key or {tag}, or to all keys, was sent behind it; send the read again',
)

/** The read that a server was asked first, and that it had not answered when it was declared down or its connection broke. */
export const READ_STUCK = unanswered(
  'its server was silent, perhaps because of it, until the connection broke; nobody else was asked, send the read again if it is not one that takes long',
)

/** A read behind which its client was served by others than before: they may have told it less than the read would find now. */
export const READ_LEFT_BEHIND = unanswered(
  'the connection to its server broke, and other servers have served commands that were sent behind it; send the read again',
)

/** A read of a server that turned out to lack a write of the key, behind which its client has sent other commands. */
export const READ_UNCERTAIN = unanswered(
  'its server turned out to be without a write of the key, and other commands were sent behind it; send the read again',
)

/** A read of keys on several servers, of which one server gave no answer, and behind which its client has written. */
export const READ_TORN = unanswered(
  'one of its servers gave no answer, so that all of it would have to be read again, and a later write of the same connection was sent behind it; send the read again',
)

/** What it says was written while the view could not be noted, and a start might take it back [design §8 Views and markers]. */
export const READ_UNMARKED = unanswered(
  'what it found is not acknowledged, because the new view of the ring could not be noted in time (the log says why); send the read again',
)

/** The write was emitted and a member's answer will never come [design §2 G5]. */
export function outcomeUnknown(members: readonly string[], full: readonly string[] = []): Reply {
  const cause =
    full.length > 0
      ? `${full.join(', ')} has no memory left and refused it, the other servers of this key have it`
      : members.length > 0
        ? `the connection to ${members.join(', ')} broke before the answer, or it refused the write, or it was not made equal to the others in time`
        : 'the new view of the ring could not be noted where the next start would look for it (the log says why)'
  return error(`${OUTCOME_UNKNOWN}: ${cause}; read the key before you send the write again`)
}
