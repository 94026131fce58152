import type { Socket } from 'node:net'
import { addressIn } from '../base/address-text.js'
import { printable } from '../base/printable.js'
import type { Reader } from '../base/socket-reader.js'
import { readingInto } from '../base/socket-reader.js'
import type { Forwarding, OwnerSeen, Whereabouts } from '../client/forwarding.js'
import type { Peer } from '../client/peer.js'
import type { Server } from '../client/server.js'
import type { Owner } from '../membership/marker.js'
import { bindingOf } from '../tls/for-peers.js'
import { onceOpen, openSocket } from '../tls/to-servers.js'
import { Forwarded, type ServeHere } from './forwarded.js'
import { PEER_VERSION, thrown } from './greeting.js'
import { OwnerLink } from './owner-link.js'

const AGAIN_MIN_MS = 50
const AGAIN_MAX_MS = 1000
const LOOK_MS = 100
const NO_BUFFER = Buffer.alloc(0)
const NOWHERE: Whereabouts = { clients: '', tls: '' }
const ONLY_OWNER_ENCRYPTS =
  'the proxy that owns the ring wants TLS (its peers.tls is yes), which this one has not: set peers.tls alike on all proxies'
const ONLY_FRONT_ENCRYPTS =
  'the proxy that owns the ring has no TLS for other proxies, which this one wants (peers.tls: yes): set peers.tls alike on all proxies'

export interface FrontDeps {
  readonly server: Pick<Server, 'config' | 'log' | 'runId' | 'clients' | 'tls'>
  /** Where this process runs, in words, and where clients connect. */
  readonly where: string
  whereabouts(): Whereabouts
  serveHere: ServeHere
  /** Whether the owner is reached has changed, or why not. */
  changed(): void
}

/** Where the owner is reached. */
interface OwnerPlace {
  readonly run: string
  readonly term: number
  readonly address: string | undefined
  readonly isEncrypted: boolean
}

/**
 * A proxy that does not own the ring, and accepts clients all the same: it sends them on to the one that does, which says on its servers
 * where it is reached.
 *
 *     the owner's address is seen ──> connecting ──> reached: clients go there
 *                   ^                     │             │ it ends, or another owner is seen: see Forwarded.lost
 *                   └──── a while ────────┴─────────────┘
 *
 * Who comes meanwhile waits, as for a server that is away, for `limits.unavailableTimeoutMs` from when the owner was lost; then it is
 * served here, where all that needs the ring is refused for the reason. When this proxy becomes the owner all who wait stay here.
 */
export class Front implements Forwarding {
  isForwarding = true
  private readonly all = new Set<Forwarded>()
  private readonly waiting = new Set<Forwarded>()
  private owner: OwnerPlace | undefined
  /** Where clients of it connect, once it was reached. */
  private ownerAt: Whereabouts = NOWHERE
  private link: OwnerLink | undefined
  private fault = ''
  private toldFault = ''
  private againMs = AGAIN_MIN_MS
  private retry: NodeJS.Timeout | undefined
  private lostMs = performance.now()
  private readonly timer: NodeJS.Timeout

  constructor(private readonly deps: FrontDeps) {
    this.timer = setInterval(() => this.look(), LOOK_MS)
  }

  /** [Forwarding] */
  get count(): number {
    return this.all.size
  }

  get seen(): OwnerSeen | undefined {
    if (!this.isForwarding) return undefined
    const { owner, fault } = this
    const isReached = this.link?.ready === true
    return {
      run: owner?.run ?? '',
      address: owner?.address,
      ...this.ownerAt,
      isReached,
      fault: isReached ? '' : fault,
      connected: this.count,
    }
  }

  /** [Forwarding] */
  take(socket: Socket, peer: Peer, commonName: string | undefined): Reader | undefined {
    if (!this.isForwarding || (this.link?.ready !== true && this.isTooLate())) return undefined
    const client = new Forwarded(
      socket,
      peer,
      commonName,
      (client) => {
        this.all.delete(client)
        this.waiting.delete(client)
      },
      (client) => this.waiting.add(client),
    )
    this.all.add(client)
    if (this.link?.ready === true) this.link.add(client)
    else this.waiting.add(client)
    return client
  }

