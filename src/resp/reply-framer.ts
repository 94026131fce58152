import { HELD_BYTES, hold, release } from '../base/large-buffers.js'
import {
  HAS_RESP3,
  IS_ERROR,
  OWNED,
  QUEUED,
  REPLY_MAX_BYTES,
  ReplyProtocolError,
  type ReplySink,
  TOO_LARGE_REPLY,
} from './framed-replies.js'
import { InputBuffer } from './input-buffer.js'
import { messageEnd } from './message-end.js'
import { without } from './without.js'

export * from './framed-replies.js'

const LF = 10
const CR = 13
const BANG = 33
const HASH = 35
const DOLLAR = 36
const PERCENT = 37
const LEFT_PARENTHESIS = 40
const STAR = 42
const PLUS = 43
const COMMA = 44
const MINUS = 45
const ZERO = 48
const COLON = 58
const K = 75
const O = 79
const EQUALS = 61
const GREATER = 62
const UNDERSCORE = 95
const BAR = 124
const TILDE = 126

/** What an open aggregate is, and so what its end means. */
const ELEMENT = 0
const ATTRIBUTE = 1
const PUSH = 2

const NULL_LENGTH = -1
const INCOMPLETE = -2

const MAX_LENGTH = 0x7fffffff
/** No line with a length is longer, whatever zeros it begins with. */
const LENGTH_LINE_BYTES = 16
/** Scripts reach some thousands before Lua refuses; what is deeper comes from no Redis, and memory is not without end. */
const MAX_DEPTH = 1024 * 1024
const KEPT_BUFFER_BYTES = 65536
const FIRST_DEPTH = 8

/**
 * Finds the replies in the bytes of a RESP3 connection to a backend, without decoding them. Pushes are taken out
 * wherever they stand: Redis 7.0 writes those that a command causes before its reply, or inside of it in the position of
 * an element; Redis 7.2 and newer right behind it. Streamed strings and aggregates, which no Redis sends, are refused.
 */
export class ReplyFramer {
  /** Whether pushes that are there already, right behind a reply, are handed over before it. */
  pushesFollow = false
  /** If they are: whether a push may still come that belongs right behind the reply that was handed over last. */
  openEnded = false
  /** So many replies come next that are `+QUEUED` and are not handed over; another one among them is, and counts as well. */
  queued = 0
  private readonly input = new InputBuffer(KEPT_BUFFER_BYTES)
  /** The next element. */
  private cursor = 0
  /** Up to here the line at the cursor has no end. */
  private scanned = 0
  /** Before this offset is readable there is nothing to do. */
  private needed = 0
  /** The open aggregates: how many elements are still to come in each, and what it is. */
  private depth = 0
  private remaining = new Int32Array(FIRST_DEPTH)
  private kinds = new Uint8Array(FIRST_DEPTH)
  private flags = 0
  /** Where the push that is open begins, -1 if none is; and the flags of the reply around it. */
  private pushStart = -1
  private flagsAround = 0
  /** Start and end of each push inside the current reply. */
  private cuts: number[] = []
  /** The current reply is too large: what has been scanned of it is let go. */
  private tooLarge = false
  private readonly maxUnknown: number

  constructor(
    private readonly sink: ReplySink,
    private readonly maxBytes = REPLY_MAX_BYTES,
    /** A string that is longer, or an aggregate of more elements, is refused; so is a line or a push, which has no more than a reply. */
    private readonly maxLength = MAX_LENGTH,
  ) {
    this.maxUnknown = Math.min(maxLength, REPLY_MAX_BYTES)
  }

  /** Bytes received of which no reply was made yet. */
  get bufferedBytes(): number {
    return this.input.length
  }

  /** Whether a reply has begun that is not whole: no push. */
  get replyBegun(): boolean {
    return this.tooLarge || (this.input.length > 0 && this.input.first !== GREATER)
  }

  /** Takes the next bytes of the stream; the chunk is the caller's again after the call. Throws ReplyProtocolError. */
  feed(chunk: Buffer, size = chunk.length): void {
    const input = this.input
    input.attach(chunk, size)
    this.shift(input.moved)
    this.go()
  }

  /** Where the next bytes belong, if they are known to be the rest of a large string; `filled` says that they are there. */
  get room(): Buffer | undefined {
    return this.input.room
  }

  /** The first `size` bytes of `room` were received. Throws ReplyProtocolError. */
  filled(size: number): void {
    this.input.filled(size)
    this.go()
  }

  private go(): void {
    const input = this.input
    for (;;) {
      if (this.needed <= input.limit) this.scan()
      if (this.tooLarge || this.cursor - input.start > this.maxBytes) this.letGo()
      else if (this.needed === 0 && input.limit - input.start > this.maxUnknown) this.refuseLine()
      const need = Math.max(this.needed - input.limit, 0)
      const total = this.depth === 0 && need > 0 ? this.needed - input.start : Number.POSITIVE_INFINITY
      const more = input.pull(need, total)
      this.shift(input.moved)
      if (!more) return
    }
  }

