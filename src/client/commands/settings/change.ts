import type { Server } from '../../server.js'

/** A value that is right: sets it; or what is wrong with it. */
export type Checked = (() => void) | string

/** A setting of the proxy that can be changed while it runs. */
export interface Changeable {
  /** As CONFIG GET shows it. */
  readonly shown: (server: Server) => string
  readonly check: (server: Server, value: string) => Checked
}
