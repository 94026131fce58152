import { isError, type Reply } from '../resp/encode.js'

/** The server is reachable and cannot be used now, for the reason in the message. */
export class HandshakeError extends Error {
  override name = 'HandshakeError'
}

/** Sends one command and gives its reply; rejects when the connection breaks. */
export type Call = (args: readonly string[]) => Promise<Reply>

/**
 * Executes commands one after the other; what other connections send may be executed between them. A server whose memory is
 * full does this, and no transaction: it refuses to keep the commands until EXEC.
 *
 * @throws HandshakeError when the server refuses one of them
 */
export async function inOrder(call: Call, commands: readonly (readonly string[])[]): Promise<readonly Reply[]> {
  const replies = await Promise.all(commands.map((command) => call(command)))
  throwIfRefused(commands, replies)
  return replies
}

/**
 * Executes commands as one, with nothing of other connections between them, and gives their replies.
 *
 * @throws HandshakeError when the server refuses one of them
 */
export async function transaction(call: Call, commands: readonly (readonly string[])[]): Promise<readonly Reply[]> {
  // Emitted in one go, so that nothing else can come between.
  const replies = await Promise.all([['MULTI'], ...commands, ['EXEC']].map((command) => call(command)))
  const results = replies[replies.length - 1]
  throwIfRefused(commands, [...replies, ...(Array.isArray(results) ? results : [])])
  if (!Array.isArray(results)) throw new HandshakeError('EXEC was answered by something unexpected')
  return results
}

function throwIfRefused(commands: readonly (readonly string[])[], replies: readonly Reply[]): void {
  const failed = replies.find((reply) => isError(reply))
  if (failed === undefined || !isError(failed)) return
  const names = commands.map(([first, second]) => `${first} ${second ?? ''}`.trim()).join(', ')
  throw new HandshakeError(`${names}: ${failed.message}`)
}
