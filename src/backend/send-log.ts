import { copyBytes } from '../base/copy-bytes.js'
import { HELD_BYTES, hold, release } from '../base/large-buffers.js'

/**
 * The bytes of a link that were sent and are not yet answered.
 *
 * Frames are copied one behind the other into segments; a flush writes what is new in them, and a segment is used
 * again when everything in it has been answered: an answer proves that the bytes have left. So one copy serves as
 * output buffer and as memory of what is in flight, from which a read can be sent again and the key of a lost
 * write be told when the link breaks. Large frames get a segment of their own, without a copy if the caller gives
 * its bytes away or their buffer can be held.
 */
export class Segment {
  used = 0
  /** Frames in this segment that have not been answered. */
  unanswered = 0
  constructor(
    readonly buf: Buffer,
    /** Whether the segment may be filled again. */
    readonly reusable: boolean,
    /** The large buffer that is held for it. */
    readonly held?: Buffer,
  ) {}
}

export const SEGMENT_BYTES = 256 * 1024
const SPARE_SEGMENTS_MAX = 16

export class SendLog {
  /** Where the last frame that was appended lies. */
  segment: Segment
  offset = 0

  private open: Segment
  private readonly spare: Segment[] = []
  private readonly unsent: Buffer[] = []
  private sentUpTo = 0

  constructor() {
    this.open = new Segment(Buffer.allocUnsafeSlow(SEGMENT_BYTES), true)
    this.segment = this.open
  }

  /** Appends a frame and leaves its place in `segment` and `offset`. */
  append(buf: Buffer, start: number, end: number, owned: boolean): void {
    const length = end - start
    if (length >= HELD_BYTES) {
      this.appendLarge(buf, start, end, owned)
      return
    }
    if (this.open.used + length > SEGMENT_BYTES) this.turnOver()
    const segment = this.open
    copyBytes(buf, start, end, segment.buf, segment.used)
    this.segment = segment
    this.offset = segment.used
    segment.used += length
    segment.unanswered++
  }

  /** The reply of a frame in `segment` has come. */
  release(segment: Segment): void {
    segment.unanswered--
    if (segment.unanswered !== 0) return
    if (segment.held !== undefined) release(segment.held)
    if (!segment.reusable) return
    if (segment !== this.open) {
      segment.used = 0
      if (this.spare.length < SPARE_SEGMENTS_MAX) this.spare.push(segment)
    } else if (this.sentUpTo === segment.used) {
      segment.used = 0
      this.sentUpTo = 0
    }
  }

  /** The bytes that have not been written yet, in order; they count as written from now on. */
  takeUnsent(): Buffer[] {
    this.closeUnsent()
    return this.unsent.splice(0)
  }

  private closeUnsent(): void {
    const { open } = this
    if (open.used > this.sentUpTo) this.unsent.push(open.buf.subarray(this.sentUpTo, open.used))
    this.sentUpTo = open.used
  }

  private turnOver(): void {
    this.closeUnsent()
    this.open = this.spare.pop() ?? new Segment(Buffer.allocUnsafeSlow(SEGMENT_BYTES), true)
    this.sentUpTo = 0
  }

  private appendLarge(buf: Buffer, start: number, end: number, owned: boolean): void {
    this.closeUnsent()
    const held = !owned && hold(buf) ? buf : undefined
    const bytes = owned || held !== undefined ? buf.subarray(start, end) : Buffer.from(buf.subarray(start, end))
    const segment = new Segment(bytes, false, held)
    segment.used = bytes.length
    segment.unanswered = 1
    this.unsent.push(bytes)
    this.segment = segment
    this.offset = 0
  }
}
