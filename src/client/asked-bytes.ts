import { copyBytes } from '../base/copy-bytes.js'
import { type Frame, frameIn } from '../resp/frame.js'
import type { RequestFramer } from '../resp/request-framer.js'

/** So much of what clients sent last is kept. Both are powers of two. */
const RING_BYTES = 4 * 1024 * 1024
const WINDOW_BYTES_MAX = 64 * 1024
/** Positions count on, and wrap around. */
const POSITIONS = 2 ** 30
const EMPTY = Buffer.alloc(0)

/**
 * The bytes of the commands that clients sent last, so that of one that was slow it can be told what it was. They are copied as
 * they are read, many commands at once: one alone would cost as much.
 *
 *     read     [GET a][GET b][GET c]  ──one copy──>  ring  … [GET a][GET b][GET c] …
 *     slots    position of each ────────────────────────────^
 *
 * Before a command that is not answered is overwritten its slot is told to keep it.
 */
export class AskedBytes {
  private ring: Buffer = EMPTY
  private head = 0
  /** The part of a read that was copied last, and where to. */
  private buf: Buffer = EMPTY
  private start = 0
  private end = -1
  private at = 0

  /** @param aging what is older than half of the ring is to be kept elsewhere */
  constructor(private readonly aging: () => void) {}

  /** The buffers may hold something else now. */
  forgetRead(): void {
    this.end = -1
  }

  /** Keeps the command that the framer has just given, which may not be large; gives its position. */
  keep(framer: RequestFramer): number {
    const { buf, start, end } = framer
    if (buf === this.buf && start >= this.start && end <= this.end) return this.at + (start - this.start)
    const until = Math.min(Math.max(end, framer.readUntil), start + WINDOW_BYTES_MAX)
    const at = this.room(until - start)
    copyBytes(buf, start, until, this.ring, at % RING_BYTES)
    this.buf = buf
    this.start = start
    this.end = framer.readUntil > end ? until : -1
    this.at = at
    return at
  }

  /** The command at a position, which lies in the ring. */
  frameAt(position: number): Frame {
    return frameIn(this.ring, position % RING_BYTES)
  }

  /** Whether the bytes at a position will soon be overwritten. */
  isOld(position: number): boolean {
    return (this.head - position) % POSITIONS >= RING_BYTES / 2 || this.head < position
  }

  /** Room for so many bytes, one behind the other. */
  private room(bytes: number): number {
    if (this.ring.length === 0) this.ring = Buffer.allocUnsafeSlow(RING_BYTES)
    let at = this.head
    if ((at % RING_BYTES) + bytes > RING_BYTES) at += RING_BYTES - (at % RING_BYTES)
    const before = Math.floor(this.head / (RING_BYTES / 4))
    this.head = at + bytes
    if (Math.floor(this.head / (RING_BYTES / 4)) !== before) this.aging()
    if (this.head < POSITIONS) return at
    // All positions begin anew; what is not answered has been kept.
    this.head = bytes
    return 0
  }
}
