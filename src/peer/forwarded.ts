import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Reader } from '../base/socket-reader.js'
import type { Peer } from '../client/peer.js'
import type { SessionState } from '../client/session-state.js'
import { encodeReply, error } from '../resp/encode.js'
import type { PeerOutput } from './peer-output.js'
import { MESSAGE, STATUS, TAKEN_STEP_BYTES, WINDOW_BYTES } from './wire.js'

/** What a client may send before it is known who serves it. */
const HELD_BYTES_MAX = 64 * 1024

const UNKNOWN = encodeReply(
  error(
    'ERR the outcome of this command, and of those that were sent behind it, is unknown: the connection to the proxy that serves the ring has ended; this one ends, too',
  ),
  2,
)

/** The connection to the owner, as far as one client has to do with it. */
export interface OwnerCarrier {
  readonly output: PeerOutput
  /** The owner stops: it is sent nothing more. */
  readonly isLeaving: boolean
  /** Nothing that comes on this stream is of interest any more. */
  forget(stream: number): void
}

/** Where the bytes of a client go. */
type Place =
  | { readonly kind: 'nowhere yet' }
  | { readonly kind: 'owner'; readonly link: OwnerCarrier; readonly stream: number }
  | { readonly kind: 'here'; readonly reader: Reader }
  | { readonly kind: 'gone' }

/** Serves a client in this proxy; undefined when it is not let in, which it is told. */
export type ServeHere = (
  socket: Socket,
  peer: Peer,
  commonName: string | undefined,
  session: SessionState | undefined,
) => Here | undefined
type Here = Reader & { finish(): void }

const NOWHERE: Place = { kind: 'nowhere yet' }
const GONE: Place = { kind: 'gone' }

/**
 * A client of a front. What it sends goes to the owner as it comes, and back comes what it is to be told; nothing of both is looked at,
 * so that all that Redis has works as at the owner itself.
 *
 *     nowhere yet ──the owner is reached──> at the owner ──its connection ends──> gone
 *        │   ^                                 │   │                               ^
 *        │   └──that to the owner ends, and it waits for nothing                   │
 *        │                                         └──that to the owner ends: it is told that nobody knows what became of its command
 *        └──it is served here: this proxy owns the ring now, or nobody is reached for too long──> here
 *
 * Who waits for nothing when the owner goes is served by the next one, with the database, user, name and so on that it had.
 */
export class Forwarded implements Reader {
  private place: Place = NOWHERE
  private held: Buffer[] = []
  private heldBytes = 0
  private isInputOver = false
  /** How much more may be sent before the owner has served what it was sent. */
  private window = WINDOW_BYTES
  private sentBytes = 0
  /** How many of these were served when all was answered; and whether the client has got whole replies. */
  private settledBytes = 0
  private isWhole = true
  /** What it has set for itself; and whether that is all there is of it at the owner. */
  private session: SessionState | undefined
  private isPortable = true
  /** Bytes from the owner that were given to the socket, and of these those that it was told of. */
  private givenBytes = 0
  private toldBytes = 0
  private readonly onEnd = () => this.inputOver()
  private readonly onDrain = () => this.tellTaken()
  private readonly onError = () => this.socket.destroy()
  private readonly onClose = () => this.closed()

  constructor(
    private readonly socket: Socket,
    readonly peer: Peer,
    readonly commonName: string | undefined,
    /** Nothing of it is here any more. */
    private readonly left: (client: Forwarded) => void,
    /** It waits for the next owner. */
    private readonly kept: (client: Forwarded) => void,
  ) {
    socket.on('end', this.onEnd)
    socket.on('drain', this.onDrain)
    socket.on('error', this.onError)
    socket.on('close', this.onClose)
  }

  /** Whether it has sent something that nobody has got. */
  get waits(): boolean {
    return this.place === NOWHERE && (this.heldBytes > 0 || this.isInputOver)
  }

  /** [Reader] */
  receive(bytes: Buffer, size: number): boolean {
    const { place } = this
    if (place.kind === 'owner' && !place.link.isLeaving) return this.send(place.link, place.stream, bytes, size)
    if (place.kind === 'here') return place.reader.receive(bytes, size)
    if (place.kind === 'gone') return true
    this.held.push(Buffer.from(bytes.subarray(0, size)))
    this.heldBytes += size
    return this.heldBytes < HELD_BYTES_MAX
  }

  /** [Reader] */
  room(): Buffer | undefined {
    return this.place.kind === 'here' ? this.place.reader.room() : undefined
  }

  /** [Reader] */
  filled(size: number): boolean {
    return this.place.kind === 'here' ? this.place.reader.filled(size) : true
  }

