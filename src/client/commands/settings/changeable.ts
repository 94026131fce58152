import { formatKeyspaceFlags, parseKeyspaceFlags } from '../../../channels/keyspace-flags.js'
import { maxClients, openFilesMax, reservedFiles } from '../../max-clients.js'
import { offers } from '../../ring-version.js'
import type { Server } from '../../server.js'
import { BUFFER_LIMITS } from './buffer-limits.js'
import type { Changeable, Settable } from './change.js'
import { PASSWORD } from './password.js'
import { bytesIn, INT_MAX, LONG_MAX, memoryIn, UINT_MAX, wholeIn, wordIn, yesOrNo } from './values.js'

const MEGABYTE = 1024n ** 2n
const MAX_BULK_BYTES = 512 * 1024 ** 2

const LOG_LEVELS = { debug: 'trace', verbose: 'debug', notice: 'info', warning: 'warn' } as const
const LOG_LEVEL_NAMES = ['debug', 'verbose', 'notice', 'warning'] as const
/** Of our levels by the words of redis.conf. */
const SHOWN_LEVELS: Readonly<Record<Server['config']['log']['level'], string>> = {
  trace: 'debug',
  debug: 'verbose',
  info: 'notice',
  warn: 'warning',
  error: 'warning',
  fatal: 'warning',
  silent: 'warning',
}

/** A setting that is one number. */
function number(
  shown: (server: Settable) => number,
  read: (value: string) => number | string,
  set: (server: Settable, value: number) => void,
): Changeable {
  return {
    shown: (server) => String(shown(server)),
    check: (server, value) => {
      const parsed = read(value)
      return typeof parsed === 'string' ? parsed : () => set(server, parsed)
    },
  }
}

/** One of the limits that is a number without a unit. */
function limit(
  name: 'outstandingCommands' | 'loginTimeoutMs' | 'commandTimeoutMs' | 'maxClientsPerAddress',
  min: bigint,
) {
  return number(
    ({ config }) => config.limits[name],
    (value) => wholeIn(value, min, INT_MAX),
    ({ config }, value) => {
      config.limits[name] = value
    },
  )
}

