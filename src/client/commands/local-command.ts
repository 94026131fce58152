import type { Reply } from '../../resp/encode.js'
import type { Connection } from '../connection.js'

/** The command has answered by itself, or wants no answer. */
export const NO_REPLY = Symbol('no reply')

/**
 * A command that the proxy answers itself. `args` begin with the command's name (and its subcommand's); the arity has
 * been checked. While a promise is open the client's next command waits.
 */
export type LocalCommand = (client: Connection, args: readonly Buffer[]) => Reply | Promise<Reply> | typeof NO_REPLY
