import { isWide } from '../base/bind-addresses.js'
import { isOpenToAll as isOpen } from '../config/exposed.js'
import { hostOf, isUnix, type Peer } from './peer.js'
import type { Server } from './server.js'

/** To the byte as Redis says it [Redis networking.c clientAcceptHandler]. */
export const DENIED =
  "-DENIED Redis is running in protected mode because protected mode is enabled and no password is set for the default user. In this mode connections are only accepted from the loopback interface. If you want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do so. Use CONFIG REWRITE to make this change permanent. 2) Alternatively you can just disable the protected mode by editing the Redis configuration file, and setting the protected mode option to 'no', and then restarting the server. 3) If you started the server manually just for testing, restart it with the '--protected-mode no' option. 4) Setup a an authentication password for the default user. NOTE: You only need to do one of the above things in order for the server to start accepting connections from the outside.\r\n"

/** These two, and no others that begin with 127, are loopback to Redis. */
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]'])

type Guarded = Pick<Server, 'config' | 'acl'>

/** Whether a client is not let in because nobody has to say a password, and it does not come from this machine. */
export function isDenied(server: Guarded, peer: Peer): boolean {
  return isProtected(server) && !isLoopback(peer)
}

/** Whether a client is on this machine. */
export function isLoopback(peer: Peer): boolean {
  return isUnix(peer) || LOOPBACK.has(hostOf(peer))
}

function isProtected({ config, acl }: Guarded): boolean {
  return config.listen.protectedMode === 'yes' && acl.users.default.hasNoPassword
}

/** Whether clients of other machines come in, and none has to say a password. */
export function isOpenToAll({ config, acl }: Guarded): boolean {
  return isOpen(config.listen, acl.users.default.hasNoPassword)
}

/** Says at the start that others than this machine's are refused, where the settings look as if they were to come in. */
export function tellProtected({ config, acl, log }: Pick<Server, 'config' | 'acl' | 'log'>): void {
  if (!isWide(config.listen.host) || !isProtected({ config, acl })) return
  log.warn(
    { event: 'protected-mode', bind: config.listen.host },
    'protected mode: without a password only clients of this machine are let in; set auth.password, or listen.protectedMode: no if nobody else reaches this port',
  )
}
