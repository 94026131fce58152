import { EventEmitter } from 'node:events'
import type { Reader } from '../base/socket-reader.js'
import type { ClientSocket } from '../client/client-socket.js'
import type { Connection } from '../client/connection.js'
import { isPortable, isSame, ownOf, stateOf } from '../client/session-state.js'
import type { PeerOutput } from './peer-output.js'
import { MESSAGE, STATUS, TAKEN_STEP_BYTES, WINDOW_BYTES } from './wire.js'

/** The connection of a client: who reads what comes, and whether it is answered. */
export type Answering = Reader & Pick<Connection, 'id' | 'pendingBytes' | 'queue' | 'framer' | 'session'>

/** What a stream does with the connection to the front. */
export interface StreamCarrier {
  readonly output: PeerOutput
  /** There is something of this stream to be said at the end of the turn. */
  touched(stream: StreamSocket): void
  /** The front is to keep its clients, and to send nothing more. */
  leave(): void
  /** Whether nothing more comes. */
  readonly hasLeft: boolean
  /** It is no more. */
  gone(stream: StreamSocket): void
}

/**
 * The socket of a client that is connected to a front, as far as a connection of a client needs one: what it writes goes to the front,
 * which has `WINDOW_BYTES` of it at most that the client has not taken, and what comes from there is read by it.
 */
export class StreamSocket extends EventEmitter implements ClientSocket {
  /** Bytes that were written and have not left for the front. */
  writableLength = 0
  private window = WINDOW_BYTES
  private unsent: Buffer[] = []
  private isEnding = false
  private isDestroyed = false
  private connection: Answering | undefined
  /** What came while it was not read from. */
  private unread: Buffer[] = []
  private isPaused = false
  private isInputOver = false
  private isResuming = false
  private servedBytes = 0
  private untoldBytes = 0
  private isTouched = false
  private told: ReturnType<typeof ownOf> | undefined

  constructor(
    readonly id: number,
    private readonly carrier: StreamCarrier,
  ) {
    super()
  }

  get writableNeedDrain(): boolean {
    return this.writableLength > 0
  }

  /** From now on what comes is read by the connection. */
  begin(connection: Answering): void {
    this.connection = connection
  }

  write(bytes: Buffer): boolean {
    if (this.isDestroyed || this.isEnding || bytes.length === 0) return true
    const sent = this.unsent.length === 0 ? this.send(bytes) : 0
    if (sent < bytes.length) {
      this.unsent.push(sent === 0 ? bytes : bytes.subarray(sent))
      this.writableLength += bytes.length - sent
    }
    this.touch()
    return this.writableLength === 0
  }

  cork(): void {}

  uncork(): void {}

  end(bytes?: Buffer): this {
    if (bytes !== undefined) this.write(bytes)
    this.isEnding = true
    this.endIfDone()
    return this
  }

  destroySoon(): void {
    this.end()
  }

  destroy(): this {
    if (!this.isDestroyed) this.leave(MESSAGE.close)
    return this
  }

  pause(): this {
    this.isPaused = true
    return this
  }

  resume(): this {
    this.isPaused = false
    if (!this.isResuming && (this.unread.length > 0 || this.isInputOver)) {
      this.isResuming = true
      setImmediate(() => {
        this.isResuming = false
        this.readOn()
      })
    }
    return this
  }

  /** The front has sent bytes of the client. */
  received(bytes: Buffer): void {
    if (this.isPaused || this.unread.length > 0) this.unread.push(Buffer.from(bytes))
    else this.read(bytes)
  }

  /** The client has sent its last byte. */
  inputOver(): void {
    this.isInputOver = true
    if (!this.isPaused) this.readOn()
  }

  /** So many bytes have left the front. */
  taken(bytes: number): void {
    this.window += bytes
    this.sendOn()
  }

  /** Sends what has waited, as far as the front takes it. */
  sendOn(): void {
    if (this.writableLength === 0 || this.isDestroyed) return
    while (this.unsent.length > 0) {
      const [bytes] = this.unsent
      const sent = this.send(bytes)
      this.writableLength -= sent
      if (sent < bytes.length) {
        this.unsent[0] = bytes.subarray(sent)
        if (sent > 0) this.touch()
        return
      }
      this.unsent.shift()
    }
    this.touch()
    this.emit('drain')
    this.endIfDone()
  }

