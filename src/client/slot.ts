import { assert } from '../base/assert.js'
import { CELL_BYTES, cells } from '../base/cells.js'
import { copyBytes } from '../base/copy-bytes.js'
import type { KeyId } from '../base/key-id.js'
import { HELD_BYTES, hold, release } from '../base/large-buffers.js'
import { OF_PROXY } from '../command/command-class.js'
import { places, type ReplySlot, type Wait } from '../order/reply-slot.js'
import { NO_SHARES, type ReplyBudget, type Share, SMALL_BYTES } from './reply-budget.js'

/** What is to be done when a write is answered. */
export interface Written {
  /** It has written these keys. */
  wrote(ids: readonly KeyId[]): void
  /** Whether somebody is to be told of what it writes when it is answered. */
  readonly isToBeTold: boolean
  /** Tells of it now, as nothing else can become of it; not again when it is answered. */
  tellNow(): void
  /** It is answered so: gives what is to stand behind that. */
  answered(buf: Buffer, start: number, end: number): Buffer | undefined
}

/**
 * Of a command that was not noted, of one that is described in its slot, and of one of which only the time is noted: else where its
 * bytes lie.
 */
export const NOT_ASKED = -1
export const DESCRIBED = -2
export const TIMED = -3

/** What is shown of a command. */
export interface Described {
  /** The first of its arguments, and the beginnings of long ones; where there are more the last one says how many. */
  readonly args: readonly Buffer[]
  /** How many it has. */
  readonly argc: number
}

/** Is told how a command is answered. */
export interface Answered {
  answered(buf: Buffer, start: number, end: number): void
}

/** The queue in which a slot stands. */
export interface SlotOwner {
  readonly budget: ReplyBudget
  /** How many slots must be finished before the next command is handled, and how many of these may be followed. */
  pausing: number
  followed: number
  readonly newest: number
  readonly newestWrite: number
  readonly ownerClosed: boolean
  isFirst(slot: Slot): boolean
  /** Shows all that are not answered. */
  visit(show: (slot: Slot) => void): void
  /** The client's next command waits for this one no more. @param isServed at once, not when this one is answered */
  goesOn(slot: Slot, isServed: boolean): void
  /** Its client waits for what may never come, or does not any more. */
  blocked(wait: Wait | undefined): void
  /** A slot has its reply. */
  slotFinished(slot: Slot, buf: Buffer, start: number, end: number, owned: boolean): void
  /** Its command failed inside the proxy. */
  fail(failed: Slot, failure: Error, isWrite: boolean): void
}

/** Whether clients with caches are still to be told of what a client has written, by the commands before that number if there is one. */
export function isUntold(queue: Pick<SlotOwner, 'visit'>, before = Number.POSITIVE_INFINITY): boolean {
  let is = false
  queue.visit(({ number, finished, written }) => {
    if (number < before && !finished && written?.isToBeTold === true) is = true
  })
  return is
}

/**
 * The place of one reply. Used again for other commands, of other clients, after it has left its queue.
 *
 * With thousands under way none is in a cache any more when its reply comes. Objects lie in memory in the order of their fields: what
 * every reply looks at is first, and together.
 */
export class Slot implements ReplySlot {
  /** Undefined while the slot is in nobody's use. */
  private queue: SlotOwner | undefined = undefined
  requestBytes = 0
  finished = false
  /** The client's next command waits for this reply. */
  pausing = false
  /** What the reply is expected to have, see `ReplyBudget`; 0 when it does not count. */
  expectedBytes = 0
  /** Who is told of the answer to a write, while clients have caches of their own. */
  written: Written | undefined = undefined
  /** Where the bytes of its command lie, and when it was its turn: see SlowLog. */
  asked = NOT_ASKED
  askedTick = 0
  /** The number of the class of its command. */
  timedAs = OF_PROXY
  silent = false
  /** The connection ends after this reply. */
  last = false
  /** It is that of the last of the commands that came together. */
  endsBatch = false
  /** What is kept lies in a large buffer that is held for it. */
  private keptHeld = false
  kept: Buffer
  keptStart = 0
  keptEnd = 0
  keptOwned = false
  /** To be called when all before it have left. */
  onFirst: (() => void) | undefined = undefined
  /** Who is told how its command is answered, while that is traced. */
  trace: Answered | undefined = undefined

  proto: 2 | 3 = 2
  db = 0
  number = 0
  /** Whose replies it is made of, and have not come; without any it was put aside. */
  shares: readonly Share[] = NO_SHARES
  /** What is to be shown of its command when its bytes are not kept. */
  described: Described | undefined = undefined
  /** Its command waits for what may never come. */
  waiting = false
  /** While its client is paused for it: it may be followed; and who is told when it is paused no more. */
  mayBeFollowed = false
  onPassed: (() => void) | undefined = undefined
  /** Another one has its place: whoever still has this one may answer to it in vain. */
  private isReplaced = false
  private readonly cell: Buffer
  private readonly cellStart: number

  constructor() {
    cells.next()
    this.cell = cells.buffer
    this.cellStart = cells.start
    this.kept = this.cell
  }

  get client(): unknown {
    return this.queue
  }

  get newest(): number {
    return this.queue?.newest ?? this.number
  }

  get newestWrite(): number {
    return this.queue?.newestWrite ?? 0
  }

  get abandoned(): boolean {
    return this.queue === undefined || this.queue.ownerClosed
  }

  get keptBytes(): number {
    return this.keptEnd - this.keptStart
  }

