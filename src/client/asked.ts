import { rowOf } from '../command/table.js'
import { masterAsked, mastersAsked } from '../coordinator/asked.js'
import type { Frame } from '../resp/frame.js'
import type { Connection } from './connection.js'
import { NO_SHARES, type ReplyBudget, type Share } from './reply-budget.js'
import type { Server } from './server.js'

/** What of the server is touched here. */
type Needs = Pick<Server, 'clients' | 'order'>

const masters = new Set<string>()

/** The shares of the members of which a command asks a reply that may be large, see `ReplyBudget`. */
export function askedBy({ order, clients }: Needs, { session }: Connection, frame: Frame): readonly Share[] {
  const { replyBudget } = clients
  const row = rowOf(frame)
  // The proxy itself says what is wrong.
  if (row === undefined) return NO_SHARES
  if (row.behindMulti === 'executes') {
    masters.clear()
    for (const queued of session.transaction?.queued ?? [])
      mastersAsked(order.router, queued.frame, queued.row, masters)
  } else {
    if (row.route === 'local' || row.route === 'channels' || session.transaction !== undefined) return NO_SHARES
    const master = frame.argc === row.plainArgc ? undefined : masterAsked(order.router, frame, row)
    if (master !== undefined) return replyBudget.of(master)
    if (row.oneTurn && row.replicate === 'none') return replyBudget.everywhere
    masters.clear()
    mastersAsked(order.router, frame, row, masters)
  }
  return sharesOf(replyBudget)
}

function sharesOf(replyBudget: ReplyBudget): readonly Share[] {
  if (masters.size === 0) return NO_SHARES
  if (masters.size > 1) return [...masters].map((name) => replyBudget.of(name)[0])
  const [name] = masters
  return replyBudget.of(name)
}
