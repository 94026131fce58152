import { HELD_BYTES } from '../base/large-buffers.js'
import { type Frame, frameOf } from './frame.js'
import { InputBuffer } from './input-buffer.js'
import { parseLongLong } from './long-long.js'
import { splitInline } from './split-inline.js'

/** Everything was consumed or is kept inside: the chunk may be used again, `feed` brings more. */
export const NEED_MORE = 0
/** The framer itself is the next command, until the next call of `next`, `feed` or `retain`. */
export const FRAME = 1
/** `error` says what is wrong; nothing can be read any more. */
export const PROTOCOL_ERROR = 2
export type FrameResult = typeof NEED_MORE | typeof FRAME | typeof PROTOCOL_ERROR
const EMPTY = Buffer.alloc(0)
const LF = 10
const CR = 13
const DOLLAR = 36
const STAR = 42
const ZERO = 48
/** [Redis server.h PROTO_INLINE_MAX_SIZE] */
const MAX_LINE_BYTES = 65536
const INT_MAX = 2147483647
/** [Redis networking.c processMultibulkBuffer, authRequired] */
const UNAUTHENTICATED_ARGS = 10
const UNAUTHENTICATED_BULK_BYTES = 16384
const KEPT_BUFFER_BYTES = 4096
/** With one more digit a length may not be a small integer of the engine any more. */
const MAX_QUICK_LENGTH = 99_999_999
const FIRST_ARGS = 16
const KEPT_ARGS = 1024
/** Instead of a length: its line is not whole, or wrong. */
const INCOMPLETE = -1
const FAILED = -2

/**
 * Finds the commands in the bytes of one client connection, with the limits, oddities and error texts of Redis 7.0
 * [networking.c processInlineBuffer, processMultibulkBuffer]. A strict command that lies whole in a chunk is described
 * where it lies; no byte of it is copied and nothing is allocated. Inline commands, and commands whose line ends
 * are not CR LF (which Redis accepts), are encoded anew, so that every frame is strict RESP.
 *
 *     framer.feed(chunk)
 *     while (framer.next() === FRAME) serve(framer)
 */
export class RequestFramer implements Frame {
  buf: Buffer = EMPTY
  start = 0
  end = 0
  argc = 0
  argStart = new Int32Array(FIRST_ARGS)
  argEnd = new Int32Array(FIRST_ARGS)
  owned = false

  /** False while the client has to log in: commands must be small then. May change between two commands. */
  authenticated = true
  /** After PROTOCOL_ERROR: the text after `ERR Protocol error: `, one character a byte (latin1). */
  error = ''
  private readonly input = new InputBuffer(KEPT_BUFFER_BYTES)
  /** Where scanning goes on: the next line, or the bytes of the argument when `bulk` is known. */
  private cursor = 0
  /** Up to here the line at the cursor has no end. */
  private scanned = 0
  /** Arguments of the current command that are still to come; 0 between two commands. */
  private left = 0
  /** Length of the argument at the cursor, INCOMPLETE while its header is to be read. */
  private bulk = INCOMPLETE
  /** Arguments of the current command that were found. */
  private found = 0
  /** A line end of the current command is not CR LF. */
  private sloppy = false
  /** Where the bytes lie of the frame that was encoded anew. */
  private becameFrom = 0

  /** @param limits as they are when a command comes: the longest argument */
  constructor(private readonly limits: { readonly maxBulkBytes: number }) {}

  /** Bytes received of which no command was made yet. */
  get bufferedBytes(): number {
    return this.input.length
  }

  /** Behind the last byte of `buf` that stays where it is until more is fed: that of the command where the bytes are its own. */
  get readUntil(): number {
    return this.input.borrowed && !this.owned ? this.input.limit : this.end
  }

  /** The text of the reply to a protocol error, its bytes as Redis writes them. */
  get errorMessage(): Buffer {
    return Buffer.from(`ERR Protocol error: ${this.error}`, 'latin1')
  }

  /** Gives `size` more bytes. They are the caller's again when `next` has answered NEED_MORE, or after `retain`. */
  feed(chunk: Buffer, size = chunk.length): void {
    this.input.attach(chunk, size)
    this.shift(this.input.moved)
  }

  /** Where the next bytes belong, if they are known to be the rest of a large argument; `filled` says that they are there. */
  get room(): Buffer | undefined {
    return this.input.room
  }

  /** The first `size` bytes of `room` were received. */
  filled(size: number): void {
    this.input.filled(size)
  }

  /** Stops for now: all that was not consumed is copied out of the caller's chunk. `next` may be called at any time. */
  retain(): void {
    this.input.keep()
    this.shift(this.input.moved)
  }

  /** The command that `next` gave last was not served: it is the next one again. To be called before anything else. */
  putBack(): void {
    this.input.start = this.owned ? this.becameFrom : this.start
    this.cursor = this.input.start
    this.scanned = this.cursor
  }

