import type { Link } from '../backend/link.js'
import type { Links } from '../backend/links.js'
import { type KeyId, keyOfId } from '../base/key-id.js'
import type { CommandRow } from '../command/row.js'
import type { Reply } from '../resp/encode.js'
import type { Frame } from '../resp/frame.js'
import { identifierOfKey } from '../ring/identifier.js'
import type { Member, ReplicaSet, View } from '../view/view.js'
import type { Gone } from './gone.js'
import { isHidden } from './pieces/hidden-name.js'
import { rangeGone, someRangeGone } from './replies.js'

/** A replica set as links: what the data path needs of it. */
export class Route {
  /** Where writes go: the master first, then its backups, then pending replicas. */
  readonly targets: readonly Link[]
  /** The same without pending replicas. */
  private settled: Route | undefined

  constructor(
    /** Where reads may go: the master first, then its backups. */
    readonly natural: readonly Link[],
    /** Who is receiving the range: writes go there, reads do not. */
    readonly pending: readonly Link[],
    private readonly toldIfGone: (() => Reply | undefined) | undefined = undefined,
  ) {
    this.targets = [...natural, ...pending]
  }

  /** Whether all who hold the range have failed, and it waits for one of them to come back. */
  get isGone(): boolean {
    return this.toldIfGone !== undefined
  }

  /** What to answer at once then, unless one of them may just be coming back [gone.ts]. */
  get gone(): Reply | undefined {
    return this.toldIfGone?.()
  }

  /** The same without some of its pending replicas. */
  without(links: readonly Link[]): Route {
    if (links.length === 0) return this
    if (links.length === this.pending.length) return (this.settled ??= new Route(this.natural, [], this.toldIfGone))
    const pending = this.pending.filter((link) => !links.includes(link))
    return new Route(this.natural, pending, this.toldIfGone)
  }

  /** The link that serves reads of this range now: the first natural replica that can [design §6]. */
  serving(): Link | undefined {
    for (const link of this.natural) if (link.serving) return link
    return undefined
  }

  /** The slowest clock of all replicas, minus ours in ms. */
  get slowestOffsetMs(): number {
    let least = Number.POSITIVE_INFINITY
    for (const { clockOffsetMs } of this.targets) least = Math.min(least, clockOffsetMs)
    return least
  }

  /** Whether a write can be emitted to all replicas now. */
  writable(): boolean {
    const { targets } = this
    for (let i = 0; i < targets.length; i++) if (!targets[i].ready) return false
    return targets.length > 0
  }

  /** Whether nobody can be asked for what it has, or, for a write, not everybody be told, whatever is known of the keys. */
  isOutOfReach(isWrite: boolean): boolean {
    return isWrite ? !this.writable() : !this.natural.some(({ ready }) => ready)
  }
}

/** Who owes an answer for so long may have fallen silent. */
const SILENT_MS = 500

/** Some members, for what any of them answers alike. */
export class AnyMember extends Route {
  constructor(members: readonly Link[]) {
    super(members, [])
  }

  /** The same for one question, with the one that is to be asked first. */
  now(): Route {
    const first = this.serving()
    return first === undefined ? this : this.from(first)
  }

  private from(first: Link): Route {
    if (first === this.natural[0]) return this
    return new Route([first, ...this.natural.filter((link) => link !== first)], [])
  }

  /**
   * The same, beginning with the first one that has not fallen silent: for what should be asked of the same one each time, such as a
   * function that keeps something in variables of its library, which are that server's own.
   */
  steady(): Route {
    const first = this.natural.find((link) => link.serving && link.owed.forMs < SILENT_MS)
    return first === undefined ? this.now() : this.from(first)
  }

  /** One that owes nobody an answer, or else that has spoken last: who has fallen silent is not asked as soon as it owes one. */
  override serving(): Link | undefined {
    let best: Link | undefined
    for (const link of this.natural) {
      if (!link.serving) continue
      if (link.outstanding === 0) return link
      if (best === undefined || link.lastReceivedMs > best.lastReceivedMs) best = link
    }
    return best
  }
}

const DEFAULT_DATABASES = 16

/** The current view as links; made anew for every view. */
export class Router {
  /** The links of all members of the view, in the order of their names. */
  readonly links: readonly Link[]
  /** The routes by the index of the replica set. */
  readonly routes: readonly Route[]
  /** Whether somebody is still to get some range. */
  readonly isMoving: boolean
  /** For commands that any member answers alike. */
  readonly anyMember: AnyMember
  private readonly routeOfRange: readonly Route[]
  /** Who holds ranges that are gone, in the order of the names. */
  private readonly goneHolders: readonly string[]

