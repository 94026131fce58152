import { silentLogger } from '../../src/base/log.js'
import { identifierOfVirtualNode } from '../../src/ring/identifier.js'
import { rangeContains, type TokenRange } from '../../src/ring/token-range.js'
import { buildView, emptyView } from '../../src/view/build-view.js'
import { isMoving, partingOf } from '../../src/view/parting.js'
import type { Member, ReplicaSet, View } from '../../src/view/view.js'
import { ViewKeeper } from '../../src/view/view-keeper.js'
import { ViewStore } from '../../src/view/view-store.js'

/** What may happen to a ring of up to six members, who are called by their numbers. */
export type Happening =
  | { readonly what: 'come'; readonly who: readonly number[] }
  | { readonly what: 'fail'; readonly who: readonly number[] }
  | { readonly what: 'restart'; readonly who: number; readonly with: 'everything' | 'old data' | 'nothing' }
  | { readonly what: Told; readonly who: number }
  | { readonly what: 'write' }
  /** The bits of `some` say which of the member's pending ranges. */
  | { readonly what: 'fill'; readonly who: number; readonly some: number }
  /** The same of the ranges that somebody is to let go of. */
  | { readonly what: 'part'; readonly some: number }

type Told = 'leave' | 'stay' | 'forget' | 'suspect' | 'begin intake' | 'finish intake'

const NAMES = ['dt-1', 'dt-2', 'dt-3', 'dt-4', 'dt-5', 'dt-6']

/** What one member has at one place of the ring: of a key that is written again and again, and of one that never is. */
interface Copy {
  hot: number
  cold: boolean
  /** Its process is still the one that received this. */
  trusted: boolean
}

/** One place of the ring; there is one in every range that any view can have. */
interface Place {
  readonly identifier: number
  /** On the disks, also of those who failed or have nothing to do with it any more: leftovers. */
  readonly copies: Map<string, Copy>
  /** What every natural replica has to have. */
  acknowledged: { hot: number; cold: boolean }
  /** Nobody who is there has it; more has failed than a ring can bear. */
  lost: boolean
}

/** Ranges that a member is receiving, as they were cut when that began. */
type Intake = TokenRange[]

/**
 * A ring without servers: it tells a ViewKeeper what happens, keeps for itself what each member would hold, and looks at
 * every view: whether it follows the rules of design §8, and whether whoever it calls natural has everything.
 */
export class RingModel {
  views = 0
  rangesFilled = 0
  rangesParted = 0
  lostEverywhere = 0

  private readonly store: ViewStore
  private readonly keeper: ViewKeeper
  private readonly places: Place[]
  private readonly states = new Map<string, 'up' | 'suspect'>()
  private readonly leaving = new Set<string>()
  private readonly intakes = new Map<string, Intake>()
  private restarting: string | undefined
  private filling: { name: string; ranges: readonly TokenRange[] } | undefined
  private parting: readonly TokenRange[] = []

  constructor(private readonly settings: { readonly replicas: number; readonly virtualNodes: number }) {
    const { replicas, virtualNodes } = settings
    this.store = new ViewStore(emptyView('dt', replicas, virtualNodes))
    this.keeper = new ViewKeeper(this.store, silentLogger())
    this.places = tokensOf(NAMES, virtualNodes).map(({ token }) => ({
      identifier: token,
      copies: new Map(),
      acknowledged: { hot: 0, cold: true },
      lost: false,
    }))
    this.store.onChange((view, previous) => this.look(view, previous))
  }

  happens(happening: Happening): void {
    if (happening.what === 'write') this.write()
    else if (happening.what === 'restart') this.restart(NAMES[happening.who], happening.with)
    else if (happening.what === 'fill') this.fillSome(NAMES[happening.who], happening.some)
    else if (happening.what === 'part')
      this.part(this.partingRanges().filter((_, i) => (happening.some >>> (i % 31)) & 1))
    else if (happening.what === 'come') {
      for (const i of happening.who) this.states.set(NAMES[i], 'up')
      this.keeper.membersChanged(this.there())
    } else if (happening.what === 'fail') {
      for (const i of happening.who) this.states.delete(NAMES[i])
      this.keeper.membersChanged(this.there())
    } else this.isTold(NAMES[happening.who], happening.what)
  }

