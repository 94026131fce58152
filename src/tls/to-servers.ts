import { isIP, type NetConnectOpts, connect as netConnect, type OnReadOpts, type Socket } from 'node:net'
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
import type { TlsMaterial } from './files.js'
import { contextFault } from './server-context.js'

/** How connections are encrypted that are made to somebody. */
export interface TlsTarget {
  /** For the next one, to this host. */
  options(host: string): ConnectionOptions
}

/** What the sections `backend` and `sentinel` say of it. */
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
    const paths = {
      certFile: settings.tlsCertFile,
      keyFile: settings.tlsKeyFile,
      keyPassword: settings.tlsKeyPassword,
      keyPasswordFile: settings.tlsKeyPasswordFile,
      caFile: settings.tlsCaFile,
      nameOf: (file: keyof typeof SETTING) => `${section}.${SETTING[file]}`,
    }
    const make = (material: TlsMaterial) => clientContext(section, material)
    this.certificates = new Certificates(`what is trusted of ${whom}, and shown to them,`, paths, make, log)
    if (settings.tlsVerify === 'no') {
      log.warn(
        { event: 'certificate-not-verified' },
        `the certificates of the ${whom} are not verified (${section}.tlsVerify): anybody may pretend to be one`,
      )
    }
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
  to: NetConnectOpts & { readonly host: string; readonly port: number; readonly onread?: OnReadOpts },
  tls: TlsTarget | undefined,
): Socket {
  return tls === undefined ? netConnect(to) : tlsConnect({ ...to, ...tls.options(to.host) } as ConnectionOptions)
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
