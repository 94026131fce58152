import { lowerWord } from '../../base/ascii.js'
import { formatKeyspaceFlags, parseKeyspaceFlags } from '../../channels/keyspace-flags.js'
import { error, type Reply, simple } from '../../resp/encode.js'
import type { Server } from '../server.js'
import { cString, SYNTAX_ERROR } from './arguments.js'
import { isGlob, memberSettings } from './member-settings.js'

/** A value that is right: sets it; or what is wrong with it. */
type Checked = (() => void) | string

/** Settings of the proxy that can be changed while it runs. */
const SETTINGS: Readonly<Record<string, (server: Server, value: string) => Checked>> = {
  'notify-keyspace-events': ({ keyspaceEvents }, value) => {
    const flags = parseKeyspaceFlags(value)
    if (flags === undefined) return "Invalid event class character. Use 'Ag$lshzxeKEtmdn'."
    return () => {
      keyspaceEvents.flags = flags
    }
  },

  'client-output-buffer-limit': (server, value) => bufferLimits(server, value),
}

/**
 * CONFIG SET name value …: all of them or none [Redis config.c configSetCommand]. What the members have, and what cannot be changed
 * while the proxy runs, is refused.
 */
export async function configSet(server: Server, args: readonly Buffer[]): Promise<Reply> {
  if (args.length % 2 !== 0) return SYNTAX_ERROR
  const names = args
    .filter((_, i) => i % 2 === 0)
    .slice(1)
    .map(cString)
  const seen = new Set<string>()
  for (const bytes of names) {
    const name = lowerWord(bytes)
    if (SETTINGS[name] === undefined && !(await isSetting(server, bytes))) {
      return error(
        Buffer.concat([
          Buffer.from("ERR Unknown option or number of arguments for CONFIG SET - '"),
          bytes,
          Buffer.from("'"),
        ]),
      )
    }
    if (seen.has(name)) return failed(name, 'duplicate parameter')
    seen.add(name)
  }
  const changes: (() => void)[] = []
  for (const [i, bytes] of names.entries()) {
    const name = lowerWord(bytes)
    const check = SETTINGS[name]
    if (check === undefined) {
      return error(`ERR 'config|set' is not supported yet by this proxy for ${name}; nothing was set`)
    }
    const checked = check(server, args[3 + 2 * i].toString('latin1'))
    if (typeof checked === 'string') return failed(name, checked)
    changes.push(checked)
  }
  for (const change of changes) change()
  return simple('OK')
}

/** What `client-output-buffer-limit` and `notify-keyspace-events` are now, as CONFIG GET shows them. */
export function changeableSettings({ config, pushLimits, keyspaceEvents }: Server): Record<string, string> {
  const hard = config.limits.outputBufferHardBytes
  const { hardBytes, softBytes, softMs } = pushLimits
  return {
    'client-output-buffer-limit': `normal ${hard} 0 0 slave ${hard} 0 0 pubsub ${hardBytes} ${softBytes} ${Math.ceil(softMs / 1000)}`,
    'notify-keyspace-events': formatKeyspaceFlags(keyspaceEvents.flags),
  }
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1024,
  m: 1000 ** 2,
  mb: 1024 ** 2,
  g: 1000 ** 3,
  gb: 1024 ** 3,
}

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

function bytesIn(word: string): number | undefined {
  const [, digits, unit] = /^(\d+)([a-z]*)$/i.exec(word) ?? []
  const factor = unit === undefined ? undefined : UNITS[unit.toLowerCase()]
  return factor === undefined ? undefined : Number(digits) * factor
}

function failed(name: string, why: string): Reply {
  return error(`ERR CONFIG SET failed (possibly related to argument '${name}') - ${why}`)
}

/** Whether a member knows a setting of this name; where nobody answers it is taken for one. */
async function isSetting(server: Server, name: Buffer): Promise<boolean> {
  const found = isGlob(name) ? [] : await memberSettings(server, [name])
  return found === undefined || found.length > 0
}
