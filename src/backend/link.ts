import type { Socket } from 'node:net'
import { AssertionError, assert } from '../base/assert.js'
import { readClock } from '../base/coarse-clock.js'
import type { Logger } from '../base/log.js'
import type { Flushable, Turn } from '../base/turn.js'
import type { Reply } from '../resp/encode.js'
import { type Frame, frameOf } from '../resp/frame.js'
import { type ReplySink as FramerSink, type PushPlace, ReplyFramer, ReplyProtocolError } from '../resp/reply-framer.js'
import { answeredBy } from './answering.js'
import { BEGIN, Block, type BlockHost, END, EXEC, MULTI, type RunSink } from './block.js'
import { connectReading, onceOpen, socketFault } from './connect.js'
import { decodedReply, LinkLostError } from './decoded-reply.js'
import { EventPushes } from './event-pushes.js'
import { Expirations } from './expirations.js'
import { ExpiryPushes } from './expiry-pushes.js'
import { expiredChannels, handshake, type ServerInfo } from './handshake.js'
import { InFlight } from './in-flight.js'
import type { LinkListener, LinkOptions } from './link-options.js'
import type { LinkState } from './link-state.js'
import { Owed } from './owed.js'
import { heartbeat } from './ping.js'
import { type ReplySink, unlessRefused } from './reply-sink.js'
import { RunningScripts } from './running-scripts.js'
import { ANY_DB, Selection } from './selection.js'
import { Segment, SendLog } from './send-log.js'
import { Spacing } from './spacing.js'
import { Tracking } from './tracking.js'
import { UNASKED, Unfinished } from './unfinished.js'

export { ANY_DB, LinkLostError }

/**
 * One RESP3 connection to one member, used strictly first in, first out, by all clients and all databases
 * [design §5 Links]: the order of `emit` is the order of execution on that member. Its life is told in link-state.
 */
export class Link implements Flushable, FramerSink, BlockHost {
  /** True exactly when commands can be emitted. */
  ready = false
  /** Whether reads may go here: it is ready, and no key is in doubt on it. Set by who knows that. */
  serving = false
  /** Whether its server is near its maxmemory. Set by who asks it. */
  full = false
  /** Whether it is beyond it, and refuses whatever stands between MULTI and EXEC. Set by the same. */
  refusesBlocks = false
  /** What the last handshake learnt; stays for display when the link breaks. */
  info: ServerInfo | undefined
  /** The server's clock minus ours in ms, measured again with every ping. */
  clockOffsetMs = 0
  state: LinkState = { kind: 'waiting', reason: 'not started', sinceMs: 0 }
  /** What expired on the server a short while ago. */
  readonly expirations = new Expirations(() => this.inFlight)
  readonly events = new EventPushes(() => this.inFlight)
  readonly expiryPushes = new ExpiryPushes(this.expirations)
  readonly tracking = new Tracking()
  readonly scripts = new RunningScripts(() => this.info?.settings)
  /** When the server sent something last, or the connection was begun, in ms of `performance.now`. */
  lastReceivedMs = 0
  /** Pushes that were taken out of the reply stream. */
  pushes = 0
  /** Commands emitted that empty or swap databases, over all its connections. */
  sweeps = 0
  /** Bytes given to the socket, and read from it, over all its connections. */
  sentBytes = 0
  receivedBytes = 0
  /** `onBudgetSpent` is called at every flush with `sentBytes` beyond this. */
  budgetBytes = Number.POSITIVE_INFINITY
  onBudgetSpent = () => {}
  onBlockRefused = () => {}
  /** While the replies of a run are handled: the command of one of them. */
  ofRun: Buffer | undefined
  private socket: Socket | undefined
  private framer = new ReplyFramer(this)
  private log!: SendLog
  private inFlight = new InFlight()
  /** The one to which what is emitted belongs, and the one whose commands the server queues. */
  private block: Block | undefined
  private begun: Block | undefined
  private readonly selection = new Selection(() => this.inFlight)
  readonly unfinished = new Unfinished()
  readonly owed = new Owed(
    () => this.inFlight,
    () => this.selection,
    () => this.framer.bufferedBytes,
  )
  private flushing = false
  private timer: NodeJS.Timeout | undefined
  private readonly spacing = new Spacing()

