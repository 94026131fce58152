import type { KeyId } from '../../base/key-id.js'
import type { CommandRow } from '../../command/row.js'
import { replyShape } from '../../command/table.js'
import { answer, deliver, internalError, unavailable } from '../../order/replies.js'
import type { ReplySlot, Wait } from '../../order/reply-slot.js'
import type { Router } from '../../order/router.js'
import { type ErrorReply, error, nullArray } from '../../resp/encode.js'
import { HAS_RESP3, IS_ERROR } from '../../resp/reply-framer.js'
import { type Answered, AskedSlot, PlannedSlot, SentForSlot } from './asked-slots.js'
import type { BlockedCommand } from './blocked-command.js'
import type { Timed } from './deadlines.js'
import { flattened } from './flat.js'
import { type Line, NO_LINES, type Waiter } from './lines.js'
import { isNotTried, isOtherThanWaitedFor, isUnanswered } from './not-tried.js'
import type { Asker } from './planned-wait.js'

const MINUS = 0x2d
const UNDERSCORE = 0x5f
export const UNBLOCKED = error('UNBLOCKED client unblocked via CLIENT UNBLOCK')

const NOBODY: readonly never[] = []

/** How waiting ends without anything having come. */
export type End = 'time-out' | 'error' | ErrorReply

/** What came back for somebody who waits. */
export type Came =
  | 'something' // it has been answered with that
  | 'nothing'
  | 'failed' // something inside the proxy, which it has been told
  | 'wrong type' // one of its keys is of another kind, the one for which it waits or another one
  | 'not tried'

/** Who looks after those that wait. */
export interface Keeper {
  /** Its time begins. */
  isTimed(client: WaitingClient): void
  /** Its keys have nothing for it: from now on it stands in line. */
  stands(client: WaitingClient): void
  /** Whether it is not known what others who stand in line for one of its keys have there. */
  isBehind(command: BlockedCommand): boolean
  /** It has been decided that this one waits no more, and nothing is on its way to it. */
  ends(client: WaitingClient): void
  /** What was sent for has been answered. */
  came(client: WaitingClient, line: Line | undefined, came: Came): void
  /** What becomes of that which came for a client that is gone [heirs.ts]. */
  readonly heirs: {
    of(client: WaitingClient, line: Line): WaitingClient | undefined
    putBack(client: WaitingClient, buf: Buffer, start: number, end: number): void
  }
  /** Keys can be served that could not before: who was put off is tried again. */
  readable(): void
  /** Whether a command that moves an element needs its keys for itself, as things are now. */
  needsGates(command: BlockedCommand): boolean
  readonly order: { readonly router: Pick<Router, 'away' | 'routeOf'> }
}

/**
 * A client whose command waits [design §7 Waiting]:
 *
 *     asking ──nothing──> free <──nothing── sent for ──something──> answered
 *        └──something──> answered            free ──its time is over, CLIENT UNBLOCK, it has gone──> answered
 *
 * What would end its waiting while an element is on its way ends it when it is known that none comes. Who has to have keys of several
 * servers for himself first is free until he has them.
 */
export class WaitingClient implements Waiter, Timed, Wait, Asker {
  lines: readonly Line[] = NO_LINES
  claim: Line | 'asking' | undefined = 'asking'
  writesBefore = 0
  place = -1
  deadlineMs = Number.POSITIVE_INFINITY
  /** How it is to end as soon as nothing is on its way. */
  end: End | undefined
  /** What is asked besides, and has not been answered. */
  questions = 0
  /** What it is sent for has not left: others come first. */
  isQueued = false
  /** It stands in line unasked, because others come first. */
  isBehind = false
  private hasAskedInVain = false
  /** Its time is over. */
  private isLate = false
  private isAnswered = false
  private wrongType: Buffer | undefined
  /** Who has asked to end it, and is told whether that was so. */
  private enders: readonly ((ended: boolean) => void)[] = NOBODY

