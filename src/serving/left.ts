import type { CommandRow } from '../command/row.js'
import type { Order } from '../order/order.js'
import type { Frame } from '../resp/frame.js'

const ANY_NUMBER = Number.POSITIVE_INFINITY

/**
 * A write is about to be emitted that may leave something for which somebody waits: who serves those is told what, and how much at
 * most.
 *
 * @param isAlone nothing is emitted between it and what is emitted for those who wait
 */
export function noteLeft(order: Order, frame: Frame, row: CommandRow, db: number, isAlone: boolean): void {
  const { awaited } = order
  const ids = order.keyIds(row, frame, db)
  switch (row.leaves) {
    case 'elements':
      awaited.wrote(ids, 'list', frame.argc - 2, isAlone)
      return
    case 'an-element':
      awaited.wrote(ids.slice(1), 'list', 1, false)
      return
    case 'entry':
      awaited.wrote(ids, 'stream', 1, isAlone)
      return
    case 'same':
      return
    case undefined:
      awaited.wrote(ids, 'nothing', ANY_NUMBER, false)
      return
    case 'members':
      awaited.wrote(ids, 'sorted-set', frame.argc >> 1, false)
      return
    case 'list':
      awaited.wrote(ids.slice(1), 'list', ANY_NUMBER, false)
      return
    case 'sorted-set':
      awaited.wrote(ids, 'sorted-set', ANY_NUMBER, false)
      return
    default:
      awaited.wrote(ids, 'any', ANY_NUMBER, false)
  }
}
