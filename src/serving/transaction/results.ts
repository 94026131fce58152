import { isUnknownOutcome, NOT_APPLIED, OUTCOME_UNKNOWN } from '../../order/replies.js'
import { InnerSlot, type ReplySlot } from '../../order/reply-slot.js'
import { REPLY_MAX_BYTES, TOO_LARGE_REPLY } from '../../resp/reply-framer.js'

const TRANSACTION_UNKNOWN = 'ERR the outcome of this transaction is unknown'

/** Collects the replies to the commands of a transaction, and makes one of them. */
export class Results {
  private readonly replies: (Buffer | undefined)[]
  private open: number
  /** The error of a write of which it is not known what became of it. */
  private unknown: Buffer | undefined
  /** The member that has not answered a read, or whose answer does not count. */
  private lostOn: string | undefined
  /** It was refused there, for want of memory. */
  private isFull = false
  private failed = false

  constructor(
    readonly slot: ReplySlot,
    readonly count: number,
    private readonly hasWrites: boolean,
    private readonly done: (reply: Buffer) => void,
    /** Something failed inside the proxy, and the client has been told. */
    private readonly gaveUp: () => void,
  ) {
    this.replies = new Array<Buffer | undefined>(count).fill(undefined)
    this.open = count
  }

  /** The slot of a command, in the database in which it is executed, and the protocol in which it is answered. */
  slotOf(command: number, db: number, proto: 2 | 3): ElementSlot {
    return new ElementSlot(this, command, db, proto)
  }

  /** The reply to a command, which nobody will write into. */
  put(command: number, reply: Buffer): void {
    if (this.failed) return
    if (isUnknownOutcome(reply, 0)) this.unknown ??= reply
    this.replies[command] = reply
    if (--this.open === 0) this.done(this.reply())
  }

  /**
   * A read has no answer: its link broke, its server discarded its part of the transaction, or has come into doubt meanwhile, and what
   * it said may never have been.
   *
   * @param isFull the server has no memory, and refuses transactions
   */
  lost(member: string, isFull = false): void {
    if (this.lostOn !== undefined) return
    this.lostOn = member
    this.isFull = isFull
  }

  /** What a member has to say for one of them has come; all of it comes together. */
  cameFrom(member: string, bytes: number): void {
    if (!this.failed) this.slot.cameFrom?.(member, bytes)
  }

  fail(failure: Error): void {
    if (this.failed) return
    this.failed = true
    this.slot.fail(failure, this.hasWrites)
    this.gaveUp()
  }

  /** The array, or one error when the outcome of a command is unknown. */
  private reply(): Buffer {
    const { unknown, lostOn, hasWrites } = this
    if (unknown !== undefined) {
      const text = unknown.toString('utf8', 1 + OUTCOME_UNKNOWN.length, unknown.length - 2)
      const advice = text.replace(
        'read the key before you send the write again',
        'some of its commands may have been executed, read its keys before you send it again',
      )
      return Buffer.from(`-${TRANSACTION_UNKNOWN}${advice}\r\n`)
    }
    if (lostOn !== undefined) {
      const cause = this.isFull
        ? `${lostOn} has no memory left, and refuses what stands in a transaction`
        : `the connection to ${lostOn} broke before it had answered, or it refused a command, or lacks a write`
      const text = hasWrites
        ? `${TRANSACTION_UNKNOWN}: ${cause}; some of its commands may have been executed, read its keys before you send it again`
        : `${this.isFull ? 'OOM' : 'CLUSTERDOWN'} ${cause}; ${NOT_APPLIED}, try again`
      return Buffer.from(`-${text}\r\n`)
    }
    const replies = this.replies as Buffer[]
    const bytes = replies.reduce((sum, { length }) => sum + length, 0)
    if (bytes > REPLY_MAX_BYTES) return TOO_LARGE_REPLY
    const head: Buffer = Buffer.from(`*${replies.length}\r\n`)
    return Buffer.concat([head].concat(replies))
  }
}

/** The slot of one command: what is before it in the transaction may have changed database and protocol. */
export class ElementSlot extends InnerSlot {
  constructor(
    private readonly results: Results,
    private readonly command: number,
    private readonly ownDb: number,
    private readonly ownProto: 2 | 3,
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
    const isWhole = owned && start === 0 && end === buf.length
    this.results.put(this.command, isWhole ? buf : Buffer.from(buf.subarray(start, end)))
  }

  override cameFrom(member: string, bytes: number): void {
    this.results.cameFrom(member, bytes)
  }

  override fail(failure: Error): void {
    this.results.fail(failure)
  }
}
