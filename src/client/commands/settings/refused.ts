/*
 * What CONFIG SET does not change on the members, because the ring rests on it, and what it does not change of the proxy, because that
 * is decided when it starts. Each with the reason, and with the values that change nothing.
 */

/** Redis does not let these be set either [Redis config.c standardConfig IMMUTABLE_CONFIG]. */
const IMMUTABLE: ReadonlySet<string> = new Set([
  ...[
    'aclfile',
    'cluster-enabled',
    'daemonize',
    'databases',
    'enable-debug-command',
    'io-threads',
    'logfile',
    'pidfile',
    'replicaof',
    'slaveof',
  ],
  ...['supervised', 'syslog-enabled', 'syslog-facility', 'syslog-ident', 'tcp-backlog', 'unixsocket', 'unixsocketperm'],
])
/** Nor these, unless it was started so that it does. */
const PROTECTED: ReadonlySet<string> = new Set(['dir', 'dbfilename'])

interface Refused {
  /** Which are taken: they are what the members have. */
  readonly fits?: string
  readonly why: string
}

const DURABLE = 'what has been acknowledged is to be there when a server starts again: change it on the servers'
const LAZY: Refused = { fits: 'yes', why: 'a server that frees a large value in the foreground is taken for dead' }
const NO_REPLICAS: Refused = { fits: '0', why: 'members have no replicas of their own, and would refuse every write' }
const ALIKE =
  'while not all members have the same value copies of a stream come to differ: give it to them in their configuration'
const TLS_OF_MEMBERS =
  'with other certificates the proxy or the Sentinels might not reach them: give them to the servers in their configuration'
const PLACE = 'it says where one server is found, and there are several'

const OF_MEMBERS: Readonly<Record<string, Refused>> = {
  'maxmemory-policy': { fits: 'noeviction', why: 'a member that evicts loses keys that the others have' },
  appendonly: { fits: 'yes', why: DURABLE },
  save: { why: DURABLE },
  'min-replicas-to-write': NO_REPLICAS,
  'min-slaves-to-write': NO_REPLICAS,
  'lazyfree-lazy-eviction': LAZY,
  'lazyfree-lazy-expire': LAZY,
  'lazyfree-lazy-server-del': LAZY,
  'lazyfree-lazy-user-del': LAZY,
  'lazyfree-lazy-user-flush': LAZY,
  'stream-node-max-entries': { why: ALIKE },
  'stream-node-max-bytes': { why: ALIKE },
  'bind-source-addr': { why: PLACE },
}
const ANNOUNCED = /^(?:replica|slave|cluster)-announced?(?:-|$)/

/** Of those of the proxy that are decided when it starts: which of its own settings they are. */
const OF_THE_START: Readonly<Record<string, string>> = {
  bind: 'listen.host',
  port: 'listen.port',
  'tls-port': 'tls.port',
  'tls-cert-file': 'tls.certFile',
  'tls-key-file': 'tls.keyFile',
  'tls-key-file-pass': 'tls.keyPassword',
  'tls-ca-cert-file': 'tls.caFile',
  'tls-auth-clients': 'tls.authClients',
  'tls-auth-clients-user': 'tls.authClientsUser',
  'tls-protocols': 'tls.protocols',
  'tls-ciphers': 'tls.ciphers',
  'tls-ciphersuites': 'tls.ciphersuites',
  'tls-prefer-server-ciphers': 'tls.preferServerCiphers',
  'tls-session-caching': 'tls.sessionCaching',
  'tls-session-cache-timeout': 'tls.sessionCacheTimeoutMs',
  masterauth: 'backend.password',
  masteruser: 'backend.username',
  primaryauth: 'backend.password',
  primaryuser: 'backend.username',
}

/** Why no server lets a setting be changed while it runs; undefined when it does. */
export function neverSet(name: string): string | undefined {
  if (PROTECTED.has(name)) return "can't set protected config"
  return IMMUTABLE.has(name) ? "can't set immutable config" : undefined
}

/** Why a setting of the members is not set to this value; undefined when it is, or when they are asked. */
export function refusedOfMembers(name: string, value: string): string | undefined {
  const refused = OF_MEMBERS[name]
  if (refused !== undefined) return value.toLowerCase() === refused.fits ? undefined : nothing(refused.why)
  if (ANNOUNCED.test(name)) return nothing(PLACE)
  return name.startsWith('tls-') ? nothing(TLS_OF_MEMBERS) : undefined
}

/** Why a setting of the proxy is not set while it runs. */
export function refusedOfProxy(name: string): string {
  const own = OF_THE_START[name]
  if (own === undefined) return nothing('the proxy has it so, and nothing else')
  return nothing(`it is ${own} among the settings of the proxy, which it reads when it starts`)
}

function nothing(why: string): string {
  return `${why}; nothing was set`
}
