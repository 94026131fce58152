import type { Server } from '../server.js'
import { CHANGEABLE } from './settings/changeable.js'

/** Settings of a member that whoever may only talk to the proxy does not get to see. */
export const SECRETS: ReadonlySet<string> = new Set(['tls-key-file-pass', 'tls-client-key-file-pass'])

/** What stands in the place of a password, as in Redis's slow log. */
const REDACTED = '(redacted)'

/**
 * The settings of redis.conf that are the proxy's, not a member's, as CONFIG GET shows them: everything about
 * clients, their connections and this process.
 */
export function ownSettings(server: Server): ReadonlyMap<string, string> {
  const { listen, limits, auth } = server.config
  return new Map(
    Object.entries({
      // where clients connect
      bind: listen.host,
      port: String(server.address().port),
      'tcp-backlog': String(listen.backlog),
      'tls-port': '0',
      unixsocket: listen.unixSocket ?? '',
      unixsocketperm: listen.unixSocketPerm,
      // who may, and what they may take
      requirepass: auth.password === undefined ? '' : REDACTED,
      aclfile: server.acl.file ?? '',
      'proto-max-bulk-len': String(limits.maxBulkBytes),
      'maxmemory-clients': '0',
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
