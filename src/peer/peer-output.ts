import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { copyBytes } from '../base/copy-bytes.js'
import { HEAD_BYTES, MESSAGE, writeHead } from './wire.js'

const BUFFER_BYTES = 64 * 1024
/** So many buffers that have left are kept, to be filled again. */
const SPARE_MAX = 16
/** With so much that the other side has not taken yet it is given no more of anybody's bytes. */
const FULL_BYTES = 8 * 1024 * 1024

/** What one proxy has to say to another one: gathered, and written together. */
export class PeerOutput {
  private buffer: Buffer
  private used = 0
  private ready: Buffer[] = []
  private readyBytes = 0
  private leaving: Buffer[] = []
  private readonly spare: Buffer[] = []
  private isScheduled = false
  private isAwaited = false
  /**
   * What is encrypted never leaves in the call: what comes until it has left is gathered, and goes together. So a buffer can be filled
   * again when `drain` says so, although there is always more.
   */
  private readonly isEncrypted: boolean
  private readonly run = () => this.flush()

  constructor(
    private readonly socket: Socket,
    /** Calls it when more of this turn has come that goes with it. */
    private readonly later: (flush: () => void) => void,
  ) {
    this.buffer = this.fresh()
    this.isEncrypted = socket instanceof TLSSocket
  }

  /** Whether whoever has bytes for the other side is to wait until there is room. */
  get isFull(): boolean {
    if (this.socket.writableLength + this.readyBytes <= FULL_BYTES) return false
    this.isAwaited = true
    return true
  }

  /** Bytes `start` to `end` of a stream; they are copied. */
  data(stream: number, bytes: Buffer, start: number, end: number): void {
    const length = end - start
    if (this.used + HEAD_BYTES + length <= BUFFER_BYTES) {
      writeHead(this.buffer, this.used, MESSAGE.data, stream, length)
      copyBytes(bytes, start, end, this.buffer, this.used + HEAD_BYTES)
      this.used += HEAD_BYTES + length
      this.schedule()
      return
    }
    this.head(MESSAGE.data, stream, length)
    for (let at = start; at < end; ) {
      if (this.used === BUFFER_BYTES) this.next()
      const piece = Math.min(end - at, BUFFER_BYTES - this.used)
      bytes.copy(this.buffer, this.used, at, at + piece)
      this.used += piece
      at += piece
    }
  }

  message(type: number, stream: number, flags = 0, number = 0): void {
    this.head(type, stream, 0, flags, number)
  }

  /** One that is read whole. */
  json(type: number, stream: number, value: object): void {
    const body = Buffer.from(JSON.stringify(value))
    this.head(type, stream, body.length)
    if (this.used + body.length > BUFFER_BYTES) this.next()
    body.copy(this.buffer, this.used)
    this.used += body.length
  }

  /** Writes what there is; what is encrypted, when all before it has left. */
  flush(): void {
    this.isScheduled = false
    if (!this.isEncrypted || this.socket.writableLength === 0) this.write()
  }

  /** Writes what there is, for nothing comes any more. */
  write(): void {
    const { socket, ready } = this
    if (this.used > 0) this.next()
    if (ready.length === 0 || socket.destroyed) return
    if (ready.length > 1) socket.cork()
    for (const bytes of ready) socket.write(bytes)
    if (ready.length > 1) socket.uncork()
    ready.length = 0
    this.readyBytes = 0
    this.reuse()
  }

  /** The socket has taken everything. Gives whether somebody waits for that. */
  drained(): boolean {
    this.reuse()
    if (this.isEncrypted) this.write()
    const { isAwaited } = this
    this.isAwaited = false
    return isAwaited
  }

  private reuse(): void {
    if (this.socket.writableLength > 0) return
    for (const buffer of this.leaving) if (this.spare.length < SPARE_MAX) this.spare.push(buffer)
    this.leaving.length = 0
  }

  private head(type: number, stream: number, length: number, flags = 0, number = 0): void {
    if (this.used + HEAD_BYTES > BUFFER_BYTES) this.next()
    writeHead(this.buffer, this.used, type, stream, length, flags, number)
    this.used += HEAD_BYTES
    this.schedule()
  }

  private next(): void {
    this.ready.push(this.buffer.subarray(0, this.used))
    this.readyBytes += this.used
    this.leaving.push(this.buffer)
    this.buffer = this.fresh()
    this.used = 0
  }

  private fresh(): Buffer {
    return this.spare.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES)
  }

  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    this.later(this.run)
  }
}
