import { X509Certificate } from 'node:crypto'
import { checkServerIdentity, createSecureContext } from 'node:tls'
import { hostToAsk } from '../base/bind-addresses.js'
import { UsageError, UserError } from '../base/user-error.js'
import type { Config } from '../config/config.js'
import { readMaterial, type TlsMaterial } from '../tls/files.js'
import { contextFault } from '../tls/server-context.js'
import { clientOptions, type TlsTarget } from '../tls/to-servers.js'

/** Options of a connection with TLS, as redis-cli has them. */
export const TLS_OPTIONS = {
  tls: { type: 'boolean' },
  cacert: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  sni: { type: 'string' },
  insecure: { type: 'boolean' },
} as const

/** Their values. */
export interface TlsOptions {
  readonly tls?: boolean | undefined
  readonly cacert?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly sni?: string | undefined
  readonly insecure?: boolean | undefined
}

/** Where a proxy is asked, and how. */
export interface Asked {
  readonly host: string
  readonly port: number
  readonly tls?: TlsTarget
}

/**
 * Where the proxy is asked that has these settings, or the one at `elsewhere`.
 *
 * @throws UsageError when TLS is wanted and not to be had, UserError when a file cannot be used
 */
export function whereToAsk(
  config: Config,
  options: TlsOptions,
  elsewhere?: { readonly host: string; readonly port: number },
): Asked {
  const { listen, tls } = config
  const isOnlyTls = elsewhere === undefined && listen.port === 0 && tls.port !== 0
  if (options.tls !== true && !isOnlyTls) {
    const given = Object.keys(TLS_OPTIONS).find((name) => options[name as keyof TlsOptions] !== undefined)
    if (given !== undefined) throw new UsageError(`--${given} needs --tls`)
    return elsewhere ?? { host: hostToAsk(listen.host), port: listen.port }
  }
  if (elsewhere === undefined && tls.port === 0) throw new UsageError('--tls: the settings have no tls.port')
  const where = elsewhere ?? { host: hostToAsk(listen.host), port: tls.port }
  return { ...where, tls: targetOf(config, options, elsewhere === undefined) }
}

/** @param isOwn the proxy is that of the settings, whose certificate is known */
function targetOf({ tls }: Config, options: TlsOptions, isOwn: boolean): TlsTarget {
  if ((options.cert === undefined) !== (options.key === undefined)) throw new UsageError('--cert and --key go together')
  const isOther = options.cert !== undefined
  const own = readMaterial({
    certFile: options.cert ?? tls.certFile,
    keyFile: options.key ?? tls.keyFile,
    keyPassword: tls.keyPassword,
    keyPasswordFile: isOther ? undefined : tls.keyPasswordFile,
    caFile: options.cacert ?? tls.caFile,
    nameOf: (file) => {
      if (file === 'caFile' && options.cacert !== undefined) return '--cacert'
      return isOther && file !== 'caFile' ? `--${file.replace('File', '')}` : `tls.${file}`
    },
  })
  const known = isOwn && options.cacert === undefined && !isOther ? own.cert : undefined
  const secureContext = contextOf(own, known)
  return {
    options: (host) => ({
      ...clientOptions(host, secureContext, options.insecure !== true, options.sni),
      ...(known === undefined ? {} : { checkServerIdentity: isThis(known) }),
    }),
  }
}

/** Whoever shows the very certificate of the settings is the proxy, whatever address stands in it. */
function isThis(known: Buffer): typeof checkServerIdentity {
  const { raw } = new X509Certificate(known)
  return (host, certificate) => (certificate.raw.equals(raw) ? undefined : checkServerIdentity(host, certificate))
}

function contextOf({ cert, key, passphrase, ca }: TlsMaterial, known: Buffer | undefined) {
  const trusted = [ca, known].filter((each) => each !== undefined)
  try {
    return createSecureContext({
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(trusted.length === 0 ? {} : { ca: trusted }),
      // The certificate itself may be what is trusted, and not who signed it.
      ...{ allowPartialTrustChain: known !== undefined },
    })
  } catch (error) {
    throw new UserError(`TLS: ${contextFault(error as Error, { key, passphrase })}`)
  }
}
