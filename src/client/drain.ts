import { becomes } from '../base/becomes.js'
import type { Clients } from './clients.js'
import { STOPS } from './stops.js'

/**
 * Lets clients go before the proxy stops. Who has nothing under way is closed at once, the others when they have been answered. Who waits for what may never
 * come is told that it does not; who listens is closed, as by Redis, since many libraries take an answer that they have not
 * asked for to be a mistake of their own. Resolves when all are gone, or the time is over.
 */
export async function drain(clients: Clients, timeoutMs: number): Promise<void> {
  clients.isDraining = true
  for (const client of clients.all()) {
    const { wait } = client.session
    if (wait === undefined) client.finish()
    else void wait.unblock(STOPS).then(() => client.finish())
  }
  await becomes(() => clients.count === 0, timeoutMs)
}
