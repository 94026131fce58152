import type { Server } from '../../server.js'

/** What the settings of the proxy change, and look at before. */
export type Settable = Pick<
  Server,
  | 'acl'
  | 'cachedKeys'
  | 'clients'
  | 'config'
  | 'keyspaceEvents'
  | 'links'
  | 'log'
  | 'order'
  | 'pushLimits'
  | 'slowLog'
  | 'stats'
>

/** A value that is right: sets it; or what is wrong with it. */
export type Checked = (() => void) | string

/** A setting of the proxy that can be changed while it runs. */
export interface Changeable {
  /** As CONFIG GET shows it. */
  readonly shown: (server: Settable) => string
  readonly check: (server: Settable, value: string) => Checked
  /** It is set on the members as well: they know of what the proxy does not see. */
  readonly isOfMembersToo?: boolean
  /** How CONFIG REWRITE has it kept where it is a secret: what stands for it, and what `restore` is given. */
  readonly kept?: (server: Settable, value: Buffer) => Buffer
  readonly restore?: (server: Settable, kept: string) => Checked
}
