import type { Socket } from 'node:net'
import { type ConnectionOptions, TLSSocket } from 'node:tls'
import type { Logger } from '../base/log.js'
import type { Reception } from './accept.js'
import { Certificates } from './certificates.js'
import { type ServerTls, serverContext } from './server-context.js'
import {
  clientOptions,
  pathsOf,
  socketFault,
  type TlsTarget,
  type ToServersSettings,
  warnUnverified,
} from './to-servers.js'

/** What the section `peers` says of it. */
export interface PeersTlsSettings extends ToServersSettings {
  readonly port?: number | undefined
}

/** Both sides are this program. Nothing is resumed: connections last. */
const ENCRYPTION: ServerTls = {
  protocols: ['TLSv1.3'],
  preferServerCiphers: 'no',
  sessionCaching: 'no',
  sessionCacheTimeoutMs: 1000,
}

/** Under this name both sides derive what only the ends of one connection know [RFC 5705]. */
const BINDING_LABEL = 'EXPORTER-diminished-triad-peers'
const BINDING_BYTES = 32

/** Connections between proxies, each of which shows the other one the same certificate: that which was read last. */
export class TlsForPeers implements TlsTarget {
  readonly certificates: Certificates

  /** @throws UserError when the files cannot be used */
  constructor(
    private readonly settings: PeersTlsSettings,
    log: Logger,
  ) {
    this.certificates = new Certificates(
      'the certificate for other proxies',
      pathsOf('peers', settings),
      (material) => serverContext(ENCRYPTION, material, 'peers'),
      log,
    )
    if (settings.tlsVerify === 'no') warnUnverified('peers', 'other proxies', log)
  }

  /** Of a front, which connects. Every write is told by `drain`, as of the owner, which accepts [tls/accept]. */
  options(host: string): ConnectionOptions {
    const { tlsVerify, tlsServerName } = this.settings
    const options = clientOptions(host, this.certificates.context, tlsVerify === 'yes', tlsServerName)
    return { ...options, highWaterMark: 0 } as ConnectionOptions
  }

  /** Of the owner. */
  reception(handshakeTimeoutMs: number): Reception {
    const { tlsVerify, tlsServerName } = this.settings
    const authClients = tlsVerify === 'yes' ? 'yes' : 'no'
    return { context: this.certificates.context, authClients, name: tlsServerName, handshakeTimeoutMs }
  }
}

/**
 * What only the two ends of this connection know, so that whoever stands between two others, with a certificate that is taken, cannot pass
 * on what they prove; '' without TLS.
 */
export function bindingOf(socket: Socket): string {
  if (!(socket instanceof TLSSocket)) return ''
  return socket.exportKeyingMaterial(BINDING_BYTES, BINDING_LABEL, Buffer.alloc(0)).toString('hex')
}

/** Why the connection to another proxy broke, in a few words. */
export function peerFault(socket: Socket, error: NodeJS.ErrnoException): string {
  if (error.syscall !== undefined) return error.code ?? error.message
  const isUnfit = socket instanceof TLSSocket && Boolean(socket.authorizationError)
  return isUnfit ? `its certificate is not taken: ${socketFault(error)}` : socketFault(error)
}
