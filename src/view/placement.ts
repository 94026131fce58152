import { Ring } from '../ring/ring.js'
import { rangeContains, rangeDifference, type TokenRange } from '../ring/token-range.js'
import type { Member, ReplicaSet, View } from './view.js'

/** What has happened, or is wanted, since the last view. */
export interface PlacementChange {
  /** Who is there, with address and state. Whoever is not has failed, and its data does not count any more. */
  readonly members: readonly Member[]
  /** Those of them who are to make up the ring when all data has moved. */
  readonly wanted: readonly string[]
  /** Members that came back as another process: what they hold may be old, or nothing. */
  readonly restarted?: readonly string[]
  /** Ranges that a pending replica has received whole. */
  readonly filled?: readonly { readonly member: string; readonly ranges: readonly TokenRange[] }[]
}

/**
 * The view that follows `previous` [design §8]: every range keeps the natural replicas that it has, whoever should hold
 * it and does not is pending, and a range whose pending replicas have all been filled goes to exactly those who should
 * hold it. One rule serves join, leave, failure and any mixture of them:
 *
 *     natural = natural before − failed − restarted + filled        target = the owner and its r successors on the
 *     pending = target − natural                                             ring of `wanted`
 *     natural = target, when nobody is pending: what drops out is displaced
 *
 * The last natural replica never leaves: where nobody would be left, all stay who were natural, and the range waits for
 * the first of them who is there again. Data that only a lost member has is better than an empty range that somebody
 * invents. In such a view there are members who are not there: they are suspect, and not in `wanted`.
 *
 * While data moves the ring is cut at the tokens of all members of the old and the new ring, so that each cut range
 * has one history; when nothing moves any more it is the plain ring of `wanted`.
 */
export function nextView(previous: View, change: PlacementChange): View {
  const { ringId, replicas, virtualNodes } = previous
  const counts = new Set(change.members.map(({ name }) => name))
  for (const name of change.restarted ?? []) counts.delete(name)
  const wanted = [...change.wanted].sort()
  const wantedRing = Ring.of(wanted, virtualNodes)
  const cutRing = Ring.of([...new Set([...previous.ring.names, ...wanted])], virtualNodes)

  const placed = cutRing.ranges().map((range): Placed => {
    const target = targetOf(wantedRing, range, replicas)
    if (previous.ring.size === 0) return { natural: target, pending: [] }
    const before = previous.setOfRange[previous.ring.rangeOf(range.to)]
    const filled = (change.filled ?? []).filter(({ ranges }) => ranges.some((whole) => isWithin(range, whole)))
    return place(before, target, counts, new Set(filled.map(({ member }) => member)))
  })
  const moving = placed.some(({ natural, pending }, i) => {
    return pending.length > 0 || !equal(natural, targetOf(wantedRing, cutRing.range(i), replicas))
  })

  const ring = moving ? cutRing : wantedRing
  const sets = moving
    ? placed
    : wantedRing.ranges().map((range) => ({ natural: targetOf(wantedRing, range, replicas), pending: [] }))
  const absent = previous.members.map((member): Member => ({ ...member, state: 'suspect' }))
  return withSets(previous, ring, sets, wanted, [...change.members, ...absent], { ringId, replicas, virtualNodes })
}

/** The names that hold, and are to hold, one range. */
interface Placed {
  readonly natural: readonly string[]
  readonly pending: readonly string[]
}

/** `counts`: whose data counts, be it natural or filled. */
function place(before: ReplicaSet, target: readonly string[], counts: Set<string>, filled: Set<string>): Placed {
  const kept = names(before.natural).filter((name) => counts.has(name))
  const arrived = names(before.pending).filter((name) => counts.has(name) && filled.has(name))
  const natural = kept.length + arrived.length > 0 ? [...kept, ...arrived] : names(before.natural)
  const pending = target.filter((name) => !natural.includes(name))
  // On a ring that nobody is to make up a range stays with those who have it.
  return pending.length === 0 && target.length > 0 ? { natural: target, pending } : { natural, pending }
}

function targetOf(wantedRing: Ring, range: TokenRange, replicas: number): string[] {
  return wantedRing.size === 0 ? [] : wantedRing.successors(wantedRing.rangeOf(range.to), replicas + 1)
}

function withSets(
  previous: View,
  ring: Ring,
  placed: readonly Placed[],
  wanted: readonly string[],
  known: readonly Member[],
  settings: { readonly ringId: string; readonly replicas: number; readonly virtualNodes: number },
): View {
  const byName = new Map<string, Member>()
  for (const member of known) if (!byName.has(member.name)) byName.set(member.name, member)
  const replicaSets: ReplicaSet[] = []
  const setOfNames = new Map<string, ReplicaSet>()
  const setOfRange = placed.map(({ natural, pending }) => {
    const id = JSON.stringify([natural, pending])
    let set = setOfNames.get(id)
    if (set === undefined) {
      const member = (name: string) => byName.get(name)!
      set = { index: replicaSets.length, natural: natural.map(member), pending: pending.map(member) }
      setOfNames.set(id, set)
      replicaSets.push(set)
    }
    return set
  })
  if (setOfRange.length === 0) {
    const empty: ReplicaSet = { index: 0, natural: [], pending: [] }
    replicaSets.push(empty)
    setOfRange.push(empty)
  }
  const present = new Set([
    ...wanted,
    ...replicaSets.flatMap(({ natural, pending }) => names([...natural, ...pending])),
  ])
  const members = [...present].sort().map((name) => byName.get(name)!)
  return { ...settings, epoch: previous.epoch + 1, members, wanted, ring, replicaSets, setOfRange }
}

function isWithin(range: TokenRange, whole: TokenRange): boolean {
  return rangeContains(whole, range.to) && rangeDifference(range, whole).length === 0
}

function equal(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i])
}

function names(members: readonly Member[]): string[] {
  return members.map(({ name }) => name)
}
