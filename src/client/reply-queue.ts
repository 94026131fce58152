import { answering } from '../backend/answering.js'
import { coarse, ticksBetween } from '../base/coarse-clock.js'
import { Fifo } from '../base/fifo.js'
import { internalError } from '../order/replies.js'
import type { Wait } from '../order/reply-slot.js'
import { encodeReply } from '../resp/encode.js'
import type { Durations } from './durations.js'
import { CountedReply } from './key-counting.js'
import type { Outbox } from './outbox.js'
import { insert, lastThat, pauses, waits } from './places.js'
import {
  type Asker,
  BELIEVED_BYTES,
  CLIENT_BYTES_MAX,
  estimateAfter,
  type Kind,
  LARGE_BYTES,
  NO_SHARES,
  type ReplyBudget,
  type Share,
  SMALL_BYTES,
  UNKNOWN_BYTES,
} from './reply-budget.js'
import { NOT_ASKED, Slot, type SlotOwner, type Written } from './slot.js'

const MINUS = 0x2d
const EMPTY = Buffer.alloc(0)

/** So many replies may be on their way to a client of which nothing is known. */
const NEW_WINDOW = Math.floor(CLIENT_BYTES_MAX / UNKNOWN_BYTES)
/** To one that has had a small reply. */
const FIRST_WINDOW = 8
/** To one that had many of them, and has none to wait for: what comes next may be of another kind. */
const FRESH_WINDOW_MAX = 128
/** More of them say nothing new. */
const SMALL_REPLIES_MAX = 1024

/** Whom the queue tells what happened. */
export interface ReplyQueueOwner {
  /** A reply has come, and left the queue or not. */
  repliesDone(): void
  /** The reply after which the connection ends has been appended. */
  lastReplyDone(): void
  /** A reply that leaves the queue is an error. */
  errorReplied(buf: Buffer, start: number, end: number, timedAs: number): void
  /** A command waits for what may never come, or does not any more. */
  blocked(wait: Wait | undefined): void
  /** A command failed inside the proxy; `isOrderLost`: nobody knows how much of the replies is out. */
  commandFailed(failure: Error, isOrderLost: boolean): void
  /** A command of a client that writes is answered. */
  wrote?(): void
  /** A command that was noted took more ticks than may be, since its turn or since the one before was answered. */
  slow?(slot: Slot, sinceTick: number): void
  readonly closed: boolean
}

/**
 * Keeps the replies of one client in the order of its commands: a slot is taken before the command is emitted, and
 * only a finished head is written. What finishes before its turn is kept in its slot.
 */
export class ReplyQueue implements SlotOwner {
  private static readonly spare: Slot[] = []

  /** Most clients have one or two at a time, and there may be thousands of clients. */
  private readonly slots = new Fifo<Slot>(4)
  /** How many places were ever taken. */
  taken = 0
  /** Size of the commands that are not answered, in bytes. */
  requestBytes = 0
  /** Size of the replies that wait for their turn, in bytes. */
  keptBytes = 0
  /** [SlotOwner] */
  pausing = 0
  followed = 0
  /** The number of the last place whose command may change something. */
  newestWrite = 0
  /** Of whom the next command asks a reply that counts. */
  asks: readonly Share[] = NO_SHARES
  /** Where its turn to ask is waited for. */
  private turnAt: Share | undefined
  /** When the last reply came. */
  private answeredTick = 0
  /** Nothing has come from a server yet. */
  private isNew = true
  /** What a reply is expected to have, as the last ones had it; nothing where they are small. */
  private estimate = UNKNOWN_BYTES
  /** How many small replies have come since the last large one counted, and one more. */
  private smallReplies = 1
  /**
   * How many commands may be unanswered, so that their replies are not larger in all than what a client may have on its way:
   * few when it begins to ask, one more for each small reply that has come, and fewer after large ones.
   */
  private window = NEW_WINDOW

