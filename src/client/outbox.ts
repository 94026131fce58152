import type { Socket } from 'node:net'
import { copyBytes } from '../base/copy-bytes.js'
import { HELD_BYTES, hold, release } from '../base/large-buffers.js'
import type { Flushable, Turn } from '../base/turn.js'

/**
 * Buffers that have left are used again: a fresh one for each write costs more than the write [design §11 B]. Most clients
 * get little in one turn, and there may be thousands of them in it, so there are many small ones: with large ones alone
 * 1,000 clients cost three times the CPU per command.
 */
class Pool {
  private readonly spare: Buffer[] = []

  constructor(
    readonly bytes: number,
    private readonly spareMax: number,
  ) {}

  take(): Buffer {
    return this.spare.pop() ?? Buffer.allocUnsafeSlow(this.bytes)
  }

  give(buffer: Buffer): void {
    if (this.spare.length < this.spareMax) this.spare.push(buffer)
  }
}

const small = new Pool(2048, 4096)
const large = new Pool(64 * 1024, 64)

/** The bytes that go to one client: gathered over a turn of the event loop, or up to a large reply, and written together. */
export class Outbox implements Flushable {
  /** Bytes that were ever appended. */
  totalBytes = 0

  private buffer: Buffer | undefined
  private used = 0
  private readonly ready: Buffer[] = []
  /** Buffers that were written and may not have left, and large ones that are held until they have. */
  private readonly leaving: Buffer[] = []
  private readonly held: Buffer[] = []
  private queuedBytes = 0
  private scheduled = false

  constructor(
    private readonly socket: Socket,
    private readonly turn: Turn,
    /** Told when what there was has been given to the socket: what leaves at once is followed by no `drain`. */
    private readonly onFlushed: () => void,
  ) {}

  /** Bytes that the client has not taken yet. */
  get pendingBytes(): number {
    return this.queuedBytes + this.socket.writableLength
  }

  /** Appends bytes, which are copied unless they are large and `owned`, or their buffer can be held. */
  append(buf: Buffer, start: number, end: number, owned: boolean): void {
    const length = end - start
    this.totalBytes += length
    this.queuedBytes += length
    if (length >= HELD_BYTES) {
      this.closeBuffer()
      const bytes = buf.subarray(start, end)
      const isHeld = !owned && hold(buf)
      if (isHeld) this.held.push(buf)
      this.ready.push(owned || isHeld ? bytes : Buffer.from(bytes))
    } else {
      copyBytes(buf, start, end, this.roomFor(length), this.used)
      this.used += length
    }
    if (!this.scheduled) {
      this.scheduled = true
      this.turn.schedule(this)
    }
    // While its bytes are in a cache of the processor, and so that its buffer is soon used again.
    if (length >= HELD_BYTES) this.turn.flushNow(this)
  }

  flush(): void {
    this.scheduled = false
    this.queuedBytes = 0
    this.closeBuffer()
    const { socket, ready } = this
    if (ready.length === 1) {
      socket.write(ready.pop() as Buffer)
    } else {
      socket.cork()
      for (const bytes of ready) socket.write(bytes)
      socket.uncork()
      ready.length = 0
    }
    this.reuse()
    this.onFlushed()
  }

  /** To be called when the socket has written what it had kept, too: what has left may be overwritten. */
  reuse(): void {
    // What was appended since the last flush is among the buffers, too.
    if (this.socket.writableLength > 0 || this.ready.length > 0) return
    const { leaving, held } = this
    // Setting a length would allocate the array anew, for every reply.
    while (leaving.length > 0) {
      const buffer = leaving.pop() as Buffer
      const pool = buffer.length === small.bytes ? small : large
      pool.give(buffer)
    }
    while (held.length > 0) release(held.pop() as Buffer)
  }

  /** The buffer in which there is room for so many bytes behind those that are used. */
  private roomFor(length: number): Buffer {
    const { buffer, used } = this
    if (buffer !== undefined && used + length <= buffer.length) return buffer
    if (buffer?.length === small.bytes && used + length <= large.bytes) {
      const larger = large.take()
      copyBytes(buffer, 0, used, larger, 0)
      small.give(buffer)
      this.buffer = larger
      return larger
    }
    const pool = buffer === undefined && length <= small.bytes ? small : large
    this.closeBuffer()
    this.buffer = pool.take()
    return this.buffer
  }

  private closeBuffer(): void {
    const { buffer } = this
    if (buffer === undefined) return
    this.ready.push(buffer.subarray(0, this.used))
    this.leaving.push(buffer)
    this.buffer = undefined
    this.used = 0
  }
}
