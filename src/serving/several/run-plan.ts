import { findKeys } from '../../command/keys.js'
import type { CommandRow } from '../../command/row.js'
import { rowNamed } from '../../command/table.js'
import { OUT_OF_MEMORY } from '../../order/memory.js'
import type { Order } from '../../order/order.js'
import { answer, MUST_WAIT, OUTCOME_UNKNOWN } from '../../order/replies.js'
import { InnerSlot, type ReplySlot } from '../../order/reply-slot.js'
import type { Route } from '../../order/router.js'
import { decodeReply } from '../../resp/decode.js'
import { type ErrorReply, error, isError, nullArray, type Reply } from '../../resp/encode.js'
import { argumentOf, type Frame, frameOf, ownFrame } from '../../resp/frame.js'
import { isPlanned, type Planned, planOf, type Words } from './plans.js'

/** Who waits for a server looks again so often, besides when something has changed. */
const POLL_MS = 100

/** What became of an attempt: an answer, or a server has to be waited for, or it has to look again. */
type Attempt = { readonly reply: Reply } | 'wait' | 'again'

/**
 * Serves a command on single elements whose keys are on several servers, as a few commands on one key each, without copying
 * what the keys hold [design §7 Several keys]:
 *
 *     gates of all keys ─> looks, all in one turn ─> what adds ─> answered by all replicas ─> what takes away ─> reply, gates
 *
 * What adds is answered before anything is taken away: whoever refuses it, or never answers, no element is lost. A server that
 * has to be waited for is waited for without the gates, before anything was written.
 */
export function servePlan(order: Order, frame: Frame, row: CommandRow, slot: ReplySlot): void {
  // The plan refers to the arguments.
  const own = ownFrame(frame)
  slot.pauseClient()
  order.stats.plans++
  new Run(order, own, row, slot, planOf(row, row.plan!, own)).serve().then(
    (reply) => answer(slot, reply),
    (failure: Error) => {
      slot.fail(failure, true)
      order.orderLost()
    },
  )
}

class Run {
  private readonly keys: readonly Buffer[]

  constructor(
    private readonly order: Order,
    private readonly frame: Frame,
    private readonly row: CommandRow,
    private readonly slot: ReplySlot,
    private readonly planned: Planned | Reply,
  ) {
    const places: number[] = []
    const count = findKeys(row, frame, places)
    this.keys = places.slice(0, count).map((place) => argumentOf(frame, place))
  }

  async serve(): Promise<Reply> {
    const { order, slot, planned } = this
    const { opening, gates, waiting } = order
    // A read that its client sent before, and whose link breaks, must not find what this does.
    await slot.whenFirst()
    const refusal = await opening.whenOpen()
    if (refusal !== undefined) return refusal
    const deadlineMs = waiting.deadline()
    const ticket = gates.ticket()
    const ids = order.keyIds(this.row, this.frame, slot.db)
    for (;;) {
      if (slot.abandoned) return order.unavailable()
      const barrier = this.barrier()
      if (barrier !== undefined && barrier !== 'wait') return barrier
      if (barrier === undefined) {
        if (!isPlanned(planned)) return planned
        const entry = await gates.entered({ ids, isShared: false }, ticket)
        let attempt: Attempt
        try {
          attempt = await this.attempt(planned)
        } finally {
          gates.leave(entry)
        }
        if (attempt === 'again') continue
        if (attempt !== 'wait') return attempt.reply
      }
      const nowMs = performance.now()
      if (nowMs >= deadlineMs) return order.unavailable()
      order.stats.waits++
      await waiting.change(Math.min(deadlineMs, nowMs + POLL_MS))
    }
  }

  /** What stands against it before it is known what the keys hold: an answer, or a server that has to be waited for. */
  private barrier(): Reply | 'wait' | undefined {
    const { memory } = this.order
    const routes = this.routes()
    for (const { gone } of routes) if (gone !== undefined) return gone
    if (routes.some((route) => !route.writable())) return 'wait'
    if (memory.anyFull && routes.some((route) => memory.refuses(this.row, route, false))) return OUT_OF_MEMORY
    return undefined
  }

  private async attempt(planned: Planned): Promise<Attempt> {
    const found = await Promise.all(planned.looks.map((look) => this.ask(look, 'admitted, now')))
    if (found.some((reply) => reply.equals(MUST_WAIT))) return 'wait'
    const decision = planned.decide(found.map((reply) => decodeReply(reply, 0, reply.length)))
    if ('reply' in decision) return decision
    // In the turn in which the first write leaves.
    if (this.routes().some((route) => !route.writable())) return 'wait'
    let last: Reply = null
    for (const [i, write] of decision.writes.entries()) {
      const reply = await this.ask(write, 'admitted')
      last = decodeReply(reply, 0, reply.length)
      if (isError(last)) return { reply: i > 0 ? halfDone(last.message) : notDone(last, decision.writes.length) }
    }
    if (decision.answer !== undefined) return { reply: decision.answer }
    // What was there has expired since the look.
    if (isNothing(last)) return 'again'
    return { reply: last }
  }

  /** The routes of the keys, by the view of now. */
  private routes(): Route[] {
    return this.keys.map((key) => this.order.router.routeOfKey(key, 0, key.length))
  }

  /** One step, by the ordinary way of its command; resolves with a copy of the reply. */
  private ask(words: Words, atGates: 'admitted' | 'admitted, now'): Promise<Buffer> {
    const own = rowNamed(String(words[0]).toLowerCase())!
    // The errors of a step in parts name the command.
    const row = own.merge === 'ok' ? { ...own, name: this.row.name } : own
    return new Promise((resolve, reject) => {
      this.order.resubmit(frameOf(words), row, new StepSlot(this.slot, atGates, resolve, reject))
    })
  }
}

/** What adds was refused, or nobody knows. */
function notDone(reply: ErrorReply, writes: number): Reply {
  if (writes === 1 || !reply.message.startsWith(OUTCOME_UNKNOWN)) return reply
  return error(`${reply.message} (nothing was taken from the source)`)
}

/** The element is there twice now, or once: the client has to look. */
function halfDone(text: string): Reply {
  const cause = text.replace(`${OUTCOME_UNKNOWN}: `, '')
  return error(
    `${OUTCOME_UNKNOWN}: the destination has the element, it is not certain that the source has not: ${cause}`,
  )
}

function isNothing(reply: Reply): boolean {
  return reply === null || reply === nullArray
}

/** The slot of a step: its client waits for the operation, and an operation that has begun goes on when its client is gone. */
class StepSlot extends InnerSlot {
  constructor(
    protected readonly whole: ReplySlot,
    private readonly gates: 'admitted' | 'admitted, now',
    private readonly answered: (reply: Buffer) => void,
    private readonly failed: (failure: Error) => void,
  ) {
    super()
  }

  override get abandoned(): boolean {
    return false
  }

  override get atGates(): 'admitted' | 'admitted, now' {
    return this.gates
  }

  finish(buf: Buffer, start: number, end: number): void {
    this.answered(Buffer.from(buf.subarray(start, end)))
  }

  override fail(failure: Error): void {
    this.failed(failure)
  }

  override pauseClient(): void {}

  override async whenFirst(): Promise<void> {}
}
