import type { Logger } from '../base/log.js'
import type { TokenRange } from '../ring/token-range.js'
import { nextView, type PlacementChange } from './placement.js'
import { isUnserved, pendingRanges } from './share.js'
import type { Member, View } from './view.js'
import type { ViewStore } from './view-store.js'

/**
 * Makes the views: hears from the membership who is there, from the links who came back as another process, and from
 * the migrator what has moved, and publishes what follows [design §8 Views].
 */
export class ViewKeeper {
  private members: readonly Member[] = []
  /** Members that were asked to leave: they serve until their data has moved. */
  private readonly leaving = new Set<string>()
  /** Members that did not keep up with the writes while they were filled: out until their link is made anew. */
  private readonly suspended = new Set<string>()
  /** Who has ranges that nobody else has, and is not there: for the log. */
  private waitingFor = ''

  constructor(
    private readonly store: ViewStore,
    private readonly log: Logger,
  ) {}

  /**
   * Publishes the first view: the one that follows `view`, with which the ring stopped or a new one begins, when those
   * members are there. `leaving` were asked to leave before.
   */
  begin(view: View, members: readonly Member[], leaving: readonly string[]): void {
    this.members = members
    for (const name of leaving) this.leaving.add(name)
    this.publish({}, view)
  }

  /** Who is there now, with their addresses and states. Whoever is not among them any more has failed. */
  membersChanged(members: readonly Member[]): void {
    this.members = members
    this.publish({})
  }

  /** The server is not monitored any more: should it come again, it is a member like any other. */
  forget(name: string): void {
    this.leaving.delete(name)
    this.suspended.delete(name)
  }

  /** The server answers as another process than before: what it holds may be old, or nothing [design §8 Restart]. */
  restarted(name: string): void {
    this.publish({ restarted: [name] })
  }

  /** `name` has received these ranges whole. */
  filled(name: string, ranges: readonly TokenRange[]): void {
    this.publish({ filled: [{ member: name, ranges }] })
  }

  /** Whoever has these ranges and is not to have them may let go of them: see `Partings`. */
  parted(ranges: readonly TokenRange[]): void {
    this.publish({ parted: ranges })
  }

  /**
   * Moves everything away from a member, which then is none any more; to fail meanwhile does not bring it back. False if
   * it is none, or if nobody else is there to take what it has.
   */
  leave(name: string): boolean {
    const others = this.members.filter((member) => member.name !== name && !this.leaving.has(member.name))
    if (others.length === 0 || !this.members.some((member) => member.name === name)) return false
    if (this.leaving.has(name)) return true
    this.leaving.add(name)
    this.publish({})
    return true
  }

  /** Takes a `leave` back, whose data comes back, too. False if the member was not leaving. */
  stay(name: string): boolean {
    if (!this.leaving.delete(name)) return false
    this.publish({})
    return true
  }

  /** Lets go of a joining member that holds up the writes to its ranges [design §8 Membership, stalled pending]. */
  suspend(name: string): void {
    this.suspended.add(name)
    this.publish({})
  }

  /** The link of a suspended member is up again: it may join anew. */
  resume(name: string): void {
    if (this.suspended.delete(name)) this.publish({})
  }

  isLeaving(name: string): boolean {
    return this.leaving.has(name)
  }

  /** Members that were asked to leave, and hold nothing any more. */
  departed(): string[] {
    return [...this.leaving].filter((name) => !this.store.current.members.some((member) => member.name === name))
  }

  private publish(
    change: Pick<PlacementChange, 'restarted' | 'filled' | 'parted'>,
    previous = this.store.current,
  ): void {
    const members = this.members.filter(({ name }) => !this.suspended.has(name))
    const wanted = members.map(({ name }) => name).filter((name) => !this.leaving.has(name))
    const view = nextView(previous, { members, wanted, ...change })
    this.logCopies(previous, view)
    this.logWaiting(view)
    this.logMoving(previous, view)
    this.store.publish(view)
  }

  /** A ring with fewer than r+1 members works, with fewer copies. */
  private logCopies(previous: View, { epoch, replicas, wanted }: View): void {
    const needed = replicas + 1
    const copies = Math.min(wanted.length, needed)
    if (copies === (previous.epoch === 0 ? needed : Math.min(previous.wanted.length, needed))) return
    const has = `the ring has ${wanted.length} of the ${needed} members it needs`
    const text = `each new key has ${copies} ${copies === 1 ? 'copy' : 'copies'}`
    if (copies === needed)
      this.log.info({ event: 'copies-enough', epoch }, `the ring has enough members again: ${text}`)
    else if (copies > 0) this.log.warn({ event: 'copies-few', epoch }, `${has}: ${text}`)
    else this.log.warn({ event: 'members-none', epoch }, has)
  }

  /** Ranges of which nobody is there who has them are not served [design §8 The last natural replica]. */
  private logWaiting({ epoch, setOfRange }: View): void {
    const waiting = setOfRange.filter((set) => set.natural.length > 0 && isUnserved(set))
    const names = new Set(waiting.flatMap(({ natural }) => natural.map(({ name }) => name)))
    const text = [...names].sort().join(' or ')
    const before = this.waitingFor
    this.waitingFor = text
    if (text === before) return
    const about = { epoch, ranges: setOfRange.length, waiting: waiting.length }
    if (text === '')
      this.log.info({ event: 'ranges-served', ...about }, 'every range is on somebody who is there again')
    else
      this.log.warn(
        { event: 'ranges-unserved', ...about },
        `some ranges were on nobody else than ${text}: their keys wait until it is back`,
      )
  }

  private logMoving(previous: View, view: View): void {
    const about = { epoch: view.epoch, ranges: view.setOfRange.length, moving: pendingRanges(view) }
    const moved = pendingRanges(previous)
    const ring = view.wanted.join(' ')
    if (about.moving === 0) {
      if (moved > 0 && ring !== '')
        this.log.info({ event: 'data-moved', ...about }, `no data has to move any more: the ring is ${ring}`)
    } else if (moved === 0 || ring !== previous.wanted.join(' ')) {
      this.log.info({ event: 'data-moves', ...about }, `data moves until the ring is ${ring}`)
    }
  }
}