  /** [ClientSocket] */
  keep(): boolean {
    this.carrier.leave()
    return this.connection !== undefined && isPortable(this.connection.session)
  }

  /** [ClientSocket] */
  isKept(): boolean {
    const { connection, carrier } = this
    if (connection === undefined || !carrier.hasLeft || this.unread.length > 0) return false
    return isSettled(connection) && connection.pendingBytes === 0 && isPortable(connection.session)
  }

  /** The client, or the connection to its front, is gone. */
  gone(): void {
    if (!this.isDestroyed) this.leave(undefined)
  }

  /** Says how far it is, when what belongs together has been said. */
  tell(): void {
    this.isTouched = false
    const { connection, carrier, servedBytes } = this
    if (connection === undefined || this.isDestroyed) return
    const settled = isSettled(connection) && this.unread.length === 0 ? STATUS.settled : 0
    const whole = connection.pendingBytes === 0 ? STATUS.whole : 0
    const portable = isPortable(connection.session) ? STATUS.portable : 0
    if (portable !== 0) this.tellSession(connection)
    carrier.output.message(MESSAGE.status, this.id, settled | whole | portable, servedBytes)
  }

  private tellSession({ id, session }: Answering): void {
    if (this.told !== undefined && isSame(this.told, session)) return
    this.told = ownOf(session)
    this.carrier.output.json(MESSAGE.session, this.id, stateOf(id, session))
  }

  private read(bytes: Buffer): void {
    const reader = this.connection
    if (reader === undefined || this.isDestroyed) return
    for (let at = 0; at < bytes.length; ) {
      if (this.isPaused) {
        this.unread.push(Buffer.from(bytes.subarray(at)))
        return
      }
      const room = reader.room()
      const length = room === undefined ? bytes.length - at : bytes.copy(room, 0, at)
      const goesOn =
        room === undefined ? reader.receive(at === 0 ? bytes : bytes.subarray(at), length) : reader.filled(length)
      at += length
      this.served(length)
      if (!goesOn) this.isPaused = true
    }
  }

  private readOn(): void {
    while (this.unread.length > 0 && !this.isPaused && !this.isDestroyed) {
      const [bytes] = this.unread.splice(0, 1)
      const behind = this.unread.splice(0)
      this.read(bytes)
      this.unread.push(...behind)
    }
    if (this.isInputOver && this.unread.length === 0 && !this.isPaused) {
      this.isInputOver = false
      this.emit('end')
    }
  }

  private served(bytes: number): void {
    this.servedBytes = (this.servedBytes + bytes) >>> 0
    this.untoldBytes += bytes
    if (this.untoldBytes < TAKEN_STEP_BYTES) return
    this.carrier.output.message(MESSAGE.taken, this.id, 0, this.untoldBytes)
    this.untoldBytes = 0
  }

  /** Gives how many bytes were sent. */
  private send(bytes: Buffer): number {
    const { output } = this.carrier
    const length = output.isFull ? 0 : Math.min(bytes.length, this.window)
    if (length > 0) output.data(this.id, bytes, 0, length)
    this.window -= length
    return length
  }

  private touch(): void {
    if (this.isTouched) return
    this.isTouched = true
    this.carrier.touched(this)
  }

  private endIfDone(): void {
    if (this.isEnding && this.writableLength === 0 && !this.isDestroyed) this.leave(MESSAGE.end)
  }

  private leave(lastWord: number | undefined): void {
    this.isDestroyed = true
    this.unsent = []
    this.unread = []
    if (lastWord !== undefined) this.carrier.output.message(lastWord, this.id)
    this.carrier.gone(this)
    process.nextTick(() => this.emit('close'))
  }
}

/** Whether nothing that it has sent, as far as that has been read, waits for an answer. */
function isSettled({ queue, framer }: Answering): boolean {
  return queue.length === 0 && framer.bufferedBytes === 0
}
