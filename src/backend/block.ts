import { Elements } from '../resp/elements.js'
import { frameOf } from '../resp/frame.js'
import { IS_ERROR, ReplyProtocolError } from '../resp/reply-framer.js'
import type { ExpiryPushes } from './expiry-pushes.js'
import type { InFlight } from './in-flight.js'
import { CommandRefusedError, type ReplySink } from './reply-sink.js'
import type { Segment, SendLog } from './send-log.js'

export const MULTI = frameOf(['MULTI'])
export const EXEC = frameOf(['EXEC'])
/** The tags of MULTI and EXEC; a command in between has its number. */
export const BEGIN = -1
export const END = -2

const STAR = 0x2a
const READONLY = '-READONLY '
const OUT_OF_MEMORY = '-OOM '

/**
 * Commands that were emitted on a link one behind the other, and which its server executes together or not at all. Whoever emitted
 * one of them does not know that: he is told what stands in its place in the reply of EXEC.
 *
 *     emitted     MULTI   SET a 1   GET b   EXEC
 *     answered    +OK     +QUEUED   +QUEUED *2 … ──> "+OK" to who waits for SET, "$1 x" to who waits for GET
 *
 * A block that the server discards, because it could not take one of the commands, was not executed: all are told that their
 * reply is lost, as when the link breaks.
 */
export class Block implements ReplySink {
  private inFlight!: InFlight
  private log!: SendLog
  /** Of each command who waits for its reply, and where it lies: it is looked at again when EXEC is answered. */
  private readonly sinks: ReplySink[] = []
  private readonly tags: number[] = []
  private readonly segments: Segment[] = []
  private readonly starts: number[] = []
  private readonly ends: number[] = []
  /** Those before it have been told. */
  private next = 0
  /** It is what the server was asked first when it fell silent. */
  private isStuck = false

  constructor(
    private readonly expiryPushes: ExpiryPushes,
    /** The server has no memory: it refuses what is queued, and will not execute anything. */
    private readonly refused: () => void,
  ) {}

  /** Whether this reply to one of its commands, MULTI and EXEC among them, says that something was executed: EXEC's array does. */
  static wasExecuted(tag: number, buf: Buffer, start: number): boolean {
    return tag === END && buf[start] === STAR
  }

  /** What was put on the link since `pushed` commands had been put there is in the block; EXEC follows. */
  take(inFlight: InFlight, log: SendLog, pushed: number): void {
    this.inFlight = inFlight
    this.log = log
    inFlight.replaceSinks(pushed, (sink, tag, segment, start, end) => {
      segment.unanswered++
      this.sinks.push(sink)
      this.tags.push(tag)
      this.segments.push(segment)
      this.starts.push(start)
      this.ends.push(end)
      return this
    })
  }

  onReply(tag: number, buf: Buffer, start: number, end: number, flags: number): void {
    if (tag === END) {
      this.answered(buf, start, end, flags)
      return
    }
    if ((flags & IS_ERROR) === 0) return
    // Without MULTI what follows is no block. Who has become a replica is no member any more.
    if (tag === BEGIN || buf.toString('latin1', start, start + READONLY.length) === READONLY) {
      throw new CommandRefusedError('MULTI', buf.toString('utf8', start, end).trim())
    }
    if (buf.toString('latin1', start, start + OUT_OF_MEMORY.length) === OUT_OF_MEMORY) this.refused()
  }

  onLost(tag: number): void {
    if (tag !== END) return
    while (this.next < this.sinks.length) {
      const i = this.next++
      const segment = this.segments[i]
      const sink = this.sinks[i]
      if (this.isStuck && sink.onStuck !== undefined)
        sink.onStuck(this.tags[i], segment.buf, this.starts[i], this.ends[i])
      else sink.onLost(this.tags[i], segment.buf, this.starts[i], this.ends[i])
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
    this.expiryPushes.answeredSeveral()
    if ((flags & IS_ERROR) !== 0) {
      this.onLost(END)
      return
    }
    const { sinks, inFlight, log } = this
    const elements = new Elements(buf, start, end)
    if (elements.count !== sinks.length) {
      this.onLost(END)
      throw new ReplyProtocolError(`${elements.count} replies to the ${sinks.length} commands of a transaction`)
    }
    while (this.next < sinks.length) {
      const i = this.next
      const segment = this.segments[i]
      elements.next()
      inFlight.segment = segment
      inFlight.start = this.starts[i]
      inFlight.end = this.ends[i]
      sinks[i].onReply(this.tags[i], buf, elements.start, elements.end, elements.flags)
      this.next++
      log.release(segment)
    }
  }
}
