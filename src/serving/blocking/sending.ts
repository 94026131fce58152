import { keyOfId } from '../../base/key-id.js'
import type { OneRoute } from '../one-route.js'
import type { Line } from './lines.js'
import type { Moves, Putting } from './moves.js'
import type { WaitingClient } from './waiting-client.js'

/** Sends for what a key may hold, for who is first in its line: as the command that does not wait, on this one key. */
export class Sending {
  constructor(
    private readonly oneRoute: OneRoute,
    private readonly moves: Moves,
    private readonly putting: Putting,
  ) {}

  /** False when it cannot be sent for now; else the client is told of what comes of it. */
  send(client: WaitingClient, line: Line): boolean {
    try {
      if (this.putting.isPutBehind(client)) return false
      return client.isSlow ? this.moves.send(client, line) : this.sendToKey(client, line)
    } catch (failure) {
      // Some servers may have been sent it.
      queueMicrotask(() => client.fails(failure as Error, client.mayTake, line))
      queueMicrotask(() => this.oneRoute.order.orderLost())
      return true
    }
  }

  private sendToKey(client: WaitingClient, line: Line): boolean {
    const { command } = client
    const route = this.oneRoute.order.router.routeOf(line.id)
    // Of a stream it has to be known first what is new.
    if ((client.mayTake && !route.writable()) || client.questions > 0) return false
    const slot = client.slotOf(line)
    this.oneRoute.serve(route, command.onKey(keyOfId(line.id).key), command.row, slot, 0)
    slot.isOut = true
    return !slot.isPutOff
  }
}
