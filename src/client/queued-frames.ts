import { copyBytes } from '../base/copy-bytes.js'
import type { CommandRow } from '../command/row.js'
import { type Frame, frameIn } from '../resp/frame.js'

const FIRST_BYTES = 256
const CHUNK_BYTES_MAX = 64 * 1024

/**
 * The commands of a transaction up to EXEC: their bytes one behind the other, and a few numbers. A client may have millions of them,
 * and a frame with its offsets is an object of several hundred bytes.
 */
export class QueuedFrames {
  /** The size of the commands. */
  bytes = 0
  private readonly rows: CommandRow[] = []
  private readonly bufs: Buffer[] = []
  private readonly starts: number[] = []
  private chunk: Buffer | undefined
  private used = 0

  get length(): number {
    return this.rows.length
  }

  /** The frame's bytes are copied, unless they are owned. */
  push(frame: Frame, row: CommandRow): void {
    this.rows.push(row)
    this.bytes += frame.end - frame.start
    if (frame.owned) {
      this.bufs.push(frame.buf)
      this.starts.push(frame.start)
    } else this.copy(frame)
  }

  *[Symbol.iterator](): Generator<{ readonly frame: Frame; readonly row: CommandRow }> {
    for (const [i, row] of this.rows.entries()) yield { frame: frameIn(this.bufs[i], this.starts[i]), row }
  }

  private copy({ buf, start, end }: Frame): void {
    const length = end - start
    if (this.chunk === undefined || this.chunk.length - this.used < length) {
      const next = Math.min(CHUNK_BYTES_MAX, (this.chunk?.length ?? FIRST_BYTES / 2) * 2)
      this.chunk = Buffer.allocUnsafeSlow(Math.max(next, length))
      this.used = 0
    }
    copyBytes(buf, start, end, this.chunk, this.used)
    this.bufs.push(this.chunk)
    this.starts.push(this.used)
    this.used += length
  }
}
