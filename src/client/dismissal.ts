import { encodeReply, error } from '../resp/encode.js'
import type { Connection } from './connection.js'

/** How a message begins that nobody has asked for. */
const PUSH = 0x3e

/**
 * Nothing of what clients were to hear may leave any more: another proxy may have changed it since. Who waits for replies hears that instead
 * of the first one, and gets no others.
 */
export function dismiss(clients: readonly Connection[], reason: string): void {
  const lastWords = encodeReply(
    error(
      `ERR the outcome of this command, and of those that were sent behind it, is unknown: ${reason}; this proxy ends`,
    ),
    2,
  )
  for (const client of clients) {
    if (waitsForReply(client)) client.socket.end(lastWords).destroySoon()
    // The front of one that waits for nothing keeps it for the next owner.
    else if (client.socket.keep === undefined) client.drop()
  }
}

function waitsForReply({ queue, outbox, session }: Connection): boolean {
  if (queue.owesReply) return true
  // What has come since nothing leaves any more: of who listens it may be a message.
  const { firstKept } = outbox
  const isListening = session.subscriber !== undefined || session.monitoring !== undefined
  return firstKept !== undefined && firstKept !== PUSH && !isListening
}