  private isTold(name: string, what: Told): void {
    if (what === 'leave') this.leave(name)
    else if (what === 'stay') this.stay(name)
    else if (what === 'forget') this.forget(name)
    else if (what === 'suspect') this.suspect(name)
    else if (what === 'begin intake') this.intakes.set(name, this.pendingRanges(name))
    else this.finishIntake(name)
  }

  /** Whoever is still needed comes back, everything moves, and then the ring is the one that is wanted. */
  settle(): void {
    for (const { name } of this.store.current.members) this.states.set(name, 'up')
    this.keeper.membersChanged(this.there())
    for (const name of NAMES) this.fill(name, this.pendingRanges(name))
    this.part(this.partingRanges())
    const { wanted, setOfRange } = this.store.current
    if (wanted.length === 0) return
    if (setOfRange.some((set) => isMoving(this.store.current, set))) throw new Error('something moves for ever')
    for (const place of this.places) {
      if (place.lost) throw new Error(`${place.identifier} is lost although everybody is there`)
    }
  }

  /** The ring as text, without its epoch. */
  described(): string {
    const { ring, setOfRange, members, wanted } = this.store.current
    const ranges = setOfRange.map((set, i) => `${ring.range(i).to}: ${namesOf(set.natural)} + ${namesOf(set.pending)}`)
    return [`${namesOf(members)} of ${wanted.join(' ')}`, ...ranges].join('\n')
  }

  private there(): Member[] {
    return [...this.states].sort().map(([name, state]) => ({ name, host: '127.0.0.1', port: 6379, state }))
  }

  private wanted(): string[] {
    return [...this.states.keys()].filter((name) => !this.leaving.has(name)).sort()
  }

  private leave(name: string): void {
    const possible = this.states.has(name) && this.wanted().some((other) => other !== name)
    if (possible) this.leaving.add(name)
    same(this.keeper.leave(name), possible, `leave ${name}`)
    for (const each of NAMES) same(this.keeper.isLeaving(each), this.leaving.has(each), `${each} is leaving`)
  }

  private stay(name: string): void {
    const was = this.leaving.delete(name)
    same(this.keeper.stay(name), was, `${name} was leaving`)
  }

  private forget(name: string): void {
    if (this.states.has(name)) return
    this.leaving.delete(name)
    this.keeper.forget(name)
  }

  private suspect(name: string): void {
    if (!this.states.has(name)) return
    this.states.set(name, this.states.get(name) === 'up' ? 'suspect' : 'up')
    this.keeper.membersChanged(this.there())
  }

  private restart(name: string, kept: 'everything' | 'old data' | 'nothing'): void {
    this.intakes.delete(name)
    for (const place of this.places) {
      const copy = place.copies.get(name)
      if (copy === undefined) continue
      copy.trusted = false
      if (kept === 'old data') copy.hot--
      if (kept === 'nothing') place.copies.set(name, { ...nothing(), trusted: false })
    }
    if (!this.store.current.members.some((member) => member.name === name)) return
    this.restarting = name
    this.keeper.restarted(name)
    this.restarting = undefined
  }

  /** A write is acknowledged by all replicas of its key, or waits: then it is not made here. */
  private write(): void {
    for (const place of this.places) {
      const { natural, pending } = setAt(this.store.current, place.identifier)
      const targets = [...natural, ...pending]
      if (targets.length === 0 || targets.some(({ name }) => !this.states.has(name))) continue
      place.acknowledged.hot++
      for (const { name } of targets) place.copies.get(name)!.hot = place.acknowledged.hot
    }
  }

  private pendingRanges(name: string): TokenRange[] {
    const { ring, setOfRange } = this.store.current
    return ring.ranges().filter((range, i) => {
      return setOfRange[i].pending.some((member) => member.name === name) && this.hasSource(range)
    })
  }

  private hasSource(range: TokenRange): boolean {
    return this.placesIn([range]).every(({ identifier }) => this.sourceAt(identifier) !== undefined)
  }

  private sourceAt(identifier: number): string | undefined {
    return setAt(this.store.current, identifier).natural.find(({ name }) => this.states.has(name))?.name
  }

  private placesIn(ranges: readonly TokenRange[]): Place[] {
    return this.places.filter(({ identifier }) => ranges.some((range) => rangeContains(range, identifier)))
  }

  private fillSome(name: string, bits: number): void {
    this.fill(
      name,
      this.pendingRanges(name).filter((_, i) => (bits >>> (i % 31)) & 1),
    )
  }

  private finishIntake(name: string): void {
    const ranges = this.intakes.get(name) ?? []
    this.intakes.delete(name)
    this.fill(
      name,
      ranges.filter((range) => this.hasSource(range)),
    )
  }

