import type { CommandRow } from '../command/row.js'
import { error, type Reply } from '../resp/encode.js'
import { argumentOf, type Frame } from '../resp/frame.js'

/** What a client may send that speaks RESP2 and listens: other replies might be taken for messages [Redis server.c processCommand]. */
const ALLOWED: ReadonlySet<string> = new Set([
  'subscribe',
  'psubscribe',
  'ssubscribe',
  'unsubscribe',
  'punsubscribe',
  'sunsubscribe',
  'ping',
  'quit',
  'reset',
])

/** What is answered to a command of a client that is subscribed; undefined when it is served as always. */
export function whileSubscribed(row: CommandRow, frame: Frame): Reply | undefined {
  if (!ALLOWED.has(row.name)) {
    return error(
      `ERR Can't execute '${row.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
    )
  }
  // A reply in the form of a message.
  return row.name === 'ping' && frame.argc <= 2
    ? ['pong', frame.argc === 2 ? Buffer.from(argumentOf(frame, 1)) : '']
    : undefined
}
