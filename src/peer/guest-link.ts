import type { Socket } from 'node:net'
import { printable } from '../base/printable.js'
import type { Reader } from '../base/socket-reader.js'
import type { Peer } from '../client/peer.js'
import { tellJoined } from '../client/proxy-news.js'
import type { Server } from '../client/server.js'
import type { SessionState } from '../client/session-state.js'
import {
  type Challenge,
  type Hello,
  isProof,
  PEER_VERSION,
  proofOf,
  type Said,
  saidIn,
  thrown,
  wrongProof,
} from './greeting.js'
import { PeerLink, type PeerLinkEvents } from './peer-link.js'
import { type Answering, type StreamCarrier, StreamSocket } from './stream-socket.js'
import { MESSAGE } from './wire.js'

/** For a handshake of TLS and the greeting. */
export const GREETING_MS = 5000

/** Makes a client of somebody; undefined when he is not let in, which he has been told. */
export type Join = (
  socket: StreamSocket,
  peer: Peer,
  commonName: string | undefined,
  session: SessionState | undefined,
) => Answering | undefined

interface Told {
  refused(reason: string): void
  gone(): void
}

/** How far the greeting is: `awaits handshake` where there is TLS. */
type Stage =
  | { readonly kind: 'awaits handshake' }
  | { readonly kind: 'awaits hello'; readonly refusal: string | undefined }
  | { readonly kind: 'awaits proof'; readonly hello: Hello; readonly challenge: Challenge }
  | { readonly kind: 'known'; readonly hello: Hello }

/** The owner's end of the connection to a front: its clients are made clients here, and served like all others. */
export class GuestLink implements PeerLinkEvents, StreamCarrier {
  readonly sinceMs = performance.now()
  private stage: Stage = { kind: 'awaits handshake' }
  private binding = ''
  private readonly link: PeerLink
  private readonly streams = new Map<number, StreamSocket>()
  private touchedStreams: StreamSocket[] = []
  private readonly timer: NodeJS.Timeout
  private isLeaving = false
  /** [StreamCarrier] */
  hasLeft = false

  constructor(
    open: (reader: Reader) => Socket,
    /** From where it is connected. */
    readonly address: string,
    private readonly server: Server,
    private readonly join: Join,
    private readonly told: Told,
  ) {
    // Clients' replies leave at the end of a turn: all that did goes out together.
    this.link = new PeerLink(open, this, (flush) => process.nextTick(() => this.flush(flush)))
    this.timer = setTimeout(() => this.refuse('it has not greeted in time'), GREETING_MS)
  }

  get output() {
    return this.link.output
  }

  /** Whether it has not ended its handshake of TLS. */
  get isAtHandshake(): boolean {
    return this.stage.kind === 'awaits handshake'
  }

  get isKnown(): boolean {
    return this.stage.kind === 'known'
  }

  /** Who it is. */
  get hello(): Hello | undefined {
    return this.stage.kind === 'known' ? this.stage.hello : undefined
  }

  /** How many clients it has here. */
  get clients(): number {
    return this.streams.size
  }

  close(reason: string): void {
    this.link.close(reason)
  }

  /**
   * It may greet: `binding` is what only the two ends of its connection know, or ''. With a `refusal` it is told that when it has:
   * what ends before all that came was read breaks off, and what was said last is lost.
   */
  begin(binding: string, refusal?: string): void {
    this.binding = binding
    this.stage = { kind: 'awaits hello', refusal }
  }

  /** [MessageSink] */
  data(stream: number, bytes: Buffer): void {
    if (this.stage.kind !== 'known') throw new Error('it does not greet')
    this.streams.get(stream)?.received(bytes)
  }

  /** [MessageSink] */
  message(type: number, stream: number, _flags: number, number: number, body: Buffer): void {
    if (type === MESSAGE.ping) return
    if (this.stage.kind !== 'known') {
      this.greeted(saidIn(type, body))
      return
    }
    if (type === MESSAGE.open) this.open(stream, body)
    else if (type === MESSAGE.leaving) this.hasLeft = true
    else if (type === MESSAGE.taken) this.streams.get(stream)?.taken(number)
    else if (type === MESSAGE.end) this.streams.get(stream)?.inputOver()
    else if (type === MESSAGE.close) this.streams.get(stream)?.gone()
  }

  /** [PeerLinkEvents] */
  hasRoom(): void {
    for (const stream of this.streams.values()) stream.sendOn()
  }

  /** [PeerLinkEvents] */
  closed(reason: string): void {
    clearTimeout(this.timer)
    const { hello } = this
    const clients = this.streams.size
    for (const stream of [...this.streams.values()]) stream.gone()
    this.told.gone()
    if (hello === undefined) return
    this.server.log.info(
      { event: 'front-left', run: hello.run, address: this.address, clients },
      `the front at ${hello.clients} has left with ${clients} clients: ${reason}`,
    )
  }

