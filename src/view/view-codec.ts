import { Ring } from '../ring/ring.js'
import { type NamedSet, replicaSetsOf } from './replica-sets.js'
import type { Member, View } from './view.js'

/**
 * A view as JSON, for markers and the state file. Members are told by their places in `members`, replica sets by
 * theirs in `sets`, because a ring has hundreds of ranges and few of both:
 *
 *     {"ring":"dt","epoch":7,"replicas":1,"virtualNodes":1,
 *      "keyGroups":["bull:{*}:*"],   if there are some
 *      "members":[["dt-1","10.0.0.1",6379,"up"],["dt-2","10.0.0.2",6379,"suspect"]],
 *      "wanted":["dt-1","dt-2"],     who makes up the ring when all data has moved
 *      "cut":["dt-1","dt-2"],        whose tokens cut the ranges; they need not be members any more
 *      "sets":[[[0,1],[]],[[1],[0]]],     natural and pending replicas
 *      "ranges":[0,1]}               the set of each range, in the order of the tokens
 */
export interface EncodedView {
  readonly ring: string
  readonly epoch: number
  readonly replicas: number
  readonly virtualNodes: number
  readonly keyGroups?: readonly string[]
  readonly members: readonly (readonly [name: string, host: string, port: number, state: Member['state']])[]
  readonly wanted: readonly string[]
  readonly cut: readonly string[]
  readonly sets: readonly (readonly [natural: readonly number[], pending: readonly number[]])[]
  readonly ranges: readonly number[]
}

const STATES: readonly unknown[] = ['up', 'suspect', 'gone'] satisfies Member['state'][]

/** A view by names: what `viewOfNames` makes a view of. */
export interface NamedView {
  readonly ringId: string
  readonly epoch: number
  readonly replicas: number
  readonly virtualNodes: number
  readonly keyGroups?: readonly string[] | undefined
  /** In any order; at least everybody who is in a set or wanted. */
  readonly members: readonly Member[]
  readonly wanted: readonly string[]
  /** The names whose tokens cut the ranges. */
  readonly cut: readonly string[]
  /** The names of each range's replicas, in the order of the ranges of the ring of `cut`; one if that has none. */
  readonly setOfRange: readonly NamedSet[]
}

/** What was read is no view, or one of a later version of the proxy. */
export class ViewFormatError extends Error {
  override name = 'ViewFormatError'
}

export function encodeView(view: View): EncodedView {
  const place = new Map(view.members.map(({ name }, i) => [name, i]))
  const places = (members: readonly Member[]) => members.map(({ name }) => place.get(name)!)
  return {
    ring: view.ringId,
    epoch: view.epoch,
    replicas: view.replicas,
    virtualNodes: view.virtualNodes,
    ...(view.keyGroups.length === 0 ? {} : { keyGroups: view.keyGroups }),
    members: view.members.map(({ name, host, port, state }) => [name, host, port, state]),
    wanted: view.wanted,
    cut: view.ring.names,
    sets: view.replicaSets.map(({ natural, pending }) => [places(natural), places(pending)]),
    ranges: view.setOfRange.map(({ index }) => index),
  }
}

/**
 * The view that `json` (parsed) stands for.
 *
 * @throws ViewFormatError when it stands for none
 */
export function decodeView(json: unknown): View {
  if (!isEncodedView(json)) throw new ViewFormatError('it is no view that this version understands')
  const members = json.members.map(([name, host, port, state]): Member => ({ name, host, port, state }))
  const names = (places: readonly number[]) => places.map((place) => members[place].name)
  const sets = json.sets.map(([natural, pending]) => ({ natural: names(natural), pending: names(pending) }))
  return viewOfNames({
    ringId: json.ring,
    epoch: json.epoch,
    replicas: json.replicas,
    virtualNodes: json.virtualNodes,
    keyGroups: json.keyGroups,
    members,
    wanted: json.wanted,
    cut: json.cut,
    setOfRange: json.ranges.map((index) => sets[index]),
  })
}

/**
 * Puts a view together in which equal replica sets are one object, as everywhere.
 *
 * @throws ViewFormatError when there is not one set for each range of the ring
 */
export function viewOfNames(named: NamedView): View {
  const { ringId, epoch, replicas, virtualNodes, keyGroups = [], wanted } = named
  const ring = Ring.of(named.cut, virtualNodes)
  if (named.setOfRange.length !== Math.max(1, ring.size)) {
    throw new ViewFormatError(`it has ${named.setOfRange.length} ranges, and its ring ${ring.size}`)
  }
  const members = [...named.members].sort((a, b) => (a.name < b.name ? -1 : 1))
  const byName = new Map(members.map((member) => [member.name, member]))
  const { replicaSets, setOfRange } = replicaSetsOf(named.setOfRange, byName)
  return { ringId, epoch, replicas, virtualNodes, keyGroups, members, wanted, ring, replicaSets, setOfRange }
}

function isEncodedView(json: unknown): json is EncodedView {
  if (typeof json !== 'object' || json === null) return false
  const { ring, epoch, replicas, virtualNodes, keyGroups, members, wanted, cut, sets, ranges } = json as Record<
    string,
    unknown
  >
  return (
    isText(ring) &&
    isCount(epoch) &&
    isCount(replicas) &&
    isCount(virtualNodes) &&
    virtualNodes > 0 &&
    (keyGroups === undefined || isListOf(keyGroups, isText)) &&
    isListOf(members, isMember) &&
    isListOf(wanted, isText) &&
    isListOf(cut, isText) &&
    isListOf(sets, (set) => isListOf(set, (places) => isListOf(places, isPlaceIn(members))) && set.length === 2) &&
    isListOf(ranges, isPlaceIn(sets))
  )
}

function isMember(value: unknown): boolean {
  if (!Array.isArray(value)) return false
  const [name, host, port, state] = value
  return isText(name) && isText(host) && isCount(port) && STATES.includes(state)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function isPlaceIn(list: readonly unknown[]): (value: unknown) => boolean {
  return (value) => isCount(value) && value < list.length
}

function isListOf(value: unknown, isElement: (element: unknown) => boolean): value is unknown[] {
  return Array.isArray(value) && value.every(isElement)
}
