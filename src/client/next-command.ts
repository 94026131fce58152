import { rowOf } from '../command/table.js'
import type { Frame } from '../resp/frame.js'
import { askedBy } from './asked.js'
import { NORMAL } from './client-state.js'
import type { Connection } from './connection.js'
import type { Server } from './server.js'

/** What of the server is touched here. */
type Needs = Pick<Server, 'clients' | 'order' | 'coordinator' | 'pause' | 'monitors'>

/**
 * Whether the next command of a client may be served, where that depends on what it is: while a reply may be large [reply-budget.ts], and
 * while scripts are under way that may be followed by scripts, and by nothing else [trains.ts].
 */
export function mayBeNext(server: Needs, client: Connection, frame: Frame): boolean {
  const { queue } = client
  if (queue.pausing > 0) return queue.expectedBytes === 0 && mayFollow(server, client, frame)
  return queue.mayAsk(client, askedBy(server, client, frame), client.pendingBytes)
}

/** What is pushed to a client has its place behind one command that is under way, so one who listens waits for each. */
function mayFollow({ coordinator, pause, monitors }: Needs, { queue, session }: Connection, frame: Frame): boolean {
  if (session.state !== NORMAL || session.subscriber !== undefined || session.caching !== undefined) return false
  if (!session.authenticated || !session.user.mayAll || pause.any || monitors.any) return false
  const row = rowOf(frame)
  return row?.script !== undefined && coordinator.scripts.mayFollow(queue, frame, row)
}