  /** The owner is there: what it has sent, and will send, goes to it. */
  goTo(link: OwnerCarrier, stream: number): void {
    const { peer, commonName, session } = this
    this.place = { kind: 'owner', link, stream }
    link.output.json(MESSAGE.open, stream, { ...peer, commonName, session })
    for (const bytes of this.takeHeld()) this.send(link, stream, bytes, bytes.length)
    if (this.isInputOver) link.output.message(MESSAGE.end, stream)
    this.sendOn()
  }

  /** It is served by this proxy. */
  stayHere(serve: ServeHere): void {
    const { socket, onEnd, onDrain, onError, onClose } = this
    socket.off('end', onEnd).off('drain', onDrain).off('error', onError).off('close', onClose)
    this.left(this)
    const reader = serve(socket, this.peer, this.commonName, this.session)
    this.place = reader === undefined ? GONE : { kind: 'here', reader }
    socket.resume()
    if (reader === undefined) return
    for (const bytes of this.takeHeld()) reader.receive(bytes, bytes.length)
    if (this.isInputOver) reader.finish()
  }

  /** The owner has sent bytes for it, which are valid during the call. Gives whether they are still needed. */
  given(bytes: Buffer): boolean {
    const { socket } = this
    this.isWhole = false
    this.givenBytes += bytes.length
    // What is encrypted leaves later; and for who does not take what it is given not all that came with it is kept.
    const isLater = socket instanceof TLSSocket || socket.writableLength > 0
    socket.write(isLater ? Buffer.from(bytes) : bytes)
    if (this.givenBytes - this.toldBytes >= TAKEN_STEP_BYTES) this.tellTaken()
    return !isLater && socket.writableLength > 0
  }

  status(flags: number, servedBytes: number): void {
    this.isWhole = (flags & STATUS.whole) !== 0
    this.isPortable = (flags & STATUS.portable) !== 0
    if ((flags & STATUS.settled) !== 0) this.settledBytes = servedBytes
  }

  /** What it has set for itself, as the owner says. */
  sessionIs(session: SessionState): void {
    this.session = session
  }

  /** The owner has served so many bytes of it. */
  served(bytes: number): void {
    this.window += bytes
    this.sendOn()
  }

  /** It may be that more can be sent now. */
  sendOn(): void {
    if (this.place.kind === 'owner' && this.maySend(this.place.link)) this.socket.resume()
  }

  /** The owner ends it, after all that it was to be told; or breaks it off. */
  end(isWhole: boolean): void {
    if (isWhole) this.leave().end().destroySoon()
    else this.leave().destroy()
  }

  /** The connection to the owner has ended. */
  lost(): void {
    const isSettled = this.settledBytes === this.sentBytes
    if (isSettled && this.isWhole && this.isPortable && !(this.isInputOver && this.heldBytes === 0)) {
      this.keep()
      return
    }
    if (isSettled || !this.isWhole) this.end(isSettled)
    else this.leave().end(UNKNOWN).destroySoon()
  }

  /** It waits for nothing, and the next owner goes on with it. */
  private keep(): void {
    this.place = NOWHERE
    this.window = WINDOW_BYTES
    this.sentBytes = 0
    this.settledBytes = 0
    this.givenBytes = 0
    this.toldBytes = 0
    this.kept(this)
    if (this.heldBytes < HELD_BYTES_MAX) this.socket.resume()
  }

  /** The proxy stops. */
  drop(): void {
    this.leave().destroy()
  }

  private send(link: OwnerCarrier, stream: number, bytes: Buffer, size: number): boolean {
    link.output.data(stream, bytes, 0, size)
    this.sentBytes = (this.sentBytes + size) >>> 0
    this.window -= size
    return this.maySend(link)
  }

  private maySend(link: OwnerCarrier): boolean {
    return this.window > 0 && !link.output.isFull && !link.isLeaving
  }

  private takeHeld(): Buffer[] {
    this.heldBytes = 0
    return this.held.splice(0)
  }

  private inputOver(): void {
    this.isInputOver = true
    const { place } = this
    if (place.kind === 'owner' && !place.link.isLeaving) place.link.output.message(MESSAGE.end, place.stream)
  }

  private tellTaken(): void {
    if (this.place.kind !== 'owner') return
    const bytes = this.givenBytes - this.socket.writableLength - this.toldBytes
    if (bytes < TAKEN_STEP_BYTES) return
    this.toldBytes += bytes
    this.place.link.output.message(MESSAGE.taken, this.place.stream, 0, bytes)
  }

  private closed(): void {
    if (this.place.kind === 'owner') this.place.link.output.message(MESSAGE.close, this.place.stream)
    this.leave()
  }

  /** Nobody is told anything of it any more. */
  private leave(): Socket {
    if (this.place.kind === 'owner') this.place.link.forget(this.place.stream)
    if (this.place !== GONE) {
      this.place = GONE
      this.left(this)
    }
    return this.socket
  }
}