  /** [StreamCarrier] */
  touched(stream: StreamSocket): void {
    this.touchedStreams.push(stream)
  }

  /** [StreamCarrier] */
  leave(): void {
    if (this.isLeaving) return
    this.isLeaving = true
    this.output.message(MESSAGE.leaving, 0)
  }

  /** [StreamCarrier] */
  gone(stream: StreamSocket): void {
    this.streams.delete(stream.id)
  }

  private flush(flush: () => void): void {
    const touched = this.touchedStreams
    this.touchedStreams = []
    for (const stream of touched) stream.tell()
    flush()
  }

  private greeted(said: Said): void {
    const { stage } = this
    if (stage.kind === 'awaits handshake') throw new Error('it greets before the handshake is over')
    const refusal = stage.kind === 'awaits hello' ? (stage.refusal ?? this.helloSaid(said)) : this.proofSaid(said)
    if (refusal !== undefined) this.refuse(refusal)
  }

  /** Gives why not. */
  private helloSaid(said: Said): string | undefined {
    const { config, runId, standsBy } = this.server
    const { version, ring, run, wanted, thrown: theirs, where = '', clients = '', tls = '' } = said
    if (version !== PEER_VERSION) return `it speaks version ${version}, and this proxy ${PEER_VERSION}`
    if (ring === undefined || run === undefined || wanted === undefined || theirs === undefined)
      return 'its greeting is not whole'
    if (ring !== config.ring.id) return `it is of the ring ${shown(ring)}, and this proxy of ${config.ring.id}`
    // Who stands by sends its own clients elsewhere: nobody is sent on twice, and never in a circle.
    if (wanted !== runId || standsBy()) return `it looks for the run ${shown(wanted)}, which is not the owner here`
    const hello = { version, ring, run, wanted, thrown: theirs, where, clients, tls }
    const own = this.server.peers()
    const challenge = { run: runId, thrown: thrown(), clients: own.clients, tls: own.tls }
    this.stage = { kind: 'awaits proof', hello, challenge }
    this.output.json(MESSAGE.greeting, 0, challenge)
    return undefined
  }

  /** Gives why not. */
  private proofSaid({ proof }: Said): string | undefined {
    if (this.stage.kind !== 'awaits proof') return 'it greets twice'
    const { hello, challenge } = this.stage
    const password = this.server.config.peers.password ?? ''
    const { binding } = this
    if (!isProof(proof, proofOf('front', password, hello, challenge, binding))) return wrongProof(binding)
    clearTimeout(this.timer)
    this.stage = { kind: 'known', hello }
    this.output.json(MESSAGE.greeting, 0, { proof: proofOf('owner', password, hello, challenge, binding) })
    this.server.log.info(
      { event: 'front-joined', run: hello.run, address: this.address },
      `a front has come: ${hello.where}, with clients at ${hello.clients}`,
    )
    tellJoined(this.server, hello)
    return undefined
  }

  private refuse(reason: string): void {
    this.told.refused(reason)
    this.output.json(MESSAGE.greeting, 0, { refused: reason })
    this.link.close(reason)
  }

  private open(id: number, body: Buffer): void {
    const { commonName, session, ...peer } = clientIn(body)
    const front = this.hello?.run
    const stream = new StreamSocket(id, this)
    this.streams.set(id, stream)
    const connection = this.join(stream, { ...peer, ...(front !== undefined && { front }) }, commonName, session)
    if (connection !== undefined) stream.begin(connection)
  }
}

/** What a stranger has said. */
function shown(text: string): string {
  return printable(Buffer.from(text.slice(0, 40)))
}

/** What a front says of a client: nothing of it may break a line that shows it. */
function clientIn(body: Buffer): Peer & { readonly commonName?: string; readonly session?: SessionState } {
  const said = JSON.parse(body.toString()) as Record<string, unknown>
  const { address, localAddress, announced, isSecure, commonName, session } = said
  const isAddress = (text: unknown): text is string => typeof text === 'string' && /^[!-~]{1,255}$/.test(text)
  if (!isAddress(address) || !isAddress(localAddress)) throw new Error('it says no address of a client')
  return {
    ...{ address, localAddress, isSecure: isSecure === true },
    ...(isAddress(announced) && { announced }),
    ...(typeof commonName === 'string' && { commonName }),
    // What an owner of the ring has said, and so it was checked there.
    ...(typeof session === 'object' && session !== null && { session: session as SessionState }),
  }
}