  /** The owner of the ring, as the servers say: of several the one with the latest term counts. */
  follow({ run, term, peer: address, peerTls }: Owner): void {
    const { owner } = this
    if (!this.isForwarding || (owner !== undefined && term < owner.term)) return
    // A server that it has just made its own may not have its address yet.
    if (owner?.run === run && (owner.address === address || address === undefined)) return
    this.owner = { run, term, address, isEncrypted: peerTls === true }
    this.ownerAt = NOWHERE
    this.leave('another proxy owns the ring')
    this.againMs = AGAIN_MIN_MS
    this.connect()
  }

  /** This proxy is about to own the ring, or stops: nobody is sent on any more. */
  end(stops: boolean): void {
    if (!this.isForwarding) return
    this.isForwarding = false
    clearInterval(this.timer)
    clearTimeout(this.retry)
    this.leave(stops ? 'this proxy stops' : 'this proxy is to own the ring')
    for (const client of [...this.all]) {
      if (stops) client.drop()
      else client.stayHere(this.deps.serveHere)
    }
  }

  private connect(): void {
    clearTimeout(this.retry)
    if (!this.isForwarding || this.owner === undefined) return
    const { run, address, isEncrypted } = this.owner
    if (address === undefined) {
      this.say('the proxy that owns the ring accepts no others: it has no peers.port')
      return
    }
    const place = addressIn(address)
    if (place === undefined) {
      this.say(`the proxy that owns the ring says no address where it is reached: ${printable(Buffer.from(address))}`)
      return
    }
    const { config, runId, tls } = this.deps.server
    // What is encrypted here never goes out plain because of what anybody says: this is but the clearer word.
    if (isEncrypted !== (tls.peers !== undefined)) {
      this.say(isEncrypted ? ONLY_OWNER_ENCRYPTS : ONLY_FRONT_ENCRYPTS)
      return
    }
    const hello = {
      ...{ version: PEER_VERSION, ring: config.ring.id, run: runId, wanted: run, thrown: thrown() },
      ...{ where: this.deps.where, ...this.deps.whereabouts() },
    }
    const link: OwnerLink = new OwnerLink(
      (reader) => {
        const onread = readingInto(NO_BUFFER, reader)
        const socket = openSocket({ ...place, noDelay: true, keepAlive: true, onread }, tls.peers)
        onceOpen(socket, () => link.greet(bindingOf(socket)))
        return socket
      },
      hello,
      config.peers.password ?? '',
      { ready: () => this.reached(link, run, address), closed: (reason) => this.lost(link, reason) },
    )
    this.link = link
  }

  private reached(link: OwnerLink, run: string, address: string): void {
    this.againMs = AGAIN_MIN_MS
    this.fault = ''
    this.toldFault = ''
    this.ownerAt = link.owner
    this.deps.server.log.info(
      { event: 'owner-reached', run, address },
      `clients are served by the proxy at ${address} (run ${run}), which owns the ring${this.deps.server.tls.peers === undefined ? '' : ', by TLS'}`,
    )
    for (const client of [...this.waiting]) link.add(client)
    this.waiting.clear()
    // They were served here while it was not: what they ask is answered, and when they come again they are sent on.
    for (const client of this.deps.server.clients.all()) client.finish()
    this.deps.changed()
  }

  private lost(link: OwnerLink, reason: string): void {
    if (link !== this.link) return
    this.link = undefined
    if (link.wasReady) this.lostMs = performance.now()
    this.say(`the proxy that owns the ring is not reached at ${this.owner?.address}: ${reason}`)
    this.retry = setTimeout(() => this.connect(), this.againMs)
    this.againMs = Math.min(AGAIN_MAX_MS, 2 * this.againMs)
  }

  private leave(reason: string): void {
    const { link } = this
    this.link = undefined
    if (link?.wasReady === true) this.lostMs = performance.now()
    link?.close(reason)
  }

  private say(fault: string): void {
    this.fault = fault
    this.deps.changed()
    if (fault === this.toldFault) return
    this.toldFault = fault
    this.deps.server.log.warn({ event: 'owner-lost', run: this.owner?.run, address: this.owner?.address }, fault)
  }

  private isTooLate(): boolean {
    if (this.link?.isLeaving === true) return false
    return performance.now() - this.lostMs > this.deps.server.config.limits.unavailableTimeoutMs
  }

  /** Who has waited too long hears why. */
  private look(): void {
    if (this.link?.ready === true || !this.isTooLate()) return
    for (const client of [...this.waiting]) if (client.waits) client.stayHere(this.deps.serveHere)
  }
}
