import { chmodSync, lstatSync, renameSync, rmSync } from 'node:fs'
import { createServer, type ListenOptions, type Server as NetServer, type Socket } from 'node:net'
import { type BindAddress, bindAddresses, firstAddress } from '../base/bind-addresses.js'
import { UserError } from '../base/user-error.js'
import type { Config } from '../config/config.js'
import { type Peer, peerOf, unixPeer } from './peer.js'

/** An address of a kind that this machine does not have at all is passed over [Redis server.c listenToPort]. */
const UNKNOWN_KIND: ReadonlySet<string | undefined> = new Set(['EAFNOSUPPORT', 'EPROTONOSUPPORT', 'EPFNOSUPPORT'])

/** Where clients connect; a port that there is not is 0. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
  readonly tlsPort: number
}

/** `clients are accepted on …`. */
export function whereAccepted({ host, port, tlsPort }: ListenAddress): string {
  const places = [...(port === 0 ? [] : [`${host}:${port}`]), ...(tlsPort === 0 ? [] : [`${host}:${tlsPort} with TLS`])]
  return `clients are accepted on ${places.join(' and ')}`
}

/** The sockets on which clients come in: one or two for each address of `listen.host`, and the Unix socket. */
export class Doors {
  private readonly open = new Map<string, NetServer>()
  private unix: { readonly net: NetServer; readonly path: string; readonly inode: number } | undefined

  constructor(
    private readonly accept: (socket: Socket, peer: Peer, isSecure: boolean) => void,
    /** A door that was open fails. */
    private readonly failed: (error: Error) => void,
  ) {}

  /**
   * Opens all, or none: gives the first address, whose port the system has chosen if 0 was wanted; all others have that
   * one, too. Where there is a port for TLS, 0 is none [redis.conf port].
   */
  async openAll(listen: Config['listen'], tlsPort = 0): Promise<ListenAddress> {
    try {
      const { port, backlog } = listen
      let chosen = port
      for (const address of bindAddresses(listen.host)) {
        if (port !== 0 || tlsPort === 0) chosen = (await this.openAddress(address, chosen, backlog, false)) ?? chosen
        if (tlsPort !== 0) await this.openAddress(address, tlsPort, backlog, true)
      }
      if (listen.unixSocket !== undefined) await this.openUnix(listen.unixSocket, listen.unixSocketPerm, backlog)
      return { ...firstAddress(listen), port: chosen, tlsPort }
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** Nobody comes in any more; resolves when all who did are gone. */
  async close(): Promise<void> {
    const { unix } = this
    const all = [...this.open.values(), ...(unix === undefined ? [] : [unix.net])]
    this.open.clear()
    this.unix = undefined
    // Another process may have put its own socket there since.
    if (unix !== undefined && lstatSync(unix.path, { throwIfNoEntry: false })?.ino === unix.inode) rmSync(unix.path)
    await Promise.all(all.map((net) => new Promise<void>((resolve) => net.close(() => resolve()))))
  }

  /** The port; undefined when the machine does not have the address and need not. */
  private async openAddress(
    address: BindAddress,
    port: number,
    backlog: number,
    isSecure: boolean,
  ): Promise<number | undefined> {
    const net = this.server((socket) => peerOf(socket), isSecure)
    try {
      // As with Redis `::` is what speaks IPv6, and nothing else.
      await listening(net, { host: address.host, port, backlog, ipv6Only: true })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (UNKNOWN_KIND.has(code) || (code === 'EADDRNOTAVAIL' && address.optional)) return undefined
      throw error
    }
    this.open.set(`${address.word}${isSecure ? ' with TLS' : ''}`, net)
    net.on('error', this.failed)
    const bound = net.address()
    return typeof bound === 'object' && bound !== null ? bound.port : port
  }

  /**
   * The socket is made beside its place, and put there when it has its rights: nobody comes in who may not, and where an older
   * process is still listening on one of that name no client is refused in between.
   */
  private async openUnix(path: string, perm: string, backlog: number): Promise<void> {
    const there = lstatSync(path, { throwIfNoEntry: false })
    if (there !== undefined && !there.isSocket()) {
      throw new UserError(`listen.unixSocket: there is something at ${path} that is no socket`)
    }
    const peer = unixPeer(path)
    const net = this.server(() => peer, false)
    const beside = `${path}.${process.pid}`
    rmSync(beside, { force: true })
    await listening(net, { path: beside, backlog })
    net.on('error', this.failed)
    if (perm !== '0') chmodSync(beside, Number.parseInt(perm, 8))
    renameSync(beside, path)
    this.unix = { net, path, inode: lstatSync(path).ino }
  }

  private server(peer: (socket: Socket) => Peer, isSecure: boolean): NetServer {
    return createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, (socket) =>
      this.accept(socket, peer(socket), isSecure),
    )
  }
}

function listening(net: NetServer, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    net.once('error', reject)
    net.listen(options, () => {
      net.removeListener('error', reject)
      resolve()
    })
  })
}
