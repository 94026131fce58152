import { createServer as createPlain, type RequestListener, type Server, type ServerOptions } from 'node:http'
import { createServer as createEncrypted } from 'node:https'
import type { Logger } from '../base/log.js'
import { Certificates } from './certificates.js'
import type { TlsMaterial } from './files.js'
import { type ServerTls, serverContext } from './server-context.js'

/** What the section `admin` says of it. */
export interface MonitoringTlsSettings {
  readonly tlsCertFile?: string | undefined
  readonly tlsKeyFile?: string | undefined
}

/** As for clients, where nothing else is said. */
const DEFAULTS: ServerTls = {
  protocols: ['TLSv1.2', 'TLSv1.3'],
  preferServerCiphers: 'no',
  sessionCaching: 'yes',
  sessionCacheTimeoutMs: 300_000,
}

/** The certificate of the port for monitoring, as it was read last. */
export class TlsForMonitoring {
  readonly certificates: Certificates
  private material!: TlsMaterial
  private server: ReturnType<typeof createEncrypted> | undefined

  /** @throws UserError when the files cannot be used */
  constructor({ tlsCertFile, tlsKeyFile }: MonitoringTlsSettings, log: Logger) {
    const none = { keyPassword: undefined, keyPasswordFile: undefined, caFile: undefined }
    const names = { certFile: 'admin.tlsCertFile', keyFile: 'admin.tlsKeyFile', keyPasswordFile: '', caFile: '' }
    this.certificates = new Certificates(
      'the certificate for monitoring',
      { certFile: tlsCertFile, keyFile: tlsKeyFile, ...none, nameOf: (file) => names[file] },
      (material) => this.use(material),
      log,
    )
  }

  /** A server with TLS, for connections that come with the certificate of that moment. */
  createServer(options: ServerOptions, handshakeTimeoutMs: number, serve: RequestListener): Server {
    const { cert, key } = this.material
    this.server = createEncrypted({ ...options, cert, key, handshakeTimeout: handshakeTimeoutMs }, serve)
    return this.server
  }

  private use(material: TlsMaterial) {
    const context = serverContext(DEFAULTS, material, 'admin')
    this.material = material
    const { cert, key } = material
    this.server?.setSecureContext({ cert, key })
    return context
  }
}

/** A server for HTTP: with TLS, or without. `timeoutMs` is for handshakes. */
export function createHttpServer(
  tls: TlsForMonitoring | undefined,
  options: ServerOptions,
  timeoutMs: number,
  serve: RequestListener,
): Server {
  return tls === undefined ? createPlain(options, serve) : tls.createServer(options, timeoutMs, serve)
}
