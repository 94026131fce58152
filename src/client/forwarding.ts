import type { Socket } from 'node:net'
import type { Reader } from '../base/socket-reader.js'
import type { Peer } from './peer.js'

/** Who takes clients that come in here, to have them served by another proxy. */
export interface Forwarding {
  /** Whether that is done now. */
  readonly isForwarding: boolean
  /** How many clients were taken and are still connected here. */
  readonly count: number
  /** Gives who reads what the client sends; undefined when it is to be served here. */
  take(socket: Socket, peer: Peer, commonName: string | undefined): Reader | undefined
}

/** Where clients of a proxy connect: `host:port`. */
export interface Whereabouts {
  readonly clients: string
  /** Where those who want TLS do; '' where they cannot. */
  readonly tls: string
}

/** A proxy that sends its clients on to this one. */
export interface FrontSeen extends Whereabouts {
  readonly run: string
  /** Where it runs, in words. */
  readonly where: string
  /** From where it is connected. */
  readonly address: string
  readonly connected: number
  readonly sinceMs: number
}

/** To whom this proxy sends its clients on. Where clients of that connect is '' as long as it has never been reached. */
export interface OwnerSeen extends Whereabouts {
  readonly run: string
  /** Where fronts connect to it; undefined when it does not say. */
  readonly address: string | undefined
  readonly isReached: boolean
  /** Why not, or ''. */
  readonly fault: string
  readonly connected: number
}

/** How many clients they have here, all together. */
export function clientsOfAll(fronts: readonly FrontSeen[]): number {
  return fronts.reduce((sum, { connected }) => sum + connected, 0)
}

/** The proxies of the ring, as this one sees them. */
export interface PeersSeen extends Whereabouts {
  /** Where this one runs, in words. */
  readonly where: string
  /** Where this one is reached by others; undefined when it is not. */
  readonly address: string | undefined
  readonly fronts: readonly FrontSeen[]
  /** Undefined when this proxy sends nobody on. */
  readonly owner: OwnerSeen | undefined
}
