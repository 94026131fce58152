import type { CommandRow } from '../../command/row.js'
import { OUT_OF_MEMORY } from '../../order/memory.js'
import type { Order } from '../../order/order.js'
import { OUTCOME_UNKNOWN } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { decodeReply } from '../../resp/decode.js'
import { type ErrorReply, error, isError, nullArray, type Reply } from '../../resp/encode.js'
import { argumentsOf, type Frame } from '../../resp/frame.js'
import { type Attempt, halfDone, Operation, type Outcome, rowOf } from './operation.js'
import { isPlanned, type Planned, planOf } from './plans.js'

/**
 * Serves a command on single elements whose keys are on several servers, as a few commands on one key each, without copying
 * what the keys hold [design §7 Several keys]:
 *
 *     gates of all keys ─> looks, all in one turn ─> what adds ─> answered by all replicas ─> what takes away ─> reply, gates
 *
 * What adds is answered before anything is taken away: whoever refuses it, or never answers, no element is lost. A server that
 * has to be waited for is waited for without the gates, before anything was written.
 */
export class PlanRun extends Operation {
  protected readonly isShared = false
  private readonly planned: Planned | Reply

  constructor(order: Order, frame: Frame, row: CommandRow, slot: ReplySlot) {
    super(order, frame, row, slot)
    this.planned = planOf(row, row.plan!, this.frame)
  }

  override serve(ticket?: number): Promise<Outcome> {
    this.order.stats.plans++
    return super.serve(ticket)
  }

  override inside(): Promise<Outcome | 'wait'> {
    this.order.stats.plans++
    return super.inside()
  }

  barrier(): Reply | 'wait' | undefined {
    const { memory } = this.order
    const { routes } = this
    for (const { gone } of routes) if (gone !== undefined) return gone
    if (routes.some((route) => !route.writable())) return 'wait'
    if (memory.anyFull && routes.some((route) => memory.refuses(this.row, route, false))) return OUT_OF_MEMORY
    return isPlanned(this.planned) ? undefined : this.planned
  }

  /** What adds is refused by a server without memory, also for a command that Redis does not refuse for that (SMOVE). */
  override async foreseen(): Promise<Reply | 'wait' | undefined> {
    const { planned } = this
    const { memory } = this.order
    if (!memory.anyFull || !isPlanned(planned)) return undefined
    const found = await this.askAll(planned.looks)
    if (!Array.isArray(found)) return found === 'wait' ? 'wait' : undefined
    const decision = planned.decide(found)
    if ('reply' in decision) return undefined
    const writes = 'writes' in decision ? decision.writes : decision.parts
    const isRefused = writes.some((write) => {
      const row = rowOf(write)
      return row.flags.includes('denyoom') && memory.refuses(row, this.routesOf([write[1] as Buffer])[0], false)
    })
    return isRefused ? OUT_OF_MEMORY : undefined
  }

  protected async attempt(): Promise<Attempt> {
    const planned = this.planned as Planned
    const found = await this.askAll(planned.looks)
    if (!Array.isArray(found)) return found
    const decision = planned.decide(found)
    if ('reply' in decision) return decision
    if (planned.overwrites === true && (await this.isAnyLost(planned.looks, found))) return 'wait'
    // In the turn in which the first write leaves.
    if (this.routes.some((route) => !route.writable()) || !this.beginsToWrite()) return 'wait'
    if ('parts' in decision) return this.askInParts(decision.parts, decision.answer)
    // Keys that are on the same servers by now need no more than the command itself.
    const isWhole = this.order.router.routeOfAll(this.keys) !== undefined
    const writes = isWhole ? [argumentsOf(this.frame)] : decision.writes
    let last: Reply = null
    for (const [i, write] of writes.entries()) {
      const reply = await this.ask(write, 'admitted')
      last = decodeReply(reply, 0, reply.length)
      if (isError(last)) return { reply: i > 0 ? halfDone('element', last.message) : notDone(last, writes.length) }
    }
    if (decision.answer !== undefined && !isWhole) return { reply: decision.answer }
    // What was there has expired since the look.
    if (isNothing(last)) return 'again'
    return { reply: last }
  }
}

/** What adds was refused, or nobody knows. */
function notDone(reply: ErrorReply, writes: number): Reply {
  if (writes === 1 || !reply.message.startsWith(OUTCOME_UNKNOWN)) return reply
  return error(`${reply.message} (nothing was taken from the source)`)
}

function isNothing(reply: Reply): boolean {
  return reply === null || reply === nullArray
}
