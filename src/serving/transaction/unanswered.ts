import { areQuick } from '../../command/quick.js'
import type { Order } from '../../order/order.js'
import { answer, NOT_APPLIED, READ_STUCK } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { error, type Reply } from '../../resp/encode.js'
import type { QueuedCommand } from './plan.js'

/**
 * Why a command of a transaction has no answer that counts:
 *
 *     broken      the connection to its server
 *     stuck       the same, and its server had been silent, perhaps because of it
 *     full        its server has no memory, and refuses whatever stands in a transaction
 *     uncertain   its server has come into doubt meanwhile, so that what it said may never have been, or has discarded its part
 */
export type Unanswered = 'broken' | 'stuck' | 'full' | 'uncertain'

/** What has happened, for the text of an error. */
export function causeOf(member: string, why: Unanswered): string {
  if (why === 'full') return `${member} has no memory left, and refuses what stands in a transaction`
  return `the connection to ${member} broke before it had answered, or it refused a command, or lacks a write`
}

/**
 * A transaction that only reads has no answer to one of its commands: all of it is asked `again`, as one step, as a read in parts is
 * [design §6], unless its client has sent something behind it that may know more than it would find now.
 *
 * @param commands all of it: any of them may be what silenced a server, unless they are such that none can be
 */
export function readsUnanswered(
  order: Order,
  slot: ReplySlot,
  member: string,
  why: Unanswered,
  commands: { readonly list: readonly QueuedCommand[] },
  again: () => void,
): void {
  const isInnocent = () => areQuick(commands.list.map(({ row, frame: { argc } }) => ({ row, argc })))
  if (why === 'broken' || (why === 'stuck' && isInnocent())) order.readsLost(slot, again)
  else if (why === 'stuck') answer(slot, READ_STUCK)
  else if (slot.number < slot.newest) answer(slot, tryAgain(member, why))
  else {
    order.stats.readsResent++
    again()
  }
}

function tryAgain(member: string, why: Unanswered): Reply {
  return error(`${why === 'full' ? 'OOM' : 'CLUSTERDOWN'} ${causeOf(member, why)}; ${NOT_APPLIED}, try again`)
}