  constructor(
    private readonly outbox: Outbox,
    private readonly owner: ReplyQueueOwner,
    readonly budget: ReplyBudget,
    /** How many ticks are slow, and where is noted what each command took. */
    private readonly patience: { readonly ticks: number; readonly durations?: Durations } = { ticks: 0 },
  ) {}

  /** Commands that are not answered. */
  get length(): number {
    return this.slots.length
  }

  /** Whether a reply is to come that the client wants to have. */
  get owesReply(): boolean {
    for (let i = 0; i < this.slots.length; i++) if (!this.slots.at(i)!.silent) return true
    return false
  }

  /** Whether another command may be unanswered, as far as the sizes of replies are known. */
  get hasRoom(): boolean {
    return this.slots.length < this.window
  }

  /** What the reply to the next command is expected to have; nothing where it need not be counted. */
  get expectedBytes(): number {
    const { prior } = this.budget
    if (prior === 0) return this.estimate
    const share = Math.floor(prior / this.smallReplies)
    return share > BELIEVED_BYTES ? Math.max(this.estimate, share) : this.estimate
  }

  /** What its replies were like. */
  get kind(): Kind {
    if (this.isNew) return 'unknown'
    return this.estimate === 0 ? 'small' : 'large'
  }

  /**
   * Takes the next place. `silent`: the client does not want this reply (CLIENT REPLY). `requestBytes` is the size of a command
   * that goes to servers, else 0.
   */
  take(proto: 2 | 3, db: number, silent: boolean, requestBytes: number): Slot {
    const slot = ReplyQueue.spare.pop() ?? new Slot()
    slot.open(this, proto, db, silent, requestBytes)
    if (requestBytes > 0) {
      if (this.asks.length > 0) this.charge(slot)
      if (requestBytes > LARGE_BYTES) this.budget.sawLarge(requestBytes)
    }
    this.requestBytes += requestBytes
    this.taken++
    this.slots.push(slot)
    return slot
  }

  /** Sends what the client has not asked for, which nobody will write into: behind the replies that are to come. */
  push(bytes: Buffer): void {
    const slot = this.slots.length === 0 ? undefined : this.placeBehind(pauses)
    if (slot === undefined) this.outbox.append(bytes, 0, bytes.length, true)
    else this.keep(slot, bytes)
  }

  /** The same for what makes old what the client may have read: behind all that may have been read by then; not sent when nothing is to come. */
  pushBehindReads(bytes: Buffer, isWaiting: boolean): void {
    for (const slot of this.behindReads(isWaiting)) this.keep(slot, bytes)
  }

  /**
   * Places behind the replies to all commands that came before; none when none is to come. Behind those that are answered in any case there is
   * one of its own.
   *
   * @param isWaiting a command that waits for what may never come is one of them
   */
  behindReads(isWaiting: boolean): readonly Slot[] {
    const before = this.placeBehind(waits)
    const places = before === undefined ? [] : [before]
    if (isWaiting && lastThat(this.slots, waits) >= 0) places.push(this.placeBehind(() => false)!)
    return places
  }

  private keep(slot: Slot, bytes: Buffer): void {
    slot.keep(bytes, 0, bytes.length, true)
    this.keptBytes += bytes.length
  }

  /**
   * A place behind the replies to all commands that came before, because these were executed before; undefined when none is to come.
   *
   * @param isLater whether the one that came last is executed later
   */
  private placeBehind(isLater: (newest: Slot) => boolean): Slot | undefined {
    const { slots } = this
    const newest = slots.at(slots.length - 1)
    if (newest === undefined) return undefined
    const later = lastThat(slots, isLater)
    if (later === 0) return undefined
    const slot = ReplyQueue.spare.pop() ?? new Slot()
    slot.open(this, newest.proto, newest.db, false, 0)
    // The client has sent nothing more.
    slot.number = newest.number
    slot.endsBatch = true
    if (later < 0) slots.push(slot)
    else insert(slots, later, slot)
    return slot
  }

