import type { Reply } from '../../resp/encode.js'
import type { Connection } from '../connection.js'
import type { Server } from '../server.js'

/** The command has answered by itself, or wants no answer. */
export const NO_REPLY = Symbol('no reply')

/**
 * A command that the proxy answers itself. `args` begin with the command's name (and its subcommand's); the arity has
 * been checked. Of the server it asks for the parts that it needs. While a promise is open the client's next command waits.
 */
export type LocalCommand = (
  client: Connection,
  args: readonly Buffer[],
  server: Server,
) => Reply | Promise<Reply> | typeof NO_REPLY
