import type { Link } from '../backend/link.js'
import { findKeys } from '../command/keys.js'
import type { CommandRow } from '../command/row.js'
import type { Order } from '../order/order.js'
import type { ErrorReply } from '../resp/encode.js'
import type { Frame } from '../resp/frame.js'
import { LargeCommand } from '../serving/several/large/large-command.js'

const places: number[] = []

/**
 * What is answered to a command that would stand behind a script that takes long [serving/script/long-scripts.ts]: what its server
 * says to others; undefined when it would not. To be asked while there are such scripts.
 */
export function refusedAsBusy({ router }: Order, frame: Frame, row: CommandRow): ErrorReply | undefined {
  const { buf, argStart, argEnd } = frame
  const cut = frame instanceof LargeCommand ? frame.cut : undefined
  const count = cut?.parts ?? findKeys(row, frame, places)
  for (let k = 0; k < count; k++) {
    const route = cut?.routes[k] ?? router.routeOfKey(buf, argStart[places[k]], argEnd[places[k]])
    const asked = row.replicate === 'none' ? [route.serving() ?? route.natural[0]] : route.targets
    const refusal = refusalOf(asked)
    if (refusal !== undefined) return refusal
  }
  const isForAll = row.route === 'members' || (row.route === 'function' && row.replicate === 'apply')
  return isForAll && count <= 0 ? refusalOf(router.links) : undefined
}

function refusalOf(links: readonly (Link | undefined)[]): ErrorReply | undefined {
  return links.find((link) => link?.scripts.refusal !== undefined)?.scripts.refusal
}
