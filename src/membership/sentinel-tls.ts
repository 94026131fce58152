import type { ConnectionOptions } from 'node:tls'
import type { RedisOptions } from 'ioredis'
import type { TlsTarget } from '../tls/to-servers.js'

/** What ioredis needs for TLS. It takes the fields anew for each connection, and with them certificates that have changed. */
export function tlsOptions(tls: TlsTarget | undefined, host: string): Pick<RedisOptions, 'tls'> {
  if (tls === undefined) return {}
  const fields: ConnectionOptions = {
    get secureContext() {
      return tls.options(host).secureContext
    },
  }
  const { rejectUnauthorized, servername } = tls.options(host)
  if (rejectUnauthorized !== undefined) fields.rejectUnauthorized = rejectUnauthorized
  if (servername !== undefined) fields.servername = servername
  return { tls: fields }
}
