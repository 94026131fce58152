import type { Socket } from 'node:net'
import { copyBytes } from '../base/copy-bytes.js'
import type { Flushable, Turn } from '../base/turn.js'

const BUFFER_BYTES = 64 * 1024
/** Replies from this size on are written by themselves, without being copied into the buffer. */
const LARGE_BYTES = 16 * 1024
const SPARE_BUFFERS_MAX = 64

/** Buffers that have left at once are used again: a fresh one for each write costs more than the write [design §11 B]. */
const spareBuffers: Buffer[] = []

/** The bytes that go to one client: gathered over a turn of the event loop and written together. */
export class Outbox implements Flushable {
  /** Bytes that were ever appended. */
  totalBytes = 0

  private buffer: Buffer | undefined
  private used = 0
  private readonly ready: Buffer[] = []
  private queuedBytes = 0
  private scheduled = false

  constructor(
    private readonly socket: Socket,
    private readonly turn: Turn,
  ) {}

  /** Bytes that the client has not taken yet. */
  get pendingBytes(): number {
    return this.queuedBytes + this.socket.writableLength
  }

  /** Appends bytes, which are copied unless they are large and `owned`. */
  append(buf: Buffer, start: number, end: number, owned: boolean): void {
    const length = end - start
    this.totalBytes += length
    this.queuedBytes += length
    if (length >= LARGE_BYTES) {
      this.closeBuffer()
      const bytes = buf.subarray(start, end)
      this.ready.push(owned ? bytes : Buffer.from(bytes))
    } else {
      if (this.buffer !== undefined && this.used + length > BUFFER_BYTES) this.closeBuffer()
      this.buffer ??= spareBuffers.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)
      copyBytes(buf, start, end, this.buffer, this.used)
      this.used += length
    }
    if (!this.scheduled) {
      this.scheduled = true
      this.turn.schedule(this)
    }
  }

  flush(): void {
    this.scheduled = false
    this.queuedBytes = 0
    const { socket, ready, buffer } = this
    if (ready.length > 0) {
      socket.cork()
      for (const bytes of ready) socket.write(bytes)
      ready.length = 0
      if (buffer !== undefined) socket.write(buffer.subarray(0, this.used))
      socket.uncork()
    } else if (buffer !== undefined) {
      socket.write(buffer.subarray(0, this.used))
    }
    if (buffer !== undefined) {
      // What the kernel took at once may be overwritten; otherwise the socket keeps the buffer until it has left.
      if (socket.writableLength === 0 && spareBuffers.length < SPARE_BUFFERS_MAX) spareBuffers.push(buffer)
      this.buffer = undefined
      this.used = 0
    }
  }

  private closeBuffer(): void {
    if (this.buffer === undefined) return
    this.ready.push(this.buffer.subarray(0, this.used))
    this.buffer = undefined
    this.used = 0
  }
}
