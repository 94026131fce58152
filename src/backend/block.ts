import { Elements } from '../resp/elements.js'
import { frameOf } from '../resp/frame.js'
import { IS_ERROR, ReplyProtocolError } from '../resp/reply-framer.js'
import type { ExpiryPushes } from './expiry-pushes.js'
import type { EntryVisitor, InFlight } from './in-flight.js'
import { CommandRefusedError, type ReplySink } from './reply-sink.js'
import type { Segment, SendLog } from './send-log.js'

export const MULTI = frameOf(['MULTI'])
export const EXEC = frameOf(['EXEC'])
/** The tags of MULTI and EXEC. */
export const BEGIN = -1
export const END = -2

const STAR = 0x2a
const READONLY = '-READONLY '
const OUT_OF_MEMORY = '-OOM '

/** Who waits for the replies to a run of commands, see `Link.emitRun`. As a `ReplySink` it is one of a single command. */
export interface RunSink extends ReplySink {
  /**
   * The replies, one behind the other from `start` to `end` of `buf`; valid during the call only.
   *
   * @param flags of all of them together, as the framer would have given them
   */
  onRun(tag: number, buf: Buffer, start: number, end: number, flags: number): void
}

/** The connection on which a block is emitted. */
export interface BlockHost {
  readonly expiryPushes: ExpiryPushes
  /** The server has no memory: it refuses what is queued, and will not execute anything. */
  onBlockRefused(): void
  /** The server has begun to queue its commands. */
  blockBegun(block: Block): void
}

/** A command may take so long: one that reads a value of some megabytes, which is copied for the reply. */
const COMMAND_MS = 10
/** Of more than so many none is like that. */
const LONG_COMMANDS_MAX = 1000
const SHORT_COMMAND_MS = 0.02
const PATIENCE_MS_MAX = 30_000

/** For a command that is no run. */
const SINGLE = 0

/** A command, or a run of them: who waits for its replies, and where it lies, as it is looked at again when EXEC is answered. */
interface Part {
  readonly sink: ReplySink
  readonly tag: number
  readonly segment: Segment
  readonly start: number
  readonly end: number
  readonly count: number
  next: Part | undefined
}

/**
 * Commands that were emitted on a link one behind the other, and which its server executes together or not at all. Whoever emitted
 * one of them does not know that: he is told what stands in its place in the reply of EXEC. In flight on the link are MULTI and EXEC;
 * what is answered to the commands between them is of no interest but when it is an error.
 *
 *     emitted     MULTI   SET a 1   GET b   EXEC
 *     answered    +OK     +QUEUED   +QUEUED *2 … ──> "+OK" to who waits for SET, "$1 x" to who waits for GET
 *
 * A block that the server discards, because it could not take one of the commands, was not executed: all are told that their
 * reply is lost, as when the link breaks.
 */
export class Block implements ReplySink {
  /** How many commands it has. */
  count = 0
  /** [ReplySink] They are of one client, or of the proxy. */
  speaks: ReplySink['speaks'] = undefined
  private first: Part | undefined
  private last: Part | undefined
  /** It is what the server was asked first when it fell silent. */
  private isStuck = false

  constructor(
    private readonly host: BlockHost,
    private readonly inFlight: InFlight,
    private readonly log: SendLog,
  ) {}

  /** Whether this reply to MULTI or EXEC says that something was executed: EXEC's array does. */
  static wasExecuted(tag: number, buf: Buffer, start: number): boolean {
    return tag === END && buf[start] === STAR
  }

  get patienceMs(): number {
    const long = Math.min(this.count, LONG_COMMANDS_MAX)
    return Math.min(PATIENCE_MS_MAX, long * COMMAND_MS + (this.count - long) * SHORT_COMMAND_MS)
  }

  /** A command was put on the link. */
  add(sink: ReplySink, tag: number, segment: Segment, start: number, end: number): void {
    this.put(sink, tag, segment, start, end, SINGLE)
    this.count++
  }

  /** So many commands, which lie one behind the other, were put on the link. */
  addRun(sink: RunSink, tag: number, segment: Segment, start: number, end: number, count: number): void {
    this.put(sink, tag, segment, start, end, count)
    this.count += count
  }

  private put(sink: ReplySink, tag: number, segment: Segment, start: number, end: number, count: number): void {
    const part = { sink, tag, segment, start, end, count, next: undefined }
    if (sink.speaks !== undefined) this.speaks = 'at once'
    if (this.last === undefined) this.first = part
    else this.last.next = part
    this.last = part
  }

  /** Shows its commands; a run of them is one. */
  visit(visit: EntryVisitor): void {
    for (let part = this.first; part !== undefined; part = part.next) {
      visit(part.sink, part.tag, part.segment.buf, part.start, part.end)
    }
  }

  onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    if (tag === END) this.answered(buf, start, end, flags)
    // Without MULTI what follows is no block.
    else if ((flags & IS_ERROR) !== 0) throw refusal(buf, start, end)
    else this.host.blockBegun(this)
  }

  /** What the server says to one of its commands, but for `+QUEUED`. */
  onQueued(buf: Buffer, start: number, end: number, flags: number): void {
    if ((flags & IS_ERROR) === 0) return
    // Who has become a replica is no member any more.
    if (buf.toString('latin1', start, start + READONLY.length) === READONLY) throw refusal(buf, start, end)
    if (buf.toString('latin1', start, start + OUT_OF_MEMORY.length) === OUT_OF_MEMORY) this.host.onBlockRefused()
  }

  onLost(tag: number): void {
    if (tag !== END) return
    for (let part = this.first; part !== undefined; part = this.first) {
      const { sink, segment, start, end } = part
      this.first = part.next
      if (this.isStuck && sink.onStuck !== undefined) sink.onStuck(part.tag, segment.buf, start, end)
      else sink.onLost(part.tag, segment.buf, start, end)
      this.log.release(segment)
    }
  }

  /** Any of its commands may be what takes so long. */
  onStuck(tag: number): void {
    this.isStuck = true
    this.onLost(tag)
  }

  private answered(buf: Buffer, start: number, end: number, flags: number): void {
    // A key that expired in it may have met any of its commands.
    this.host.expiryPushes.answeredSeveral()
    if ((flags & IS_ERROR) !== 0) {
      this.onLost(END)
      return
    }
    const { inFlight, log } = this
    const elements = new Elements(buf, start, end)
    if (elements.count !== this.count) {
      this.onLost(END)
      throw new ReplyProtocolError(`${elements.count} replies to the ${this.count} commands of a transaction`)
    }
    for (let part = this.first; part !== undefined; part = part.next) {
      const { sink, segment, count } = part
      // Should it fail, it is told that its reply is lost.
      this.first = part
      inFlight.segment = segment
      inFlight.start = part.start
      inFlight.end = part.end
      if (count === SINGLE) {
        elements.next()
        sink.onReply(part.tag, buf, elements.start, elements.end, elements.flags)
      } else {
        elements.pass(count)
        ;(sink as RunSink).onRun(part.tag, buf, elements.start, elements.end, elements.flags)
      }
      log.release(segment)
    }
    this.first = undefined
  }
}

function refusal(buf: Buffer, start: number, end: number): CommandRefusedError {
  return new CommandRefusedError('MULTI', buf.toString('utf8', start, end).trim())
}
