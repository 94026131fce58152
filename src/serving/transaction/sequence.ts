import type { Order } from '../../order/order.js'
import { answer } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { decodeReply } from '../../resp/decode.js'
import { type ErrorReply, encodeReply, isError, nullArray, type Reply } from '../../resp/encode.js'
import { TOO_LARGE_REPLY } from '../../resp/reply-framer.js'
import { claimOf, type Section, sectionAt, sectionsOf, writes } from './cut.js'
import { Part } from './part.js'
import type { QueuedCommand } from './plan.js'
import { discarded } from './refusal.js'
import { arrayOf } from './results.js'
import { standsAgainst } from './standing.js'
import { operationOf, serveStep } from './step.js'
import { inPart, isOfProxy, isUnknown, unknownOutcome } from './texts.js'
import { Transaction } from './transaction.js'
import type { Watched } from './watched.js'
import type { Ways } from './ways.js'

const MINUS = 0x2d
const LF = 0x0a
/** How often it is looked again, besides when something has changed. */
const POLL_MS = 100

/** EXEC, as its client has sent it. */
export class WholeTransaction extends Transaction {
  protected inSteps(ticket: number): void {
    const { ways, commands, slot, watched, notApplied } = this
    new Sequence(ways, commands, slot, watched, notApplied).run(ticket)
  }
}

/** The reply to EXEC, or why nothing was written. */
type Served = { readonly reply: Buffer } | { readonly refusal: Reply }

/**
 * EXEC with commands that take turns of their own: a plan or a gather over several servers, or what asks, or swaps, whole databases.
 *
 *     MULTI, INCR n, RENAME a b, SADD s 1, DBSIZE, EXEC       a and b on different servers
 *
 *     gates of all keys, and of the database ─> [INCR n] ─> RENAME a b ─> [SADD s 1] ─> DBSIZE ─> gates, reply
 *                                               one turn    its turns     one turn
 *
 * What stands between two of these leaves in one turn, as a transaction does that has none. Each waits for the answers of the one before
 * it. Nobody else sees or changes anything of it meanwhile: all keys are gated for others, for reading too, and so are whole
 * databases where a command looks at all keys, or may name any. Those who look at all keys of a database themselves, which takes one
 * turn, do so before its first write or behind its end.
 *
 * Before its first write it can begin anew, or be refused as a whole, at any time. Behind that it keeps its gates, whatever it waits
 * for. When one of its steps cannot be done it ends there, and says so.
 */
class Sequence {
  /** Those of the commands that are done, as they stand in the reply, and what does those that come last. */
  private replies: (Buffer | (() => Buffer))[] = []
  /** Publishes what the script has published that is the present step. */
  private readonly published: (() => void)[] = []
  /** Something was written, so that it cannot begin anew. */
  private hasWritten = false
  private isInMiddle = false
  private isTooLarge = false
  private deadlineMs = 0

  constructor(
    private readonly ways: Ways,
    private readonly commands: readonly QueuedCommand[],
    private readonly slot: ReplySlot,
    private readonly watched: Watched | undefined,
    private readonly notApplied: () => void,
  ) {}

  private get order(): Order {
    return this.ways.order
  }

  private get isLate(): boolean {
    return performance.now() >= this.deadlineMs
  }

  /** Serves it and answers its client. @param ticket its place in the queue of the gates */
  run(ticket: number): void {
    const { slot, watched } = this
    slot.pauseClient()
    this.serve(ticket)
      .finally(() => watched?.end())
      .then(
        (served) => {
          if ('reply' in served) slot.finish(served.reply, 0, served.reply.length, true)
          else {
            this.notApplied()
            answer(slot, served.refusal)
          }
        },
        (failure: Error) => {
          slot.fail(failure, true)
          this.order.orderLost()
        },
      )
  }

  private async serve(ticket: number): Promise<Served> {
    const { order, slot, watched, commands, ways } = this
    const { opening, gates, waiting } = order
    // A read that its client sent before, and whose link breaks, must not find what this does.
    await slot.whenFirst()
    const closed = await opening.whenOpen()
    if (closed !== undefined) return { refusal: closed }
    this.deadlineMs = waiting.deadline()
    for (const { frame, row } of commands) if (row.route === 'script') await ways.scripts.prepare(frame, row)
    for (;;) {
      if (!this.mayBegin) return { refusal: nullArray }
      if (slot.abandoned || this.isLate) return { refusal: order.unavailable() }
      const against = standsAgainst(ways, commands, slot)
      if (against !== undefined && 'refusal' in against) return against
      if (against !== undefined) {
        await waiting.change(this.deadlineMs, () => !slot.abandoned && watched?.isBroken !== true && against.away())
        continue
      }
      const claim = claimOf(ways, commands, watched?.ids ?? [])
      if (!gates.isFree(claim)) order.stats.gateWaits++
      const entry = await gates.entered(claim, ticket, this.deadlineMs)
      if (entry === undefined) return { refusal: order.stillGated() }
      try {
        const served = await this.attempt()
        if (served !== 'wait') return served
      } finally {
        if (this.isInMiddle) order.middles.end()
        this.isInMiddle = false
        gates.leave(entry)
      }
      if (this.mayBegin) await this.change()
    }
  }

