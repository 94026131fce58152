import type { Socket } from 'node:net'
import { printable } from '../base/printable.js'
import type { Reader } from '../base/socket-reader.js'
import type { Whereabouts } from '../client/forwarding.js'
import type { Forwarded, OwnerCarrier } from './forwarded.js'
import { type Challenge, type Hello, isProof, proofOf, saidIn, wrongProof } from './greeting.js'
import { PeerLink, type PeerLinkEvents } from './peer-link.js'
import { MESSAGE } from './wire.js'

interface Told {
  /** Clients may be sent there. */
  ready(): void
  closed(reason: string): void
}

/** So much is shown of why the other side refuses. */
const REFUSAL_MAX = 500

/** A front's end of the connection to the owner of the ring. */
export class OwnerLink implements PeerLinkEvents, OwnerCarrier {
  private readonly link: PeerLink
  private readonly clients = new Map<number, Forwarded>()
  private nextStream = 1
  private challenge: Challenge | undefined
  private binding = ''
  private isReady = false
  /** [OwnerCarrier] */
  isLeaving = false
  private refusal: string | undefined

  constructor(
    open: (reader: Reader) => Socket,
    private readonly hello: Hello,
    private readonly password: string,
    private readonly told: Told,
  ) {
    // What all clients have sent that are read in this turn goes out together.
    this.link = new PeerLink(open, this, (flush) => setImmediate(flush))
  }

  get output() {
    return this.link.output
  }

  get ready(): boolean {
    return this.isReady && !this.isLeaving && !this.link.closed
  }

  /** Whether clients were sent there. */
  get wasReady(): boolean {
    return this.isReady
  }

  /** Where clients of the owner connect, as it has said. */
  get owner(): Whereabouts {
    const { clients = '', tls = '' } = this.challenge ?? {}
    return { clients, tls }
  }

  /** The socket is connected: `binding` is what only its two ends know, or ''. */
  greet(binding: string): void {
    this.binding = binding
    this.output.json(MESSAGE.greeting, 0, this.hello)
  }

  add(client: Forwarded): void {
    const stream = this.nextStream++
    this.clients.set(stream, client)
    client.goTo(this, stream)
  }

  /** [OwnerCarrier] */
  forget(stream: number): void {
    this.clients.delete(stream)
  }

  close(reason: string): void {
    this.link.close(reason)
  }

  /** [MessageSink] */
  data(stream: number, bytes: Buffer): void {
    if (this.clients.get(stream)?.given(bytes) === true) this.link.retain()
  }

  /** [MessageSink] */
  message(type: number, stream: number, flags: number, number: number, body: Buffer): void {
    if (type === MESSAGE.ping) return
    if (!this.isReady) {
      this.greeted(saidIn(type, body))
      return
    }
    if (type === MESSAGE.leaving) {
      this.isLeaving = true
      this.output.message(MESSAGE.leaving, 0)
      return
    }
    const client = this.clients.get(stream)
    if (type === MESSAGE.session) client?.sessionIs(JSON.parse(body.toString()))
    else if (type === MESSAGE.status) client?.status(flags, number)
    else if (type === MESSAGE.taken) client?.served(number)
    else if (type === MESSAGE.end || type === MESSAGE.close) {
      this.clients.delete(stream)
      client?.end(type === MESSAGE.end)
    }
  }

  /** [PeerLinkEvents] */
  hasRoom(): void {
    for (const client of this.clients.values()) client.sendOn()
  }

  /** [PeerLinkEvents] */
  closed(reason: string): void {
    for (const client of [...this.clients.values()]) client.lost()
    this.told.closed(this.refusal ?? reason)
  }

  private greeted({ run, thrown, proof, refused, clients = '', tls = '' }: ReturnType<typeof saidIn>): void {
    const { hello, password, binding } = this
    if (refused !== undefined) {
      this.refusal = `it refuses this proxy: ${printable(Buffer.from(refused.slice(0, REFUSAL_MAX)))}`
      this.link.close(this.refusal)
    } else if (this.challenge === undefined) {
      if (run !== hello.wanted || thrown === undefined) throw new Error('another proxy is there')
      this.challenge = { run, thrown, clients, tls }
      this.output.json(MESSAGE.greeting, 0, { proof: proofOf('front', password, hello, this.challenge, binding) })
    } else if (isProof(proof, proofOf('owner', password, hello, this.challenge, binding))) {
      this.isReady = true
      this.told.ready()
    } else throw new Error(wrongProof(binding))
  }
}