  constructor(
    readonly command: BlockedCommand,
    /** Of the command that its client sent. */
    private readonly row: CommandRow,
    private readonly argc: number,
    readonly slot: ReplySlot,
    private readonly keeper: Keeper,
  ) {}

  /** [Waiter] Its keys may part while it waits, or come together: what counts is how it is when it is sent for. */
  get isSlow(): boolean {
    return this.command.moves && this.keeper.needsGates(this.command)
  }

  get destination(): KeyId | undefined {
    return this.command.moves ? this.command.ids[1] : undefined
  }

  /** Whether it takes from others what it gets. */
  get mayTake(): boolean {
    return this.command.row.replicate !== 'none'
  }

  /** [Timed] */
  tooLate(): void {
    this.isLate = true
    this.finish('time-out')
  }

  /** [Wait] */
  abandon(): void {
    this.finish('time-out')
  }

  /** [Wait] */
  unblock(how: End): Promise<boolean> {
    return new Promise((resolve) => {
      this.enders = [...this.enders, resolve]
      this.finish(how)
    })
  }

  /** [Asker] */
  asks(): boolean {
    if (!this.isAnswered) this.claim = 'asking'
    return !this.isAnswered
  }

  /** [Asker] */
  asksLater(): void {
    this.claim = undefined
    if (this.end !== undefined) this.keeper.ends(this)
  }

  /** [Asker] */
  foundNothing(): void {
    this.keeper.stands(this)
  }

  /** [Asker] */
  comesBehind(): boolean {
    this.isBehind = this.keeper.isBehind(this.command)
    if (this.isBehind) this.keeper.stands(this)
    return this.isBehind
  }

  /** [Asker] */
  waitsInLine(): boolean {
    const { command } = this
    if (command.awaited.length > 1 || this.isAnswered || this.slot.abandoned) return false
    // Nothing is offered to it before it is noted that it was not tried.
    this.claim = 'asking'
    this.keeper.stands(this)
    return true
  }

  /** What its client sent before has been answered. */
  isFirst(): void {
    if (!this.isAnswered) this.keeper.isTimed(this)
  }

  /** [Waiter] */
  heardNothing(): void {
    this.hasAskedInVain = true
  }

  /** It is sent for now; false when it waits no more. */
  leaves(): boolean {
    this.isQueued = false
    return !this.isAnswered
  }

  /** Nobody waits for its answer any more. */
  get isOver(): boolean {
    return this.isAnswered
  }

  /** The place of the reply to what is asked, or sent for, for it. */
  slotOf(line: Line | undefined): AskedSlot {
    const answered: Answered = (buf, start, end) => this.answered(line, buf, start, end)
    const again = () => this.keeper.readable()
    return new SentForSlot(this.slot, answered, (failure, isWrite) => this.fails(failure, isWrite, line), again)
  }

  /** The same for what is asked of several servers. */
  plannedSlot(): ReplySlot {
    const answered: Answered = (buf, start, end) => this.answered(undefined, buf, start, end)
    const slot = new PlannedSlot(this, answered, (failure, isWrite) => this.fails(failure, isWrite))
    slot.isOut = true
    return slot
  }

  /** The same for what is asked besides; `admitted`: it may wait for its server. */
  slotFor(answered: Answered, atGates?: 'admitted'): ReplySlot {
    return new AskedSlot(this.slot, answered, (failure, isWrite) => this.fails(failure, isWrite), atGates)
  }

  /** Answers its client that nothing has come. */
  answerEnd(how: End): void {
    if (how === 'error') answer(this.slot, UNBLOCKED)
    else if (how !== 'time-out') answer(this.slot, how)
    else if (this.isLate && !this.hasAskedInVain && this.isOutOfReach)
      answer(this.slot, unavailable(this.command.timeoutMs, this.keeper.order.router.away))
    else answer(this.slot, nullArray)
    this.over(true)
  }

