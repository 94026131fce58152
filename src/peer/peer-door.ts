import { createServer, type Server as NetServer, type Socket } from 'node:net'
import { bindAddresses, hostToAsk } from '../base/bind-addresses.js'
import type { PassedSocket } from '../base/passed-sockets.js'
import type { Reader } from '../base/socket-reader.js'
import { UserError } from '../base/user-error.js'
import { descriptorOf, portOf } from '../client/doors.js'
import { readInto } from '../client/listener.js'
import { hostPort, peerOf } from '../client/peer.js'
import { tellGone } from '../client/proxy-news.js'
import type { Server } from '../client/server.js'
import { receive } from '../tls/accept.js'
import { bindingOf } from '../tls/for-peers.js'
import { RefusedLog } from '../tls/refused-log.js'
import type { Hello } from './greeting.js'
import { GREETING_MS, GuestLink, type Join } from './guest-link.js'

/** Who has shown nothing yet: more of them at once are not listened to. */
const STRANGERS_MAX = 64
/** Whose connection only broke is back by then; and clients whose own connections broke with it have looked for another proxy. */
const BACK_MS = 1000
const NO_BUFFER = Buffer.alloc(0)

/** The port on which the fronts of this proxy connect. */
export class PeerDoor {
  private net: NetServer | undefined
  private readonly links = new Set<GuestLink>()
  private readonly refused: RefusedLog
  private port = 0

  constructor(
    private readonly server: Server,
    /** Makes a client of somebody who is connected to a front. */
    private readonly join: Join,
  ) {
    this.refused = new RefusedLog(server.log, 'the port of the peers')
  }

  /** Where other proxies reach it; undefined when it does not listen. */
  get address(): string | undefined {
    if (this.net === undefined) return undefined
    const { host, announceHost } = this.server.config.peers
    return hostPort(announceHost ?? hostToAsk(host), this.port)
  }

  /** The fronts that are connected. */
  fronts(): GuestLink[] {
    return [...this.links].filter(({ isKnown }) => isKnown)
  }

  /**
   * Listens where the settings say, or on what was passed.
   *
   * @throws UserError when the address cannot be listened on
   */
  async open(passed: readonly PassedSocket[]): Promise<void> {
    const { host, port } = this.server.config.peers
    const there = passed.find(({ name }) => name === 'peers')
    const net = createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, (socket) =>
      this.accept(socket),
    )
    await new Promise<void>((resolve, reject) => {
      net.once('error', (error) =>
        reject(new UserError(`peers.port ${port} of ${host} cannot be listened on: ${error.message}`)),
      )
      net.listen(there === undefined ? { host: bindAddresses(host)[0].host, port } : { fd: there.fd }, resolve)
    })
    net.on('error', (error) => this.server.log.error({ event: 'listener-failed', err: error }, 'the port of the peers'))
    this.port = portOf(net) ?? port ?? 0
    this.net = net
    this.server.log.info(
      { event: 'peers-accepted' },
      `other proxies are accepted on ${this.address}${this.server.tls.peers === undefined ? '' : ' with TLS'}`,
    )
  }

  /** Its socket, to be passed to another process. */
  sockets(): PassedSocket[] {
    return this.net === undefined ? [] : [{ fd: descriptorOf(this.net), name: 'peers' }]
  }

  /** Ends the connections to all fronts, whose clients have been told what they were to be told. */
  async close(): Promise<void> {
    const { net } = this
    this.net = undefined
    if (net === undefined) return
    const closed = new Promise<void>((resolve) => net.close(() => resolve()))
    this.part()
    await closed
  }

  /** Lets the fronts go, which keep their clients. */
  part(): void {
    for (const link of this.links) link.close('the proxy stops')
  }

  /** Clients that listen for it hear that a front has gone, unless it is back. */
  private left(hello: Hello): void {
    const timer = setTimeout(() => {
      const isBack = this.fronts().some((link) => link.hello?.run === hello.run)
      if (this.net !== undefined && !isBack) tellGone(this.server, hello)
    }, BACK_MS)
    timer.unref()
  }

  private accept(socket: Socket): void {
    const { address } = peerOf(socket)
    const strangers = this.links.size - this.fronts().length
    if (strangers >= STRANGERS_MAX) {
      this.refused.say(address, `${strangers} others have not greeted yet`)
      socket.destroy()
      return
    }
    const link: GuestLink = new GuestLink(
      (reader) => this.receive(socket, address, reader, () => link),
      address,
      this.server,
      this.join,
      {
        refused: (reason) => this.refused.say(address, reason),
        gone: () => {
          this.links.delete(link)
          if (link.hello !== undefined) this.left(link.hello)
        },
      },
    )
    this.links.add(link)
    if (this.server.tls.peers === undefined) link.begin('')
  }

  /** With TLS who comes shows a certificate first, and is told what is wrong with it. */
  private receive(accepted: Socket, address: string, reader: Reader, link: () => GuestLink): Socket {
    const { peers } = this.server.tls
    if (peers === undefined) return readInto(NO_BUFFER, accepted, reader).resume()
    const begin = (socket: Socket, refusal?: string) => {
      link().begin(bindingOf(socket), refusal)
      socket.resume()
    }
    return receive(accepted, peers.reception(GREETING_MS), NO_BUFFER, reader, {
      secured: (socket) => begin(socket),
      unfit: (socket, fault) => begin(socket, `the certificate that it shows is not taken: ${fault}`),
      gone: (fault) => {
        if (fault !== undefined && link().isAtHandshake) this.refused.say(address, fault)
      },
    })
  }
}