  constructor(
    readonly name: string,
    readonly host: string,
    readonly port: number,
    private readonly options: LinkOptions,
    private readonly turn: Turn,
    private readonly logger: Logger,
    private readonly listener: LinkListener<Link>,
  ) {}

  /** Commands emitted and not answered. */
  get outstanding(): number {
    return this.inFlight.length
  }

  /** Bytes that the server has not taken yet. */
  get unsentBytes(): number {
    return this.socket?.writableLength ?? 0
  }

  /** The bytes of the command whose reply is being handed over: for messages, valid during `onReply`. */
  get answering(): Buffer {
    if (this.ofRun !== undefined) return this.ofRun
    const { segment, start, end } = this.inFlight
    return segment.buf.subarray(start, end)
  }

  /** Puts a command on the link, only when `ready`: the strict frame from `start` to `end`, which is copied unless `owned`. */
  emit(buf: Buffer, start: number, end: number, owned: boolean, db: number, sink: ReplySink, tag: number): void {
    if (!this.flushing) {
      assert(this.ready, 'a command is emitted on a link that is up')
      this.flushing = true
      this.turn.schedule(this)
    }
    if (db !== this.selection.db && db !== ANY_DB) this.select(db)
    const { log } = this
    log.append(buf, start, end, owned)
    this.note(sink, tag, end - start)
  }

  /** Puts so many commands, which lie one behind the other, into the block that is open; their replies are handed over together. */
  emitRun(buf: Buffer, start: number, end: number, db: number, sink: RunSink, tag: number, count: number): void {
    const { block, log } = this
    assert(block !== undefined, 'a run of commands stands in a block')
    if (db !== this.selection.db) this.select(db)
    log.append(buf, start, end, true)
    block.addRun(sink, tag, log.segment, log.offset, log.offset + (end - start), count)
  }

  emitFrame(frame: Frame, db: number, sink: ReplySink, tag: number): void {
    this.emit(frame.buf, frame.start, frame.end, frame.owned, db, sink, tag)
  }

  /** What is emitted from now on, in this turn, is one transaction of the server, see `Block`; gives what ends it. */
  openBlock(): () => void {
    const { db } = this.selection
    const block = new Block(this, this.inFlight, this.log)
    this.emitFrame(MULTI, ANY_DB, block, BEGIN)
    this.block = block
    return () => {
      this.block = undefined
      this.emitFrame(EXEC, ANY_DB, block, END)
      // A server that discards the block stays in the database in which it was.
      if (this.selection.db !== db) this.select(this.selection.db)
    }
  }

  /** What is emitted next for any database is executed in this one. */
  enter(db: number): void {
    if (db !== this.selection.db) this.select(db)
  }

  /** Emits one command now and gives its decoded reply, which may be an error: for cold paths. @throws LinkLostError */
  call(args: readonly (Buffer | string)[], db = ANY_DB): Promise<Reply> {
    return this.callFrame(frameOf(args), db)
  }

  callFrame(frame: Frame, db = ANY_DB): Promise<Reply> {
    if (!this.ready) return Promise.reject(new LinkLostError(this.name, false))
    return decodedReply(this.name, (sink) => this.emitFrame(frame, db, sink, 0))
  }

  /** Sends one command now, before what was emitted and has not been sent: also while the turn is held. */
  callFirst(args: readonly (Buffer | string)[]): Promise<Reply> {
    const { socket } = this
    if (!this.ready || socket === undefined) return Promise.reject(new LinkLostError(this.name, false))
    return decodedReply(this.name, (sink) => this.send(socket, args, sink))
  }

  /** Listens to channels of the server from now on, or no more. The confirmation is a push; a refusal, a reply, breaks the link. */
  listen(word: 'PSUBSCRIBE' | 'PUNSUBSCRIBE', pattern: string): Promise<Reply> {
    const { socket } = this
    if (socket === undefined) return Promise.reject(new LinkLostError(this.name, false))
    socket.write(frameOf([word, pattern]).buf)
    return decodedReply(this.name, (sink) => this.send(socket, ['PING'], unlessRefused(word, sink)))
  }

