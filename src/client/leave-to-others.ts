import { error } from '../resp/encode.js'
import type { Server } from './server.js'

/**
 * Another proxy may have gone on, and what it does is not heard here: who listens, waits or has a cache is let go, to come to the one
 * that serves. Who waits is told so; who listens is closed, as when the proxy stops [drain.ts].
 */
export function leaveToOthers({ clients, turn }: Pick<Server, 'clients' | 'turn'>, reason: string): void {
  const lastWord = error(
    `UNBLOCKED ${reason}; nothing has come and nothing was applied: try again on another connection`,
  )
  for (const client of clients.all()) {
    const { wait, subscriber, caching, monitoring } = client.session
    const isTold = subscriber !== undefined || caching !== undefined || monitoring !== undefined
    // Nothing is answered to anybody while it is asked whether the servers are still ours, and they are not reached.
    if (turn.held && (isTold || wait !== undefined || client.queue.owesReply)) client.drop()
    else if (isTold) client.close()
    else if (wait !== undefined) void wait.unblock(lastWord).then(() => client.finish())
  }
}
