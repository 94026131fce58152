import type { Order } from '../../order/order.js'
import { answer } from '../../order/replies.js'
import { isError } from '../../resp/encode.js'
import type { Line } from './lines.js'
import { PlannedWait } from './planned-wait.js'
import type { ShutKeys } from './shut-keys.js'
import type { Came, WaitingClient } from './waiting-client.js'

/** Who looks after those for whom elements are moved. */
export interface Putting {
  /** Whether a read that its client had sent before was lost meanwhile, and comes first: then it is tried again behind that. */
  isPutBehind(client: WaitingClient): boolean
  /** What it was sent for was not answered, or has not left. */
  came(client: WaitingClient, line: Line, came: Came): void
  /** It has an element less to give than was thought: the destination was taken all the time, or there is no server for it. */
  notMoved(line: Line): void
}

/**
 * Moves elements from server to server, or to where somebody waits, for those in lines that are shut [design §7 Waiting]: one after
 * the other, since two that move in opposite directions need the same keys.
 */
export class Moves {
  private last: Promise<void> = Promise.resolve()

  constructor(
    private readonly order: Order,
    private readonly shutKeys: ShutKeys,
    private readonly putting: Putting,
  ) {}

  /** Sends for an element for this client, when those before it have theirs: that can always be. */
  send(client: WaitingClient, line: Line): boolean {
    const toIsShut = new Promise<boolean>((resolve) => this.shutKeys.shut(client.command.ids.at(-1)!, resolve))
    client.isQueued = true
    this.last = this.last.then(() => this.move(client, line, toIsShut))
    return true
  }

  private async move(client: WaitingClient, line: Line, toIsShut: Promise<boolean>): Promise<void> {
    const { order, putting } = this
    const { frame, row, ids } = client.command
    const slot = client.slotOf(line)
    slot.isOut = true
    try {
      if (!(await toIsShut)) {
        if (client.leaves()) answer(slot, order.stillGated())
        putting.notMoved(line)
        return
      }
      try {
        if (!client.leaves()) return
        if (putting.isPutBehind(client)) {
          putting.came(client, line, 'not tried')
          return
        }
        const plan = new PlannedWait(order, frame, row, slot, client)
        const barrier = plan.barrier()
        if (barrier !== undefined && isError(barrier)) {
          // Nothing can be moved there: the element is for the next one in line.
          client.answerGone(barrier)
          putting.came(client, line, 'something')
          putting.notMoved(line)
          return
        }
        const attempt = barrier === undefined ? await plan.attemptNow() : 'wait'
        if (typeof attempt === 'object' && 'reply' in attempt) answer(slot, attempt.reply)
        else answer(slot, order.unavailable())
      } finally {
        this.shutKeys.open(ids[ids.length - 1])
      }
    } catch (failure) {
      slot.fail(failure as Error, true)
      order.orderLost()
    }
  }
}