  /** Breaks the connection and makes a new one: for a member that is known to be gone. */
  reset(reason: string): void {
    if (this.state.kind !== 'closed' && this.state.kind !== 'waiting') this.broken(reason)
  }

  close(): void {
    if (this.state.kind === 'closed') return
    clearTimeout(this.timer)
    this.become({ kind: 'closed' })
    this.drop('the proxy closed the link')
  }

  flush(): void {
    this.flushing = false
    this.inFlight.unsent = 0
    const { socket } = this
    if (socket === undefined) return
    const parts = this.log.takeUnsent()
    const several = parts.length > 1
    if (several) socket.cork()
    for (const part of parts) {
      socket.write(part)
      this.sentBytes += part.length
    }
    if (several) socket.uncork()
    if (this.sentBytes > this.budgetBytes) this.onBudgetSpent()
  }

  /** [FramerSink] */
  onReply(buf: Buffer, start: number, end: number, flags: number): void {
    const { inFlight, log, framer } = this
    if (framer.queued > 0) {
      framer.queued--
      this.begun!.onQueued(buf, start, end, flags)
      return
    }
    if (!inFlight.isAsked) throw new ReplyProtocolError(UNASKED)
    inFlight.answered(buf, start, end)
    const { segment, sink, tag } = inFlight
    if (this.selection.astray > 0 && this.selection.hasStrayed(buf, start, sink, tag)) {
      sink.onLost(tag, segment.buf, inFlight.start, inFlight.end)
      throw new ReplyProtocolError('SELECT was refused, and what came behind it was executed')
    }
    if (framer.openEnded) this.expiryPushes.answered(segment.buf, inFlight.start, inFlight.end)
    try {
      sink.onReply(tag, buf, start, end, flags)
    } catch (failure) {
      this.replyFailed(failure as Error, sink, tag)
    }
    if (this.events.isOn) this.events.answered()
    // Not before: the sink may look at the command that was answered.
    log.release(segment)
  }

  /** [BlockHost] */
  blockBegun(block: Block): void {
    this.begun = block
    this.framer.queued = block.count
  }

  /** [FramerSink] */
  onPush(buf: Buffer, start: number, end: number, place: PushPlace): void {
    this.pushes++
    this.tracking.told(buf, start, end)
    this.expiryPushes.told(buf, start, end, place)
    if (this.events.isOn) this.events.told(buf, start, end, place, this.framer.pushesFollow)
  }

  /** Gives a command to the socket at once, past what waits for its turn: handshakes, and questions whose the server is. */
  private send(socket: Socket, args: readonly (Buffer | string)[], sink: ReplySink): void {
    const { buf, start, end } = frameOf(args)
    const segment = new Segment(buf, false)
    segment.unanswered = 1
    this.inFlight.insert(this.inFlight.unsent, sink, 0, segment, start, end)
    socket.write(buf.subarray(start, end))
  }

  /** For whoever waits for it the reply is lost, and with it the order on this link. */
  private replyFailed(failure: Error, sink: ReplySink, tag: number): void {
    if (failure instanceof ReplyProtocolError) throw failure
    this.options.failed?.(failure, { member: this.name })
    const { segment, start, end } = this.inFlight
    if (!(failure instanceof AssertionError)) sink.onLost(tag, segment.buf, start, end)
    throw new ReplyProtocolError(`a reply could not be handled: ${failure.message}`)
  }

  start(): void {
    this.become({ kind: 'connecting' })
    const framer = new ReplyFramer(this)
    this.framer = framer
    const isCurrent = () => this.framer === framer && this.socket !== undefined
    this.log = new SendLog()
    this.inFlight = new InFlight(this.inFlight.pushed, this.name)
    this.expiryPushes.reset()
    this.tracking.begin()
    this.flushing = false
    this.selection.begin()
    this.owed.readsUntilMs = 0
    this.lastReceivedMs = performance.now()
    let failure = 'the server closed the connection'
    let room: Buffer | undefined
    const socket = connectReading(this, this.options.tls, {
      receive: (buf, size) => !isCurrent() || this.received(buf, size, () => framer.feed(buf, size)),
      room: () => (room = isCurrent() ? framer.room : undefined),
      filled: (size) => !isCurrent() || this.received(room!, size, () => framer.filled(size)),
    })
    this.socket = socket
    onceOpen(socket, () => {
      if (this.socket === socket) void this.shakeHands(socket)
    })
    socket.on('error', (error) => {
      failure = socketFault(error)
    })
    socket.once('close', () => {
      if (this.socket === socket) this.broken(failure)
    })
    this.timer = setTimeout(() => {
      if (this.socket === socket) this.broken(`no connection and handshake within ${this.options.connectTimeoutMs} ms`)
    }, this.options.connectTimeoutMs)
  }