  private fill(name: string, ranges: readonly TokenRange[]): void {
    if (ranges.length === 0) return
    this.rangesFilled += ranges.length
    for (const { identifier, copies } of this.placesIn(ranges)) {
      copies.set(name, { ...copies.get(this.sourceAt(identifier)!)!, trusted: true })
    }
    this.filling = { name, ranges }
    this.keeper.filled(name, ranges)
    this.filling = undefined
  }

  private partingRanges(): TokenRange[] {
    const { current: view } = this.store
    return view.ring.ranges().filter((_, i) => partingOf(view, view.setOfRange[i]).length > 0)
  }

  private part(ranges: readonly TokenRange[]): void {
    if (ranges.length === 0) return
    this.rangesParted += ranges.length
    this.parting = ranges
    this.keeper.parted(ranges)
    this.parting = []
  }

  private look(view: View, previous: View): void {
    this.views++
    same(view.epoch, previous.epoch + 1, 'the epoch')
    lookAtForm(view)
    same(view.wanted.join(' '), this.wanted().join(' '), 'wanted')
    const tokens = tokensOf(view.wanted, this.settings.virtualNodes)
    for (const place of this.places) {
      const target = targetAt(tokens, place.identifier, this.settings.replicas + 1)
      this.lookAtPlace(place, setAt(view, place.identifier), setAt(previous, place.identifier), target)
    }
    for (const { name, state } of view.members) {
      if (state !== (this.states.get(name) ?? 'gone')) throw new Error(`${name} is not ${state}`)
    }
    if (view.wanted.length > 0 && !view.setOfRange.some((set) => isMoving(view, set))) {
      const { ring, setOfRange, members } = view
      const plain = buildView(
        'dt',
        view.epoch,
        view.replicas,
        view.virtualNodes,
        this.there().filter(({ name }) => view.wanted.includes(name)),
      )
      same([...Array.from(ring.tokens)].join(), Array.from(plain.ring.tokens).join(), 'the tokens at rest')
      same(setsText(setOfRange), setsText(plain.setOfRange), 'the sets at rest')
      same(namesOf(members), namesOf(plain.members), 'the members at rest')
    }
  }

  private lookAtPlace(place: Place, now: ReplicaSet, before: ReplicaSet, target: readonly string[]): void {
    const where = `${place.identifier}: ${namesOf(before.natural)} + ${namesOf(before.pending)} became ${namesOf(now.natural)} + ${namesOf(now.pending)} for ${target.join(' ')}`
    const natural = now.natural.map(({ name }) => name)
    const pending = now.pending.map(({ name }) => name)
    const wasPending = before.pending.map(({ name }) => name)
    if (before.natural.length === 0) {
      for (const name of natural) place.copies.set(name, { ...place.acknowledged, trusted: true })
    }
    const holders = this.holders(place, before)

    if (natural.length === 0 && target.length + before.natural.length > 0) throw new Error(`nobody: ${where}`)
    same(pending.join(' '), target.filter((name) => !natural.includes(name)).join(' '), `pending at ${where}`)
    if (pending.length === 0 && target.length > 0) {
      const isParted = this.parting.some((range) => rangeContains(range, place.identifier))
      // Who is to let go of it holds it until then, behind all others.
      const others = before.natural.length === 0 || isParted ? [] : holders.filter((name) => !target.includes(name))
      if (holders.length > 0) same(natural.join(' '), [...target, ...others].join(' '), `at rest ${where}`)
    } else if (holders.length > 0) same(natural.join(' '), holders.join(' '), `natural at ${where}`)

    if (holders.length === 0 && before.natural.length > 0) this.lookAtLost(place, now, before, where)
    // Whoever becomes pending is emptied first; whoever drops out keeps what it has, to be mistaken for a replica.
    for (const name of pending) if (!wasPending.includes(name)) place.copies.set(name, nothing())
    this.intakes.forEach((ranges, name) => {
      const gone = (range: TokenRange) => rangeContains(range, place.identifier) && !pending.includes(name)
      if (ranges.some(gone))
        this.intakes.set(
          name,
          ranges.filter((range) => !gone(range)),
        )
    })

    for (const name of natural) {
      if (!this.states.has(name) || place.lost) continue
      const { hot, cold } = place.copies.get(name)!
      same(`${hot} ${cold}`, `${place.acknowledged.hot} ${place.acknowledged.cold}`, `what ${name} has at ${where}`)
    }
  }

