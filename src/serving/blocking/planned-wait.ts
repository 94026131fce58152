import type { CommandRow } from '../../command/row.js'
import type { Order } from '../../order/order.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { error, nullArray, type Reply } from '../../resp/encode.js'
import type { Frame } from '../../resp/frame.js'
import type { Attempt } from '../several/operation.js'
import { PlanRun } from '../several/run-plan.js'

const UNDERSCORE = 0x5f
/** Nobody sees that: who stands in line is answered when it is tried. */
const NOT_TRIED = error('TRYAGAIN')

/** For whom keys of several servers are asked. */
export interface Asker {
  /** Its keys are asked now, unless it waits no more: false then. */
  asks(): boolean
  /** Nothing was taken, as a server has to be waited for: they are asked again. */
  asksLater(): void
  /** Its keys are empty, while nobody else can write to them. */
  foundNothing(): void
  /** Whether it stands in line now, unasked, because others there come first. */
  comesBehind(): boolean
  /** Whether it stands in line now, unasked, because a server is away: who waits for one key alone does, and keeps his place. */
  waitsInLine(): boolean
}

/** What is asked, on keys of several servers, for a command that waits [several/run-plan.ts]. */
export class PlannedWait extends PlanRun {
  constructor(
    order: Order,
    frame: Frame,
    row: CommandRow,
    slot: ReplySlot,
    private readonly asker: Asker,
  ) {
    super(order, frame, row, slot)
  }

  protected override async prepared(): Promise<Reply | undefined> {
    return this.barrier() === 'wait' && this.asker.waitsInLine() ? NOT_TRIED : undefined
  }

  protected override async attempt(): Promise<Attempt> {
    const { asker } = this
    // Nobody sees that: it has been answered.
    if (!asker.asks()) return { reply: null }
    if (asker.comesBehind()) return { reply: NOT_TRIED }
    const attempt = await super.attempt()
    if (attempt === 'wait' && asker.waitsInLine()) return { reply: NOT_TRIED }
    if (typeof attempt === 'string') asker.asksLater()
    else if (isNothing(attempt)) asker.foundNothing()
    return attempt
  }

  /** The same for somebody who has the keys for himself already, and against whom nothing stands. */
  attemptNow(): Promise<Attempt> {
    return super.attempt()
  }
}

function isNothing(attempt: Exclude<Attempt, string>): boolean {
  if ('bytes' in attempt) return attempt.bytes[0] === UNDERSCORE
  return attempt.reply === null || attempt.reply === nullArray
}
