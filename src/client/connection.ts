import { tracing } from '../backend/tracing.js'
import type { Reader } from '../base/socket-reader.js'
import type { CommandRow } from '../command/row.js'
import type { Wait } from '../order/reply-slot.js'
import { encodeReply, error, type Reply } from '../resp/encode.js'
import type { Frame } from '../resp/frame.js'
import { FRAME, PROTOCOL_ERROR, RequestFramer } from '../resp/request-framer.js'
import type { ClientSocket } from './client-socket.js'
import { CLOSED, ENDING } from './client-state.js'
import { HeldBytes } from './held-bytes.js'
import { Outbox } from './outbox.js'
import { exceeds, outputLimitsOf, sayOutputIsFull, sayQueryIsFull } from './output-limit.js'
import type { Lag } from './pace.js'
import type { Peer } from './peer.js'
import type { Asker } from './reply-budget.js'
import { ReplyQueue, type ReplyQueueOwner } from './reply-queue.js'
import { Stint } from './rota.js'
import { Session } from './session.js'
import type { Slot } from './slot.js'
import { STOPS } from './stops.js'
import type { Surroundings } from './surroundings.js'

/**
 * Bytes of commands that a client may have unanswered before it is not read from for a while, so that the memory
 * it takes is bounded while a server does not answer; one command may be larger.
 */
const REQUEST_BYTES_MAX = 32 * 1024 * 1024
/** Less that a client has to take is not counted among what all have, and exceeds no limit. */
const COUNTED_BYTES_MIN = 16 * 1024

/**
 * One client: its socket, its session, and the order of its replies.
 *
 *     bytes ──> framer ──> dispatch ──> answered here, or coordinator ──┐
 *     socket <── outbox <── reply queue <───────────────────────────────┘
 *
 * It is not served while it does not take its replies, has too much unanswered, or while a command is under way whose
 * effects come later (`pauseClient`). Then it is not read from either, unless it is its own replies that wait for it.
 */
export class Connection implements ReplyQueueOwner, Reader, Asker {
  readonly session: Session
  readonly framer: RequestFramer
  readonly outbox: Outbox
  readonly queue: ReplyQueue
  readonly createdAtMs = performance.now()
  lastActiveMs = this.createdAtMs
  lastCommand: CommandRow | undefined
  commands = 0
  receivedBytes = 0
  private readonly held: HeldBytes
  readonly socket: ClientSocket
  /** [Peer] */
  readonly address: string
  readonly localAddress: string
  /** Whether the socket is read from, and whether what was read is served: else it is kept. */
  private reading = true
  serving = true
  private resuming = false
  /** The client has sent its last byte, and waited for this then: it ends when its replies have been written. */
  private inputOver: Wait | boolean = false
  /** What there is of its commands is being served. */
  private isBusy = false
  readonly stint: Stint
  /** [Listening] Only once it had too much to take. */
  lag: Lag | undefined
  /** [Telling] */
  restsFor: Lag[] | undefined

  constructor(
    readonly id: number,
    socket: ClientSocket,
    readonly peer: Peer,
    readonly surroundings: Surroundings,
    /** Serves one command of it. */
    private readonly dispatch: (client: Connection, frame: Frame) => void,
    /** Whether its next command may be served, where that depends on what it is. */
    private readonly mayBeNext: (client: Connection, frame: Frame) => boolean,
  ) {
    const { config, turn, acl, clients } = surroundings
    this.held = new HeldBytes(this)
    this.stint = new Stint(clients.rota, turn, () => this.resume())
    this.socket = socket
    this.address = peer.address
    this.localAddress = peer.localAddress
    this.session = new Session(acl.users.default, !acl.users.needLogin)
    this.framer = new RequestFramer(config.limits)
    this.framer.authenticated = this.session.authenticated
    this.outbox = new Outbox(socket, turn, () => {
      if (!this.serving) this.repliesDone()
      else if (this.held.hasToTake) this.held.noteUntaken(this.pendingBytes)
      this.lag?.took()
    })
    this.queue = new ReplyQueue(this.outbox, this, clients.replyBudget, surroundings.slowLog)
    socket.on('end', () => this.finish())
    socket.on('drain', () => {
      this.outbox.drained()
      this.repliesDone()
      this.lag?.took()
    })
    // A connection that breaks is closed; there is nobody left to tell, and the reason helps nobody.
    socket.on('error', () => this.socket.destroy())
    socket.once('close', () => this.leave())
  }

  /** [Reader] False when the client is not to be read from for now. */
  receive(buffer: Buffer, size: number): boolean {
    if (this.deaf) return true
    return this.received(size, buffer)
  }

