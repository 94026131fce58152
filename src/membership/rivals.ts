/** A connection of a proxy of this ring, as CLIENT LIST of a member tells it. */
export interface ProxyConnection {
  /** The connection's id on that member: a smaller one is older. */
  readonly id: number
  /** `host:port` from which it comes. */
  readonly address: string
  readonly run: string
  /** Whole seconds since something was read from it or written to it. */
  readonly idleSeconds: number
}

/**
 * An owner writes to each of its members every second. One that has been silent for this long has crashed with its
 * machine, or is stopped: to take over from it needs no operator, and should it wake it is shut out.
 */
const SILENT_SECONDS = 5
/** How long one that was heard of just now is watched: the last bytes of a killed process may still be read. */
const WATCH_MS = 2000

/** A connection of another run. */
export type Rival = ProxyConnection

/**
 * The connections in a reply of CLIENT LIST that belong to proxies of the ring, but for the one that asks.
 *
 * @param ownId its id on that member
 */
export function othersIn(clientList: string, ringId: string, ownId: number): ProxyConnection[] {
  const prefix = `dt:${ringId}:`
  return clientList.split('\n').flatMap((line) => {
    const fields = new Map(line.split(' ').map((field) => split(field)))
    const name = fields.get('name') ?? ''
    const id = Number(fields.get('id'))
    if (!name.startsWith(prefix) || id === ownId) return []
    const [address, idle] = [fields.get('addr'), fields.get('idle')]
    return [{ id, address: address ?? '', run: name.slice(prefix.length), idleSeconds: Number(idle ?? 0) }]
  })
}

/** What to do about the rivals that a start finds, after having watched them for `watchedMs`. */
export function judgeRivals(rivals: readonly Rival[], watchedMs: number): 'go on' | 'watch' | 'yield' {
  const live = rivals.filter(({ idleSeconds }) => idleSeconds < SILENT_SECONDS)
  if (live.length === 0) return 'go on'
  return watchedMs >= WATCH_MS && live.some(({ idleSeconds }) => idleSeconds <= 1) ? 'yield' : 'watch'
}

/** What one look at the servers shows of the run that is noted on them as their owner. */
export interface OwnerSeen {
  /** Servers that the Sentinels know and do not agree to be down, and those that have answered. */
  readonly expected: number
  readonly answered: number
  /** Its connections, and its successor's: those of other runs are nobody's owner's, as of others that stand by. */
  readonly connections: readonly ProxyConnection[]
  /** It has stopped in order, and left the ring to nobody else. */
  readonly clean: boolean
}

/** An owner whose connections broke makes them anew in this time. */
const GONE_MS = 1000

/**
 * Whether one that stands by goes on in place of the owner, of whom nothing was seen for `unseenMs`. Not where it reaches no
 * more than half of the servers: it could not serve, and the owner may be at the others.
 */
export function judgeOwner(seen: OwnerSeen, unseenMs: number): 'go on' | 'stand by' {
  const { expected, answered, connections, clean } = seen
  if (answered * 2 <= expected) return 'stand by'
  if (connections.some(({ idleSeconds }) => idleSeconds < SILENT_SECONDS)) return 'stand by'
  return connections.length > 0 || clean || unseenMs >= GONE_MS ? 'go on' : 'stand by'
}

/** So long one that stands by leaves it to another one to go on. */
const BEFORE_US_MS = 1000

/**
 * Whether of those that stand by this one goes on, where that has been possible for `sinceMs`: the first in the order of their runs, so that
 * not two begin, of which one would be shut out and end; another one when the first does not for a while.
 */
export function isNext(others: readonly ProxyConnection[], run: string, sinceMs: number): boolean {
  return sinceMs >= BEFORE_US_MS || !others.some((other) => other.run < run && other.idleSeconds < SILENT_SECONDS)
}

function split(field: string): [string, string] {
  const equals = field.indexOf('=')
  return [field.slice(0, equals), field.slice(equals + 1)]
}
