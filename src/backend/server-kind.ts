import type { Reply } from '../resp/encode.js'

/** What program a server is: what decides which values it can be given. */
export interface ServerKind {
  /** `Redis`, or `Valkey`. */
  readonly product: string
  /** Its own version: every Valkey also says of itself that it is a Redis 7.2.4. */
  readonly version: string
  /** What stands in the payloads of its DUMP; undefined when it was not allowed to say. */
  readonly payloadVersion: number | undefined
  /** Modules with values of their own, in order; some newer servers are built with one or two. */
  readonly modules: readonly string[]
}

/** Gives a payload without any key: its last ten bytes are those of DUMP [Redis cluster.c createDumpPayload, functions.c]. */
export const PAYLOAD_QUERY: readonly string[] = ['FUNCTION', 'DUMP']

const FOOTER_BYTES = 10
/** From here on Valkey counts by itself: it takes what Redis wrote before the two parted, and none of Redis's later ones. */
const VALKEY_PAYLOADS_FROM = 80
const LAST_COMMON_PAYLOAD = 11
/** Modules that bring no type of values: Valkey 9.1 has its Lua in one. */
const WITHOUT_VALUES = ['lua']

/**
 * @param info the text of INFO
 * @param payload the reply to `PAYLOAD_QUERY`
 */
export function kindOf(info: string, payload: Reply): ServerKind {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1]
  const isValkey = field('server_name') === 'valkey'
  return {
    product: isValkey ? 'Valkey' : 'Redis',
    version: (isValkey ? field('valkey_version') : undefined) ?? field('redis_version') ?? '',
    payloadVersion:
      Buffer.isBuffer(payload) && payload.length >= FOOTER_BYTES
        ? payload.readUInt16LE(payload.length - FOOTER_BYTES)
        : undefined,
    modules: [...info.matchAll(/^module:name=([^,\r\n]+)/gm)]
      .map(([, name]) => name)
      .filter((name) => !WITHOUT_VALUES.includes(name))
      .sort(),
  }
}

/** `Redis 7.0.15` */
export function nameOfKind({ product, version }: ServerKind): string {
  return `${product} ${version}`
}

/**
 * Why a server cannot take all values that another one may hold, or undefined [redis-facts Versions]: RESTORE refuses
 * payloads of a later version, and modules read what later ones wrote only by chance, also when the payloads have the same
 * version.
 */
export function cannotTake(target: ServerKind, source: ServerKind): string | undefined {
  const [takes, gives] = [target.payloadVersion, source.payloadVersion]
  if (takes === undefined || gives === undefined) return undefined
  if (!restores(target, source)) {
    const numbers = `payloads of version ${gives}, and it reads ${readable(takes)}`
    return `it is ${nameOfKind(target)}, which cannot take the values of ${nameOfKind(source)} (${numbers})`
  }
  const missing = source.modules.filter((module) => !target.modules.includes(module))
  if (missing.length > 0)
    return `it is ${nameOfKind(target)} without ${missing.join(', ')}, which ${nameOfKind(source)} has`
  if (source.modules.length > 0 && isOlder(target.version, source.version)) {
    return `it is ${nameOfKind(target)}, whose ${source.modules.join(', ')} cannot take all that ${nameOfKind(source)} writes`
  }
  return undefined
}

/** Whether its hashes may have fields that expire [redis-facts Versions]. */
export function expiresFields({ product, version }: ServerKind): boolean {
  return !isOlder(version, product === 'Valkey' ? '9.0' : '7.4')
}

/** Whether a server takes what DUMP of another one gives; values without modules can be copied in pieces all the same. */
export function restores(target: ServerKind, source: ServerKind): boolean {
  const [takes, gives] = [target.payloadVersion, source.payloadVersion]
  return takes === gives || takes === undefined || gives === undefined || readsPayload(takes, gives)
}

/** Whether a server takes this payload, by its version; what is too short to be one it refuses itself. */
export function takesPayload({ payloadVersion }: ServerKind, payload: Buffer): boolean {
  if (payloadVersion === undefined || payload.length < FOOTER_BYTES) return true
  return readsPayload(payloadVersion, payload.readUInt16LE(payload.length - FOOTER_BYTES))
}

function readsPayload(takes: number, gives: number): boolean {
  if (gives > takes) return false
  return takes < VALKEY_PAYLOADS_FROM || gives <= LAST_COMMON_PAYLOAD || gives >= VALKEY_PAYLOADS_FROM
}

function readable(takes: number): string {
  return takes < VALKEY_PAYLOADS_FROM
    ? `those up to ${takes}`
    : `those up to ${LAST_COMMON_PAYLOAD} and from ${VALKEY_PAYLOADS_FROM} to ${takes}`
}

/** Of two versions. */
export function isOlder(one: string, other: string): boolean {
  const [a, b] = [one, other].map((version) => version.split('.').map(Number))
  const differing = a.findIndex((number, i) => number !== (b[i] ?? 0))
  return differing >= 0 && a[differing] < (b[differing] ?? 0)
}
