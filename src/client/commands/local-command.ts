import type { Reply } from '../../resp/encode.js'
import type { Connection } from '../connection.js'

/** The command has answered by itself, or wants no answer. */
export const NO_REPLY = Symbol('no reply')

/**
 * A command that the proxy answers itself. `args` begin with the command's name (and its subcommand's); the arity has
 * been checked. `Parts` are what it needs of the server, and all that it is shown. While a promise is open the client's next command waits.
 */
export type LocalCommand<Parts> = (
  client: Connection,
  args: readonly Buffer[],
  server: Parts,
) => Reply | Promise<Reply> | typeof NO_REPLY

/** The reply to a command that ends the connection of who has sent it: in EXEC it is an element, and the end comes behind them all. */
export function lastReply(client: Connection, reply: Reply): Reply | typeof NO_REPLY {
  const { transaction } = client.session
  if (transaction === undefined) {
    client.replyAndEnd(reply)
    return NO_REPLY
  }
  transaction.endsClient = true
  return reply
}
