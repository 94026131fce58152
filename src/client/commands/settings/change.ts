import type { Server } from '../../server.js'

/** A value that is right: sets it; or what is wrong with it. */
export type Checked = (() => void) | string

/** A setting of the proxy that can be changed while it runs. */
export interface Changeable {
  /** As CONFIG GET shows it. */
  readonly shown: (server: Server) => string
  readonly check: (server: Server, value: string) => Checked
  /** It is set on the members as well: they know of what the proxy does not see. */
  readonly isOfMembersToo?: boolean
  /** How CONFIG REWRITE has it kept where it is a secret: what stands for it, and what `restore` is given. */
  readonly kept?: (server: Server, value: Buffer) => Buffer
  readonly restore?: (server: Server, kept: string) => Checked
}
