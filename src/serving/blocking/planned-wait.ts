import type { CommandRow } from '../../command/row.js'
import type { Order } from '../../order/order.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { nullArray } from '../../resp/encode.js'
import type { Frame } from '../../resp/frame.js'
import type { Attempt } from '../several/operation.js'
import { PlanRun } from '../several/run-plan.js'

const UNDERSCORE = 0x5f

/** What is asked, on keys of several servers, for a command that waits [several/run-plan.ts]. */
export class PlannedWait extends PlanRun {
  /** @param foundNothing called when its keys are empty, while nobody else can write to them */
  constructor(
    order: Order,
    frame: Frame,
    row: CommandRow,
    slot: ReplySlot,
    private readonly foundNothing: () => void,
  ) {
    super(order, frame, row, slot)
  }

  protected override async attempt(): Promise<Attempt> {
    const attempt = await super.attempt()
    if (isNothing(attempt)) this.foundNothing()
    return attempt
  }

  /** The same for somebody who has the keys for himself already. */
  async attemptNow(): Promise<Attempt> {
    const barrier = this.barrier()
    if (barrier === 'wait') return 'wait'
    return barrier === undefined ? super.attempt() : { reply: barrier }
  }
}

function isNothing(attempt: Attempt): boolean {
  if (typeof attempt !== 'object') return false
  if ('bytes' in attempt) return attempt.bytes[0] === UNDERSCORE
  return attempt.reply === null || attempt.reply === nullArray
}
