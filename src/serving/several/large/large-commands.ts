import { inSlices } from '../../../base/slices.js'
import type { CommandRow } from '../../../command/row.js'
import { OUT_OF_MEMORY } from '../../../order/memory.js'
import { answer } from '../../../order/replies.js'
import type { ReplySlot } from '../../../order/reply-slot.js'
import type { Frame } from '../../../resp/frame.js'
import type { OneRoute } from '../../one-route.js'
import { isPutOff } from '../put-off.js'
import { masterOf } from '../split.js'
import { Cutting } from './cutting.js'
import { LargeCommand } from './large-command.js'
import { LargeMerge } from './large-merge.js'

/** So often it is cut anew when keys have come to lie elsewhere meanwhile; then in one go. */
const ATTEMPTS_MAX = 3

/**
 * A command that can be cut, on so many keys that others would wait while it is [design §7 Several keys]:
 *
 *     its client waits ─> cut in slices ─> all parts in one turn ─> replies ─> put together in slices ─> reply
 *                              ^                    │
 *                              └── keys lie elsewhere than when it was cut
 *
 * In that one turn it takes its place before or behind every other command, as a small one does in the turn in which it comes. Before
 * that it is as if it had not come yet; afterwards nothing of it concerns others any more.
 */
export class LargeCommands {
  constructor(
    private readonly oneRoute: OneRoute,
    /** It is cut: to be served, by all that may stand before it. */
    private readonly serve: (command: LargeCommand, row: CommandRow, slot: ReplySlot, deadlineMs: number) => void,
    /** What is answered to one that names a key of ours. */
    private readonly refuse: (slot: ReplySlot) => void,
  ) {}

  /** Takes over a command of so many keys, see `largeCount`. */
  begin(frame: Frame, row: CommandRow, slot: ReplySlot, keyCount: number): void {
    slot.pauseClient()
    const { waiting } = this.oneRoute.order
    this.cut(new LargeCommand(frame, row, keyCount), slot, waiting.deadline()).catch((failure: Error) => {
      slot.fail(failure, false)
    })
  }

  /** Emits it, if its keys are where they were when it was cut, and nothing stands before it. */
  emit(command: LargeCommand, slot: ReplySlot, deadlineMs: number): void {
    const { order } = this.oneRoute
    const { cut, row } = command
    if (cut?.router !== order.router) {
      slot.pauseClient()
      this.cut(command, slot, deadlineMs).catch((failure: Error) => slot.fail(failure, false))
      return
    }
    const { routes, frames, parts } = cut
    if (order.memory.anyFull && routes.some((route) => order.memory.refuses(row, route, false))) {
      answer(slot, OUT_OF_MEMORY)
      return
    }
    if (isPutOff(order, command, row, slot, cut, deadlineMs)) return
    order.stats.plans++
    // What its client sends next comes in another turn, and so behind it. A read may have to be asked again.
    if (row.replicate !== 'none') slot.goOn?.(0)
    const merge = new LargeMerge(command, cut, slot)
    for (let part = 0; part < parts; part++) {
      const partSlot = merge.slotOf(part, masterOf(routes[part], row))
      this.oneRoute.serve(routes[part], frames[part], row, partSlot, deadlineMs)
    }
    // Should it be asked again it is cut again: until then nobody needs all of that.
    command.cut = undefined
  }

  private async cut(command: LargeCommand, slot: ReplySlot, deadlineMs: number): Promise<void> {
    const { order } = this.oneRoute
    for (let attempt = 1; ; attempt++) {
      const { router } = order
      const cutting = new Cutting(command, router)
      const isVain = () => slot.abandoned || order.router !== router
      if (attempt > ATTEMPTS_MAX) while (cutting.step());
      else await inSlices(() => !isVain() && cutting.step())
      if (slot.abandoned) {
        // Nobody sees that, but what is expected for the command is expected no more.
        answer(slot, order.unavailable())
        return
      }
      if (cutting.namesOurs) {
        this.refuse(slot)
        return
      }
      if (order.router !== router) continue
      command.cut = cutting.cut
      this.serve(command, command.row, slot, deadlineMs)
      return
    }
  }
}