  open(queue: SlotOwner, proto: 2 | 3, db: number, silent: boolean, requestBytes: number): void {
    this.queue = queue
    this.proto = proto
    this.db = db
    this.number = ++places.taken
    this.silent = silent
    this.requestBytes = requestBytes
    this.expectedBytes = 0
    this.last = false
    this.finished = false
    this.endsBatch = false
    this.pausing = false
    this.waiting = false
    this.written = undefined
    this.asked = NOT_ASKED
    this.timedAs = OF_PROXY
    this.trace = undefined
  }

  finish(buf: Buffer, start: number, end: number, owned: boolean): void {
    const { queue } = this
    if (queue === undefined && this.isReplaced) return
    assert(queue !== undefined && !this.finished, 'a command has one reply')
    queue.slotFinished(this, buf, start, end, owned)
  }

  fail(failure: Error, isWrite: boolean): void {
    this.queue?.fail(this, failure, isWrite)
  }

  /** A slot in the place of this one, which is nobody's from now on and is not used again. */
  heir(): Slot {
    const heir = new Slot()
    heir.open(this.queue!, this.proto, this.db, this.silent, this.requestBytes)
    heir.number = this.number
    heir.expectedBytes = this.expectedBytes
    heir.shares = this.shares
    heir.last = this.last
    heir.endsBatch = this.endsBatch
    heir.pausing = this.pausing
    heir.waiting = this.waiting
    heir.mayBeFollowed = this.mayBeFollowed
    heir.onPassed = this.onPassed
    heir.onFirst = this.onFirst
    heir.written = this.written
    heir.asked = this.asked
    heir.askedTick = this.askedTick
    heir.described = this.described
    heir.timedAs = this.timedAs
    heir.trace = this.trace
    this.isReplaced = true
    this.queue = undefined
    return heir
  }

  pauseClient(): void {
    const { queue } = this
    if (queue === undefined || this.pausing) return
    this.pausing = true
    queue.pausing++
    // It waits for something else, and its client has nothing behind it: that does not take the turns of others.
    if (this.expectedBytes > 0 && this.shares !== queue.budget.everywhere) this.came()
  }

  goOn(bytes: number): void {
    // What it was expected to have has not been counted since its client paused.
    if (this.pausing && this.moveAside(bytes)) this.queue?.goesOn(this, true)
  }

  /** [ReplySlot] */
  letFollow(): void {
    if (this.queue === undefined || !this.pausing || this.mayBeFollowed) return
    this.mayBeFollowed = true
    this.queue.followed++
  }

  /** Its client is paused for it no more. */
  passes(queue: SlotOwner): void {
    const { onPassed } = this
    queue.pausing--
    if (this.mayBeFollowed) queue.followed--
    this.pausing = false
    this.mayBeFollowed = false
    this.onPassed = undefined
    onPassed?.()
  }

  /** [ReplySlot] */
  whenPassed(passed: () => void): void {
    if (this.pausing) this.onPassed = passed
    else passed()
  }

  waits(wait: Wait | undefined): void {
    const { queue } = this
    if (queue === undefined) return
    this.pauseClient()
    this.waiting = wait !== undefined
    queue.blocked(wait)
  }

  putAside(): void {
    if (this.shares.length > 0) this.moveAside(this.expectedBytes)
  }

  cameFrom(member: string, bytes: number): void {
    const { queue, expectedBytes, shares } = this
    if (queue === undefined || expectedBytes === 0) return
    const [share] = queue.budget.of(member)
    if (!shares.includes(share)) return
    if (shares.length === 1) this.moveAside(bytes)
    else {
      share.came(expectedBytes)
      this.shares = shares.filter((each) => each !== share)
    }
  }

  /** From now on so many bytes count among those that no member owes; false when these are too many. */
  private moveAside(bytes: number): boolean {
    const { queue } = this
    const counted = bytes > SMALL_BYTES ? bytes : 0
    if (queue === undefined || (counted > 0 && !queue.budget.putAside(counted))) return false
    this.came()
    this.expectedBytes = counted
    return true
  }

  /** The reply has come, or counts no more. */
  came(): void {
    const { expectedBytes, shares } = this
    if (shares.length === 0) this.queue?.budget.cameFromAside(expectedBytes)
    for (const share of shares) share.came(expectedBytes)
    this.expectedBytes = 0
    this.shares = NO_SHARES
  }

  whenFirst(): Promise<void> {
    const { queue } = this
    if (queue === undefined || queue.isFirst(this)) return Promise.resolve()
    return new Promise((resolve) => {
      this.onFirst = () => {
        this.onFirst = undefined
        resolve()
      }
    })
  }

  wrote(ids: readonly KeyId[]): void {
    this.written?.wrote(ids)
  }

  /** [ReplySlot] */
  untoldBefore(): boolean {
    return this.queue !== undefined && isUntold(this.queue, this.number)
  }

  /** [ReplySlot] */
  tellWritten(): void {
    this.written?.tellNow()
  }

  keep(buf: Buffer, start: number, end: number, owned: boolean): void {
    const length = end - start
    this.finished = true
    this.keptOwned = owned
    this.keptHeld = !owned && length >= HELD_BYTES && hold(buf)
    if (owned || this.keptHeld) {
      this.kept = buf
      this.keptStart = start
      this.keptEnd = end
      return
    }
    const isShort = length <= CELL_BYTES
    this.kept = isShort ? this.cell : Buffer.allocUnsafe(length)
    this.keptStart = isShort ? this.cellStart : 0
    this.keptEnd = this.keptStart + length
    this.keptOwned = !isShort
    copyBytes(buf, start, end, this.kept, this.keptStart)
  }

  /** Lets go of a large reply, and of the client: the next use may be long after its end. */
  forget(): void {
    if (this.keptHeld) release(this.kept)
    this.keptHeld = false
    this.kept = this.cell
    this.queue = undefined
    this.onFirst = undefined
    if (this.asked === DESCRIBED) this.described = undefined
  }
}
