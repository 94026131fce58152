import type { Socket } from 'node:net'
import type { Reader } from '../base/socket-reader.js'
import { peerFault } from '../tls/for-peers.js'
import { PeerOutput } from './peer-output.js'
import { MESSAGE, MessageReader, type MessageSink } from './wire.js'

const READ_BYTES = 64 * 1024
const PING_MS = 1000
/** Who says nothing for so long is gone, or as good as gone. */
const SILENT_MS = 10_000
/** What has not left so long after the end of a connection does not any more. */
const LINGER_MS = 5000

export interface PeerLinkEvents extends MessageSink {
  /** Once: nothing comes any more. */
  closed(reason: string): void
  /** It was full, and has room again. */
  hasRoom(): void
}

/** A connection between two proxies: messages in both directions, and whether the other one is there. */
export class PeerLink implements Reader {
  readonly output: PeerOutput
  private readonly socket: Socket
  private readonly reader: MessageReader
  private buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  private isRetained = false
  private isClosed = false
  private heardMs = performance.now()
  private readonly timer: NodeJS.Timeout

  /**
   * @param open makes the socket, whose bytes go to the reader
   * @param later when what is to be sent is written: in which part of the turn
   */
  constructor(
    open: (reader: Reader) => Socket,
    private readonly events: PeerLinkEvents,
    later: (flush: () => void) => void,
  ) {
    this.reader = new MessageReader(events)
    this.socket = open(this)
    this.output = new PeerOutput(this.socket, later)
    this.socket.on('drain', () => {
      if (this.output.drained()) this.events.hasRoom()
    })
    this.socket.on('error', (error: NodeJS.ErrnoException) => this.close(peerFault(this.socket, error)))
    this.socket.on('end', () => this.close('the other side has ended it'))
    this.socket.once('close', () => this.close('it was closed'))
    this.timer = setInterval(() => this.look(), PING_MS)
  }

  get closed(): boolean {
    return this.isClosed
  }

  /** What was read in this call is still needed: it is not written over. */
  retain(): void {
    this.isRetained = true
  }

  /** Breaks it off; what was to be sent leaves as far as it can. */
  close(reason: string): void {
    if (this.isClosed) return
    this.output.write()
    this.isClosed = true
    clearInterval(this.timer)
    this.socket.end()
    this.socket.destroySoon()
    // Who does not read, or has never ended the handshake, keeps no socket.
    setTimeout(() => this.socket.destroy(), LINGER_MS).unref()
    this.events.closed(reason)
  }

  /** [Reader] Where sockets cannot be told where to read. */
  receive(bytes: Buffer, size: number): boolean {
    this.retain()
    return this.read(bytes, size)
  }

  /** [Reader] */
  room(): Buffer {
    if (this.isRetained) this.buffer = Buffer.allocUnsafeSlow(READ_BYTES)
    this.isRetained = false
    return this.buffer
  }

  /** [Reader] */
  filled(size: number): boolean {
    return this.read(this.buffer, size)
  }

  private read(bytes: Buffer, size: number): boolean {
    this.heardMs = performance.now()
    if (this.isClosed) return false
    try {
      this.reader.read(bytes, size)
    } catch (failure) {
      this.close((failure as Error).message)
    }
    return !this.isClosed
  }

  private look(): void {
    if (performance.now() - this.heardMs > SILENT_MS) this.close(`nothing was heard for ${SILENT_MS / 1000} s`)
    else this.output.message(MESSAGE.ping, 0)
  }
}