  /** The commands whose places were taken since the last call came together: their replies leave together, if they come soon. */
  endBatch(): void {
    const newest = this.slots.at(this.slots.length - 1)
    if (newest === undefined) this.outbox.complete()
    else newest.endsBatch = true
  }

  /**
   * The command of a slot (without one, that of the command that came last) failed inside the proxy: the client is told so
   * in its turn, and what may still come for the slot goes nowhere.
   */
  fail(failed: Slot | undefined, failure: Error, isWrite: boolean): void {
    const { slots } = this
    let i = slots.length - 1
    if (failed !== undefined) while (i >= 0 && slots.at(i) !== failed) i--
    const slot = slots.at(i)
    const isOrderLost = slot === undefined || slot.finished
    this.owner.commandFailed(failure, isOrderLost)
    if (isOrderLost) return
    const heir = slot.heir()
    slots.set(i, heir)
    const bytes = encodeReply(internalError(failure, isWrite), heir.proto)
    heir.finish(bytes, 0, bytes.length, true)
  }

  /** The number of the oldest command that is not answered; infinite when all are. */
  get oldest(): number {
    return this.slots.peek()?.number ?? Number.POSITIVE_INFINITY
  }

  /** Nobody has looked at what they write: gives it to all commands that may write and are not answered. */
  markWrites(written: Written): void {
    for (let i = 0; i < this.slots.length; i++) {
      const slot = this.slots.at(i)!
      if (slot.requestBytes === 0 || slot.number > this.newestWrite) continue
      if (slot.written instanceof CountedReply) slot.written.tell(written)
      else slot.written ??= written
    }
  }

  isFirst(slot: Slot): boolean {
    return slot === this.slots.peek()
  }

  get newest(): number {
    return this.slots.at(this.slots.length - 1)?.number ?? 0
  }

  get ownerClosed(): boolean {
    return this.owner.closed
  }

  /** A slot has its reply: writes it if it is the head, and all finished ones behind it. */
  slotFinished(slot: Slot, buf: Buffer, start: number, end: number, owned: boolean): void {
    if (slot.asked !== NOT_ASKED) this.clock(slot)
    if (slot.trace !== undefined) slot.trace.answered(buf, start, end)
    if (slot.pausing) this.goesOn(slot)
    if (slot.expectedBytes > 0) slot.came()
    if (slot.requestBytes > 0) this.learn(slot, end - start)
    const behind = slot.written?.answered(buf, start, end)
    if (behind !== undefined) slot.written = undefined
    if (behind !== undefined && !slot.silent) {
      const both = Buffer.concat([buf.subarray(start, end), behind])
      this.answered(slot, both, 0, both.length, true)
    } else {
      if (behind !== undefined) this.push(behind)
      this.answered(slot, buf, start, end, owned)
    }
  }

  /**
   * What its client's earlier commands took does not count, nor the time in which it waited for what may never come: then it is from
   * when it was sent for what came.
   */
  private clock(slot: Slot): void {
    const { tick } = coarse
    const { askedTick } = slot
    this.patience.durations?.note(slot.timedAs, slot.waiting ? (answering.by?.tick ?? tick) : askedTick)
    const isSlow = ticksBetween(askedTick, tick) >= this.patience.ticks
    if (isSlow) {
      const before = slot.waiting ? answering.by?.tick : this.answeredTick
      const since = before !== undefined && ticksBetween(askedTick, before) > 0 ? before : askedTick
      const counts = before !== undefined && ticksBetween(since, tick) >= this.patience.ticks
      if (counts) this.owner.slow?.(slot, since)
    }
    this.answeredTick = tick
  }

  /** Shows all that are not answered. */
  visit(show: (slot: Slot) => void): void {
    for (let i = 0; i < this.slots.length; i++) show(this.slots.at(i)!)
  }

