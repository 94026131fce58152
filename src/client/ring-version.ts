import { isOlder, type ServerKind } from '../backend/server-kind.js'
import type { Server } from './server.js'

/** What HELLO, INFO and LOLWUT say we are. */
export interface RingVersion {
  /** `redis`, or `valkey` when all members are that. */
  readonly server: string
  /** Of that product. */
  readonly version: string
  /** As which Redis it may be used. */
  readonly redisVersion: string
}

/** Whose commands and texts we follow, and what is said while no member is known. */
export const REDIS_VERSION = '7.0.15'
/** What every Valkey says of itself to those who ask for a Redis. */
const VALKEY_AS_REDIS = '7.2.4'

/** The least of its members can do what the ring offers; the setting `commands.version` says something else. */
export function ringVersion({ config, order }: Pick<Server, 'config' | 'order'>): RingVersion {
  const kinds = order.router.links.flatMap(({ info }) => info?.kind ?? [])
  return versionOf(config.commands.version, kinds)
}

/** Later than any version. */
const NEVER = '1000000.0.0'

/** Since which version of each product clients have what the proxy answers by itself, and Redis 7.0 does not know. */
const SINCE = {
  'client|no-touch': { redis: '7.2.0', valkey: '7.2.0' },
  'libraries of clients': { redis: '7.2.0', valkey: '7.2.0' },
  'CLIENT KILL MAXAGE': { redis: '7.4.0', valkey: '8.0.0' },
  'keyspace events of values that are replaced': { redis: '8.2.0', valkey: NEVER },
  'time-outs that no clock reaches are refused': { redis: '7.2.0', valkey: '7.2.0' },
} as const

/** Whether the ring offers it, as the least of its members would. */
export function offers(ring: Pick<Server, 'config' | 'order'>, what: keyof typeof SINCE): boolean {
  const { server, version } = ringVersion(ring)
  return !isOlder(version, SINCE[what][server as 'redis' | 'valkey'])
}

/** The same of a command that the table knows: most are of Redis 7.0. */
export function offersCommand(ring: Pick<Server, 'config' | 'order'>, name: string): boolean {
  return !(name in SINCE) || offers(ring, name as keyof typeof SINCE)
}

/** @param pinned the setting */
export function versionOf(pinned: string | undefined, kinds: readonly ServerKind[]): RingVersion {
  if (pinned !== undefined) return { server: 'redis', version: pinned, redisVersion: pinned }
  if (kinds.length === 0) return { server: 'redis', version: REDIS_VERSION, redisVersion: REDIS_VERSION }
  const isValkey = kinds.every(({ product }) => product === 'Valkey')
  const redisVersion = least(kinds.map(({ product, version }) => (product === 'Valkey' ? VALKEY_AS_REDIS : version)))
  return isValkey
    ? { server: 'valkey', version: least(kinds.map(({ version }) => version)), redisVersion }
    : { server: 'redis', version: redisVersion, redisVersion }
}

function least(versions: readonly string[]): string {
  return versions.reduce((one, other) => (isOlder(other, one) ? other : one))
}