  /** [Reader] */
  room(): Buffer | undefined {
    return this.deaf ? undefined : this.framer.room
  }

  /** [Reader] */
  filled(size: number): boolean {
    if (this.deaf) return true
    return this.received(size, undefined)
  }

  /** Takes the next place in the order of replies. */
  takeSlot(requestBytes: number): Slot {
    const { session } = this
    const silent = session.replies === 'off' || session.replies === 'skip-this'
    const slot = this.queue.take(session.proto, session.db, silent, requestBytes)
    if (requestBytes > 0) this.surroundings.slowLog.note(slot, this.framer)
    return slot
  }

  /** Answers the current command with a value of our own, in its turn. */
  reply(reply: Reply): void {
    this.replyBytes(encodeReply(reply, this.session.proto))
  }

  /** Answers with the bytes of a reply, which nobody will write into. */
  replyBytes(bytes: Buffer): void {
    if (tracing.isOn) tracing.replied(bytes)
    this.takeSlot(0).finish(bytes, 0, bytes.length, true)
  }

  /** Answers, and ends the connection when the reply has been written; what the client still sends is dropped. */
  replyAndEnd(reply: Reply): void {
    if (!this.deaf) this.session.become(ENDING)
    const slot = this.takeSlot(0)
    const bytes = encodeReply(reply, this.session.proto)
    slot.last = true
    slot.finish(bytes, 0, bytes.length, true)
  }

  /** Ends the connection when what has been written is out, and drops replies that are not there yet. */
  close(): void {
    if (this.closed) return
    this.session.become(CLOSED)
    // What has been written must not leave while the turn is held, and then leaves before this.
    const { turn } = this.surroundings
    if (turn.held) turn.schedule({ flush: () => this.end() })
    else this.end()
  }

  /** Ends the connection now, with nothing more written. */
  drop(): void {
    this.leave()
    this.socket.destroy()
  }

  /** [ReplyQueueOwner] */
  lastReplyDone(): void {
    this.close()
  }

  /** [ReplyQueueOwner] */
  repliesDone(): void {
    const { pendingBytes } = this
    if (pendingBytes >= COUNTED_BYTES_MIN || this.held.hasToTake) {
      if (!this.closed && exceeds(pendingBytes, outputLimitsOf(this.session, this.surroundings).hardBytes)) {
        sayOutputIsFull(this.surroundings.log, this)
        this.drop()
        return
      }
      this.held.noteUntaken(pendingBytes)
    }
    if (!this.serving && !this.closed) {
      if (!this.queue.waitsForTurn && this.mayServe()) {
        if (!this.resuming) setImmediate(() => this.resume())
        this.resuming = true
      } else this.readOn()
    }
    // Some of its commands may be answered at once, with others behind them.
    if (!this.isBusy) this.endIfDone()
  }

  /** [Asker] */
  takeTurn(): void {
    // Should it not be served now for another reason, it tries again with the next reply.
    this.queue.leaveTurn(this)
    this.resume()
    if (!this.serving && !this.closed) this.readOn()
  }

  /** [Telling] */
  restIsOver(): void {
    this.resume()
  }

  /** [ReplyQueueOwner] */
  wrote(): void {
    this.surroundings.clients.pace.wrote(this)
  }

  /** [ReplyQueueOwner] */
  errorReplied(buf: Buffer, start: number, end: number, timedAs: number): void {
    this.surroundings.stats.countError(buf, start, end, timedAs)
  }

  /** [ReplyQueueOwner] */
  slow(slot: Slot, sinceTick: number): void {
    this.surroundings.slowLog.answered(this, slot, sinceTick)
  }

  /** [ReplyQueueOwner] Who waits is read from, also when it has had to wait for something else before. Who says no more waits for nothing. */
  blocked(wait: Wait | undefined): void {
    if (wait === undefined) this.session.unblock()
    else this.session.block(wait)
    if (wait === undefined || !this.inputOver) this.readOn()
    else void wait.unblock(this.surroundings.clients.isDraining ? STOPS : 'time-out')
  }

  /** [ReplyQueueOwner] */
  commandFailed(failure: Error, isOrderLost: boolean): void {
    const { surroundings, address, lastCommand } = this
    surroundings.failed(failure, { client: address, lastCommand: lastCommand?.name })
    if (isOrderLost) this.drop()
  }

  /** Bytes of replies that the client has not taken, or that wait for the replies before them. */
  get pendingBytes(): number {
    return this.outbox.pendingBytes + this.queue.keptBytes
  }

  /** Whether it is read from. */
  get isRead(): boolean {
    return this.reading && !this.deaf
  }

