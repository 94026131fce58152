import type { Logger } from '../base/log.js'
import type { Reception } from './accept.js'
import { Certificates } from './certificates.js'
import { type ServerTls, serverContext } from './server-context.js'

/** The section `tls` of the settings. */
export interface ClientTlsSettings extends ServerTls {
  readonly port: number
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly keyPassword?: string | undefined
  readonly keyPasswordFile?: string | undefined
  readonly caFile?: string | undefined
  readonly authClients: 'yes' | 'optional' | 'no'
  readonly handshakeTimeoutMs: number
}

/** How clients are received with TLS at this moment: with the certificate that was read last. */
export class TlsForClients {
  readonly certificates: Certificates

  /** @throws UserError when the files, or the ciphers, cannot be used */
  constructor(
    private readonly settings: ClientTlsSettings,
    log: Logger,
  ) {
    const { certFile, keyFile, keyPassword, keyPasswordFile, caFile } = settings
    this.certificates = new Certificates(
      'the certificate for clients',
      { certFile, keyFile, keyPassword, keyPasswordFile, caFile, nameOf: (file) => `tls.${file}` },
      (material) => serverContext(settings, material),
      log,
    )
  }

  get reception(): Reception {
    const { authClients, handshakeTimeoutMs } = this.settings
    return { context: this.certificates.context, authClients, handshakeTimeoutMs }
  }
}
