import { formatKeyspaceFlags, parseKeyspaceFlags } from '../../../channels/keyspace-flags.js'
import { maxClients, openFilesMax, reservedFiles } from '../../max-clients.js'
import type { Server } from '../../server.js'
import { bytesIn, INT_MAX, LONG_MAX, memoryIn, UINT_MAX, wholeIn, wordIn, yesOrNo } from './values.js'

/** A value that is right: sets it; or what is wrong with it. */
export type Checked = (() => void) | string

/** A setting of the proxy that can be changed while it runs. */
interface Changeable {
  /** As CONFIG GET shows it. */
  readonly shown: (server: Server) => string
  readonly check: (server: Server, value: string) => Checked
}

const MEGABYTE = 1024n ** 2n

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
  shown: (server: Server) => number,
  read: (value: string) => number | string,
  set: (server: Server, value: number) => void,
): Changeable {
  return {
    shown: (server) => String(shown(server)),
    check: (server, value) => {
      const parsed = read(value)
      return typeof parsed === 'string' ? parsed : () => set(server, parsed)
    },
  }
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

    'client-output-buffer-limit': {
      shown: ({ config, pushLimits }) => {
        const hard = config.limits.outputBufferHardBytes
        const { hardBytes, softBytes, softMs } = pushLimits
        return `normal ${hard} 0 0 slave ${hard} 0 0 pubsub ${hardBytes} ${softBytes} ${Math.ceil(softMs / 1000)}`
      },
      check: bufferLimits,
    },

    'tracking-table-max-keys': number(
      ({ cachedKeys }) => (cachedKeys.keysMax === Number.POSITIVE_INFINITY ? 0 : cachedKeys.keysMax),
      (value) => wholeIn(value, 0n, LONG_MAX),
      ({ cachedKeys }, keys) => {
        cachedKeys.keysMax = keys || Number.POSITIVE_INFINITY
      },
    ),

    'notify-keyspace-events': {
      shown: ({ keyspaceEvents }) => formatKeyspaceFlags(keyspaceEvents.flags),
      check: ({ keyspaceEvents }, value) => {
        const flags = parseKeyspaceFlags(value)
        if (flags === undefined) return "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."
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

/** `class hard soft seconds …`: that of clients that listen; of the others the proxy has its own. */
function bufferLimits({ pushLimits, config }: Server, value: string): Checked {
  const words = value.trim() === '' ? [] : value.trim().split(/\s+/)
  if (words.length % 4 !== 0) return 'Wrong number of arguments in buffer limit configuration.'
  const changes: (() => void)[] = []
  for (let i = 0; i < words.length; i += 4) {
    const kind = words[i].toLowerCase()
    if (!['normal', 'slave', 'replica', 'pubsub'].includes(kind)) {
      return 'Invalid client class specified in buffer limit configuration.'
    }
    const [hardBytes, softBytes] = [bytesIn(words[i + 1]), bytesIn(words[i + 2])]
    const seconds = /^\d+$/.test(words[i + 3]) ? Number(words[i + 3]) : undefined
    if (hardBytes === undefined || softBytes === undefined || seconds === undefined) {
      return 'Error in hard, soft or soft_seconds setting in buffer limit configuration.'
    }
    const hasThat = hardBytes === config.limits.outputBufferHardBytes && softBytes === 0
    if (kind === 'pubsub')
      changes.push(() => Object.assign(pushLimits, { hardBytes, softBytes, softMs: seconds * 1000 }))
    else if (!hasThat) return `this proxy has its own limits for the class ${kind}, see limits.outputBufferHardBytes`
  }
  return () => {
    for (const change of changes) change()
  }
}
