import { AssertionError } from '../../base/assert.js'
import { copyBytes } from '../../base/copy-bytes.js'
import { replyShape } from '../../command/table.js'
import type { Group } from '../../order/groups.js'
import type { Order } from '../../order/order.js'
import { deliver } from '../../order/replies.js'
import type { ReplySlot } from '../../order/reply-slot.js'
import { Elements } from '../../resp/elements.js'
import { HAS_RESP3, REPLY_MAX_BYTES, TOO_LARGE_REPLY } from '../../resp/reply-framer.js'
import { areWritesNoted, noteWrite } from '../one-route.js'
import { executors } from './full-servers.js'
import type { PlainPlan, PlainShare } from './plain.js'
import { PlainRun, type RunOwner } from './plain-run.js'
import type { Results } from './results.js'

/**
 * A plain transaction from its emission to its reply, which is made of the bytes that servers have answered, unless something was
 * out of the ordinary.
 */
export class PlainTransaction implements RunOwner {
  private readonly runs: PlainRun[] = []
  private readonly done: PlainRun[] = []
  private collected: Results | undefined

  private constructor(
    readonly order: Order,
    private readonly plan: PlainPlan,
    private readonly slot: ReplySlot,
    private readonly groups: Group[],
    private readonly resultsOf: () => Results,
  ) {}

  /**
   * Emits it; all its servers can take it now.
   *
   * @param groups to be ended when all have answered
   * @param resultsOf for the replies of all its commands, if they are needed one by one
   */
  static emit(order: Order, plan: PlainPlan, slot: ReplySlot, groups: Group[], resultsOf: () => Results): void {
    new PlainTransaction(order, plan, slot, groups, resultsOf).emit()
  }

  private emit(): void {
    const { shares } = this.plan
    for (const share of shares) this.begin(share)
    const links = shares.length === 1 ? executors(shares[0]) : new Set(shares.flatMap(executors))
    const ends: (() => void)[] = []
    // Who refuses transactions gets one command, which is served alone.
    for (const link of links) if (!link.refusesBlocks) ends.push(link.openBlock())
    for (const share of shares) {
      const targets = executors(share)
      for (const stretch of share.stretches) this.runs.push(new PlainRun(this, share, stretch, targets))
    }
    for (const end of ends) end()
    this.order.awaited.look()
  }

  private begin(share: PlainShare): void {
    const { order, groups } = this
    const { to, how, writes, numbers } = share
    order.stats.reads += numbers.length - writes
    order.stats.writes += writes
    if (how === 'read') return
    if (writes > 1 && to.targets.length > 1) groups.push(order.doubts.begin(() => share.written, to.targets))
    if (!areWritesNoted(order)) return
    for (const number of numbers) {
      const { frame, row, isWrite } = share.at(number)
      if (isWrite) noteWrite(order, frame, row, share.commands.db, false, true)
    }
  }

  runDone(run: PlainRun): void {
    if (this.collected !== undefined) {
      this.collect(run, this.collected)
      return
    }
    this.done.push(run)
    if (this.done.length < this.runs.length) return
    try {
      this.finish()
    } catch (failure) {
      if (failure instanceof AssertionError) throw failure
      this.endGroups()
      this.slot.fail(failure as Error, true)
    }
  }

  cameFrom(member: string, bytes: number): void {
    this.slot.cameFrom?.(member, bytes)
  }

  results(): Results {
    if (this.collected === undefined) {
      this.collected = this.resultsOf()
      for (const run of this.done) this.collect(run, this.collected)
    }
    return this.collected
  }

  private collect(run: PlainRun, results: Results): void {
    const { db, proto } = this.plan.commands
    run.eachReply((number, buf, start, end, flags) => {
      const command = run.share.at(number)
      const { row } = command
      const shape = row.shape === 'optional-array' ? replyShape(row, command.frame.argc) : row.shape
      deliver(results.slotOf(number, db, proto), shape, buf, start, end, flags)
    })
  }

  private finish(): void {
    const { runs, plan, slot } = this
    const { commands, shares } = plan
    const isConverted =
      commands.proto === 2 && (!commands.queued.isGeneric || runs.some(({ flags }) => (flags & HAS_RESP3) !== 0))
    if (isConverted) {
      this.results()
      return
    }
    this.endGroups()
    const head = `*${commands.length}\r\n`
    const bytes = runs.reduce((sum, { reply }) => sum + reply!.length, head.length)
    if (bytes > REPLY_MAX_BYTES) {
      slot.finish(TOO_LARGE_REPLY, 0, TOO_LARGE_REPLY.length, true)
      return
    }
    const whole = Buffer.allocUnsafe(bytes)
    whole.latin1Write(head, 0)
    if (shares.length === 1) {
      let at = head.length
      for (const { reply } of runs) at += reply!.copy(whole, at)
    } else this.interleave(whole, head.length)
    slot.finish(whole, 0, bytes, true)
  }

  private endGroups(): void {
    for (const group of this.groups.splice(0)) group.end()
  }

  /** Writes the replies in the order of the commands. */
  private interleave(to: Buffer, from: number): void {
    const { plan, runs } = this
    const parts = plan.shares.map((share) => new Part(runs.filter((run) => run.share === share)))
    let at = from
    for (const share of plan.shareOf!) at = parts[share].next(to, at)
  }
}

/** The replies of one share, one after the other. */
class Part {
  private elements: Elements | undefined
  private reply!: Buffer
  private left = 0
  private run = 0

  constructor(private readonly runs: readonly PlainRun[]) {}

  /** Copies the next one to `to`; gives where it ends. */
  next(to: Buffer, at: number): number {
    if (this.left === 0) {
      const { reply, stretch } = this.runs[this.run++]
      this.reply = reply!
      this.left = stretch.to - stretch.from
      this.elements = Elements.within(this.reply, 0, this.reply.length)
    }
    this.left--
    const elements = this.elements!
    elements.next()
    copyBytes(this.reply, elements.start, elements.end, to, at)
    return at + elements.end - elements.start
  }
}
