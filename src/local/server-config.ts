import { createHash } from 'node:crypto'

/** A path or other value as redis.conf wants it: within quotes [Redis sds.c sdssplitargs]. */
function quoted(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}

const header = '# Written by `dt up` at each start: changes are lost.'

/** Memory is freed in the background: no server stands still while it deletes a large value [design §5 Links]. */
const LAZY_FREE = ['eviction', 'expire', 'server-del', 'user-del', 'user-flush'].map((of) => `lazyfree-lazy-${of} yes`)

/** The redis.conf of a member: everything on disk within a second, nothing thrown away when memory is short. */
export function memberConfig(member: { dir: string; port: number }, more: readonly string[]): string {
  return [
    header,
    'bind 127.0.0.1',
    `port ${member.port}`,
    `dir ${quoted(member.dir)}`,
    'appendonly yes',
    'appendfsync everysec',
    'save ""',
    'maxmemory-policy noeviction',
    ...LAZY_FREE,
    ...more,
    '',
  ].join('\n')
}

interface Sentinel {
  readonly dir: string
  readonly port: number
}

export interface SentinelSettings {
  readonly members: readonly { name: string; host: string; port: number }[]
  readonly sentinels: readonly Sentinel[]
  readonly quorum: number
  readonly downAfterMs: number
}

/** 40 hexadecimal digits: the same at every start, and other ones for the Sentinels of other rings. */
function sentinelId(sentinel: Sentinel): string {
  return createHash('sha1').update(sentinel.dir).digest('hex')
}

/**
 * The configuration of one of the Sentinels. They would find each other through the members within some seconds; being
 * told (`known-sentinel`, as Sentinel notes it itself) they have their quorum from the first moment.
 */
export function sentinelConfig(self: Sentinel, settings: SentinelSettings): string {
  const { members, sentinels, quorum, downAfterMs } = settings
  const others = sentinels.filter(({ port }) => port !== self.port)
  return [
    header,
    'bind 127.0.0.1',
    `port ${self.port}`,
    `dir ${quoted(self.dir)}`,
    `sentinel myid ${sentinelId(self)}`,
    ...members.flatMap(({ name, host, port }) => [
      `sentinel monitor ${name} ${host} ${port} ${quorum}`,
      `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
      ...others.map((other) => `sentinel known-sentinel ${name} 127.0.0.1 ${other.port} ${sentinelId(other)}`),
    ]),
    '',
  ].join('\n')
}
