import { Ring } from '../ring/ring.js'
import { rangeContains, type TokenRange } from '../ring/token-range.js'
import type { Member, ReplicaSet, View } from './view.js'

/** What has happened, or is wanted, since the last view. */
export interface PlacementChange {
  /** Name, address and state of everybody who may hold data or get it. */
  readonly members: readonly Member[]
  /** Who is to make up the ring when all data has moved. */
  readonly wanted: readonly string[]
  /** Members whose data does not count any more: they failed, or came back as another process. */
  readonly lost?: readonly string[]
  /** Ranges that a pending replica has received whole. */
  readonly filled?: readonly { readonly member: string; readonly ranges: readonly TokenRange[] }[]
}

/**
 * The view that follows `previous` [design §8]: every range keeps the natural replicas that it has, whoever should hold
 * it and does not is pending, and a range whose pending replicas have all been filled goes to exactly those who should
 * hold it. One rule serves join, leave, failure and any mixture of them:
 *
 *     natural = (natural before − lost + filled)      never empty: the last natural replicas stay, whatever happens
 *     pending = target − natural                      target: the owner and its r successors on the ring of `wanted`
 *     if nobody is pending: natural = target          what drops out is displaced
 *
 * While data moves the ring is cut at the tokens of all members of the old and the new ring, so that each cut range
 * has one history; when nothing moves any more it is the plain ring of `wanted`.
 */
export function nextView(previous: View, change: PlacementChange): View {
  const { ringId, replicas, virtualNodes } = previous
  const lost = new Set(change.lost)
  const wanted = [...change.wanted].sort()
  const wantedRing = Ring.of(wanted, virtualNodes)
  const cutRing = Ring.of([...new Set([...previous.ring.names, ...wanted])], virtualNodes)

  const placed = cutRing.ranges().map((range): Placed => {
    const target = targetOf(wantedRing, range, replicas)
    if (previous.ring.size === 0) return { natural: target, pending: [] }
    const before = previous.setOfRange[previous.ring.rangeOf(range.to)]
    const filled = (change.filled ?? []).filter(({ ranges }) => ranges.some((each) => rangeContains(each, range.to)))
    return place(before, target, lost, new Set(filled.map(({ member }) => member)))
  })
  const moving = placed.some(({ natural, pending }, i) => {
    return pending.length > 0 || natural.join() !== targetOf(wantedRing, cutRing.range(i), replicas).join()
  })

  const ring = moving ? cutRing : wantedRing
  const sets = moving
    ? placed
    : wantedRing.ranges().map((range) => ({ natural: targetOf(wantedRing, range, replicas), pending: [] }))
  // Whoever stays only because nobody else has its data is not there.
  const absent = previous.members.map((member): Member => ({ ...member, state: 'suspect' }))
  return withSets(previous, ring, sets, wanted, [...change.members, ...absent], { ringId, replicas, virtualNodes })
}

/** The names that hold, and are to hold, one range. */
interface Placed {
  readonly natural: readonly string[]
  readonly pending: readonly string[]
}

function place(before: ReplicaSet, target: readonly string[], lost: Set<string>, filled: Set<string>): Placed {
  const kept = names(before.natural).filter((name) => !lost.has(name))
  const arrived = names(before.pending).filter((name) => filled.has(name) && !lost.has(name))
  // Data that only a lost member has is better than an empty range that somebody invents.
  const natural = kept.length + arrived.length > 0 ? [...kept, ...arrived] : names(before.natural)
  const pending = target.filter((name) => !natural.includes(name))
  // On a ring without members the range stays with the last who had it.
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

function names(members: readonly Member[]): string[] {
  return members.map(({ name }) => name)
}