  constructor(
    readonly view: View,
    links: Links,
    private readonly goneMembers: Gone,
  ) {
    const linkOfName = new Map(
      view.members.map((member) => [member.name, links.get(member.name) ?? links.idle(member)]),
    )
    const goneHolders = new Set<string>()
    const { wasRemoved } = goneMembers
    const linkOf = ({ name }: Member): Link => linkOfName.get(name)!
    const routeOf = ({ natural, pending }: ReplicaSet) => {
      const names = natural.map(({ name }) => name)
      const isGone = natural.length > 0 && natural.every(({ state }) => state === 'gone')
      if (isGone) for (const name of names) goneHolders.add(name)
      const told = () =>
        names.some((name) => goneMembers.isComing(name)) ? undefined : rangeGone(names, wasRemoved, view.epoch)
      return new Route(natural.map(linkOf), pending.map(linkOf), isGone ? told : undefined)
    }
    this.links = view.members.map(linkOf)
    this.routes = view.replicaSets.map(routeOf)
    this.isMoving = this.routes.some(({ pending }) => pending.length > 0)
    this.goneHolders = [...goneHolders].sort()
    this.routeOfRange = view.setOfRange.map((set) => this.routes[set.index])
    this.anyMember = new AnyMember(this.links)
  }

  /** Number of databases that all members have, of those that have said it. */
  get databases(): number {
    let least = Number.POSITIVE_INFINITY
    for (const { info } of this.links) if (info !== undefined) least = Math.min(least, info.databases)
    return Number.isFinite(least) ? least : DEFAULT_DATABASES
  }

  /** What to answer to commands on all keys: all who hold some of them have failed, and none of these is coming back. */
  get someGone(): Reply | undefined {
    const { goneHolders, goneMembers, view } = this
    if (goneHolders.length === 0 || this.routes.every(({ gone }) => gone === undefined)) return undefined
    return someRangeGone(goneHolders, goneMembers.wasRemoved, view.epoch)
  }

  /** The same of those that no script keeps busy, unless that are all. */
  get anyIdleMember(): AnyMember {
    const idle = this.links.filter(({ scripts }) => scripts.refusal === undefined)
    return idle.length === 0 ? this.anyMember : new AnyMember(idle)
  }

  /** The names of the members that are not reachable now. */
  get away(): string[] {
    return this.links.filter(({ ready }) => !ready).map(({ name }) => name)
  }

  /** The route of the key that lies in `buf` from `start` up to `end`. */
  routeOfKey(buf: Buffer, start: number, end: number): Route {
    return this.routeOfRange[this.view.ring.rangeOf(identifierOfKey(buf, start, end))]
  }

  /** The route of the first `count` keys, which are arguments of a command, if it is the same for all of them. */
  commonRoute(frame: Frame, keys: readonly number[], count: number): Route | undefined {
    let common: Route | undefined
    for (let k = 0; k < count; k++) {
      const route = this.routeOfKey(frame.buf, frame.argStart[keys[k]], frame.argEnd[keys[k]])
      if (common !== undefined && route !== common) return undefined
      common = route
    }
    return common
  }

  /**
   * Who says what is wrong with a command that no server executes, since no keys were found in it; undefined when any member does.
   * GEORADIUS looks at what its first key holds before it looks at its words [Redis geo.c georadiusGeneric].
   */
  refuser({ keyFinder }: CommandRow, { buf, argc, argStart, argEnd }: Frame): Route | undefined {
    return keyFinder === 'store' && argc > 1 ? this.routeOfKey(buf, argStart[1], argEnd[1]) : undefined
  }

  /** The route of all these keys, if it is the same for all of them. */
  routeOfAll(keys: readonly Buffer[]): Route | undefined {
    let common: Route | undefined
    for (const key of keys) {
      const route = this.routeOfKey(key, 0, key.length)
      if (common !== undefined && route !== common) return undefined
      common = route
    }
    return common
  }

  routeOf(id: KeyId): Route {
    const { key } = keyOfId(id)
    return this.routeOfKey(key, 0, key.length)
  }

  /** Where writes of a key go. */
  targetsOf(id: KeyId): readonly Link[] {
    return this.routeOf(id).targets
  }

  /** Whether a member is being filled with a key, and another one has it. */
  isFilledFrom(id: KeyId, source: Link, target: Link): boolean {
    const { natural, pending } = this.routeOf(id)
    return natural.includes(source) && pending.includes(target)
  }

  /** Who serves what at this moment, or if only these members did. */
  serving(serves: (link: Link) => boolean = isServing): Serving {
    return new Serving(this, serves)
  }
}

const isServing = ({ serving }: Link) => serving

/**
 * Who serves reads of each range at one moment. Members that are asked together count each key once by it, whatever
 * changes before they answer: one that stops serving for an instant, because a key on it is in doubt, has been asked, and
 * one that begins to serve meanwhile has not.
 */
export class Serving {
  /** Who serves anything, in the order of the names. */
  readonly links: readonly Link[]
  private readonly linkOf = new Map<Route, Link>()

  constructor(
    private readonly router: Router,
    serves: (link: Link) => boolean,
  ) {
    this.links = router.links.filter(serves)
    for (const route of router.routes) {
      const link = route.natural.find(serves)
      if (link !== undefined) this.linkOf.set(route, link)
    }
  }

  /** Whether every range is served by somebody. */
  get isWhole(): boolean {
    return this.linkOf.size === this.router.routes.length
  }

  /** Whether `link` is the one that serves the key that lies in `buf` from `start` up to `end`. */
  by(link: Link, buf: Buffer, start = 0, end = buf.length): boolean {
    return !isHidden(buf, start, end) && this.linkOf.get(this.router.routeOfKey(buf, start, end)) === link
  }
}
