/** The oldest server with function libraries, in which the ring keeps its marks. */
const OLDEST_MAJOR = 7

/**
 * Why a server cannot be a member as it is, or undefined: as the end of a sentence that begins with its name.
 *
 * @param fields those of its INFO
 */
export function unfit(fields: ReadonlyMap<string, string>): string | undefined {
  const mode = fields.get('redis_mode') ?? fields.get('server_mode')
  if (mode === 'sentinel') return 'it is a Sentinel, a member must be a Redis server'
  if (fields.has('dt_version')) return 'it is a proxy of this kind, a member must be a Redis server'
  const version = fields.get('redis_version') ?? ''
  if (Number.parseInt(version, 10) < OLDEST_MAJOR) return `it is Redis ${version}, a member must be 7.0 or newer`
  if (mode === 'cluster' || fields.get('cluster_enabled') === '1') {
    return 'it runs in cluster mode and would refuse keys: set cluster-enabled to no'
  }
  const role = fields.get('role')
  if (role !== 'master') return `it is a ${role ?? 'server of unknown role'}, a member must be a master`
  if (fields.get('loading') === '1') return 'it is loading its data'
  return undefined
}

/**
 * The same of its settings.
 *
 * @param policy its maxmemory-policy, as far as it is known
 */
export function unfitPolicy(policy: string | undefined): string | undefined {
  if (policy === undefined || policy === 'noeviction') return undefined
  return `its maxmemory-policy is ${policy}: it would drop keys by itself, set it to noeviction`
}
