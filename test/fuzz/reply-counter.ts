import { replyEnd } from '../helpers/raw-reply.js'

/** Counts replies, and tells pushes from them; throws when what comes is none. */
export class ReplyCounter {
  replies = 0
  private kept: Buffer[] = []
  private bytes = 0
  /** A reply cannot be whole before so many bytes are there. */
  private needed = 1

  take(chunk: Buffer): void {
    this.kept.push(chunk)
    this.bytes += chunk.length
    if (this.bytes < this.needed) return
    const all = this.kept.length === 1 ? chunk : Buffer.concat(this.kept)
    let start = 0
    let end = replyEnd(all, start)
    while (end > 0) {
      if (all[start] !== 0x3e) this.replies++
      start = end
      end = start === all.length ? -(start + 1) : replyEnd(all, start)
    }
    this.kept = start === all.length ? [] : [all.subarray(start)]
    this.bytes = all.length - start
    this.needed = -end - start
  }

  /** Bytes behind the last whole reply. */
  get rest(): number {
    return this.bytes
  }
}