  /** Goes through the readable elements and hands over the replies that are whole. */
  private scan(): void {
    const input = this.input
    let { buf, limit } = input
    this.needed = 0
    // In a chunk itself a reply begins here, unless its own beginning was let go.
    if (input.borrowed && !this.tooLarge && !this.pushesFollow) {
      if (this.queued > 0) this.passQueued(buf, limit)
      this.deliverOks(buf, limit)
      // What begins a transaction is answered with OK.
      while (this.queued > 0 && this.passQueued(buf, limit)) this.deliverOks(buf, limit)
    }
    let p = this.cursor
    while (p < limit) {
      const type = buf[p]
      let next: number
      if (type === DOLLAR || type === BANG || type === EQUALS) {
        const length = this.length(buf, p, limit)
        if (length === INCOMPLETE) break
        next = this.cursor
        if (length >= 0) {
          next += length + 2
          if (next > limit) {
            this.needed = next
            break
          }
          if (buf[next - 2] !== CR || buf[next - 1] !== LF) throw this.broken(next - 2)
        }
        if (type !== DOLLAR) this.flags |= HAS_RESP3
        if (type === BANG && this.depth === 0) this.flags |= IS_ERROR
      } else if (type === STAR || type === TILDE || type === PERCENT || type === GREATER || type === BAR) {
        const length = this.length(buf, p, limit)
        if (length === INCOMPLETE) break
        next = this.cursor
        if (length >= 0) this.open(type, length, p)
        if (length > 0) {
          p = next
          continue
        }
      } else {
        if (type !== PLUS && type !== COLON && type !== MINUS) {
          if (type !== UNDERSCORE && type !== COMMA && type !== HASH && type !== LEFT_PARENTHESIS) throw this.broken(p)
          this.flags |= HAS_RESP3
        }
        next = this.lineEnd(buf, p, limit)
        if (next < 0) break
        if (type === MINUS && this.depth === 0) this.flags |= IS_ERROR
      }
      p = next
      if (this.depth === 0 || this.completes(p)) {
        this.deliver(p)
        buf = input.buf
        limit = input.limit
        if (this.queued > 0 && input.borrowed && !this.pushesFollow) this.passQueued(buf, limit)
        p = input.start
      }
    }
    this.cursor = p
  }

  /**
   * Hands over the OKs that come next: what servers answer to writes comes in runs, and each takes a
   * third of what `scan` needs for it.
   */
  private deliverOks(buf: Buffer, limit: number): void {
    const { input, sink } = this
    let p = this.cursor
    for (const stop = limit - 5; p <= stop; p += 5) {
      if (buf[p] !== PLUS || buf[p + 1] !== O || buf[p + 2] !== K || buf[p + 3] !== CR || buf[p + 4] !== LF) return
      input.start = p + 5
      this.cursor = p + 5
      sink.onReply(buf, p, p + 5, 0)
    }
  }

  /** Goes over the `+QUEUED` that come next; true when they were all that was waited for. */
  private passQueued(buf: Buffer, limit: number): boolean {
    const { input } = this
    let p = this.cursor
    for (const stop = limit - QUEUED.length; p <= stop && this.queued > 0; p += QUEUED.length, this.queued--) {
      for (let i = 0; i < QUEUED.length; i++) {
        if (buf[p + i] === QUEUED[i]) continue
        input.start = p
        this.cursor = p
        return false
      }
    }
    input.start = p
    this.cursor = p
    return this.queued === 0
  }

  /** Begins an aggregate of `count` elements (of pairs, if its type has pairs). */
  private open(type: number, count: number, p: number): void {
    const size = type === PERCENT || type === BAR ? count * 2 : count
    if (size > MAX_LENGTH) throw this.broken(p)
    const depth = this.depth
    if (depth === this.kinds.length) {
      if (depth === MAX_DEPTH) throw this.broken(p)
      const { remaining, kinds } = this
      this.remaining = new Int32Array(depth * 2)
      this.kinds = new Uint8Array(depth * 2)
      this.remaining.set(remaining)
      this.kinds.set(kinds)
    }
    let kind = ELEMENT
    if (type === GREATER) {
      if (this.pushStart >= 0) throw this.broken(p)
      this.pushStart = p
      this.flagsAround = this.flags
      kind = PUSH
    } else if (type !== STAR) {
      this.flags |= HAS_RESP3
      if (type === BAR) kind = ATTRIBUTE
    }
    this.remaining[depth] = size
    this.kinds[depth] = kind
    this.depth = depth + 1
  }

  /** An element ends at `p`, and with it the aggregates whose last it is: is that the end of the reply or push? */
  private completes(p: number): boolean {
    const { remaining } = this
    while (this.depth > 0) {
      const top = this.depth - 1
      // 0 is an empty aggregate, which itself is the element that ends.
      if (remaining[top] > 0 && --remaining[top] > 0) return false
      this.depth = top
      const kind = this.kinds[top]
      // The value that an attribute belongs to follows; both are one element.
      if (kind === ATTRIBUTE) return false
      if (kind === PUSH && (this.tooLarge || this.pushStart !== this.input.start)) {
        this.cut(p)
        return false
      }
    }
    return true
  }