/** By their names in redis.conf. */
export const CHANGEABLE: ReadonlyMap<string, Changeable> = new Map(
  Object.entries<Changeable>({
    timeout: number(
      ({ config }) => Math.ceil(config.limits.idleTimeoutMs / 1000),
      (value) => wholeIn(value, 0n, INT_MAX),
      ({ config }, seconds) => {
        config.limits.idleTimeoutMs = seconds * 1000
      },
    ),

    maxclients: {
      shown: (server) => String(maxClients(server)),
      check: (server, value) => {
        const most = wholeIn(value, 1n, UINT_MAX)
        if (typeof most === 'string') return most
        const possible = openFilesMax - reservedFiles(server)
        if (most > possible) {
          return `The operating system is not able to handle the specified number of clients, try with ${possible}`
        }
        return () => {
          server.config.limits.maxClients = most
        }
      },
    },

    'protected-mode': {
      shown: ({ config }) => config.listen.protectedMode,
      check: ({ config }, value) => {
        const answer = yesOrNo(value)
        if (answer === undefined) return "argument must be 'yes' or 'no'"
        return () => {
          config.listen.protectedMode = answer
        }
      },
    },

    requirepass: PASSWORD,

    'tcp-keepalive': number(
      ({ config }) => config.listen.keepAliveSeconds,
      (value) => wholeIn(value, 0n, INT_MAX),
      ({ config }, seconds) => {
        config.listen.keepAliveSeconds = seconds
      },
    ),

    'client-query-buffer-limit': number(
      ({ config }) => config.limits.queryBufferBytes,
      (value) => memoryIn(value, MEGABYTE, LONG_MAX),
      ({ config }, bytes) => {
        config.limits.queryBufferBytes = bytes
      },
    ),

    'client-output-buffer-limit': BUFFER_LIMITS,

    'maxmemory-clients': {
      shown: ({ config }) => String(config.limits.clientMemoryBytes),
      check: ({ config }, value) => {
        const bytes = bytesIn(value)
        if (/^\d+%$/.test(value))
          return 'the proxy has no maxmemory of which this could be a part: give bytes; nothing was set'
        if (bytes === undefined) return 'argument must be a memory or percent value'
        return () => {
          config.limits.clientMemoryBytes = bytes
        }
      },
    },

    'proto-max-bulk-len': {
      shown: ({ config }) => String(config.limits.maxBulkBytes),
      check: ({ config }, value) => {
        const bytes = memoryIn(value, MEGABYTE, LONG_MAX)
        if (typeof bytes === 'string') return bytes
        if (bytes > MAX_BULK_BYTES) return 'no argument is longer than 512mb here; nothing was set'
        return () => {
          config.limits.maxBulkBytes = bytes
        }
      },
    },

    // Those that Redis does not have.
    'dt-outstanding-commands': limit('outstandingCommands', 1n),
    'dt-login-timeout-ms': limit('loginTimeoutMs', 0n),
    'dt-command-timeout-ms': limit('commandTimeoutMs', 0n),
    'dt-maxclients-per-address': limit('maxClientsPerAddress', 0n),

    'tracking-table-max-keys': number(
      ({ cachedKeys }) => (cachedKeys.keysMax === Number.POSITIVE_INFINITY ? 0 : cachedKeys.keysMax),
      (value) => wholeIn(value, 0n, LONG_MAX),
      ({ cachedKeys }, keys) => {
        cachedKeys.keysMax = keys || Number.POSITIVE_INFINITY
      },
    ),

    'notify-keyspace-events': {
      shown: ({ keyspaceEvents }) => formatKeyspaceFlags(keyspaceEvents.flags),
      check: (server, value) => {
        const { keyspaceEvents } = server
        const isNewer = offers(server, 'keyspace events of values that are replaced')
        const flags = parseKeyspaceFlags(value, isNewer)
        if (flags === undefined) return `Invalid event class character. Use 'Ag$lshzxeKEtmdn${isNewer ? 'oc' : ''}'.`
        return () => {
          keyspaceEvents.flags = flags
        }
      },
    },

    loglevel: {
      shown: ({ config }) => SHOWN_LEVELS[config.log.level],
      check: ({ config, log }, value) => {
        const level = wordIn(value, LOG_LEVEL_NAMES)
        if (typeof level === 'string') return level
        return () => {
          config.log.level = LOG_LEVELS[level.word]
          log.level = config.log.level
        }
      },
    },

    'slowlog-log-slower-than': number(
      ({ slowLog }) => slowLog.slowerThanUs,
      (value) => wholeIn(value, -1n, LONG_MAX),
      ({ slowLog }, us) => {
        slowLog.slowerThanUs = us
      },
    ),

    'latency-monitor-threshold': {
      ...number(
        ({ slowLog }) => slowLog.latencyThresholdMs,
        (value) => wholeIn(value, 0n, LONG_MAX),
        ({ slowLog }, ms) => {
          slowLog.latencyThresholdMs = ms
        },
      ),
      isOfMembersToo: true,
    },

    'acllog-max-len': number(
      ({ acl }) => acl.log.max,
      (value) => wholeIn(value, 0n, LONG_MAX),
      ({ acl }, entries) => {
        acl.log.max = entries
      },
    ),

    'acl-pubsub-default': {
      shown: ({ acl }) => (acl.defaults.allChannels ? 'allchannels' : 'resetchannels'),
      check: ({ acl }, value) => {
        const chosen = wordIn(value, ['allchannels', 'resetchannels'])
        if (typeof chosen === 'string') return chosen
        return () => {
          acl.defaults.allChannels = chosen.word === 'allchannels'
        }
      },
    },

    'slowlog-max-len': number(
      ({ slowLog }) => slowLog.entriesMax,
      (value) => wholeIn(value, 0n, LONG_MAX),
      ({ slowLog }, entries) => {
        slowLog.entriesMax = entries
      },
    ),
  }),
)
