import { release, takeLarge } from '../base/large-buffers.js'

const EMPTY = Buffer.alloc(0)

/** The first and least size of the accumulation buffer. */
const LEAST_BYTES = 512
/** How much of a chunk is looked at to find the end of a frame that began in an earlier one. */
const SLICE_BYTES = 1024
/** Less than this is read into the shared buffer and copied. */
const ROOM_BYTES_MIN = 32 * 1024
/** So many times what has come of a frame is allocated for the rest of it, ahead of its bytes. */
const BELIEVED = 32
/** By how much it grows if that is not all, so that little is copied. */
const STEP = 16
/** A frame of unknown size that needs more room than this gets all that one may need: to copy it takes long. */
const DOUBLED_BYTES_MAX = 64 * 1024 * 1024
const MOST_BYTES = 1024 ** 3 + DOUBLED_BYTES_MAX

/**
 * The bytes that a framer reads: the chunks of a stream, of which only what belongs to an unfinished frame is copied.
 *
 *     chunk 1 [frame][frame][fra]             read in place; `fra` is copied into the own buffer
 *     chunk 2 [me][frame][frame]              a slice is appended; when the frame is whole, reading goes on in chunk 2
 *     own     [fra|me][fra…                   behind the mark the own buffer mirrors the chunk
 *
 * Nothing is allocated ahead of what was received, except by doubling, and addresses of memory that nobody has touched; every byte
 * is copied an amortised constant number of times however the stream is cut, and not more than 64 MB at a time.
 */
export class InputBuffer {
  /** Where to read: the bytes of `buf` from `start`, the beginning of the current frame, to `limit`. */
  buf: Buffer = EMPTY
  start = 0
  limit = 0
  /** True while `buf` is the caller's chunk, false while it is the own buffer. */
  borrowed = false
  /** By how much the last call of `attach`, `pull`, `keep` or `settle` moved `start` (and all behind it) down. */
  moved = 0

  private own: Buffer = EMPTY
  private chunk: Buffer = EMPTY
  private chunkLength = 0
  /** How many bytes the current frame is known to lack. */
  private lacking = 0
  /** While not borrowed: the first byte of the chunk that is not in the own buffer. */
  private chunkPos = 0
  /** While not borrowed: how many bytes before `limit` are also the bytes of the chunk before `chunkPos`. */
  private mirrored = 0
  /** Somebody may hold the own buffer: it may be read, but no more be written. */
  private lent = false

  /** `keepBytes`: an own buffer up to this size is kept for later when it is empty, a bigger one is let go. */
  constructor(private readonly keepBytes: number) {}

  /** Bytes from the current frame on that were not consumed. */
  get length(): number {
    return this.limit - this.start + (this.borrowed ? 0 : this.chunkLength - this.chunkPos)
  }

  /** The first byte of the current frame, if there is one. */
  get first(): number | undefined {
    return this.start < this.limit ? this.buf[this.start] : undefined
  }

  /**
   * Reading goes on with the first `size` bytes of this chunk, which is the caller's again when `pull` has answered
   * false or after `keep`.
   */
  attach(chunk: Buffer, size: number): void {
    const before = this.start
    if (this.borrowed || this.chunkPos < this.chunkLength) this.keep()
    this.chunk = chunk
    this.chunkLength = size
    this.chunkPos = 0
    this.lacking = 0
    this.mirrored = 0
    if (this.start === this.limit) this.borrow(0)
    this.moved = before - this.start
  }

  /**
   * Makes more bytes readable behind `limit`: `need` of them are known to be missing, and the whole frame will have
   * `total` bytes if that is known (else Infinity). False when there are no more; then all unconsumed bytes are kept.
   */
  pull(need: number, total: number): boolean {
    if (this.borrowed) {
      this.keep(total)
      this.lacking = need
      return false
    }
    this.moved = 0
    const left = this.chunkLength - this.chunkPos
    if (left === 0) {
      this.dropChunk()
      if (this.start === this.limit) this.empty()
      this.lacking = need
      return false
    }
    this.lacking = 0
    this.append(Math.min(left, Math.max(need, SLICE_BYTES, this.mirrored)), total)
    return true
  }

