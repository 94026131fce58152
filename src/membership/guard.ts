import { cannotTake, type ServerKind } from '../backend/server-kind.js'
import { isBehind, type Taken } from './heartbeats.js'
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

/** What it holds does not count, and nobody else holds it. */
export const LAST_HOLDER: Refusal = {
  reason:
    'it came back without the data of ranges that nobody else has who is there; ' +
    'it joins when somebody has, and a start of the proxy with --accept-epoch goes on without them',
  wipeable: false,
}

/** Its view may have been acknowledged, and the ring has gone on without it: what it holds is neither used nor thrown away. */
export const STRAY: Refusal = {
  reason: 'it has a later view of an earlier owner than the one that the ring went on from',
  wipeable: true,
}

/** For the log, when such a server is found while the ring is served. */
export function strayFound(name: string, epoch: number): string {
  return (
    `${name} has epoch ${epoch} of an earlier owner, which may have been acknowledged, and this ring has gone on without ` +
    'it: nothing is served any more; the next start says what can be done'
  )
}

/** How long what the operator said for a start is meant, in ms, if the ring is served before. */
const START_MS = 300_000

/**
 * Whether that is still the start: --wipe was said with a look at the servers that were there. Who comes months later with something
 * that does not belong to the ring is refused.
 */
export function isStart(isServing: boolean, sinceMs: number): boolean {
  return !isServing || performance.now() - sinceMs < START_MS
}

/** Another server that is known; `runId` only while its link is up, or about to come up. */
export interface OtherServer {
  readonly name: string
  readonly runId: string | undefined
}

/**
 * Why a server may not become a member, or undefined when it may [design §8 Join, Guard]: it may hold what somebody
 * else needs, or be a member already under another name. `others` are all servers that are known; the server itself may
 * be among them.
 */
export function refusalOf(
  { name, runId, keys, marks }: FoundServer,
  ringId: string,
  others: readonly OtherServer[],
): Refusal | undefined {
  const { marker, owner, generations } = marks
  const twin = others.find((other) => other.name !== name && other.runId === runId)
  if (twin !== undefined && isFirst(twin.name, name, marks)) {
    return { reason: `it is the same server as ${twin.name}`, wipeable: false }
  }
  if (marks.unreadable !== '') return { reason: `its marker cannot be used: ${marks.unreadable}`, wipeable: true }
  const ring = marker?.ringId ?? owner?.ringId ?? generations[0]?.ringId
  if (ring !== undefined && ring !== ringId) return { reason: `it belongs to the ring ${ring}`, wipeable: true }
  if (marker !== undefined && marker.member !== name) {
    const inUse = others.find((other) => other.name === marker.member)
    // What a replica takes over, its master has.
    if (inUse?.runId !== undefined && inUse.runId === marker.runId && runId !== marker.runId) {
      return { reason: `it has a copy of what ${marker.member} has, made by REPLICAOF or of its files`, wipeable: true }
    }
    return { reason: otherName(marker.member), wipeable: inUse === undefined }
  }
  if (marker === undefined && keys > 0) {
    return { reason: `it holds ${keys} keys and no marker of the ring ${ringId}`, wipeable: true }
  }
  return undefined
}

/**
 * Why a server is not used because of the number of its databases, or undefined. Keys in a database that it does not have
 * could not be copied to it, and clients could not use that database any more. `ring` is what the others have.
 */
export function tooFewDatabases(databases: number, ring: number): Refusal | undefined {
  if (databases >= ring) return undefined
  return { reason: `it has ${databases} databases, and the ring has ${ring}`, wipeable: false }
}

/**
 * Why a server that is to become a member cannot take what the ring may hold, or undefined: a newcomer must not be older
 * than those that are there. Newer ones come in while a ring is upgraded, server by server.
 */
export function tooOld(newcomer: ServerKind, ring: readonly { name: string; kind: ServerKind }[]): Refusal | undefined {
  for (const { name, kind } of ring) {
    const reason = cannotTake(newcomer, kind)
    if (reason !== undefined) return { reason: `${reason}, as ${name} is`, wipeable: false }
  }
  return undefined
}

/** What is known of a server as it was before. */
export interface Before extends Taken {
  /** The process that it was, as far as it is known. */
  readonly runId: string | undefined
  /** It was found without a marker and has answered none since: nothing that was written to it can have been acknowledged. */
  readonly isNew?: boolean
}

/**
 * Whether a server came back without all that was written to it before: with an older data set or, as another process, with
 * nothing.
 */
export function cameBackWithLess({ runId, marks }: FoundServer, before: Before): boolean {
  const { marker, owner } = marks
  if (before.isNew === true) return false
  if (isBehind(marks, before)) return true
  if (runId === (before.runId ?? marker?.runId)) return false
  return marker === undefined || (owner?.heartbeat ?? 0) < before.heartbeat
}

/** What the operator may do who does not need what a server holds that is refused for it. */
export function howToEmpty(server: { readonly host: string; readonly port: number } | undefined): string {
  const cli = server === undefined ? 'redis-cli' : `redis-cli -h ${server.host} -p ${server.port}`
  return `if nobody needs that, empty it, and it joins: ${cli} FUNCTION FLUSH, then ${cli} FLUSHALL (a start with --wipe does so, too)`
}

const otherName = (member: string) => `it is ${member} of this ring, which is known under that name only`
const OTHER_NAME = new RegExp(otherName('(\\S+)'))

/** Whose data a server has that is refused for this reason under its own name; undefined when that is not the reason. */
export function otherNameIn(reason: string): string | undefined {
  return OTHER_NAME.exec(reason)?.[1]
}

/** Of two names for one server the one that its marker says is used, else the first. */
function isFirst(other: string, name: string, { marker }: Marks): boolean {
  if (marker !== undefined && (marker.member === other || marker.member === name)) return marker.member === other
  return other < name
}
