import type { Link } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import type { CommandRow, Shape } from '../command/row.js'
import { replyShape } from '../command/table.js'
import type { Frame } from '../resp/frame.js'
import { OWNED } from '../resp/reply-framer.js'
import type { Coordinator } from './coordinator.js'
import { answer, deliver, outcomeUnknown } from './replies.js'
import type { ReplySlot } from './reply-slot.js'
import type { Route } from './router.js'

const SCRATCH_BYTES = 64

/**
 * A write in mode `apply` [design §7]: the same bytes to the whole replica set in one turn, answered when all have
 * answered. The master's reply is the client's.
 *
 * A member whose link breaks before its reply leaves a question: did it execute the write? It is settled when a view
 * without that member is published (the survivors' answers count), or when the member's link is back (then one copy
 * may lack the write, and the client is told that the outcome is unknown).
 */
export class Apply implements ReplySink {
  private static readonly spare: Apply[] = []

  private coordinator!: Coordinator
  private slot!: ReplySlot
  private compare = false
  private shape: Shape = 'generic'
  private targets: readonly Link[] = []
  private answered = 0
  /** The members that were lost, by their place in `targets`. */
  private lost: number[] = []
  private differs = false

  /** The reply that goes to the client: the master's, or the first one until the master's is there. */
  private replyEnd = 0
  private replyFlags = 0
  private readonly scratch = Buffer.allocUnsafe(SCRATCH_BYTES)
  private reply = this.scratch

  /** Emits the write to all replicas of the route, which must be `writable`. */
  static emit(coordinator: Coordinator, route: Route, frame: Frame, row: CommandRow, slot: ReplySlot): void {
    const apply = Apply.spare.pop() ?? new Apply()
    const { targets } = route
    apply.coordinator = coordinator
    apply.slot = slot
    apply.compare = row.compare
    apply.shape = replyShape(row, frame.argc)
    apply.targets = targets
    apply.answered = 0
    apply.differs = false
    coordinator.stats.writes++
    const { db } = slot
    for (let i = 0; i < targets.length; i++) {
      targets[i].emit(frame.buf, frame.start, frame.end, frame.owned, db, apply, i)
    }
  }

  onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    this.answered++
    if (this.answered === 1) {
      if (this.targets.length === 1) {
        deliver(this.slot, this.shape, buf, start, end, flags)
        this.recycle()
        return
      }
      this.keep(buf, start, end, flags)
    } else {
      const same = !this.compare || this.isKept(buf, start, end)
      if (!same) this.noteDifference(tag, buf, start, end)
      if (tag === 0 && (!same || !this.compare)) this.keep(buf, start, end, flags)
    }
    if (this.answered + this.lost.length === this.targets.length) this.complete()
  }

  onLost(tag: number): void {
    this.lost.push(tag)
    if (this.answered + this.lost.length === this.targets.length) this.complete()
  }

  /**
   * Looks whether the question of the lost members is settled. True when the client has been answered.
   *
   * @param isMember whether a name is in the current view
   * @param backUp the member whose link just came up
   */
  settle(isMember: (name: string) => boolean, backUp: string | undefined): boolean {
    const names = this.lostNames()
    if (backUp !== undefined && names.includes(backUp)) {
      this.giveUp()
      return true
    }
    if (names.some(isMember)) return false
    this.finish()
    return true
  }

  /** Tells the client that nobody can say whether all copies have the write. */
  giveUp(): void {
    this.coordinator.stats.outcomesUnknown++
    answer(this.slot, outcomeUnknown(this.lostNames()))
    this.recycle()
  }

  get abandoned(): boolean {
    return this.slot.abandoned
  }

  private complete(): void {
    if (this.lost.length === 0) this.finish()
    else if (this.answered === 0) this.giveUp()
    else this.coordinator.verdicts.await(this)
  }

  private finish(): void {
    deliver(this.slot, this.shape, this.reply, 0, this.replyEnd, this.replyFlags)
    this.recycle()
  }

  private lostNames(): string[] {
    return this.lost.map((tag) => this.targets[tag].name)
  }

  private keep(buf: Buffer, start: number, end: number, flags: number): void {
    const length = end - start
    this.reply = length <= SCRATCH_BYTES ? this.scratch : Buffer.allocUnsafe(length)
    buf.copy(this.reply, 0, start, end)
    this.replyEnd = length
    this.replyFlags = length <= SCRATCH_BYTES ? flags & ~OWNED : flags | OWNED
  }

  private isKept(buf: Buffer, start: number, end: number): boolean {
    const { reply, replyEnd } = this
    if (end - start !== replyEnd) return false
    if (replyEnd > SCRATCH_BYTES) return buf.compare(reply, 0, replyEnd, start, end) === 0
    for (let i = 0; i < replyEnd; i++) if (reply[i] !== buf[start + i]) return false
    return true
  }

  private noteDifference(tag: number, buf: Buffer, start: number, end: number): void {
    if (this.differs) return
    this.differs = true
    const link = this.targets[tag]
    this.coordinator.noteDifference(link, buf.subarray(start, end), this.reply.subarray(0, this.replyEnd))
  }

  private recycle(): void {
    if (this.lost.length > 0) this.lost = []
    this.reply = this.scratch
    Apply.spare.push(this)
  }
}