  /** Where the next bytes of the stream can be put to save copying them: many of them are known to be missing here. */
  get room(): Buffer | undefined {
    const size = Math.min(this.lacking, this.own.length - this.limit)
    if (size < ROOM_BYTES_MIN || this.borrowed || this.lent || this.chunkPos < this.chunkLength) return undefined
    return this.own.subarray(this.limit, this.limit + size)
  }

  /** The first `size` bytes of `room` are there. */
  filled(size: number): void {
    this.lacking = 0
    this.limit += size
  }

  /** Copies all unconsumed bytes out of the chunk; the whole frame will have `total` bytes if that is known. */
  keep(total = Number.POSITIVE_INFINITY): void {
    this.moved = 0
    // Frames that are whole may be read before more bytes come: these belong to no place that is known now.
    this.lacking = 0
    if (this.borrowed) {
      const from = this.start
      this.chunkPos = from
      this.borrowed = false
      this.buf = this.own
      this.start = 0
      this.limit = 0
      this.append(this.chunkLength - from, total)
      this.moved = from
    } else if (this.chunkPos < this.chunkLength) {
      this.append(this.chunkLength - this.chunkPos, total)
    }
    this.dropChunk()
  }

  /** Between two frames: goes on in the chunk itself, if nothing but bytes of it is left in the own buffer. */
  settle(): void {
    this.moved = 0
    const rest = this.limit - this.start
    if (this.borrowed || rest > this.mirrored || this.chunkLength === 0) return
    const before = this.start
    this.borrow(this.chunkPos - rest)
    this.moved = before - this.start
  }

  /** Somebody may hold the own buffer for the frame in it: it is not written any more, only read to its end. */
  lend(): void {
    this.lent = true
  }

  private borrow(at: number): void {
    this.empty()
    this.buf = this.chunk
    this.start = at
    this.limit = this.chunkLength
    this.chunkPos = this.chunkLength
    this.borrowed = true
  }

  private dropChunk(): void {
    this.chunk = EMPTY
    this.chunkLength = 0
    this.chunkPos = 0
    this.mirrored = 0
  }

  private empty(): void {
    if (this.lent || this.own.length > this.keepBytes) {
      release(this.own)
      this.own = EMPTY
      this.lent = false
    }
    const before = this.start
    this.buf = this.own
    this.start = 0
    this.limit = 0
    this.moved = before
  }

  private append(count: number, total: number): void {
    if (count === 0) return
    this.reserve(count, total)
    this.chunk.copy(this.own, this.limit, this.chunkPos, this.chunkPos + count)
    this.limit += count
    this.chunkPos += count
    this.mirrored += count
  }

  /** Makes room for `count` bytes behind `limit`, and moves the live bytes to the front when that is worth it. */
  private reserve(count: number, total: number): void {
    if (!this.lent && this.limit + count <= this.own.length) return
    const live = this.limit - this.start
    if (!this.lent && live + count <= this.own.length && this.start >= live) {
      this.own.copyWithin(0, this.start, this.limit)
    } else {
      const size = Math.max(LEAST_BYTES, roomFor(live + count, total))
      const bigger = size > this.keepBytes ? largeOf(size, 2 * (live + count)) : Buffer.allocUnsafeSlow(size)
      this.own.copy(bigger, 0, this.start, this.limit)
      release(this.own)
      this.own = bigger
      this.lent = false
    }
    this.moved += this.start
    this.buf = this.own
    this.start = 0
    this.limit = live
  }
}

/**
 * How much room is made for a frame of which so many bytes are there. Where its size is known, all at once, or a part from
 * which it is reached in few steps: untouched pages of what was announced cost nothing, but not everything is believed.
 */
function roomFor(bytes: number, total: number): number {
  if (total === Number.POSITIVE_INFINITY)
    return 2 * bytes <= DOUBLED_BYTES_MAX ? 2 * bytes : Math.max(2 * bytes, MOST_BYTES)
  let size = total
  while (size > BELIEVED * bytes) size = Math.ceil(size / STEP)
  return Math.max(size, bytes)
}

/** Where the kernel promises no memory that is not there, so much less as is needed soon. */
function largeOf(size: number, least: number): Buffer {
  try {
    return takeLarge(size)
  } catch (failure) {
    if (size <= least) throw failure
    return takeLarge(least)
  }
}
