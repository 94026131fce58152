import type { CommandRow } from '../command/row.js'
import { encodeReply, error, type Reply } from '../resp/encode.js'
import { argumentOf, type Frame } from '../resp/frame.js'
import { aborted } from '../serving/transaction/refusal.js'
import type { Session } from './session.js'

/** What is answered to a command of a client that is subscribed; undefined when it is served as always [Redis server.c processCommand]. */
export function whileSubscribed(row: CommandRow, frame: Frame): Reply | undefined {
  if (row.whileListening === undefined) {
    const cause = `Can't execute '${row.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`
    // As Redis answers any EXEC that it refuses itself, though there is no transaction here.
    return row.behindMulti === 'executes' ? aborted(cause) : error(`ERR ${cause}`)
  }
  return row.whileListening === 'as a message' && frame.argc <= 2 ? pong(frame) : undefined
}

/** PING between MULTI and EXEC, in RESP2: only in its turn it is known whether its client listens then. */
export function pingInExec(session: Session, frame: Frame, otherwise: Buffer): Buffer | (() => Buffer) {
  if (session.proto === 3 || frame.argc > 2) return otherwise
  return () => (session.subscriber === undefined ? otherwise : encodeReply(pong(frame), 2))
}

/** The reply to PING in the form of a message. */
function pong(frame: Frame): Reply {
  return ['pong', frame.argc === 2 ? Buffer.from(argumentOf(frame, 1)) : '']
}
