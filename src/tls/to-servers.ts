import { isIP, connect as netConnect, type OnReadOpts, type Socket, type TcpNetConnectOpts } from 'node:net'
import {
  type ConnectionOptions,
  createSecureContext,
  type SecureContext,
  TLSSocket,
  connect as tlsConnect,
} from 'node:tls'
import type { Logger } from '../base/log.js'
import { UserError } from '../base/user-error.js'
import { Certificates } from './certificates.js'
import { tlsFault } from './fault.js'
import type { TlsMaterial, TlsPaths } from './files.js'
import { contextFault } from './server-context.js'

/** How connections are encrypted that are made to somebody. */
export interface TlsTarget {
  /** For the next one, to this host. */
  options(host: string): ConnectionOptions
}

/** What the sections `backend`, `sentinel` and `peers` say of it. */
export interface ToServersSettings {
  readonly tls: 'yes' | 'no'
  readonly tlsVerify: 'yes' | 'no'
  readonly tlsServerName?: string | undefined
  readonly tlsCaFile?: string | undefined
  readonly tlsCertFile?: string | undefined
  readonly tlsKeyFile?: string | undefined
  readonly tlsKeyPassword?: string | undefined
  readonly tlsKeyPasswordFile?: string | undefined
}

const SETTING = {
  certFile: 'tlsCertFile',
  keyFile: 'tlsKeyFile',
  keyPasswordFile: 'tlsKeyPasswordFile',
  caFile: 'tlsCaFile',
}

/** Where the files lie that such a section names. */
export function pathsOf(section: string, settings: ToServersSettings): TlsPaths {
  return {
    certFile: settings.tlsCertFile,
    keyFile: settings.tlsKeyFile,
    keyPassword: settings.tlsKeyPassword,
    keyPasswordFile: settings.tlsKeyPasswordFile,
    caFile: settings.tlsCaFile,
    nameOf: (file) => `${section}.${SETTING[file]}`,
  }
}

/** Says at each start that certificates are not verified. */
export function warnUnverified(section: string, whom: string, log: Logger): void {
  log.warn(
    { event: 'certificate-not-verified' },
    `the certificates of ${whom} are not verified (${section}.tlsVerify): anybody may pretend to be one`,
  )
}

/** Connections to all servers, or to all Sentinels: with the certificate and authorities that were read last. */
export class TlsToServers implements TlsTarget {
  readonly certificates: Certificates

  /** @throws UserError when the files cannot be used */
  constructor(
    section: 'backend' | 'sentinel',
    private readonly settings: ToServersSettings,
    log: Logger,
  ) {
    const whom = section === 'backend' ? 'servers' : 'Sentinels'
    const make = (material: TlsMaterial) => clientContext(section, material)
    const use = `what is trusted of ${whom}, and shown to them,`
    this.certificates = new Certificates(use, pathsOf(section, settings), make, log)
    if (settings.tlsVerify === 'no') warnUnverified(section, `the ${whom}`, log)
  }

  options(host: string): ConnectionOptions {
    return clientOptions(
      host,
      this.certificates.context,
      this.settings.tlsVerify === 'yes',
      this.settings.tlsServerName,
    )
  }
}

/** `serverName` is the name that has to be in the certificate, instead of that of the host. */
export function clientOptions(
  host: string,
  secureContext: SecureContext,
  verify: boolean,
  serverName: string | undefined,
): ConnectionOptions {
  // An address is no name to ask for; it is looked for in the certificate all the same.
  const servername = serverName ?? (isIP(host) === 0 ? host : undefined)
  return { secureContext, rejectUnauthorized: verify, ...(servername === undefined ? {} : { servername }) }
}

/** @throws UserError that names the section */
export function clientContext(section: string, { cert, key, passphrase, ca }: TlsMaterial): SecureContext {
  try {
    return createSecureContext({
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(passphrase === undefined ? {} : { passphrase }),
      // Else those that Node brings along.
      ...(ca === undefined ? {} : { ca }),
    })
  } catch (error) {
    throw new UserError(`${section}: ${contextFault(error as Error, { key, passphrase })}`)
  }
}

/** Begins a connection, with TLS if that is how; `onceOpen` tells when bytes can be sent. */
export function openSocket(
  to: TcpNetConnectOpts & { readonly host: string; readonly port: number; readonly onread?: OnReadOpts },
  tls: TlsTarget | undefined,
): Socket {
  if (tls === undefined) return netConnect(to)
  const socket = tlsConnect({ ...to, ...tls.options(to.host) } as ConnectionOptions)
  // Of these options Node takes no notice with TLS.
  return socket.setNoDelay(to.noDelay === true).setKeepAlive(to.keepAlive === true, to.keepAliveInitialDelay)
}

/** Calls `then` once when the connection is there: with TLS when the other side has been verified. */
export function onceOpen(socket: Socket, then: () => void): void {
  socket.once(socket instanceof TLSSocket ? 'secureConnect' : 'connect', then)
}

/** Why a connection was not made, or broke, in a few words. */
export function socketFault(error: NodeJS.ErrnoException): string {
  const { code, syscall } = error
  if (code !== undefined && syscall !== undefined) return `${code} ${syscall}`
  return code?.startsWith('ERR_') || code?.includes('CERT') || code?.startsWith('UNABLE')
    ? tlsFault(error)
    : error.message
}
