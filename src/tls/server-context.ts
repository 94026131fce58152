import { constants, createPrivateKey } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureVersion } from 'node:tls'
import { UserError } from '../base/user-error.js'
import type { TlsMaterial } from './files.js'

/** What of the section `tls` decides how connections of clients are encrypted. */
export interface ServerTls {
  readonly protocols: readonly SecureVersion[]
  readonly ciphers?: string | undefined
  readonly ciphersuites?: string | undefined
  readonly preferServerCiphers: 'yes' | 'no'
  readonly sessionCaching: 'yes' | 'no'
  readonly sessionCacheTimeoutMs: number
}

/**
 * What clients' connections begin with. Sessions are resumed by tickets, whose keys are made with it: after another
 * certificate or authority everybody is looked at anew.
 *
 * @param section of the settings, for messages
 * @throws UserError when certificate and key do not belong together, or OpenSSL does not know a cipher
 */
export function serverContext(
  tls: ServerTls,
  { cert, key, passphrase, ca }: TlsMaterial,
  section = 'tls',
): SecureContext {
  const { protocols, ciphers, ciphersuites, preferServerCiphers, sessionCaching } = tls
  const chosen = [ciphersuites, ciphers].filter((list) => list !== undefined).join(':')
  const noTickets = sessionCaching === 'no' ? constants.SSL_OP_NO_TICKET : 0
  try {
    return createSecureContext({
      ...{ cert, key, passphrase, ca },
      minVersion: protocols[0],
      maxVersion: protocols.at(-1),
      ...(chosen === '' ? {} : { ciphers: chosen }),
      honorCipherOrder: preferServerCiphers === 'yes',
      secureOptions: constants.SSL_OP_NO_RENEGOTIATION | noTickets,
      sessionTimeout: Math.ceil(tls.sessionCacheTimeoutMs / 1000),
      // Without one a session of a client with a certificate could not be resumed.
      sessionIdContext: 'dt',
    })
  } catch (error) {
    throw new UserError(`${section}: ${contextFault(error as Error, { key, passphrase })}`)
  }
}

/** Why OpenSSL does not take certificate, key, authorities or ciphers. */
export function contextFault(error: Error, { key, passphrase }: Pick<TlsMaterial, 'key' | 'passphrase'>): string {
  const { reason = error.message } = error as Error & { reason?: string }
  if (isLocked(key, passphrase)) return 'the password of the key is not right'
  if (/key values mismatch/.test(reason)) return 'the key does not belong to the certificate'
  if (/no cipher match/.test(reason)) return 'no cipher of the list is known'
  return reason
}

/**
 * Whether the password does not open the key. With one in 256 wrong ones it looks as if it did, and what comes out is no key: then OpenSSL
 * says that something is not supported.
 */
function isLocked(key: TlsMaterial['key'], passphrase: string | undefined): boolean {
  if (key?.includes('ENCRYPTED') !== true) return false
  try {
    createPrivateKey({ key, passphrase: passphrase ?? '' })
    return false
  } catch {
    return true
  }
}
