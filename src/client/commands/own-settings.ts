import type { Server } from '../server.js'
import type { Settable } from './settings/change.js'
import { CHANGEABLE } from './settings/changeable.js'
import { REDACTED } from './settings/password.js'

/** What of the server these commands touch. */
type Needs = Settable & Pick<Server, 'address'>

/** Settings of a member that whoever may only talk to the proxy does not get to see. */
export const SECRETS: ReadonlySet<string> = new Set(['tls-key-file-pass', 'tls-client-key-file-pass'])

/**
 * The settings of redis.conf that are the proxy's, not a member's, as CONFIG GET shows them: everything about
 * clients, their connections and this process.
 */
export function ownSettings(server: Needs): ReadonlyMap<string, string> {
  const { listen } = server.config
  return new Map(
    Object.entries({
      // where clients connect
      bind: listen.host,
      port: String(server.address().port),
      'tcp-backlog': String(listen.backlog),
      ...tlsSettings(server),
      unixsocket: listen.unixSocket ?? '',
      unixsocketperm: listen.unixSocketPerm,
      // who may, and what they may take
      aclfile: server.acl.file ?? '',
      'enable-debug-command': server.config.commands.debug,
      databases: String(server.order.databases),
      // the process
      daemonize: 'no',
      supervised: 'no',
      pidfile: '',
      logfile: '',
      'syslog-enabled': 'no',
      'io-threads': '1',
      // it is nobody's replica, and no part of a Redis Cluster
      'cluster-enabled': 'no',
      replicaof: '',
      slaveof: '',
      masterauth: '',
      masteruser: '',
      // what can be changed while it runs
      ...Object.fromEntries([...CHANGEABLE].map(([name, { shown }]) => [name, shown(server)])),
    }),
  )
}

/** Those of connections with TLS. Where the key lies, and its password, is nobody's business. */
function tlsSettings(server: Needs): Readonly<Record<string, string>> {
  const { tls } = server.config
  return {
    'tls-port': String(server.address().tlsPort),
    'tls-cert-file': tls.certFile ?? '',
    'tls-key-file': tls.keyFile === undefined ? '' : REDACTED,
    'tls-key-file-pass': tls.keyPassword === undefined && tls.keyPasswordFile === undefined ? '' : REDACTED,
    'tls-ca-cert-file': tls.caFile ?? '',
    'tls-ca-cert-dir': '',
    'tls-dh-params-file': '',
    'tls-auth-clients': tls.authClients,
    'tls-auth-clients-user': tls.authClientsUser,
    'tls-protocols': tls.protocols.join(' '),
    'tls-ciphers': tls.ciphers ?? '',
    'tls-ciphersuites': tls.ciphersuites ?? '',
    'tls-prefer-server-ciphers': tls.preferServerCiphers,
    'tls-session-caching': tls.sessionCaching,
    // Sessions are resumed by tickets, which clients keep.
    'tls-session-cache-size': '0',
    'tls-session-cache-timeout': String(Math.ceil(tls.sessionCacheTimeoutMs / 1000)),
    'tls-cluster': 'no',
  }
}