  /** Under the gates; `wait` when it has to wait for a server, and nothing was written. */
  private async attempt(): Promise<Served | 'wait'> {
    const { order, commands } = this
    this.replies = []
    const stopped = (await this.unlessChanged()) ?? (await this.unlessTooMuch())
    if (stopped !== undefined) return stopped
    if (writes(commands)) {
      await order.middles.begin()
      this.isInMiddle = true
    }
    for (let from = 0; from < commands.length; ) {
      if (!this.mayWrite) return 'wait'
      const section = sectionAt(order, commands, from)
      if (section.isLater) {
        this.replies.push(commands[from++].reply as () => Buffer)
        continue
      }
      const isPart = section.plan !== undefined
      const came = isPart ? await this.part(section) : await this.step(commands[from])
      if (came === 'wait' || came === 'again') {
        if (came === 'wait' && !this.hasWritten) return 'wait'
        if (this.isLate) return this.ended(encodeReply(order.unavailable(), 2), section)
        if (came === 'wait') await this.change()
        continue
      }
      if (came === TOO_LARGE_REPLY) this.isTooLarge = true
      else if (came[0] === MINUS && (isPart || isOfProxy(came))) return this.ended(came, section)
      this.replies.push(isPart ? came.subarray(came.indexOf(LF) + 1) : this.whenPublished(came))
      this.hasWritten ||= writes(commands.slice(from, section.to))
      from = section.to
    }
    return { reply: this.reply() }
  }

  private async part({ from, to }: Section): Promise<Buffer | 'wait' | 'again'> {
    const { order } = this
    const part = new Part(this.ways, this.commands.slice(from, to), this.slot)
    for (;;) {
      if (!this.mayWrite) return 'wait'
      const stop = part.tryNow()
      if (stop === undefined) return part.outcome
      if (stop.by === 'steps') return 'again'
      if (!this.hasWritten && stop.by === 'server') return 'wait'
      if (this.isLate) return encodeReply(order.unavailable(), 2)
      await order.waiting.change(this.deadlineMs, stop.stands)
    }
  }

  private step(command: QueuedCommand): Promise<Buffer | 'wait'> {
    const publishLater = (publish: () => void) => this.published.push(publish)
    return serveStep(this.ways, command, this.slot, () => this.mayWrite, publishLater)
  }

  /** The reply of a step that is done, but for what it publishes, if it does: in its place among what the others publish. */
  private whenPublished(came: Buffer): Buffer | (() => Buffer) {
    const published = this.published.splice(0)
    if (published.length === 0) return came
    return () => {
      for (const publish of published) publish()
      return came
    }
  }

  /** No watched key is known to have changed. */
  private get mayBegin(): boolean {
    return this.watched?.isBroken !== true
  }

  /** Not what comes first when a watched key has changed since that was asked, or may have: asked in the turn in which it leaves. */
  private get mayWrite(): boolean {
    return this.hasWritten || this.watched?.isUnchanged !== false
  }

  /** It ends with this error of one of its sections. */
  private ended(reply: Buffer, { from }: Section): Served {
    const { hasWritten, commands } = this
    if (isUnknown(reply)) return { reply: unknownOutcome(reply) }
    if (hasWritten) {
      this.finish()
      return { reply: inPart(reply, commands[from].row.name, from + 1) }
    }
    return { refusal: discarded(decodeReply(reply, 0, reply.length) as ErrorReply) }
  }

  /** Executes what comes last. */
  private finish(): Buffer[] {
    return this.replies.map((reply) => (typeof reply === 'function' ? reply() : reply))
  }

  private reply(): Buffer {
    const replies = this.finish()
    return this.isTooLarge ? TOO_LARGE_REPLY : arrayOf(this.commands.length, replies)
  }

  /** What stands against it when a watched key has changed, which is asked for until it is known. */
  private async unlessChanged(): Promise<Served | undefined> {
    const { order, watched } = this
    if (watched === undefined) return undefined
    while (!watched.isBroken && !watched.isUnchanged) {
      if (this.isLate) return { refusal: order.unavailable() }
      if (!watched.isAsking) watched.fence(() => order.waiting.wake())
      await order.waiting.change(this.deadlineMs, () => watched.isAsking && !watched.isBroken)
    }
    return watched.isBroken ? { refusal: nullArray } : undefined
  }

  /** What stands against it when it is known before the first write that one of those behind it would copy more than may be. */
  private async unlessTooMuch(): Promise<Served | 'wait' | undefined> {
    const { ways, commands, slot } = this
    for (const { plan, from, isLater } of sectionsOf(ways.order, commands)) {
      if (plan !== undefined || isLater || from === 0) continue
      const foreseen = await operationOf(ways, commands[from], slot)?.foreseen()
      if (foreseen === 'wait') return 'wait'
      if (foreseen === undefined || !isError(foreseen) || !isOfProxy(encodeReply(foreseen, 2))) continue
      return { refusal: discarded(foreseen) }
    }
    return undefined
  }

  private change(): Promise<boolean> {
    return this.order.waiting.change(Math.min(this.deadlineMs, performance.now() + POLL_MS))
  }
}
