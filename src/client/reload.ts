import { UserError } from '../base/user-error.js'
import type { Config } from '../config/config.js'
import { endSessionsOf, rightsChanged } from './rules.js'
import type { Server } from './server.js'

/** What of the server is touched here. */
type Needs = Pick<Server, 'acl' | 'cachedKeys' | 'clients' | 'config' | 'log' | 'pushLimits' | 'source' | 'tls'>

/** What came of reading the settings, the ACL file and the certificates anew. */
export interface Reloaded {
  /** What counts from now on: names of settings, `acl.file`, `tls`. */
  readonly changed: readonly string[]
  /** Settings that are others in the file than the process runs with, and count from the next start on. */
  readonly needRestart: readonly string[]
}

/** The settings that can be changed while the proxy runs; all others are decided when it starts. */
const LIVE: ReadonlySet<string> = new Set([
  ...['listen.keepAliveSeconds', 'listen.protectedMode', 'log.level'],
  ...[
    ...[
      'maxClients',
      'maxClientsPerAddress',
      'clientMemoryBytes',
      'queryBufferBytes',
      'maxBulkBytes',
      'outstandingCommands',
    ],
    ...['outputBufferHardBytes', 'outputBufferSoftBytes', 'outputBufferSoftMs', 'outputBufferPauseBytes'],
    ...['pushBufferHardBytes', 'pushBufferSoftBytes', 'pushBufferSoftMs', 'trackedKeys'],
    ...['idleTimeoutMs', 'loginTimeoutMs', 'commandTimeoutMs', 'drainTimeoutMs'],
  ].map((name) => `limits.${name}`),
])

/**
 * Reads the settings anew, and the ACL file, and the certificates. Only what has changed where they come from is set: what CONFIG SET
 * has changed stays, unless the file says something new of it. What is wrong changes nothing: of the settings, of the users, of
 * the certificate, each as a whole.
 *
 * @throws UserError what was wrong, what of the rest has changed, and what needs a restart
 */
export function reload(server: Needs): Reloaded {
  const { source, log } = server
  const next = source.read()
  const changed = differences(source.last, next).filter((name) => LIVE.has(name))
  const needRestart = differences(source.first, next).filter((name) => !LIVE.has(name))
  apply(server, next, changed)
  source.last = next
  const faults = [reloadUsers(server, changed), reloadCertificates(server, changed)].filter(
    (fault) => fault !== undefined,
  )
  if (faults.length > 0) {
    const done = changed.length === 0 ? 'nothing has changed' : `changed: ${changed.join(', ')}`
    const later = needRestart.length === 0 ? '' : `; these count from the next start on: ${needRestart.join(', ')}`
    throw new UserError(`${faults.join('; ')}; ${done}${later}`)
  }
  log.info({ event: 'settings-read', changed, needRestart }, 'the settings have been read anew')
  return { changed, needRestart }
}

/** The same, for SIGHUP, whose sender reads the log. */
export function reloadOrLog(server: Needs): void {
  try {
    reload(server)
  } catch (failure) {
    if (!(failure instanceof UserError)) throw failure
    server.log.error({ event: 'settings-wrong' }, `the settings were read anew, and are not right: ${failure.message}`)
  }
}

/** The names of the settings that two do not have in common. */
function differences(before: Config, after: Config): string[] {
  return Object.entries(after).flatMap(([section, settings]) => {
    const old = before[section as keyof Config] as Readonly<Record<string, unknown>>
    const names = new Set([...Object.keys(old), ...Object.keys(settings)])
    const of = settings as Readonly<Record<string, unknown>>
    return [...names]
      .filter((name) => JSON.stringify(old[name]) !== JSON.stringify(of[name]))
      .map((name) => `${section}.${name}`)
  })
}

function apply(server: Needs, next: Config, changed: readonly string[]): void {
  const { config, pushLimits, cachedKeys, log } = server
  for (const setting of changed) {
    const [section, name] = setting.split('.') as ['listen' | 'limits' | 'log', string]
    Object.assign(config[section], { [name]: (next[section] as Readonly<Record<string, unknown>>)[name] })
  }
  const { limits } = next
  if (changed.some((name) => name.startsWith('limits.pushBuffer'))) {
    const { pushBufferHardBytes, pushBufferSoftBytes, pushBufferSoftMs } = limits
    Object.assign(pushLimits, {
      hardBytes: pushBufferHardBytes,
      softBytes: pushBufferSoftBytes,
      softMs: pushBufferSoftMs,
    })
  }
  if (changed.includes('limits.trackedKeys')) cachedKeys.keysMax = limits.trackedKeys
  if (changed.includes('log.level')) log.level = next.log.level
}

/** As ACL LOAD; what is wrong, if anything is. */
function reloadUsers(server: Needs, changed: string[]): string | undefined {
  const { acl } = server
  if (acl.file === undefined) return undefined
  const loaded = acl.load()
  if (typeof loaded === 'string') return `the ACL file is not right, and no user has changed: ${loaded.trim()}`
  for (const user of loaded.gone) endSessionsOf(server, user, undefined)
  for (const user of loaded.changed) rightsChanged(server, user, undefined)
  if (loaded.gone.length + loaded.changed.length > 0) changed.push('acl.file')
  return undefined
}

function reloadCertificates({ tls }: Needs, changed: string[]): string | undefined {
  const all = tls.reload()
  if (all.some((each) => each.changed)) changed.push('tls')
  const faults = all.flatMap((each) => ('fault' in each ? [each.fault] : []))
  return faults.length === 0 ? undefined : `certificates that are not right stay as they were: ${faults.join('; ')}`
}
