import type { Link } from '../backend/link.js'
import type { ReplySink } from '../backend/reply-sink.js'
import { CELL_BYTES, cells } from '../base/cells.js'
import { copyBytes } from '../base/copy-bytes.js'
import type { KeyId } from '../base/key-id.js'
import type { CommandRow } from '../command/row.js'
import { replyShape } from '../command/table.js'
import { foundMore } from '../command/written.js'
import { leavesDeadline, mayHavePassed, NO_DEADLINE } from '../order/deadline.js'
import { hasRemovedFields, type Inquiry } from '../order/field-deadlines.js'
import type { Order } from '../order/order.js'
import { ReplicatedWrite } from '../order/replicated-write.js'
import { deliver, isOfReplica } from '../order/replies.js'
import type { ReplySlot } from '../order/reply-slot.js'
import type { Route } from '../order/router.js'
import { Votes } from '../order/votes.js'
import { OK } from '../resp/encode.js'
import { type Frame, frameIn, type Names, ownFrame } from '../resp/frame.js'
import { IS_ERROR, OWNED } from '../resp/reply-framer.js'
import type { Shape } from '../resp/resp3-to-resp2.js'

/** Those that are a write's own among the keys of a command that a target got. */
export type OwnKeys = (target: Link, ids: readonly KeyId[]) => readonly KeyId[]

/** Of the command with which a write was sent before: its size, how many swaps there had been, and which keys are its own. */
export interface SentBefore {
  readonly argc: number
  readonly swapsBefore: number
  readonly own?: OwnKeys
}

/**
 * A write in mode `apply` [design §7]: the same bytes to the whole replica set in one turn, answered when all of it has
 * the write. The master's reply is the client's.
 */
export class Apply extends ReplicatedWrite implements ReplySink {
  /** [ReplySink] */
  get speaks(): ReplySink['speaks'] {
    return 'at once'
  }

  private static readonly spare: Apply[] = []

  private row!: CommandRow
  private shape: Shape = 'generic'
  /** How many of them, the first ones, are natural replicas: what a pending one answers counts for nobody. */
  private naturals = 0
  private answered = 0
  /** Who has answered, in this order; what lies behind `answered` is of earlier writes. Most have three: the first push would make room for 17. */
  private readonly answeredBy: number[] = [0, 0, 0]
  /** The keys, known when a target answered differently. */
  private differing: readonly KeyId[] | undefined
  /** Who answered what, when one of them may have lost data, and what they were asked then. */
  private votes: Votes | undefined
  private inquiry: Inquiry | undefined
  /** The deadline that it gives its key, if that may be passing meanwhile. */
  private deadlineMs = NO_DEADLINE
  /** When its keys were sent together with others: finds its own among those that a target got. */
  private own: OwnKeys | undefined
  /** Of a command with very many keys. */
  private names: Names | undefined

  /** The reply that goes to the client: the master's, or of those who answered the next one's in the replica set. */
  private reply: Buffer
  private replyStart = 0
  private replyEnd = 0
  private replyFlags = 0
  private replyTag = 0
  private replyInDoubt = false
  /** Some target has emptied the database instead, and so said nothing. */
  private wasCovered = false
  private readonly cell: Buffer
  private readonly cellStart: number

  private constructor() {
    super()
    cells.next()
    this.cell = cells.buffer
    this.cellStart = cells.start
    this.reply = this.cell
  }

  /**
   * Emits the write to all replicas of the route, which must be `writable`.
   *
   * @param deadlineMs see `missableDeadline`
   */
  static emit(
    order: Order,
    route: Route,
    frame: Frame,
    row: CommandRow,
    slot: ReplySlot,
    deadlineMs = NO_DEADLINE,
  ): void {
    const apply = Apply.to(order, route, row, slot, frame.argc)
    const { targets } = route
    apply.deadlineMs = deadlineMs
    apply.names = frame.names
    if (row.binds && targets.length > 1) apply.group = order.doubts.begin(order.keyIds(row, frame, slot.db), targets)
    order.stats.writes++
    if (order.lanes.active !== 0 && order.lanes.mayHold(frame, slot.db)) {
      apply.emitInLanes(frame)
      return
    }
    const { db } = slot
    for (let i = 0; i < targets.length; i++) {
      targets[i].emit(frame.buf, frame.start, frame.end, frame.owned, db, apply, i)
    }
  }

