import type { Link } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import type { CommandRow, Shape } from '../command/row.js'
import { replyShape } from '../command/table.js'
import { type Frame, frameIn, ownFrame } from '../resp/frame.js'
import { OWNED } from '../resp/reply-framer.js'
import type { FinishedWrite } from './acknowledgement.js'
import type { Coordinator } from './coordinator.js'
import type { DoubtfulWrite } from './doubts.js'
import { answer, deliver, outcomeUnknown } from './replies.js'
import type { ReplySlot } from './reply-slot.js'
import type { Route } from './router.js'
import type { AwaitedWrite } from './verdicts.js'

const SCRATCH_BYTES = 64

/**
 * A write in mode `apply` [design §7]: the same bytes to the whole replica set in one turn, answered when all of it has
 * the write. The master's reply is the client's.
 *
 * A member whose link breaks before its reply, or that answers something else than the master, has the key in doubt;
 * the client is answered when that is settled: the member was repaired, or has left the view.
 */
export class Apply implements ReplySink, DoubtfulWrite, AwaitedWrite, FinishedWrite {
  private static readonly spare: Apply[] = []

  private coordinator!: Coordinator
  private slot!: ReplySlot
  private row!: CommandRow
  private shape: Shape = 'generic'
  private targets: readonly Link[] = []
  /** How many of them, the first ones, are natural replicas: what a pending one answers counts for nobody. */
  private naturals = 0
  /** Targets that have not answered and were not lost. */
  private expected = 0
  private answered = 0
  /** Targets where the key is in doubt, by their place. */
  private doubtful: number[] = []
  /** The keys, known when a target answered differently. */
  private differing: string[] | undefined
  /** Targets that said that a key of the write had expired before they executed it. */
  private expiredOn = 0
  private expiredIds: string[] = []
  private done = false

  /** The reply that goes to the client: the master's, or of those who answered the next one's in the replica set. */
  private replyEnd = 0
  private replyFlags = 0
  private replyTag = 0
  private readonly scratch = Buffer.allocUnsafe(SCRATCH_BYTES)
  private reply = this.scratch

  /** Emits the write to all replicas of the route, which must be `writable`. */
  static emit(coordinator: Coordinator, route: Route, frame: Frame, row: CommandRow, slot: ReplySlot): void {
    const apply = Apply.spare.pop() ?? new Apply()
    const { targets } = route
    apply.coordinator = coordinator
    apply.slot = slot
    apply.row = row
    apply.shape = replyShape(row, frame.argc)
    apply.targets = targets
    apply.naturals = route.natural.length
    apply.expected = targets.length
    apply.answered = 0
    apply.expiredOn = 0
    apply.done = false
    coordinator.stats.writes++
    if (coordinator.lanes.active !== 0) {
      apply.emitInLanes(frame)
      return
    }
    const { db } = slot
    for (let i = 0; i < targets.length; i++) {
      targets[i].emit(frame.buf, frame.start, frame.end, frame.owned, db, apply, i)
    }
  }

  onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    this.answered++
    if (this.targets[tag].expirations.any) this.noteExpiration(tag)
    if (this.answered === 1) {
      if (this.targets.length === 1 && this.coordinator.acknowledgement.open) {
        deliver(this.slot, this.shape, buf, start, end, flags)
        this.recycle()
        return
      }
      this.keep(tag, buf, start, end, flags)
    } else {
      const same = !this.row.compare || this.isKept(buf, start, end)
      if (!same) this.noteDifference(tag, buf, start, end)
      if (tag < this.replyTag) {
        if (same && this.row.compare) this.replyTag = tag
        else this.keep(tag, buf, start, end, flags)
      }
    }
    if (--this.expected === 0) this.allHeard()
  }

  onLost(tag: number, buf: Buffer, start: number, end: number): void {
    this.lost(tag, this.coordinator.keyIds(this.row, frameIn(Buffer.from(buf.subarray(start, end))), this.slot.db))
  }

  settled(tag: number): void {
    this.doubtful = this.doubtful.filter((each) => each !== tag)
    if (this.done || this.expected > 0 || this.doubtful.length > 0) return
    this.coordinator.verdicts.settled(this)
    this.finish()
  }

  acknowledge(): void {
    this.coordinator.verdicts.settled(this)
    this.finish()
  }

  giveUp(): void {
    const { coordinator, slot } = this
    this.done = true
    coordinator.acknowledgement.forget(this)
    coordinator.stats.outcomesUnknown++
    answer(slot, outcomeUnknown(this.doubtful.map((tag) => this.targets[tag].name)))
  }

  /** Some keys are held: for them it waits its turn on the link where they are. */
  private emitInLanes(frame: Frame): void {
    const { coordinator, targets, slot, row } = this
    const { db } = slot
    const ids = this.coordinator.keyIds(row, frame, db)
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i]
      if (!coordinator.lanes.isAnyHeld(target, ids)) {
        target.emitFrame(frame, db, this, i)
        continue
      }
      const own = ownFrame(frame)
      coordinator.lanes.hold(target, ids, {
        emit: () => target.emitFrame(own, db, this, i),
        dropped: () => this.lost(i, ids),
        covered: () => this.covered(),
      })()
    }
  }

  private lost(tag: number, ids: readonly string[]): void {
    this.doubtful.push(tag)
    this.coordinator.doubts.note(this.targets[tag], ids, this, tag)
    if (--this.expected === 0) this.allHeard()
  }

  /** The database was emptied before this target's turn came. */
  private covered(): void {
    if (--this.expected === 0) this.allHeard()
  }

  private allHeard(): void {
    if (this.answered === 0 || this.replyTag >= this.naturals) {
      this.giveUp()
      return
    }
    if (this.expiredOn !== 0 && this.expiredOn !== this.answered) this.differing ??= this.noteUnequalExpiry()
    if (this.differing !== undefined) this.doubtDifferences(this.differing)
    if (this.doubtful.length === 0) this.finish()
    else this.coordinator.verdicts.await(this)
  }

  /** Not all replicas said the same: everybody gets what the one whose reply counts has. */
  private doubtDifferences(ids: readonly string[]): void {
    this.differing = undefined
    for (let tag = 0; tag < this.targets.length; tag++) {
      if (tag === this.replyTag || this.doubtful.includes(tag)) continue
      this.doubtful.push(tag)
      this.coordinator.doubts.note(this.targets[tag], ids, this, tag)
    }
  }

  private finish(): void {
    const { acknowledgement, verdicts } = this.coordinator
    if (!acknowledgement.open) {
      acknowledgement.wait(this)
      verdicts.await(this)
      return
    }
    this.done = true
    deliver(this.slot, this.shape, this.reply, 0, this.replyEnd, this.replyFlags)
    this.recycle()
  }

  private keep(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    const length = end - start
    this.reply = length <= SCRATCH_BYTES ? this.scratch : Buffer.allocUnsafe(length)
    buf.copy(this.reply, 0, start, end)
    this.replyTag = tag
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

  /** Counts the targets for which the key had expired when they executed the write. */
  private noteExpiration(tag: number): void {
    const link = this.targets[tag]
    const ids = this.coordinator.keyIds(this.row, frameIn(Buffer.from(link.answering)), this.slot.db)
    if (!link.expirations.hasAny(ids, Date.now())) return
    this.expiredOn++
    this.expiredIds = ids
  }

  /** Some replicas executed the write on the old value and others on none, even if their answers are equal. */
  private noteUnequalExpiry(): string[] {
    this.coordinator.stats.unequalExpiries++
    return this.expiredIds
  }

  private noteDifference(tag: number, buf: Buffer, start: number, end: number): void {
    if (this.differing !== undefined) return
    const link = this.targets[tag]
    this.differing = this.coordinator.keyIds(this.row, frameIn(Buffer.from(link.answering)), this.slot.db)
    this.coordinator.noteDifference(link, buf.subarray(start, end), this.reply.subarray(0, this.replyEnd))
  }

  /** To be used again, unless somebody may still tell it something. */
  private recycle(): void {
    this.reply = this.scratch
    if (this.doubtful.length === 0) Apply.spare.push(this)
  }
}
