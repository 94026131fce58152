import { tracing } from '../../../backend/tracing.js'
import type { Logger } from '../../../base/log.js'
import type { CommandRow } from '../../../command/row.js'
import type { Order } from '../../../order/order.js'
import { answer } from '../../../order/replies.js'
import type { ReplySlot } from '../../../order/reply-slot.js'
import type { Reply } from '../../../resp/encode.js'
import type { Frame } from '../../../resp/frame.js'
import type { Operation } from '../operation.js'
import { CopiedLog } from './copied-log.js'
import { GatherRun } from './gather.js'
import { CROSS_SLOT, type GatherSettings } from './limits.js'
import { Room } from './room.js'
import { SortRun } from './sort.js'
import { TransferRun } from './transfer.js'
import type { Copies } from './whole-values.js'

/** Serves the commands that need whole values of keys on several servers, as far as the settings allow it. */
export class Gathering {
  readonly copies: Copies

  constructor(
    private readonly order: Order,
    readonly settings: GatherSettings,
    log: Logger,
  ) {
    this.copies = { log: new CopiedLog(log), room: new Room(settings.gatherBytes) }
  }

  /** @param row with a column `gather` */
  serve(frame: Frame, row: CommandRow, slot: ReplySlot): void {
    const { refusal } = this
    if (refusal !== undefined) answer(slot, refusal)
    else if (tracing.isOn) tracing.gathering(row.name, () => this.operation(frame, row, slot).run())
    else this.operation(frame, row, slot).run()
  }

  /** What is answered to all of them, when the settings do not allow any. */
  get refusal(): Reply | undefined {
    return this.settings.crossServer === 'refuse' ? CROSS_SLOT : undefined
  }

  /** The same, to be run by the caller, who may have a ticket for it. */
  operation(frame: Frame, row: CommandRow, slot: ReplySlot): Operation {
    const Run = runOf(row)
    return new Run(this.order, frame, row, slot, this.settings, this.copies)
  }
}

function runOf({ gather }: CommandRow): typeof GatherRun | typeof TransferRun {
  switch (gather) {
    case 'rename':
    case 'rename-new':
    case 'copy':
      return TransferRun
    case 'sort':
      return SortRun
    default:
      return GatherRun
  }
}