  /** Whether its next command has to wait until the one before is answered. */
  get isBlocked(): boolean {
    return this.queue.pausing > 0
  }

  /** Nothing is written to it any more. */
  get closed(): boolean {
    return this.session.state === CLOSED
  }

  /** None of its commands is served any more. */
  get deaf(): boolean {
    const { state } = this.session
    return state === ENDING || state === CLOSED
  }

  /** The first `size` bytes of `buffer`, or of the room that the framer gave, are there. */
  private received(size: number, buffer: Buffer | undefined): boolean {
    this.lastActiveMs = this.surroundings.slowLog.begin()
    this.stint.begin(this.lastActiveMs)
    this.receivedBytes += size
    this.process(size, buffer)
    return this.reading
  }

  private end(): void {
    this.outbox.write()
    this.socket.end()
    this.socket.destroySoon()
  }

  /** Serves what there is, with `size` more bytes: see `received`. */
  private process(size: number, buffer: Buffer | undefined): void {
    this.isBusy = true
    const { pace } = this.surroundings.clients
    const { acting } = pace
    pace.acting = this
    try {
      if (buffer !== undefined) this.framer.feed(buffer, size)
      else if (size > 0) this.framer.filled(size)
      if (this.serving) this.serve()
      else this.keep()
      this.queue.endBatch()
    } catch (failure) {
      // There may be no memory for so large a command. Where the next one begins is not known any more.
      this.commandFailed(failure as Error, true)
    }
    pace.acting = acting
    this.isBusy = false
    this.endIfDone()
  }

  private serve(): void {
    const { framer } = this
    while (!this.deaf) {
      if (!this.mayServe()) {
        this.serving = false
        this.keep()
        return
      }
      const result = framer.next()
      if (result === FRAME) {
        const { queue } = this
        if ((queue.expectedBytes > 0 || queue.pausing > 0) && !this.mayBeNext(this, framer)) {
          framer.putBack()
          this.serving = false
          this.keep()
          return
        }
        this.dispatch(this, framer)
        if (this.stint.served() && framer.bufferedBytes > 0) this.stint.end()
      } else {
        if (result === PROTOCOL_ERROR) this.replyAndEnd(error(framer.errorMessage))
        else if (framer.bufferedBytes > this.surroundings.config.limits.queryBufferBytes) {
          sayQueryIsFull(this.surroundings.log, this)
          this.drop()
        }
        return
      }
    }
  }

  private mayServe(): boolean {
    const { queue, pendingBytes } = this
    const { limits } = this.surroundings.config
    return (
      !this.stint.isOver &&
      this.restsFor === undefined &&
      queue.pausing === queue.followed &&
      queue.hasRoom &&
      queue.length < limits.outstandingCommands &&
      queue.requestBytes < REQUEST_BYTES_MAX &&
      pendingBytes < limits.outputBufferPauseBytes
    )
  }

  /** Commands that cannot be served yet wait in the framer, as bytes: they are small where their replies are large. */
  private keep(): void {
    this.framer.retain()
    this.held.noteKept()
    if (this.reading && !this.held.mayKeep()) {
      this.reading = false
      this.socket.pause()
    }
  }

  /** It may be its replies that are waited for since it was last looked at. */
  private readOn(): void {
    if (this.reading || !this.held.mayKeep()) return
    this.reading = true
    this.socket.resume()
  }

  private resume(): void {
    this.resuming = false
    if (this.closed || this.serving || !this.mayServe()) return
    this.serving = true
    this.stint.begin(this.surroundings.slowLog.begin())
    this.process(0, undefined)
    if (this.closed) return
    this.held.noteKept()
    if (!this.serving) this.readOn()
    else if (!this.reading) {
      this.reading = true
      this.socket.resume()
    }
  }

  /** No more is expected of the client, which gets the replies that it is still owed; for what may never come it does not wait. */
  finish(): void {
    this.inputOver = this.session.wait ?? true
    this.endIfDone()
  }

  /** It has sent its last byte, and has been answered everything, or everything before that for which it waits. */
  private endIfDone(): void {
    const waits = this.inputOver === this.session.wait
    if (this.inputOver && this.queue.length === (waits ? 1 : 0) && (waits || this.serving)) this.close()
  }

  /** It counts among the clients no more. */
  private leave(): void {
    const { stats, clients } = this.surroundings
    if (!this.closed) this.session.become(CLOSED)
    if (!clients.remove(this)) return
    this.session.leave()
    this.lag?.took()
    this.held.noteKept()
    this.held.noteUntaken(0)
    this.queue.leaveTurn(this)
    stats.receivedBytesOfGone += this.receivedBytes
    stats.sentBytesOfGone += this.outbox.totalBytes
  }
}
