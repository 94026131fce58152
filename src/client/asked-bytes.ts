import { copyBytes } from '../base/copy-bytes.js'
import { type CutFrame, cutFrameIn, frameIn } from '../resp/frame.js'
import type { RequestFramer } from '../resp/request-framer.js'

/** So much of what clients sent last is kept. Both are powers of two. */
const RING_BYTES = 4 * 1024 * 1024
const WINDOW_BYTES_MAX = 64 * 1024
/** Positions count on, and wrap around. That of a command that is kept cut is larger by as much. */
const POSITIONS = 2 ** 30
/** What is larger is kept cut. */
const WHOLE_BYTES_MAX = 2048
/** So much is shown of a command [Redis slowlog.h]. */
export const ARGUMENTS_MAX = 32
export const ARGUMENT_BYTES_MAX = 128
const EMPTY = Buffer.alloc(0)

/**
 * The bytes of the commands that clients sent last, so that of one that was slow it can be told what it was. They are copied as
 * they are read, many commands at once: one alone would cost as much.
 *
 *     read     [GET a][GET b][GET c]  ──one copy──>  ring  … [GET a][GET b][GET c] …
 *     slots    position of each ────────────────────────────^
 *
 * Of a large command only what can be shown of it is copied: its first arguments, and the beginnings of long ones, each behind its
 * real length: to describe it at once would take 1.6 µs, and a twentieth of all that a SET of 16 KB takes.
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

  /** Keeps the command that the framer has just given; gives its position. */
  keep(framer: RequestFramer): number {
    const { buf, start, end } = framer
    if (end - start > WHOLE_BYTES_MAX) return this.keepCut(framer)
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

  /** The command at a position, which lies in the ring: as much of it as is kept. */
  askedAt(position: number): CutFrame {
    const at = (position % POSITIONS) % RING_BYTES
    if (position >= POSITIONS) return cutFrameIn(this.ring, at, ARGUMENTS_MAX, ARGUMENT_BYTES_MAX)
    return { frame: frameIn(this.ring, at) }
  }

  /** Whether the bytes at a position will soon be overwritten. */
  isOld(position: number): boolean {
    const at = position % POSITIONS
    return (this.head - at) % POSITIONS >= RING_BYTES / 2 || this.head < at
  }

  /** The same as `keep` without what `cutFrameIn` does not expect. */
  private keepCut({ buf, start, argc, argStart, argEnd }: RequestFramer): number {
    const last = Math.min(argc, ARGUMENTS_MAX) - 1
    let bytes = argEnd[last] - start
    for (let i = 0; i <= last; i++) bytes -= Math.max(0, argEnd[i] - argStart[i] - ARGUMENT_BYTES_MAX)
    const at = this.room(bytes)
    let to = at % RING_BYTES
    let from = start
    for (let i = 0; i <= last; i++) {
      const until = argStart[i] + ARGUMENT_BYTES_MAX
      if (i < last && argEnd[i] <= until) continue
      copyBytes(buf, from, Math.min(argEnd[i], until), this.ring, to)
      to += Math.min(argEnd[i], until) - from
      from = argEnd[i]
    }
    return at + POSITIONS
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
