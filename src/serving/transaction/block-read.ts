import type { Link } from '../../backend/link.js'
import type { ReplySink } from '../../backend/reply-sink.js'
import { replyShape } from '../../command/table.js'
import type { Order } from '../../order/order.js'
import { deliver } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import type { Piece } from './plan.js'
import type { Results } from './results.js'
import type { Unanswered } from './unanswered.js'

/** Nobody sees it: the whole transaction has another answer. */
export const LOST = Buffer.from('-ERR the answer was lost\r\n')

/** A read among the commands of a transaction: it is not asked elsewhere alone, because it stands between the others. */
export class BlockRead implements ReplySink {
  /** [ReplySink] */
  get speaks(): ReplySink['speaks'] {
    return 'at once'
  }

  private constructor(
    private readonly order: Order,
    private readonly link: Link,
    private readonly piece: Piece,
    private readonly slot: ReplySlot,
    private readonly results: Results,
  ) {}

  static emit(order: Order, link: Link, piece: Piece, slot: ReplySlot, results: Results): void {
    order.stats.reads++
    link.emitFrame(piece.frame, slot.db, new BlockRead(order, link, piece, slot, results), 0)
  }

  /** One that was emitted already: who emitted it tells it what becomes of it. */
  static sentBefore(order: Order, link: Link, piece: Piece, slot: ReplySlot, results: Results): BlockRead {
    return new BlockRead(order, link, piece, slot, results)
  }

  onReply(_tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    const { order, link, piece, slot } = this
    const { doubts } = order
    if (doubts.any && piece.ids.some((id) => doubts.isInDoubt(link, id))) {
      this.lost('uncertain')
      return
    }
    slot.cameFrom?.(link.name, end - start)
    deliver(slot, replyShape(piece.row, piece.frame.argc), buf, start, end, flags)
  }

  onLost(): void {
    const { ready, refusesBlocks } = this.link
    if (!ready) this.lost('broken')
    else this.lost(refusesBlocks ? 'full' : 'uncertain')
  }

  onStuck(): void {
    this.lost('stuck')
  }

  private lost(why: Unanswered): void {
    this.results.lost(this.link.name, why)
    this.slot.finish(LOST, 0, LOST.length, true)
  }
}