  /** Goes on to the next command. */
  next(): FrameResult {
    const input = this.input
    if (this.left === 0) {
      if (!input.borrowed) {
        input.settle()
        this.shift(input.moved)
      }
      if (this.quick()) return FRAME
    }
    for (;;) {
      const result = this.scan()
      if (result !== NEED_MORE) return result
      let need = 0
      let total = Number.POSITIVE_INFINITY
      if (this.bulk >= 0) {
        const end = this.cursor + this.bulk + 2
        need = end - input.limit
        if (this.left === 1) total = end - input.start
      }
      const more = input.pull(need, total)
      this.shift(input.moved)
      if (!more) {
        this.rest()
        return NEED_MORE
      }
      // Offsets are 32-bit integers. Redis, by its limit of the query buffer, closes such a connection long before.
      if (input.limit > INT_MAX) return this.fail('too big request')
    }
  }

  /**
   * The way of nearly all commands: fewer than ten arguments, strict and wholly readable, of a client that is logged
   * in. Anything else is left to `scan`, from the command's beginning.
   */
  private quick(): boolean {
    const { buf, limit, start } = this.input
    if (start + 4 > limit || buf[start] !== STAR || buf[start + 2] !== CR || buf[start + 3] !== LF) return false
    const argc = buf[start + 1] - ZERO
    if (argc < 1 || argc > 9 || !this.authenticated) return false
    const { argStart, argEnd } = this
    const { maxBulkBytes } = this.limits
    let p = start + 4
    for (let i = 0; i < argc; i++) {
      // `$0 CR LF CR LF` is the shortest argument.
      if (p + 6 > limit || buf[p] !== DOLLAR) return false
      let length = buf[p + 1] - ZERO
      if (length < 0 || length > 9) return false
      p += 2
      while (buf[p] !== CR) {
        const digit = buf[p] - ZERO
        if (digit < 0 || digit > 9 || length === 0 || length > MAX_QUICK_LENGTH || ++p === limit) return false
        length = length * 10 + digit
      }
      const from = p + 2
      const end = from + length
      p = end + 2
      if (p > limit || length > maxBulkBytes || buf[from - 1] !== LF || buf[end] !== CR || buf[end + 1] !== LF)
        return false
      argStart[i] = from
      argEnd[i] = end
    }
    this.complete(buf, p, argc)
    return true
  }

  /** Scans the readable bytes up to the end of the command. */
  private scan(): FrameResult {
    if (this.error !== '') return PROTOCOL_ERROR
    const input = this.input
    const buf = input.buf
    const limit = input.limit
    let p = this.cursor
    let left = this.left
    while (left === 0) {
      if (p >= limit) return NEED_MORE
      if (buf[p] !== STAR) {
        const result = this.scanInline()
        if (result !== FRAME || this.argc > 0) return result
        p = this.cursor
        continue
      }
      this.sloppy = false
      left = this.header(buf, p, limit, true)
      if (left < 0) return left === INCOMPLETE ? NEED_MORE : PROTOCOL_ERROR
      if (left > UNAUTHENTICATED_ARGS && !this.authenticated) return this.fail('unauthenticated multibulk length')
      p = this.cursor
      if (left === 0) input.start = p
    }

    const maxBulkBytes = Math.min(this.limits.maxBulkBytes, this.authenticated ? INT_MAX : UNAUTHENTICATED_BULK_BYTES)
    let found = this.found
    let bulk = this.bulk
    let argStart = this.argStart
    let argEnd = this.argEnd
    while (left > 0) {
      if (bulk < 0) {
        bulk = p < limit ? this.header(buf, p, limit, false) : INCOMPLETE
        if (bulk < 0) {
          if (bulk === FAILED) return PROTOCOL_ERROR
          break
        }
        p = this.cursor
        if (bulk > maxBulkBytes) {
          return this.fail(bulk > this.limits.maxBulkBytes ? 'invalid bulk length' : 'unauthenticated bulk length')
        }
      }
      const end = p + bulk
      if (end + 2 > limit) break
      if (buf[end] !== CR || buf[end + 1] !== LF) this.sloppy = true
      if (found === argStart.length) {
        this.growArgs(found * 2)
        argStart = this.argStart
        argEnd = this.argEnd
      }
      argStart[found] = p
      argEnd[found] = end
      found++
      left--
      p = end + 2
      bulk = INCOMPLETE
    }
    this.cursor = p
    if (left > 0) {
      this.left = left
      this.found = found
      this.bulk = bulk
      return NEED_MORE
    }
    if (this.left > 0) {
      this.left = 0
      this.found = 0
      this.bulk = INCOMPLETE
    }
    return this.sloppy ? this.encodeSloppy(found) : this.complete(buf, p, found)
  }

  /** The bytes from the frame's start to `end` are a strict command, whose arguments are noted. */
  private complete(buf: Buffer, end: number, argc: number): FrameResult {
    const { input } = this
    const { start } = input
    if (this.buf !== buf) this.buf = buf
    this.start = start
    this.end = end
    this.argc = argc
    this.owned = false
    if (!input.borrowed && end - start >= HELD_BYTES) input.lend()
    input.start = end
    this.cursor = end
    return FRAME
  }