  private async shakeHands(socket: Socket): Promise<void> {
    this.become({ kind: 'handshaking' })
    const { options } = this
    const { username, password, ringId, runId } = options
    const call = (args: readonly string[], checked = (sink: ReplySink) => sink) => {
      if (this.socket !== socket) return Promise.reject(new LinkLostError(this.name, false))
      return decodedReply(this.name, (sink) => this.send(socket, args, checked(sink)))
    }
    let info: ServerInfo
    try {
      info = await handshake(call, { username, password, connectionName: `dt:${ringId}:${runId}` })
      await options.admit?.(this.name, info, call)
      if (this.socket === socket) await this.listen('PSUBSCRIBE', expiredChannels(info.kind))
    } catch (error) {
      // A connection that broke in the meantime has been reported by its own event.
      if (this.socket === socket) this.broken((error as Error).message)
      return
    }
    if (this.socket !== socket) return
    clearTimeout(this.timer)
    this.spacing.up()
    this.info = info
    this.clockOffsetMs = info.clockOffsetMs
    this.framer.pushesFollow = info.pushesFollowReplies
    this.become({ kind: 'ready', info })
    this.timer = setInterval(heartbeat(this), options.pingIntervalMs)
    this.listener.onUp(this, info)
  }

  /** True: it is always read from. */
  private received(buf: Buffer, size: number, frame: () => void): true {
    this.receivedBytes += size
    this.lastReceivedMs = readClock()
    const { socket, framer, inFlight } = this
    try {
      answeredBy(inFlight, frame)
      if (framer.bufferedBytes > 0) this.unfinished.came(buf, size, framer.replyBegun, inFlight)
    } catch (error) {
      if (!(error instanceof ReplyProtocolError)) throw error
      if (this.socket === socket) this.broken(`unusable bytes from the server: ${error.message}`)
    }
    return true
  }

  private select(db: number): void {
    const buf = this.selection.change(db)
    this.log.append(buf, 0, buf.length, true)
    this.note(this.selection, db, buf.length)
  }

  /** What was put on it last is in flight, or in a block. */
  private note(sink: ReplySink, tag: number, length: number): void {
    const { segment, offset } = this.log
    if (this.block !== undefined) this.block.add(sink, tag, segment, offset, offset + length)
    else {
      this.inFlight.push(sink, tag, segment, offset, offset + length)
      this.inFlight.unsent++
    }
  }

  private broken(reason: string): void {
    clearTimeout(this.timer)
    this.become({ kind: 'waiting', reason, sinceMs: performance.now() })
    this.timer = setTimeout(() => this.start(), this.spacing.pauseMs(this.options))
    this.drop(reason)
  }

  /** Ends the connection and tells everybody who waits on it, oldest first. */
  private drop(reason: string): void {
    const { socket, inFlight } = this
    this.socket = undefined
    this.ready = false
    socket?.removeAllListeners('error').on('error', () => {}) // It would tell nothing new.
    socket?.destroy()
    this.inFlight = new InFlight(inFlight.pushed, this.name)
    // A heartbeat that is older than the oldest command would be the oldest itself.
    inFlight.lose(performance.now() - this.lastReceivedMs - this.options.pingIntervalMs)
    this.block?.onLost(END)
    this.block = undefined
    this.listener.onDown(this, reason)
    if (this.selection.astray > 0) this.listener.onStrayed?.(this, reason)
  }

  private become(next: LinkState): void {
    assert(this.state.kind !== 'closed', 'a closed link stays closed')
    this.logger.debug({ event: 'link-state', member: this.name, from: this.state.kind, to: next.kind }, 'link')
    this.state = next
    this.ready = next.kind === 'ready'
    if (!this.ready) this.serving = false
  }
}
