import { chmodSync, lstatSync, renameSync, rmSync } from 'node:fs'
import { createServer, type ListenOptions, type Server as NetServer, type Socket } from 'node:net'
import { type BindAddress, bindAddresses, firstAddress } from '../base/bind-addresses.js'
import type { PassedSocket } from '../base/passed-sockets.js'
import { UserError } from '../base/user-error.js'
import type { Config } from '../config/config.js'
import { hostPort, type Peer, peerOf, unixPeer } from './peer.js'

/** An address of a kind that this machine does not have at all is passed over [Redis server.c listenToPort]. */
const UNKNOWN_KIND: ReadonlySet<string | undefined> = new Set(['EAFNOSUPPORT', 'EPROTONOSUPPORT', 'EPFNOSUPPORT'])

/** Where clients connect; a port that there is not is 0. */
export interface ListenAddress {
  readonly host: string
  readonly port: number
  readonly tlsPort: number
}

/** `clients are accepted on …`. */
export function whereAccepted({ host, port, tlsPort }: ListenAddress, hosts: ReadonlySet<string>): string {
  const places = [...(hosts.size === 0 ? [host] : hosts)].flatMap((host) => [
    ...(port === 0 ? [] : [hostPort(host, port)]),
    ...(tlsPort === 0 ? [] : [`${hostPort(host, tlsPort)} with TLS`]),
  ])
  return `clients are accepted on ${places.join(' and ')}`
}

interface Door {
  readonly net: NetServer
  readonly name: 'clients' | 'tls' | 'unix'
}

/** The sockets on which clients come in: one or two for each address of `listen.host`, and the Unix socket; or those that were passed. */
export class Doors {
  private readonly open: Door[] = []
  /** Those of the addresses that the machine has; none of what was passed. */
  readonly hosts = new Set<string>()
  /** The Unix socket that is ours to remove. */
  private unix: { readonly path: string; readonly inode: number } | undefined

  constructor(
    private readonly accept: (socket: Socket, peer: Peer, isSecure: boolean) => void,
    /** A door that was open fails. */
    private readonly failed: (error: Error) => void,
  ) {}

  /**
   * Opens all, or none: gives the first address, whose port the system has chosen if 0 was wanted; all others have that
   * one, too. Where there is a port for TLS, 0 is none [redis.conf port]. Of a kind of which sockets were passed none is opened.
   */
  async openAll(listen: Config['listen'], tlsPort = 0, passed: readonly PassedSocket[] = []): Promise<ListenAddress> {
    try {
      const { port, backlog } = listen
      let chosen = port
      for (const socket of passed) {
        const bound = await this.openPassed(socket, backlog, listen.unixSocket)
        if (bound?.name === 'clients') chosen = bound.port
      }
      const isThere = (name: Door['name']) => passed.length > 0 && this.open.some((door) => door.name === name)
      const [hasPlain, hasTls, hasUnix] = [isThere('clients'), isThere('tls'), isThere('unix')]
      for (const address of bindAddresses(listen.host)) {
        if ((port !== 0 || tlsPort === 0) && !hasPlain) {
          chosen = (await this.openAddress(address, chosen, backlog, 'clients')) ?? chosen
        }
        if (tlsPort !== 0 && !hasTls) await this.openAddress(address, tlsPort, backlog, 'tls')
      }
      const { unixSocket, unixSocketPerm } = listen
      if (unixSocket !== undefined && !hasUnix) await this.openUnix(unixSocket, unixSocketPerm, backlog)
      return { ...firstAddress(listen), port: chosen, tlsPort }
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** The sockets, to be passed to another process. */
  sockets(): PassedSocket[] {
    return this.open.map(({ net, name }) => ({ fd: descriptorOf(net), name }))
  }

  /** Another process has them as well, and goes on with them. */
  passOn(): void {
    this.unix = undefined
  }

  /** Nobody comes in any more; resolves when all who did are gone. */
  async close(): Promise<void> {
    const { unix } = this
    const all = this.open.splice(0)
    this.unix = undefined
    // Another process may have put its own socket there since.
    if (unix !== undefined && lstatSync(unix.path, { throwIfNoEntry: false })?.ino === unix.inode) rmSync(unix.path)
    await Promise.all(all.map(({ net }) => new Promise<void>((resolve) => net.close(() => resolve()))))
  }

  /** The port; undefined when the machine does not have the address and need not. */
  private async openAddress(
    address: BindAddress,
    port: number,
    backlog: number,
    name: 'clients' | 'tls',
  ): Promise<number | undefined> {
    const net = this.server(peerOf, name === 'tls')
    try {
      // As with Redis `::` is what speaks IPv6, and nothing else.
      await listening(net, { host: address.host, port, backlog, ipv6Only: true })
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (UNKNOWN_KIND.has(code) || (code === 'EADDRNOTAVAIL' && address.optional)) return undefined
      throw error
    }
    this.opened(net, name)
    this.hosts.add(address.host)
    return portOf(net) ?? port
  }

  /** A socket that somebody has opened for us. Of one without a port Node does not say where it is. */
  private async openPassed(
    { fd, name }: PassedSocket,
    backlog: number,
    path = 'unix',
  ): Promise<{ readonly name: Door['name']; readonly port: number } | undefined> {
    if (name === 'admin' || name === 'peers') return undefined
    const peer = unixPeer(path)
    const net = this.server((socket) => (portOf(net) === undefined ? peer : peerOf(socket)), name === 'tls')
    await listening(net, { fd }, backlog)
    const port = portOf(net)
    const kind = port === undefined ? 'unix' : name === 'tls' ? 'tls' : 'clients'
    this.opened(net, kind)
    return { name: kind, port: port ?? 0 }
  }

  private opened(net: NetServer, name: Door['name']): void {
    this.open.push({ net, name })
    net.on('error', this.failed)
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
    if (perm !== '0') chmodSync(beside, Number.parseInt(perm, 8))
    renameSync(beside, path)
    this.opened(net, 'unix')
    this.unix = { path, inode: lstatSync(path).ino }
  }

  private server(peer: (socket: Socket) => Peer, isSecure: boolean): NetServer {
    return createServer({ pauseOnConnect: true, noDelay: true, allowHalfOpen: true }, (socket) =>
      this.accept(socket, peer(socket), isSecure),
    )
  }
}

/** Undefined where it has none: it is a Unix socket. */
export function portOf(net: NetServer): number | undefined {
  const bound = net.address()
  return typeof bound === 'object' ? bound?.port : undefined
}

/** The number of a listening socket in this process; -1 when Node does not say. */
export function descriptorOf(net: NetServer): number {
  return (net as unknown as { _handle?: { fd?: number } | null })._handle?.fd ?? -1
}

/** `passedBacklog` is for a socket that was passed: of one Node does not look for it among the options. */
function listening(
  net: NetServer,
  options: ListenOptions | { readonly fd: number },
  passedBacklog?: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    net.once('error', reject)
    net.listen(options, passedBacklog, () => {
      net.removeListener('error', reject)
      resolve()
    })
  })
}