  /** The number of the line at `p`, behind its type byte, and `cursor` after the line; or INCOMPLETE or FAILED. */
  private header(buf: Buffer, p: number, limit: number, multibulk: boolean): number {
    // Up to nine digits, whose value is surely within all number limits.
    const stop = Math.min(p + 10, limit)
    let value = 0
    let q = p + 1
    for (; q < stop; q++) {
      const digit = buf[q] - ZERO
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    const canonical = buf[p + 1] !== ZERO || q === p + 2
    const typed = multibulk || buf[p] === DOLLAR
    if (q + 1 < limit && buf[q] === CR && buf[q + 1] === LF && q > p + 1 && canonical && typed) {
      this.cursor = q + 2
      return value
    }
    return this.unusualHeader(p, multibulk)
  }

  /** The checks of Redis in their order, for what `header` does not understand. */
  private unusualHeader(p: number, multibulk: boolean): number {
    const { buf, limit } = this.input
    const cr = this.findLineEnd(p, CR)
    if (cr < 0) {
      if (limit - p <= MAX_LINE_BYTES) return INCOMPLETE
      this.fail(multibulk ? 'too big mbulk count string' : 'too big bulk count string')
      return FAILED
    }
    if (cr + 1 >= limit) return INCOMPLETE
    if (!multibulk && buf[p] !== DOLLAR) {
      // Redis writes no line ends into an error.
      const got = buf[p] === CR || buf[p] === LF ? ' ' : String.fromCharCode(buf[p])
      this.fail(`expected '$', got '${got}'`)
      return FAILED
    }
    const value = parseLongLong(buf, p + 1, cr)
    if (multibulk ? !(value <= INT_MAX) : !(value >= 0)) {
      this.fail(multibulk ? 'invalid multibulk length' : 'invalid bulk length')
      return FAILED
    }
    if (buf[cr + 1] !== LF) this.sloppy = true
    this.cursor = cr + 2
    return Math.max(value, 0)
  }

  /** Where the line at `p` has its `end` byte, or -1 when it has none yet or a NUL is before it [C strchr]. */
  private findLineEnd(p: number, end: number): number {
    const { buf, limit } = this.input
    let q = Math.max(p, this.scanned)
    while (q < limit && buf[q] !== end && buf[q] !== 0) q++
    this.scanned = q
    return q < limit && buf[q] === end ? q : -1
  }

  /** FRAME with an `argc` of 0 is an empty line, to which Redis answers nothing. */
  private scanInline(): FrameResult {
    const { buf, limit } = this.input
    const p = this.cursor
    const lf = this.findLineEnd(p, LF)
    if (lf < 0) return limit - p > MAX_LINE_BYTES ? this.fail('too big inline request') : NEED_MORE
    const args = splitInline(buf.subarray(p, lf > p && buf[lf - 1] === CR ? lf - 1 : lf))
    if (args === undefined) return this.fail('unbalanced quotes in request')
    this.cursor = lf + 1
    return this.become(args)
  }

  private encodeSloppy(argc: number): FrameResult {
    const { buf } = this.input
    const args = new Array<Buffer>(argc)
    for (let i = 0; i < argc; i++) args[i] = buf.subarray(this.argStart[i], this.argEnd[i])
    return this.become(args)
  }

  /** Takes the bytes up to the cursor as a command with these arguments. */
  private become(args: Buffer[]): FrameResult {
    this.becameFrom = this.input.start
    this.input.start = this.cursor
    const frame = frameOf(args)
    if (args.length > this.argStart.length) this.growArgs(args.length)
    this.argStart.set(frame.argStart)
    this.argEnd.set(frame.argEnd)
    this.buf = frame.buf
    this.start = 0
    this.end = frame.end
    this.argc = frame.argc
    this.owned = true
    return FRAME
  }

  private fail(error: string): FrameResult {
    this.error = error
    // For ever in the middle of a command: every `next` comes to see the error.
    this.left = 1
    return PROTOCOL_ERROR
  }

  private growArgs(size: number): void {
    const argStart = new Int32Array(size)
    const argEnd = new Int32Array(size)
    argStart.set(this.argStart)
    argEnd.set(this.argEnd)
    this.argStart = argStart
    this.argEnd = argEnd
  }

  /** Until more bytes come: lets go of what one big command needed. */
  private rest(): void {
    this.buf = EMPTY
    this.argc = 0
    if (this.left === 0 && this.argStart.length > KEPT_ARGS) {
      this.argStart = new Int32Array(FIRST_ARGS)
      this.argEnd = new Int32Array(FIRST_ARGS)
    }
  }

  /** The bytes of the unfinished command were moved down. */
  private shift(by: number): void {
    if (by === 0) return
    this.cursor -= by
    this.scanned -= by
    for (let i = 0; i < this.found; i++) {
      this.argStart[i] -= by
      this.argEnd[i] -= by
    }
  }
}
