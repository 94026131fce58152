import { OUT_OF_MEMORY } from '../../order/memory.js'
import type { Order } from '../../order/order.js'
import { type ErrorReply, error, type Reply } from '../../resp/encode.js'
import { isTooMuch } from './full-servers.js'
import type { Plan, Share } from './plan.js'

/** What Redis answers when it refuses an EXEC itself. */
export const ABORTED_WITHOUT_MEMORY = aborted((OUT_OF_MEMORY as ErrorReply).message)

/** Why a transaction is refused at once. */
export function refusalOf(order: Order, { shares, wide, torn }: Plan): Reply | undefined {
  if (torn !== undefined) return aborted(`the keys of '${torn.name}' are on different servers`)
  if (shares.length === 0 && wide.length === 0) return undefined
  if (order.opening.refusal !== undefined) return order.opening.refusal
  if (wide.length > 0 && order.router.someGone !== undefined) return order.router.someGone
  for (const { route } of shares) if (route.gone !== undefined && route.serving() === undefined) return route.gone
  const isFull = ({ route, hungry, how }: Share) =>
    hungry !== undefined && order.memory.refuses(hungry, route, how === 'copies')
  if (!order.memory.anyFull) return undefined
  // Who is asked what is only read is not known yet.
  const writing = shares.filter(({ how }) => how !== 'read')
  const isRefused = shares.some(isFull) || isTooMuch(writing, wide, order.router.links)
  return isRefused ? ABORTED_WITHOUT_MEMORY : undefined
}

/** Why nothing of a transaction was executed, by what one of its commands would have been answered. */
export function discarded({ message }: ErrorReply): Reply {
  return /^(?:OOM|ERR|CROSSSLOT) (?!the read was not answered)/.test(message)
    ? aborted(message.replace(/^ERR /, ''))
    : error(message)
}

/** Nothing of a transaction was executed, for this cause. */
export function aborted(cause: string): Reply {
  return error(`EXECABORT Transaction discarded because of: ${cause}`)
}
