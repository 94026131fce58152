import { Ring } from '../ring/ring.js'
import { rangeContains, rangeDifference, type TokenRange } from '../ring/token-range.js'
import { type NamedSet, replicaSetsOf } from './replica-sets.js'
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
  /** Ranges of which those who are to hold them have all that was read from the others: these may go. */
  readonly parted?: readonly TokenRange[]
}

/**
 * The view that follows `previous` [design §8]: every range keeps the natural replicas that it has, whoever should hold
 * it and does not is pending, and a range whose pending replicas have all been filled goes to exactly those who should
 * hold it. One rule serves join, leave, failure and any mixture of them:
 *
 *     natural = natural before − failed − restarted + filled        target = the owner and its r successors on the
 *     pending = target − natural                                             ring of `wanted`
 *     natural = target, then the others, when nobody is pending: these are asked last from now on
 *     natural = target, when the others have parted: what drops out is displaced
 *
 * Why not at once: a write that only the master has executed may have been read there. If it dropped out then, and the
 * connections to the others broke which are still to execute that write, what was read would be gone [design §8 Parting].
 *
 * The last natural replicas never leave: data that only a failed member has is better than an empty range that somebody
 * invents. Where nobody would be left, all stay who were natural, and the range waits for the first of them who is there
 * again. It is that one alone then, as nobody knows whether their data were still equal in the end.
 *
 * While data moves the ring is cut at the tokens of all members of the old and the new ring, so that each cut range
 * has one history; when nothing moves any more it is the plain ring of `wanted`.
 */
export function nextView(previous: View, change: PlacementChange): View {
  const { ringId, replicas, virtualNodes, keyGroups } = previous
  const there = new Set(change.members.map(({ name }) => name))
  const restarted = new Set(change.restarted)
  const wanted = [...change.wanted].sort()
  const names = [...new Set([...previous.ring.names, ...wanted])].sort()
  const cutRing = equal(names, previous.ring.names) ? previous.ring : Ring.of(names, virtualNodes)
  const wantedRing = equal(wanted, names) ? cutRing : Ring.of(wanted, virtualNodes)
  const targets = wantedRing.ranges().map((_, i) => wantedRing.successors(i, replicas + 1))
  const targetOf = (range: TokenRange) => targets[wantedRing.rangeOf(range.to)] ?? []

  let moving = false
  const placed = cutRing.ranges().map((range): NamedSet => {
    const target = targetOf(range)
    if (previous.ring.size === 0) return { natural: target, pending: [] }
    const before = previous.setOfRange[previous.ring.rangeOf(range.to)]
    const filled = (change.filled ?? []).filter(({ ranges }) => ranges.some((whole) => isWithin(range, whole)))
    const isParted = (change.parted ?? []).some((whole) => isWithin(range, whole))
    const now = place(before, target, there, restarted, new Set(filled.map(({ member }) => member)), isParted)
    if (now.pending.length > 0 || !equal(now.natural, target)) moving = true
    return now
  })

  const ring = moving ? cutRing : wantedRing
  const sets = moving ? placed : targets.map((natural) => ({ natural, pending: [] }))
  const gone = previous.members.map((member): Member => ({ ...member, state: 'gone' }))
  const settings = { ringId, replicas, virtualNodes, keyGroups }
  return withSets(previous, ring, sets, wanted, [...change.members, ...gone], settings)
}

function place(
  before: ReplicaSet,
  target: readonly string[],
  there: Set<string>,
  restarted: Set<string>,
  filled: Set<string>,
  isParted: boolean,
): NamedSet {
  const kept = before.natural.filter(({ name, state }) => there.has(name) && !restarted.has(name) && state !== 'gone')
  const arrived = before.pending.filter(({ name }) => there.has(name) && !restarted.has(name) && filled.has(name))
  const natural = kept.length + arrived.length > 0 ? namesOf([...kept, ...arrived]) : rest(before, there, restarted)
  const pending = target.filter((name) => !natural.includes(name))
  // On a ring that nobody is to make up a range stays with those who have it.
  if (pending.length > 0 || target.length === 0) return { natural, pending }
  // What was said of another placement does not count for this one.
  const isSame = before.pending.length === 0 && equal(namesOf(before.natural).slice(0, target.length), target)
  if (isParted && isSame) return { natural: target, pending }
  return { natural: [...target, ...natural.filter((name) => !target.includes(name))], pending }
}

/** Who holds a range of which every natural replica was lost. Those who did not restart are the better choice. */
function rest(before: ReplicaSet, there: Set<string>, restarted: Set<string>): string[] {
  const all = namesOf(before.natural)
  const byTrust = [...all.filter((name) => !restarted.has(name)), ...all.filter((name) => restarted.has(name))]
  const back = byTrust.filter((name) => there.has(name))
  return back.length > 0 ? [back[0]] : byTrust
}

function withSets(
  previous: View,
  ring: Ring,
  placed: readonly NamedSet[],
  wanted: readonly string[],
  known: readonly Member[],
  settings: Pick<View, 'ringId' | 'replicas' | 'virtualNodes' | 'keyGroups'>,
): View {
  const byName = new Map<string, Member>()
  for (const member of known) if (!byName.has(member.name)) byName.set(member.name, member)
  // A ring without members has one replica set, which is empty and holds every key.
  const ranges = placed.length > 0 ? placed : [{ natural: [], pending: [] }]
  const { replicaSets, setOfRange } = replicaSetsOf(ranges, byName)
  const present = new Set([
    ...wanted,
    ...replicaSets.flatMap(({ natural, pending }) => namesOf([...natural, ...pending])),
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

function namesOf(members: readonly Member[]): string[] {
  return members.map(({ name }) => name)
}

/** Whether every key has the same natural and pending replicas in both views, in the same order. */
export function samePlacement(a: View, b: View): boolean {
  if (a.setOfRange.length !== b.setOfRange.length) return false
  const tokens = [a.ring.tokens, b.ring.tokens]
  for (let range = 0; range < a.ring.size; range++) if (tokens[0][range] !== tokens[1][range]) return false
  const described = (view: View) =>
    view.replicaSets.map(({ natural, pending }) => JSON.stringify([namesOf(natural), namesOf(pending)]))
  const [setsOfA, setsOfB] = [described(a), described(b)]
  return a.setOfRange.every((set, range) => setsOfA[set.index] === setsOfB[b.setOfRange[range].index])
}
