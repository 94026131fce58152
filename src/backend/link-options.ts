import type { Call } from './call.js'
import type { ServerInfo } from './handshake.js'

export interface LinkOptions {
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly connectTimeoutMs: number
  readonly reconnectMinMs: number
  readonly reconnectMaxMs: number
  readonly pingIntervalMs: number
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