  /** Whether a server of its keys is away, so that nobody knows what they hold. */
  private get isOutOfReach(): boolean {
    const { ids } = this.command
    return ids.some((id) => this.keeper.order.router.routeOf(id).isOutOfReach(this.mayTake))
  }

  /** Another one of its keys than that for which it waits is of the wrong type: its client is told so. */
  answerWrongType(): void {
    const text = this.wrongType!
    this.slot.finish(text, 0, text.length, true)
    this.over(false)
  }

  /** What it waits for will not be there any more, or nobody knows what that is. */
  answerGone(text: ErrorReply): void {
    answer(this.slot, text)
    this.over(false)
  }

  private finish(how: End): void {
    if (this.isAnswered) return
    this.end ??= how
    if (this.claim === undefined || this.isQueued) this.keeper.ends(this)
  }

  private answered(line: Line | undefined, buf: Buffer, start: number, end: number): void {
    // What was to be asked for it has been given up.
    if (this.isAnswered) return
    if (buf[start] === UNDERSCORE) this.nothingCame(line)
    else if (buf[start] !== MINUS) {
      this.give(line, buf, start, end, HAS_RESP3)
    } else if (this.isToTryAgain(line, buf, start, end)) {
      this.keeper.came(this, line, 'not tried')
    } else if (line !== undefined && isOtherThanWaitedFor(this.command, buf, start)) {
      this.wrongType = Buffer.from(buf.subarray(start, end))
      this.keeper.came(this, line, 'wrong type')
    } else {
      this.give(line, buf, start, end, IS_ERROR)
    }
  }

  /** What may silence a server for long is sent to the next one only when its client says so: not what follows a single write. */
  private isToTryAgain(line: Line | undefined, buf: Buffer, start: number, end: number): boolean {
    if (this.lines.length === 0) return false
    return line === undefined ? isNotTried(buf, start, end) : isUnanswered(buf, start, end)
  }

  /** The end of a stream is known, which was asked for. */
  questionAnswered(): void {
    this.questions--
    if (this.hasAskedInVain && !this.isAnswered) this.nothingCame(undefined)
  }

  private nothingCame(line: Line | undefined): void {
    this.hasAskedInVain = true
    if (line !== undefined || this.questions === 0) this.keeper.came(this, line, 'nothing')
  }

  private give(line: Line | undefined, buf: Buffer, start: number, end: number, flags: number): void {
    const { slot, row, argc, command, keeper } = this
    const isLeft = slot.abandoned && flags !== IS_ERROR && command.from !== undefined
    const heir = isLeft && line !== undefined ? keeper.heirs.of(this, line) : undefined
    const shape = replyShape(row, argc)
    if (command.isFlat && flags !== IS_ERROR) {
      const flat = flattened(buf, start, end)
      deliver(slot, shape, flat, 0, flat.length, flags)
    } else deliver(slot, shape, buf, start, end, flags)
    this.over(false)
    if (heir !== undefined) heir.give(undefined, buf, start, end, flags)
    else if (isLeft) keeper.heirs.putBack(this, buf, start, end)
    keeper.came(this, line, 'something')
  }

  /**
   * Something failed inside the proxy on the way to its answer.
   *
   * @param isWrite whether something may have been taken for it
   * @param line for what it was sent for there
   */
  fails(failure: Error, isWrite: boolean, line?: Line): void {
    if (this.isAnswered) return
    this.slot.fail(failure, isWrite)
    this.over(false)
    this.keeper.came(this, line, 'failed')
  }

  /** It cannot be found out whether a key has something for it: it ends, as soon as nothing is on its way. */
  failsInLine(failure: Error): void {
    if (this.claim === undefined) this.fails(failure, false)
    else this.end ??= internalError(failure, false)
  }

  private over(isEnded: boolean): void {
    this.isAnswered = true
    const { enders } = this
    this.enders = NOBODY
    for (const resolve of enders) resolve(isEnded)
  }
}
