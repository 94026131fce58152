import type { PassedSocket } from './base/passed-sockets.js'
import type { ListenAddress } from './client/doors.js'
import type { Config } from './config/config.js'

/** What a command of `dt` runs until it is told to stop. */
export interface Service {
  start(): Promise<unknown>
  /** Ends all connections; `inOrder`: when what was asked has been answered, if that does not take too long. */
  stop(inOrder?: boolean): Promise<void>
  /** Resolves with the reason when it must not go on, and has to be stopped. */
  readonly ended: Promise<Error>
  /** Nobody caught an exception: what this process knows cannot be relied on, so nothing leaves it any more, and it ends. */
  fail(failure: Error): void
}

/** It ends by itself when another proxy has taken over. */
export interface RingProxy extends Service {
  /**
   * Starts the program that lies where this one came from, with our sockets and this environment; resolves with whether it waits for us to stop. It goes on
   * at once when we have [dt help serve].
   */
  handOver(env: NodeJS.ProcessEnv): Promise<boolean>
  /** Reads settings, users and certificates again, and logs what came of it; what is wrong changes nothing. */
  reload(): void
  /**
   * Accepts clients at once, or when it need not stand by any more, and resolves when the ring is served. Rejects when the address cannot be listened on, when
   * another proxy is active, and when stopped before.
   */
  start(): Promise<ListenAddress>
  /** Where clients connect; if the system is to choose the port, it is 0 before the proxy listens. */
  readonly address: ListenAddress
  /** Where HTTP is served for monitoring; undefined when it is not, or not yet. */
  readonly adminAddress: { readonly host: string; readonly port: number } | undefined
}

/** What the operator may say at a start, see `dt help serve`. */
export interface StartOptions {
  readonly takeover?: boolean
  /** Another proxy has started this one to go on in its place, and waits to be told that it can: with `standby`. */
  readonly ready?: ((run: string) => void) | undefined
  /** Listening sockets that were passed to this process. */
  readonly sockets?: readonly PassedSocket[]
  /** As long as another proxy serves the ring, wait, and accept nobody. */
  readonly standby?: boolean
  readonly acceptEpoch?: number | undefined
  readonly wipe?: boolean
  /** How the settings are read anew. */
  readonly readConfig?: () => Config
}
