import type { Socket } from 'node:net'

/** Who is at the other end of a connection, as Redis writes it. */
export interface Peer {
  /** `host:port`, `[host]:port`, or the path of the Unix socket with `:0`. */
  readonly address: string
  /** Where it came in. */
  readonly localAddress: string
  /** Where it is told that it came in, if the settings say so. */
  readonly announced?: string
  readonly isSecure?: boolean
  /** The run of the front by which it comes, if it does. */
  readonly front?: string
}

/** It stays known after the socket has lost it. */
export function peerOf(socket: Socket): Peer {
  return {
    address: hostPort(unmapped(socket.remoteAddress), socket.remotePort),
    localAddress: hostPort(unmapped(socket.localAddress), socket.localPort),
  }
}

/** A client that came through the Unix socket at `path` [Redis networking.c genClientAddrString]. */
export function unixPeer(path: string): Peer {
  return { address: `${path}:0`, localAddress: `${path}:0` }
}

/** Whether it came through a Unix socket: no port of a network is 0. */
export function isUnix({ address }: Peer): boolean {
  return address.endsWith(':0')
}

/** The host of its address. */
export function hostOf({ address }: Peer): string {
  return address.slice(0, address.lastIndexOf(':'))
}

/** On a socket for both kinds one of IPv4 comes as `::ffff:127.0.0.1`, or `::ffff:7f00:1`: it is the same as on one of IPv4 [RFC 4291 §2.5.5.2]. */
export function unmapped<H extends string | undefined>(host: H): H | string {
  const [, dotted, high, low] =
    /^::ffff:(?:([0-9]+(?:\.[0-9]+){3})|([0-9a-f]{1,4}):([0-9a-f]{1,4}))$/i.exec(host ?? '') ?? []
  if (dotted !== undefined) return dotted
  if (high === undefined) return host
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)]
  return [a >> 8, a & 255, b >> 8, b & 255].join('.')
}

export function hostPort(host: string | undefined, port: number | undefined): string {
  if (host === undefined) return ''
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** The number of a socket in this process; -1 when Node does not say. */
export function fileDescriptorOf(socket: object): number {
  return (socket as { _handle?: { fd?: number } | null })._handle?.fd ?? -1
}