  /** A push inside a reply ends at `p`: it is no element of what it stands in. */
  private cut(p: number): void {
    const start = this.pushStart
    this.pushStart = -1
    this.flags = this.flagsAround
    this.cuts.push(start, p)
    this.sink.onPush(this.input.buf, start, p, 'inside')
  }

  /** Hands over what ends at `p`. The framer's state is that of after it already, whatever the sink does. */
  private deliver(p: number): void {
    const { input, sink, cuts } = this
    const { buf, start } = input
    const isPush = this.pushStart >= 0
    const { flags, tooLarge } = this
    this.pushStart = -1
    this.flags = 0
    this.tooLarge = false
    if (cuts.length > 0) this.cuts = []
    input.start = p
    this.cursor = p
    // A large buffer must not be used again before the sink has seen what is in it.
    const held = !input.borrowed && hold(buf)
    if (!input.borrowed) {
      if (p - start >= HELD_BYTES) input.lend()
      input.settle()
      this.shift(input.moved)
    }
    if (this.pushesFollow && !isPush) this.deliverMessages()
    if (isPush) sink.onPush(buf, start, p, 'alone')
    else if (tooLarge) sink.onReply(TOO_LARGE_REPLY, 0, TOO_LARGE_REPLY.length, OWNED | IS_ERROR)
    else if (cuts.length === 0) sink.onReply(buf, start, p, flags)
    else {
      const rebuilt = without(buf, start, p, cuts)
      sink.onReply(rebuilt, 0, rebuilt.length, flags | OWNED)
    }
    if (held) release(buf)
  }

  /** Hands over the pushes that stand whole behind what was scanned. */
  private deliverMessages(): void {
    const { input } = this
    for (;;) {
      const { buf, start } = input
      const end = messageEnd(buf, start, input.limit)
      if (end < 0) {
        this.openEnded = start >= input.limit || buf[start] === GREATER
        return
      }
      input.start = end
      this.cursor = end
      this.sink.onPush(buf, start, end, 'behind')
    }
  }

  /** Keeps of the current reply only the element that is not whole, or the push around it. One element is never that large. */
  private letGo(): void {
    const { input } = this
    // A push is no reply, and nobody waits for it.
    if (this.pushStart >= 0 && input.limit - this.pushStart > this.maxUnknown) throw this.broken(this.pushStart)
    if (!this.tooLarge && this.pushStart === input.start) return
    this.tooLarge = true
    this.cuts = []
    input.start = this.pushStart >= 0 ? this.pushStart : this.cursor
    this.refuseLine()
  }

  /** A line, which does not say how long it will be, is as long as a reply may be, and has no end. */
  private refuseLine(): void {
    if (this.needed === 0 && this.input.limit - this.cursor > this.maxUnknown) throw this.broken(this.cursor)
  }

  /** The length in the line at `p`, and `cursor` after the line; NULL_LENGTH, or INCOMPLETE. */
  private length(buf: Buffer, p: number, limit: number): number {
    let value = 0
    let q = p + 1
    for (; q < limit; q++) {
      const digit = buf[q] - ZERO
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
      if (value > this.maxLength || q - p > LENGTH_LINE_BYTES) throw this.broken(p)
    }
    if (q + 1 < limit && buf[q] === CR && buf[q + 1] === LF && q > p + 1) {
      this.cursor = q + 2
      return value
    }
    // What is left is an unfinished line, or `$-1` or `*-1`.
    const line = buf.toString('latin1', p + 1, Math.min(limit, p + 5))
    if (q === limit || (q + 1 === limit && q > p + 1 && buf[q] === CR)) return INCOMPLETE
    if (!'-1\r\n'.startsWith(line) || (buf[p] !== DOLLAR && buf[p] !== STAR)) throw this.broken(p)
    if (line.length < 4) return INCOMPLETE
    this.cursor = p + 5
    return NULL_LENGTH
  }

  /** The offset behind the line at `p`, or INCOMPLETE. */
  private lineEnd(buf: Buffer, p: number, limit: number): number {
    let q = this.scanned > p ? this.scanned : p + 1
    while (q < limit && buf[q] !== CR) q++
    if (q + 1 >= limit) {
      this.scanned = q
      return INCOMPLETE
    }
    if (buf[q + 1] !== LF) throw this.broken(q)
    return q + 2
  }

  private broken(p: number): ReplyProtocolError {
    const { buf, limit } = this.input
    return new ReplyProtocolError(`no RESP: ${JSON.stringify(buf.toString('latin1', p, Math.min(limit, p + 32)))}`)
  }

  /** The bytes of the unfinished reply were moved down. */
  private shift(by: number): void {
    if (by === 0) return
    this.cursor -= by
    this.scanned -= by
    this.needed -= by
    if (this.pushStart >= 0) this.pushStart -= by
    for (let i = 0; i < this.cuts.length; i++) this.cuts[i] -= by
  }
}
