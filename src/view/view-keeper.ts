import type { Logger } from '../base/log.js'
import type { TokenRange } from '../ring/token-range.js'
import { nextView, type PlacementChange } from './placement.js'
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

  constructor(
    private readonly store: ViewStore,
    private readonly log: Logger,
  ) {}

  /** Who can be members now, with their addresses and states. Whoever is not among them any more has failed. */
  membersChanged(members: readonly Member[]): void {
    const names = new Set(members.map(({ name }) => name))
    const lost = this.members.filter(({ name }) => !names.has(name)).map(({ name }) => name)
    for (const name of lost) this.leaving.delete(name)
    this.members = members
    this.publish({ lost })
  }

  /** The server answers as another process than before: what it holds may be old, or nothing [design §8 Restart]. */
  restarted(name: string): void {
    this.publish({ lost: [name] })
  }

  /** `name` has received these ranges whole. */
  filled(name: string, ranges: readonly TokenRange[]): void {
    this.publish({ filled: [{ member: name, ranges }] })
  }

  /** Moves everything away from a member, which then is none any more. False if it is none, or the only one. */
  leave(name: string): boolean {
    const others = this.members.filter((member) => member.name !== name && !this.leaving.has(member.name))
    if (others.length === 0 || !this.members.some((member) => member.name === name)) return false
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

  isLeaving(name: string): boolean {
    return this.leaving.has(name)
  }

  private publish(change: Pick<PlacementChange, 'lost' | 'filled'>): void {
    const previous = this.store.current
    const wanted = this.members.map(({ name }) => name).filter((name) => !this.leaving.has(name))
    const view = nextView(previous, { members: this.members, wanted, ...change })
    this.logChange(previous, view)
    this.store.publish(view)
  }

  private logChange(previous: View, view: View): void {
    const moving = view.setOfRange.filter(({ pending }) => pending.length > 0).length
    const members = view.members.map(({ name }) => name).join(' ')
    const before = previous.setOfRange.some(({ pending }) => pending.length > 0)
    this.logCopies(previous, view)
    const about = { epoch: view.epoch, members, ranges: view.setOfRange.length, moving }
    if (moving > 0) this.log.info(about, 'view: some ranges have fewer copies than they should, until these have moved')
    else if (before) this.log.info(about, 'view: every range is on all of its replicas')
    else this.log.debug(about, 'view')
  }

  /** A ring with fewer than r+1 members works, with fewer copies. */
  private logCopies(previous: View, { epoch, replicas, wanted }: View): void {
    const needed = replicas + 1
    const copies = Math.min(wanted.length, needed)
    if (copies === (previous.epoch === 0 ? needed : Math.min(previous.wanted.length, needed))) return
    const text = `each new key has ${copies} ${copies === 1 ? 'copy' : 'copies'}`
    if (copies === needed) this.log.info({ epoch }, `the ring has enough members again: ${text}`)
    else this.log.warn({ epoch }, `the ring has ${wanted.length} of the ${needed} members it needs: ${text}`)
  }
}
