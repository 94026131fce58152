import { copyBytes } from '../base/copy-bytes.js'
import { HELD_BYTES, hold, release } from '../base/large-buffers.js'
import type { Flushable, Patient, Turn, Unhurried } from '../base/turn.js'
import type { ClientSocket } from './client-socket.js'

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
/** What a thousand listeners are sent in one turn: with large ones for them half of the time is spent on making these, and throwing them away. */
const medium = new Pool(8 * 1024, 2048)
const large = new Pool(64 * 1024, 64)

/** An array that has room for one element, which is all that most clients ever need: the first push would make room for 17. */
function roomForOne(): Buffer[] {
  const array = [small.take()]
  small.give(array.pop()!)
  return array
}

function poolOf({ length }: Buffer): Pool {
  return length === small.bytes ? small : length === medium.bytes ? medium : large
}

/** That of the smallest buffers with room for so many bytes, which are fewer than a large one has. */
function poolFor(bytes: number): Pool {
  return bytes <= small.bytes ? small : bytes <= medium.bytes ? medium : large
}

/** So much does not wait for what belongs with it. */
const PATIENT_BYTES_MAX = 16 * 1024

/**
 * The bytes that go to one client: gathered over a turn of the event loop, or up to a large reply, and written together.
 *
 * Replies to commands that came together come from several servers, in different turns. A write costs more than all else
 * that is done for sixteen GETs, so they wait for each other, for a millisecond or two at most: as with one Redis server,
 * which answers all that it has read at once [design §5 Batching].
 *
 * A socket that has not taken what it was given is given nothing more: it would keep a buffer for each turn, of which a part is
 * used, so that what a client has to take that does not read would be many times as much in memory.
 */
export class Outbox implements Flushable, Patient, Unhurried {
  /** Bytes that were ever appended. */
  totalBytes = 0

  private buffer: Buffer | undefined
  private used = 0
  private readonly ready = roomForOne()
  /** Buffers of what was written and may not have left, and of what is ready; and large ones that are held until they have. */
  private readonly leaving = roomForOne()
  private readonly held: Buffer[] = []
  /** How many of both are of what was written, while more is ready. */
  private writtenBuffers = 0
  private writtenHeld = 0
  private queuedBytes = 0
  /** The socket may have kept what was written: it is asked, which costs more than all else that is asked for each command. */
  private lags = false
  /** It was given nothing since: what comes is gathered here until it has taken all. */
  private stalled = false
  private scheduled = false
  /** It comes behind all others in this turn, unless something else is appended. */
  private isLast = false
  /** There is more than the beginning of what belongs together. */
  private whole = false
  /** What there is waits for more of it. */
  private patient = false
  /** The turn will say when that is over. */
  private waiting = false

  constructor(
    private readonly socket: ClientSocket,
    private readonly turn: Turn,
    /** Told when what there was has been given to the socket: what leaves at once is followed by no `drain`. */
    private readonly onFlushed: () => void,
  ) {}

  /** Bytes that the client has not taken yet. */
  get pendingBytes(): number {
    return this.lags ? this.queuedBytes + this.keptBySocket() : this.queuedBytes
  }

  /** The first byte of what is to be written. */
  get firstKept(): number | undefined {
    const [first = this.buffer] = this.ready
    return first?.[0]
  }

  /**
   * Appends bytes, which are copied unless they are large and `owned`, or their buffer can be held.
   *
   * @param followed more is to come that belongs with them, or else `complete` is called
   */
  append(buf: Buffer, start: number, end: number, owned: boolean, followed = false): void {
    this.gather(buf, start, end, owned, followed)
    this.schedule()
    if (end - start >= HELD_BYTES) this.writeLarge()
  }

  /**
   * The same for what others have sent to this client: those who are answered in this turn are first, as in Redis. They go on while it is
   * written.
   */
  appendLast(buf: Buffer, start: number, end: number, owned: boolean): void {
    this.gather(buf, start, end, owned, false)
    if (end - start >= HELD_BYTES) {
      this.schedule()
      this.writeLarge()
    } else if (!this.scheduled && !this.stalled && !this.isLast) {
      this.isLast = true
      this.turn.scheduleLast(this)
    }
  }

