import type { Marks } from './marker.js'

/** A server as it was found when its link came up. */
export interface FoundServer {
  readonly name: string
  readonly runId: string
  /** Number of keys in all its databases. */
  readonly keys: number
  readonly marks: Marks
}

export interface Refusal {
  /** Why it is not used, as the end of a sentence that begins with its name. */
  readonly reason: string
  /** Whether the operator may have it emptied: not where that would destroy what this ring has. */
  readonly wipeable: boolean
}

/**
 * Why a server may not become a member, or undefined when it may [design §8 Join, Guard]: it may hold what somebody
 * else needs, or be a member already under another name. `others` are the other servers whose links are up.
 */
export function refusalOf(
  server: FoundServer,
  ringId: string,
  others: readonly Pick<FoundServer, 'name' | 'runId' | 'marks'>[],
): Refusal | undefined {
  const { name, runId, keys, marks } = server
  const { marker, owner } = marks
  const twin = others.find((other) => other.name !== name && other.runId === runId && precedes(other, server))
  if (twin !== undefined) return { reason: `it is the same server as ${twin.name}`, wipeable: false }
  if (marks.unreadable !== '') return { reason: `its marker cannot be used: ${marks.unreadable}`, wipeable: true }
  const ring = marker?.ringId ?? owner?.ringId
  if (ring !== undefined && ring !== ringId) return { reason: `it belongs to the ring ${ring}`, wipeable: true }
  if (marker !== undefined && marker.member !== name) {
    const inUse = others.some((other) => other.name === marker.member)
    return { reason: `it is ${marker.member} of this ring, which is known under that name only`, wipeable: !inUse }
  }
  if (marker === undefined && keys > 0) {
    return { reason: `it holds ${keys} keys and no marker of the ring ${ringId}`, wipeable: true }
  }
  return undefined
}

/** Of two names for one server the one that its marker says is used, else the first. */
function precedes(a: Pick<FoundServer, 'name' | 'marks'>, b: FoundServer): boolean {
  const { marker } = b.marks
  if (marker !== undefined && (marker.member === a.name || marker.member === b.name)) return marker.member === a.name
  return a.name < b.name
}