  /** Natural replicas of which nothing says that they lack anything, in the order that they had. */
  private holders(place: Place, { natural, pending }: ReplicaSet): string[] {
    const unharmed = (name: string) => this.states.has(name) && name !== this.restarting
    const filled = (name: string) =>
      this.filling?.name === name && this.filling.ranges.some((range) => rangeContains(range, place.identifier))
    return [
      ...natural.filter(({ name, state }) => unharmed(name) && state !== 'gone'),
      ...pending.filter(({ name }) => unharmed(name) && filled(name)),
    ].map(({ name }) => name)
  }

  /** All natural replicas have failed: nobody else may take their place, and the first of them that is back goes on. */
  private lookAtLost(place: Place, now: ReplicaSet, before: ReplicaSet, where: string): void {
    if (!place.lost) this.lostEverywhere++
    place.lost = true
    for (const { name } of now.natural) {
      if (!before.natural.some((member) => member.name === name)) throw new Error(`invented: ${where}`)
    }
    const back = before.natural.filter(({ name }) => this.states.has(name))
    if (back.length === 0) {
      same(
        [...now.natural.map(({ name }) => name)].sort().join(' '),
        [...before.natural.map(({ name }) => name)].sort().join(' '),
        `kept at ${where}`,
      )
      return
    }
    same(now.natural.length, 1, `the number of natural replicas at ${where}`)
    const [{ name }] = now.natural
    const copy = place.copies.get(name)!
    const trusted = back.some((member) => member.name !== this.restarting && place.copies.get(member.name)!.trusted)
    if (trusted && !copy.trusted) throw new Error(`${name} was restarted, and others were not: ${where}`)
    const { hot, cold } = place.acknowledged
    if (copy.trusted) same(`${copy.hot} ${copy.cold}`, `${hot} ${cold}`, `what ${name} has kept at ${where}`)
    place.acknowledged = { hot: copy.hot, cold: copy.cold }
    copy.trusted = true
    place.lost = false
  }
}

/** What does not depend on what happened. */
function lookAtForm({ members, replicaSets, setOfRange, ring }: View): void {
  same(setOfRange.length, Math.max(1, ring.size), 'the number of sets')
  same(new Set(setOfRange).size, replicaSets.length, 'sets that are not used, or not listed')
  same(new Set(replicaSets.map((set) => setsText([set]))).size, replicaSets.length, 'equal sets are one object')
  replicaSets.forEach((set, i) => {
    same(set.index, i, 'the index of a set')
    const all = [...set.natural, ...set.pending]
    same(new Set(all).size, all.length, `doubles in ${setsText([set])}`)
    for (const member of all) if (!members.includes(member)) throw new Error(`${member.name} is not listed`)
  })
  same(namesOf(members), namesOf([...members].sort((a, b) => (a.name < b.name ? -1 : 1))), 'the order of the members')
}

/** The tokens of these members in ascending order, by the definition. */
function tokensOf(names: readonly string[], virtualNodes: number): { token: number; name: string }[] {
  return names
    .flatMap((name) =>
      Array.from({ length: virtualNodes }, (_, i) => ({ token: identifierOfVirtualNode(name, i), name })),
    )
    .sort((a, b) => a.token - b.token)
}

/** The owner of the identifier and the distinct members after it, by the definition. */
function targetAt(tokens: readonly { token: number; name: string }[], identifier: number, count: number): string[] {
  const first = tokens.findIndex(({ token }) => token >= identifier)
  const target = new Set<string>()
  for (let i = 0; i < tokens.length && target.size < count; i++) {
    target.add(tokens[(Math.max(first, 0) + i) % tokens.length].name)
  }
  return [...target]
}

function setAt(view: View, identifier: number): ReplicaSet {
  return view.setOfRange[view.ring.rangeOf(identifier)]
}

function nothing(): Copy {
  return { hot: -1, cold: false, trusted: true }
}

function namesOf(members: readonly Member[]): string {
  return members.map(({ name }) => name).join(' ')
}

function setsText(sets: readonly ReplicaSet[]): string {
  return sets.map(({ natural, pending }) => `${namesOf(natural)} + ${namesOf(pending)}`).join('\n')
}

function same<T>(found: T, wanted: T, what: string): void {
  if (found !== wanted) throw new Error(`${what}: ${found}, and not ${wanted}`)
}
