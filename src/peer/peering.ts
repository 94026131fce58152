import type { PassedSocket } from '../base/passed-sockets.js'
import type { PeersSeen, Whereabouts } from '../client/forwarding.js'
import type { Listener } from '../client/listener.js'
import type { Server } from '../client/server.js'
import { whereaboutsOf } from '../client/whereabouts.js'
import type { Owner } from '../membership/marker.js'
import { Front } from './front.js'
import { PeerDoor } from './peer-door.js'

/**
 * What this proxy has to do with the others of its ring [design §9 Fronts]: as long as it stands by it is a front, which sends its clients on
 * to the owner; as the owner it has the others' clients come in by the port of the peers. It is never both, so that nothing is sent on twice.
 */
export class Peering {
  private readonly door: PeerDoor
  private readonly front: Front | undefined
  private refusal = ''

  constructor(
    private readonly server: Server,
    listener: Listener,
    private readonly where: string,
    /** Whether it waits for the ring, and accepts clients meanwhile. */
    isFront: boolean,
  ) {
    this.door = new PeerDoor(server, (socket, peer, commonName, session) => {
      server.stats.connectionsAccepted++
      return listener.join(socket, peer, commonName, session)
    })
    if (!isFront) return
    const serveHere: Listener['join'] = (...client) => listener.join(...client)
    const changed = () => this.refuse(this.refusal)
    this.front = new Front({ server, where, whereabouts: () => this.whereabouts(), serveHere, changed })
    listener.forwarding = this.front
  }

  /** Where fronts reach this proxy: the owner says it on the servers. */
  get address(): string | undefined {
    return this.door.address
  }

  get seen(): PeersSeen {
    const fronts = this.door.fronts().map(({ hello, address, clients, sinceMs }) => {
      const { run = '', where = '', clients: comeTo = '', tls = '' } = hello ?? {}
      return { run, where, clients: comeTo, tls, address, connected: clients, sinceMs }
    })
    const { where, address } = this
    return { where, ...this.whereabouts(), address, fronts, owner: this.front?.seen }
  }

  /** Nothing is served by this proxy, for this reason; of one that sends its clients on: and, where it cannot, for that one. */
  refuse(reason: string): void {
    this.refusal = reason
    const fault = this.front?.seen?.fault ?? ''
    this.server.order.opening.refuse(fault === '' ? reason : `${reason}, and ${fault}`)
  }

  async open(passed: readonly PassedSocket[]): Promise<void> {
    if (this.server.config.peers.port !== undefined) await this.door.open(passed)
  }

  sockets(): PassedSocket[] {
    return this.door.sockets()
  }

  /** Who owns the ring, as the servers say. */
  follow(owner: Owner): void {
    this.front?.follow(owner)
  }

  /** This proxy is about to own the ring. */
  vacant(): void {
    this.front?.end(false)
  }

  /** Clients of fronts that wait for nothing are left to these. */
  part(): void {
    this.door.part()
  }

  async close(): Promise<void> {
    this.front?.end(true)
    await this.door.close()
  }

  private whereabouts(): Whereabouts {
    return whereaboutsOf(this.server.config, this.server.address())
  }
}