  /**
   * A write that was emitted already, perhaps in commands to the targets of `route` that name keys of others, too: who sent
   * them tells it what becomes of each.
   */
  static sentBefore(order: Order, route: Route, row: CommandRow, slot: ReplySlot, sent: SentBefore): Apply {
    const apply = Apply.to(order, route, row, slot, sent.argc)
    apply.deadlineMs = NO_DEADLINE
    apply.swapsBefore = sent.swapsBefore
    apply.own = sent.own
    return apply
  }

  private static to(order: Order, route: Route, row: CommandRow, slot: ReplySlot, argc: number): Apply {
    const apply = Apply.spare.pop() ?? new Apply()
    apply.begin(order, slot, route.targets)
    apply.row = row
    apply.shape = replyShape(row, argc)
    apply.naturals = route.natural.length
    apply.answered = 0
    apply.differing = undefined
    apply.votes = undefined
    apply.wasCovered = false
    apply.own = undefined
    apply.names = undefined
    return apply
  }

  onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    const link = this.targets[tag]
    if (isOfReplica(link, buf, start, flags)) {
      this.lost(tag, this.answeredIds(link))
      return
    }
    // What it has done is not acknowledged yet, and so not to be read.
    if (!this.order.acknowledgement.open && (flags & IS_ERROR) === 0) {
      this.order.doubts.untilMarked(this.answeredIds(link))
    }
    const isLate = mayHavePassed(this.deadlineMs, link)
    if ((link.expirations.any && this.mayHaveExpired(link)) || isLate) this.noteExpirations(tag, link, isLate)
    const { any } = this.order.doubts
    // Who has come into doubt since he answered is repaired from those who are not: it is their word that will be true.
    if (any && this.answered > 0 && this.isInDoubt(this.replyTag, link)) this.replyInDoubt = true
    this.take(tag, buf, start, end, flags, any && this.isInDoubt(tag, link))
  }

  /** A target has answered before, when nothing was known there of expired keys, or is known to be in doubt that matters. */
  answeredBefore(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    this.take(tag, buf, start, end, flags, false)
  }

  /** @param inDoubt the target may be without an earlier write: what it answers counts only when nobody is sure */
  private take(tag: number, buf: Buffer, start: number, end: number, flags: number, inDoubt: boolean): void {
    if ((flags & IS_ERROR) !== 0 && this.order.pieces.aheads.any) this.refused(this.targets[tag])
    this.answeredBy[this.answered++] = tag
    if (tag === 0 && this.row.answersValues) this.firstAnswered(end - start)
    const wasInDoubt = this.replyInDoubt
    if (this.answered === 1 || (wasInDoubt && !inDoubt)) this.replyInDoubt = inDoubt
    if (this.answered === 1) {
      if (this.targets.length === 1 && this.order.acknowledgement.open) {
        deliver(this.slot, this.shape, buf, start, end, flags)
        this.recycle()
        return
      }
      this.keep(tag, buf, start, end, flags)
    } else {
      const same = !this.row.compare || this.isKept(buf, start, end)
      const { differing, replyTag } = this
      if (!same) this.noteDifference(tag, buf, start, end)
      this.votes?.add(tag, Buffer.from(buf.subarray(start, end)), flags)
      if (inDoubt === wasInDoubt ? tag < this.replyTag : wasInDoubt && tag < this.naturals) {
        if (same && this.row.compare) this.replyTag = tag
        else this.keep(tag, buf, start, end, flags)
      }
      if (this.votes !== undefined) this.vote(this.votes)
      else if (this.differing !== undefined) {
        this.doubtAnswered(differing === undefined || this.replyTag !== replyTag ? 0 : this.answered - 1)
      }
    }
    this.heard()
  }

  onLost(tag: number, buf: Buffer, start: number, end: number): void {
    this.lost(tag, this.idsIn(frameIn(Buffer.from(buf.subarray(start, end))), this.targets[tag]))
  }

  /** Some keys are held: for them it waits its turn on the link where they are. */
  private emitInLanes(frame: Frame): void {
    const { order, targets, slot, row } = this
    const { db } = slot
    const ids = this.order.keyIds(row, frame, db)
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i]
      if (!order.lanes.isAnyHeld(target, ids)) {
        target.emitFrame(frame, db, this, i)
        continue
      }
      const own = ownFrame(frame)
      order.lanes.hold(target, ids, {
        isWrite: true,
        changes: true,
        emit: () => target.emitFrame(own, db, this, i),
        dropped: () => this.lost(i, ids),
        // The database was emptied before this target's turn came.
        covered: () => {
          this.wasCovered = true
          this.heard()
        },
      })()
    }
  }

  protected hasReply(): boolean {
    // When all are in doubt who said different things, somebody may be getting what another one had before it came into doubt. And
    // who was not asked may be the one whose word counts.
    const isAnybodys = this.replyInDoubt && (this.differing !== undefined || this.wasCovered)
    return this.answered > 0 && this.replyTag < this.naturals && !isAnybodys
  }

  protected override compareReplies(): void {
    // What it leaves does not depend on what was there.
    if (this.differing !== undefined || this.row.endsDeadline === 'always') return
    const expired = this.unequallyExpired(this.answered)
    if (expired !== undefined) this.doubtOthers(this.replyTag, expired)
  }

  protected deliverReply(): void {
    deliver(this.slot, this.shape, this.reply, this.replyStart, this.replyEnd, this.replyFlags)
    this.recycle()
  }

  /**
   * Not all replicas said the same: everybody gets what the one whose reply counts has. At once: until the others have answered,
   * somebody else might be repaired from one that has refused the write, and then have lost what the client is told he has.
   *
   * @param from those who answered from this one on
   */
  private doubtAnswered(from: number): void {
    for (const tag of this.answeredBy.slice(from, this.answered)) {
      if (tag !== this.replyTag) this.doubtOnce(tag)
    }
  }

  private doubtOnce(tag: number, isVoted = false): void {
    if (!this.doubtful.includes(tag)) this.doubt(tag, this.differing!, isVoted)
  }

  /**
   * One of three has other data than the two others, and nothing explains it. Two who differ are both in doubt: the third one
   * decides, they get what it has, and the client its answer. One that stands alone has lost something.
   */
  private vote(votes: Votes): void {
    const right = votes.verdict()
    if (right !== undefined && !right.places.includes(this.replyTag)) {
      this.keep(Math.min(...right.places), right.reply, 0, right.reply.length, right.flags & ~OWNED)
    }
    for (const tag of this.answeredBy.slice(0, this.answered)) {
      if (!right?.places.includes(tag)) this.doubtOnce(tag, true)
    }
    const alone = votes.alone()
    if (alone !== undefined && this.answeredBy[this.answered - 1] < this.naturals) {
      this.order.lone.note(this.targets[alone], this.inquiry!)
    }
  }

  private keep(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    const length = end - start
    this.replyTag = tag
    if (length === OK.length && isSame(buf, start, end, OK, 0)) {
      this.reply = OK
      this.replyStart = 0
      this.replyFlags = flags | OWNED
    } else if (length <= CELL_BYTES) {
      this.reply = this.cell
      this.replyStart = this.cellStart
      this.replyFlags = flags & ~OWNED
      copyBytes(buf, start, end, this.reply, this.replyStart)
    } else {
      this.reply = Buffer.from(buf.subarray(start, end))
      this.replyStart = 0
      this.replyFlags = flags | OWNED
    }
    this.replyEnd = this.replyStart + length
  }

  private isKept(buf: Buffer, start: number, end: number): boolean {
    const { reply, replyStart, replyEnd } = this
    return end - start === replyEnd - replyStart && isSame(buf, start, end, reply, replyStart)
  }

  /** Whether something may be known of its keys there, as far as it can be told without much ado. */
  private mayHaveExpired({ expirations }: Link): boolean {
    const { names, slot } = this
    return names === undefined || expirations.mayKnow((some) => names.areAnyOf(some, slot.db))
  }

  /** What the server of a target knows of the key's deadlines, the one before this write and the one that it sets. */
  private noteExpirations(tag: number, link: Link, isLate: boolean): void {
    const frame = frameIn(Buffer.from(link.answering))
    const ids = this.idsIn(frame, link)
    this.noteExpired(tag, ids, leavesDeadline(this.row, frame))
    if (isLate) for (const id of ids) link.expirations.noteUnsure(id, performance.now())
  }

  /** Whether a target may have missed another write of the keys; `answering` is the one that is just answering. */
  private isInDoubt(tag: number, answering: Link): boolean {
    const { doubts } = this.order
    return this.answeredIds(answering).some((id) => doubts.isInDoubt(this.targets[tag], id))
  }

  private refused(link: Link): void {
    this.order.pieces.aheads.refused(link, this.answeredIds(link))
  }

  private noteDifference(tag: number, buf: Buffer, start: number, end: number): void {
    if (this.differing !== undefined) return
    const link = this.targets[tag]
    this.differing = this.answeredIds(link)
    const [reply, other] = [buf.subarray(start, end), this.reply.subarray(this.replyStart, this.replyEnd)]
    this.order.noteDifference(link, reply, other)
    if (Votes.suit(this.naturals, other, reply) && !this.isExplained(this.differing, tag, reply, other)) {
      this.inquiry = this.order.lone.inquire(this.differing, this.targets.slice(0, this.naturals))
      this.votes = new Votes(Buffer.from(other), this.replyFlags, this.answeredBy.slice(0, this.answered - 1))
    }
  }

  /**
   * Whether it is known why replicas differ: by a deadline, or because one of them has missed an earlier write, or this one. Who has
   * emptied a database meanwhile is not in doubt any more, but may have been when he answered this.
   */
  private isExplained(ids: readonly KeyId[], tag: number, reply: Buffer, other: Buffer): boolean {
    const { doubts, absences } = this.order
    if (absences.isSweeping) return true
    const isInDoubt = (link: Link) => ids.some((id) => doubts.isInDoubt(link, id))
    if (this.knowsExpired || hasRemovedFields(this.targets[0], ids)) return true
    // The master has not removed them yet.
    const [said, others, by] = tag === 0 ? [reply, other, this.replyTag] : [other, reply, tag]
    const isMasters = tag === 0 || this.replyTag === 0
    if (isMasters && foundMore(this.row, said, others) && hasRemovedFields(this.targets[by], ids)) return true
    return this.doubtful.length > 0 || (doubts.any && this.targets.some(isInDoubt))
  }

  /** Its keys in the command that a target is just answering. */
  private answeredIds(link: Link): readonly KeyId[] {
    return this.idsIn(frameIn(Buffer.from(link.answering)), link)
  }

  /** Its keys in the command that was emitted to a target. */
  private idsIn(command: Frame, link: Link): readonly KeyId[] {
    const ids = this.order.keyIds(this.row, command, this.slot.db)
    return this.own === undefined ? ids : this.own(link, ids)
  }

  /** To be used again, unless somebody may still tell it something. Until then it keeps nothing of who asked: he may be gone for long. */
  private recycle(): void {
    this.reply = this.cell
    if (!this.isOver) return
    this.slot = undefined!
    Apply.spare.push(this)
  }
}

/** Whether the bytes of `buf` from `start` to `end` are those of `other` from `otherStart` on. */
function isSame(buf: Buffer, start: number, end: number, other: Buffer, otherStart: number): boolean {
  const shift = otherStart - start
  if (end - start > CELL_BYTES) return buf.compare(other, otherStart, end + shift, start, end) === 0
  for (let i = start; i < end; i++) if (buf[i] !== other[i + shift]) return false
  return true
}
