/** What OpenSSL and Node call it, and what it means to whoever has to mend it. */
const MEANINGS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the certificate has expired',
  CERT_NOT_YET_VALID: 'the certificate is not valid yet',
  CERT_REVOKED: 'the certificate was revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the certificate is signed by itself, and not by an authority that is trusted here',
  SELF_SIGNED_CERT_IN_CHAIN: 'the authority of the certificate is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT: 'the authority of the certificate is not trusted here',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the authority of the certificate is not trusted here',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the authority of the certificate is not trusted here',
  CERT_SIGNATURE_FAILURE: 'the certificate was not signed by the authority that it names',
  INVALID_PURPOSE: 'the certificate is not for this use',
  ERR_TLS_HANDSHAKE_TIMEOUT: 'the handshake was not ended in time',
  ERR_SSL_WRONG_VERSION_NUMBER: 'what came is no TLS',
  ERR_SSL_HTTP_REQUEST: 'what came is no TLS, but HTTP',
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: 'it has shown no certificate',
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: 'the other side wants a certificate, and was shown none',
  ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE: 'the other side refused the handshake: a certificate or a cipher is wanted',
  ERR_SSL_NO_SHARED_CIPHER: 'both sides have no cipher in common',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'both sides have no version of TLS in common',
  ERR_SSL_TLSV1_ALERT_UNKNOWN_CA: 'the other side does not trust the authority of the certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'the other side does not accept the certificate',
  ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE: 'the other side does not accept the certificate',
  ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED: 'to the other side the certificate has expired',
}

/** Why a connection with TLS failed, in a sentence without end. */
export function tlsFault(error: Error): string {
  const { code, reason } = error as NodeJS.ErrnoException & { reason?: string }
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `the certificate is not for this name: ${reason}`
  if (code !== undefined && MEANINGS[code] !== undefined) return MEANINGS[code]
  // The message of OpenSSL is a line of its source.
  return reason ?? error.message
}
