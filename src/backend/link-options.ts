import type { TlsTarget } from '../tls/to-servers.js'
import type { Call } from './call.js'
import type { ServerInfo } from './handshake.js'

export interface LinkOptions {
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly connectTimeoutMs: number
  readonly reconnectMinMs: number
  readonly reconnectMaxMs: number
  readonly pingIntervalMs: number
  /** How the connection is encrypted; undefined when it is not. */
  readonly tls?: TlsTarget | undefined
  readonly ringId: string
  /** Identifies this run of the proxy in the names of its connections. */
  readonly runId: string
  /**
   * The last step of a handshake: whoever knows the ring may ask more on the new connection, and refuse the server by
   * rejecting with a `HandshakeError`. Nothing is emitted before it is done.
   */
  admit?(name: string, info: ServerInfo, call: Call): Promise<void>
  /** What is done with a reply failed inside the proxy. The reply counts as lost, and the link breaks. */
  failed?(failure: Error, about: object): void
}

/** Told of links, which are of this kind. */
export interface LinkListener<Link> {
  /** The handshake is done and the first command can be emitted. */
  onUp(link: Link, info: ServerInfo): void
  /** The link broke, or could not be made; it tries again by itself. */
  onDown(link: Link, reason: string): void
  /**
   * It broke, as `onDown` has been told, because the server refused to change the database: what had been sent behind that
   * is executed in another one than it was meant for, in which nothing is known to be in doubt.
   */
  onStrayed?(link: Link, reason: string): void
}
