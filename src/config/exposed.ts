import { isWide } from '../base/bind-addresses.js'
import type { Config } from './config.js'

/** What the settings let strangers do who reach this machine, and what to do about it. */
export interface Exposed {
  readonly what: string
  readonly todo: string
}

/** Others than this machine may connect, and without a password. */
export const OPEN_TO_ALL: Exposed = {
  what: 'everybody who reaches this machine may connect, without a password',
  todo: 'set auth.password or users (acl.users, acl.file), or let listen.host be an address of this machine alone',
}
const MONITORING_OPEN: Exposed = {
  what: 'everybody who reaches this machine may see the page and the metrics: servers, addresses and what happens',
  todo: 'set admin.token, with admin.tlsCertFile and admin.tlsKeyFile, or let admin.host be an address of this machine alone',
}
const TOKEN_IN_PLAIN_BYTES: Exposed = {
  what: 'admin.token, and what the page and the metrics show, passes the network in plain bytes',
  todo: 'set admin.tlsCertFile and admin.tlsKeyFile, or let admin.host be an address of this machine alone',
}

/** @param hasNoPassword whether nobody has to say one who is the user `default` */
export function isOpenToAll({ host, protectedMode }: Config['listen'], hasNoPassword: boolean): boolean {
  return isWide(host) && protectedMode === 'no' && hasNoPassword
}

/**
 * Whether the port for monitoring is open further than it should be.
 *
 * @param host where it listens
 */
export function monitoringExposed({ port, token, tlsCertFile }: Config['admin'], host: string): Exposed | undefined {
  if (port === undefined || !isWide(host)) return undefined
  if (token === undefined) return MONITORING_OPEN
  return tlsCertFile === undefined ? TOKEN_IN_PLAIN_BYTES : undefined
}