  /** Writes at once what there is, unless the socket has not taken what it was given. */
  offer(): void {
    if (!this.stalled && this.queuedBytes > 0) this.writeLarge()
  }

  /** While its bytes are in a cache of the processor, and so that its buffer is soon used again. */
  private writeLarge(): void {
    this.whole = true
    this.turn.flushNow(this)
  }

  private gather(buf: Buffer, start: number, end: number, owned: boolean, followed: boolean): void {
    const length = end - start
    if (!followed) this.whole = true
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
  }

  /** Nothing more is to come that belongs with what was appended last. */
  complete(): void {
    this.whole = this.queuedBytes > 0
    if (this.patient) this.schedule()
  }

  /** [Flushable] At the end of a turn: writes what there is, or lets it wait for what belongs with it. */
  flush(): void {
    if (this.lags && this.isFull()) {
      this.scheduled = false
      this.stalled = true
      return
    }
    if (this.whole || this.queuedBytes > PATIENT_BYTES_MAX) {
      this.write()
      return
    }
    this.scheduled = false
    // It may have been written since it asked for its turn.
    this.patient = this.queuedBytes > 0
    if (!this.patient || this.waiting) return
    this.waiting = true
    this.turn.wait(this)
  }

  /** [Unhurried] What has been scheduled since leaves in its turn. */
  flushLast(): void {
    this.isLast = false
    if (!this.scheduled && !this.stalled && this.queuedBytes > 0) this.flush()
  }

  /** [Patient] */
  due(): void {
    this.waiting = false
    if (this.patient) this.complete()
  }

  /** Writes what there is. */
  write(): void {
    this.scheduled = false
    this.whole = false
    this.patient = false
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
    this.writtenBuffers = this.leaving.length
    this.writtenHeld = this.held.length
    if (this.keptBySocket() === 0) this.reuse()
    this.onFlushed()
  }

  /** To be called when the socket has taken all that it was given: it is given what has come since. */
  drained(): void {
    if (this.keptBySocket() === 0) this.reuse()
    if (!this.stalled) return
    this.stalled = false
    if (this.queuedBytes > 0) this.schedule()
  }

  /** What was written has left: its buffers may be overwritten. Those of what is ready stand behind them. */
  private reuse(): void {
    const { leaving, held, writtenBuffers, writtenHeld } = this
    this.writtenBuffers = 0
    this.writtenHeld = 0
    if (leaving.length > writtenBuffers || held.length > writtenHeld) {
      for (const buffer of leaving.splice(0, writtenBuffers)) poolOf(buffer).give(buffer)
      for (const buffer of held.splice(0, writtenHeld)) release(buffer)
      return
    }
    // Setting a length would allocate the array anew, for every reply.
    while (leaving.length > 0) {
      const buffer = leaving.pop() as Buffer
      poolOf(buffer).give(buffer)
    }
    while (held.length > 0) release(held.pop() as Buffer)
  }

  /** Whether it will say when it has taken all that it was given. */
  private isFull(): boolean {
    return this.socket.writableNeedDrain && this.keptBySocket() > 0
  }

  private keptBySocket(): number {
    const { writableLength } = this.socket
    this.lags = writableLength > 0
    return writableLength
  }

  private schedule(): void {
    if (this.scheduled || this.stalled) return
    this.scheduled = true
    this.turn.schedule(this)
  }

  /** The buffer in which there is room for so many bytes behind those that are used. */
  private roomFor(length: number): Buffer {
    const { buffer, used } = this
    if (buffer !== undefined && used + length <= buffer.length) return buffer
    if (buffer !== undefined && buffer.length < large.bytes && used + length <= large.bytes) {
      const larger = poolFor(used + length).take()
      copyBytes(buffer, 0, used, larger, 0)
      poolOf(buffer).give(buffer)
      this.buffer = larger
      return larger
    }
    const pool = buffer === undefined ? poolFor(length) : large
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
