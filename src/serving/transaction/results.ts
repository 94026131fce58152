import type { Group } from '../../order/groups.js'
import { isUnknownOutcome } from '../../order/replies.js'
import { InnerSlot, type ReplySlot } from '../../order/reply-slot.js'
import { REPLY_MAX_BYTES, TOO_LARGE_REPLY } from '../../resp/reply-framer.js'
import { unknownBecause, unknownOutcome } from './texts.js'
import { causeOf, type Unanswered } from './unanswered.js'

/** Collects the replies to the commands of a transaction, and makes one of them. */
export class Results {
  private readonly replies: (Buffer | undefined)[]
  private open: number
  /** The error of a write of which it is not known what became of it. */
  private unknown: Buffer | undefined
  /** Which member has not answered a read, or that its answer does not count. */
  private unanswered: string | undefined
  /** The client has been told, or will be, without what is collected here. */
  private isOver = false
  private readonly later: { readonly command: number; readonly execute: () => Buffer }[] = []

  constructor(
    readonly slot: ReplySlot,
    readonly count: number,
    /** Undefined where something is written; else it is told why there will be no reply, and sees to that. */
    private readonly askAgain: ((member: string, why: Unanswered) => void) | undefined,
    private readonly done: (reply: Buffer) => void,
    /** Something failed inside the proxy, and the client has been told. */
    private readonly gaveUp: () => void,
  ) {
    this.replies = new Array<Buffer | undefined>(count).fill(undefined)
    this.open = count
  }

  /** The slot of a command, in the database in which it is executed, and the protocol in which it is answered. */
  slotOf(command: number, db: number, proto: 2 | 3, reshape?: (reply: Buffer) => Buffer): ElementSlot {
    return new ElementSlot(this, command, db, proto, reshape)
  }

  /** The reply to a command, which nobody will write into. */
  put(command: number, reply: Buffer): void {
    if (this.isOver) return
    if (isUnknownOutcome(reply, 0)) this.unknown ??= reply
    this.replies[command] = reply
    this.came()
  }

  /** A command that is executed, and gives its reply, when all others have been; not at all when they may not have been. */
  putLater(command: number, execute: () => Buffer): void {
    this.later.push({ command, execute })
    this.came()
  }

  /** A command that is no write has no answer, or none that counts. */
  lost(member: string, why: Unanswered): void {
    if (this.isOver) return
    if (this.askAgain === undefined) this.unanswered ??= causeOf(member, why)
    else {
      this.isOver = true
      this.askAgain(member, why)
    }
  }

  /** What a member has to say for one of them has come; all of it comes together. */
  cameFrom(member: string, bytes: number): void {
    if (!this.isOver) this.slot.cameFrom?.(member, bytes)
  }

  fail(failure: Error): void {
    if (this.isOver) return
    this.isOver = true
    this.slot.fail(failure, this.askAgain === undefined)
    this.gaveUp()
  }

  private came(): void {
    if (--this.open === 0) this.done(this.reply())
  }

  /** The array, or one error when the outcome of a command is unknown. */
  private reply(): Buffer {
    const { unknown, unanswered } = this
    if (unknown !== undefined) return unknownOutcome(unknown)
    if (unanswered !== undefined) return unknownBecause(unanswered)
    for (const { command, execute } of this.later) this.replies[command] = execute()
    return arrayOf(this.count, this.replies as Buffer[])
  }
}

/** The reply of EXEC to so many commands, from theirs, of which some may lie one behind the other already. */
export function arrayOf(count: number, replies: readonly Buffer[]): Buffer {
  const bytes = replies.reduce((sum, { length }) => sum + length, 0)
  if (bytes > REPLY_MAX_BYTES) return TOO_LARGE_REPLY
  const head: Buffer = Buffer.from(`*${count}\r\n`)
  return Buffer.concat([head].concat(replies))
}

/** The bytes of a reply to be kept, see `ReplySlot.finish`. */
export function keptReply(buf: Buffer, start: number, end: number, owned: boolean): Buffer {
  return owned && start === 0 && end === buf.length ? buf : Buffer.from(buf.subarray(start, end))
}

/** Apart from what is emitted, of which nothing needs to be kept until the replies have come, unless it may be asked again. */
export function resultsOf(
  slot: ReplySlot,
  count: number,
  askAgain: ((member: string, why: Unanswered) => void) | undefined,
  groups: Group[],
): Results {
  const endGroups = () => {
    for (const group of groups.splice(0)) group.end()
  }
  const done = (reply: Buffer) => {
    endGroups()
    slot.finish(reply, 0, reply.length, true)
  }
  return new Results(slot, count, askAgain, done, endGroups)
}

/** The slot of one command: what is before it in the transaction may have changed database and protocol. */
export class ElementSlot extends InnerSlot {
  constructor(
    private readonly results: Results,
    private readonly command: number,
    private readonly ownDb: number,
    private readonly ownProto: 2 | 3,
    private readonly reshape: ((reply: Buffer) => Buffer) | undefined,
  ) {
    super()
  }

  protected get whole(): ReplySlot {
    return this.results.slot
  }

  override get db(): number {
    return this.ownDb
  }

  override get proto(): 2 | 3 {
    return this.ownProto
  }

  finish(buf: Buffer, start: number, end: number, owned: boolean): void {
    const own = keptReply(buf, start, end, owned)
    this.results.put(this.command, this.reshape === undefined ? own : this.reshape(own))
  }

  override cameFrom(member: string, bytes: number): void {
    this.results.cameFrom(member, bytes)
  }

  override fail(failure: Error): void {
    this.results.fail(failure)
  }
}
