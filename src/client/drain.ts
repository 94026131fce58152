import { becomes } from '../base/becomes.js'
import type { Clients } from './clients.js'
import type { Connection } from './connection.js'
import { STOPS } from './stops.js'

/**
 * Lets clients go before the proxy stops. Who has nothing under way is closed at once, the others when they have been answered. Who waits for what may never
 * come is told that it does not; who listens is closed, as by Redis, since many libraries take an answer that they have not
 * asked for to be a mistake of their own. Who is connected to a front stays there. The clients are draining already. Resolves when all are gone, or can be, or the time is over.
 */
export async function drain(clients: Clients, timeoutMs: number): Promise<void> {
  for (const client of clients.all()) {
    const { wait } = client.session
    if (wait === undefined) letGo(client)
    else void wait.unblock(STOPS).then(() => letGo(client))
  }
  await becomes(() => clients.all().every(({ socket }) => socket.isKept?.() === true), timeoutMs)
}

function letGo(client: Connection): void {
  if (client.socket.keep?.() !== true) client.finish()
}