  private answered(slot: Slot, buf: Buffer, start: number, end: number, owned: boolean): void {
    if (slot !== this.slots.peek()) {
      if (this.owner.closed) slot.keep(EMPTY, 0, 0, true)
      else slot.keep(buf, start, end, owned)
      this.keptBytes += slot.keptBytes
      this.owner.repliesDone()
      return
    }
    let last = this.leave(slot, buf, start, end, owned)
    let head = this.slots.peek()
    for (; head?.finished === true; head = this.slots.peek()) {
      this.keptBytes -= head.keptBytes
      last = this.leave(head, head.kept, head.keptStart, head.keptEnd, head.keptOwned) || last
    }
    head?.onFirst?.()
    if (last) this.owner.lastReplyDone()
    this.owner.repliesDone()
  }

  /**
   * Whether the next command may ask these members, because there is room for its reply; else it is told when to try again. It has
   * to be taken then, or to be asked about again.
   *
   * @param untaken bytes of replies that the client has not taken
   */
  mayAsk(asker: Asker, shares: readonly Share[], untaken: number): boolean {
    this.asks = NO_SHARES
    if (shares.length === 0) return true
    const verdict = this.budget.judge(asker, shares, this.expectedBytes, this.slots.length, untaken, this.kind)
    if (verdict === 'take first') return false
    this.waitAt(asker, verdict === 'ask' ? undefined : verdict)
    if (verdict !== 'ask') return false
    this.asks = shares
    return true
  }

  /** Whether it is told when it may ask, and not before; with nothing on its way it may try. */
  get waitsForTurn(): boolean {
    return this.turnAt !== undefined && this.slots.length > 0
  }

  /** The client asks no more. */
  leaveTurn(asker: Asker): void {
    this.waitAt(asker, undefined)
  }

  private waitAt(asker: Asker, share: Share | undefined): void {
    if (this.turnAt !== share) this.turnAt?.leave(asker)
    this.turnAt = share
    share?.wait(asker)
  }

  /** The reply counts among what members owe until it has come. */
  private charge(slot: Slot): void {
    const bytes = this.expectedBytes
    slot.expectedBytes = bytes
    slot.shares = this.asks
    for (const share of this.asks) share.expect(bytes)
    this.asks = NO_SHARES
  }

  /** A reply of so many bytes has come from servers: the next ones are expected to be like it. */
  private learn({ number }: Slot, size: number): void {
    if (number <= this.newestWrite) this.owner.wrote?.()
    if (this.isNew) {
      this.isNew = false
      this.estimate = 0
      this.window = FIRST_WINDOW
    }
    if (size * this.window <= CLIENT_BYTES_MAX) this.window++
    if (size <= SMALL_BYTES && this.estimate === 0) {
      if (this.smallReplies < SMALL_REPLIES_MAX) this.smallReplies++
      return
    }
    this.smallReplies = 1
    this.estimate = estimateAfter(this.estimate, size)
    if (this.estimate === 0) return
    this.window = Math.max(1, Math.min(this.window, Math.floor(CLIENT_BYTES_MAX / this.estimate)))
    if (size > LARGE_BYTES) this.budget.sawLarge(size)
  }

  /** [SlotOwner] */
  goesOn(slot: Slot, isServed = false): void {
    slot.passes(this)
    if (slot.waiting) this.owner.blocked(undefined)
    if (isServed) this.owner.repliesDone()
  }

  blocked(wait: Wait | undefined): void {
    this.owner.blocked(wait)
  }

  /** True when the connection ends after this reply. */
  private leave(slot: Slot, buf: Buffer, start: number, end: number, owned: boolean): boolean {
    this.slots.shift()
    this.requestBytes -= slot.requestBytes
    if (buf[start] === MINUS) this.owner.errorReplied(buf, start, end, slot.timedAs)
    const { last, endsBatch } = slot
    if (this.slots.length === 0 && this.window > FRESH_WINDOW_MAX) this.window = FRESH_WINDOW_MAX
    if (!slot.silent && !this.owner.closed) this.outbox.append(buf, start, end, owned, !endsBatch)
    else if (endsBatch) this.outbox.complete()
    slot.forget()
    ReplyQueue.spare.push(slot)
    return last
  }
}
