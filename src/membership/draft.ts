import type { EventName } from '../base/events.js'
import type { Member } from '../view/view.js'
import type { KnownMaster, MembershipAction, MembershipState, SentinelMaster, SentinelState } from './state.js'

type LogAction = Extract<MembershipAction, { type: 'log' }>

/**
 * A state while one step works on it, with the actions so far. The values inside (a Sentinel, a known master) stay
 * immutable and are replaced; `finish` gives the next state.
 */
export class Draft {
  readonly sentinels: Map<string, SentinelState>
  readonly known: Map<string, KnownMaster>
  readonly removed: Set<string>
  readonly added: Set<string>
  silence: MembershipState['silence']
  indispensable: MembershipState['indispensable']
  phase: MembershipState['phase']
  knownSinceMs: number | undefined
  nowMs: number
  members: readonly Member[]
  alone: boolean

  private removedChanged = false
  private publication: MembershipAction[] = []
  private readonly linkActions: MembershipAction[] = []
  private readonly logs: MembershipAction[] = []

  constructor(state: MembershipState) {
    this.sentinels = new Map(state.sentinels)
    this.known = new Map(state.known)
    this.removed = new Set(state.removed)
    this.added = new Set(state.added)
    this.silence = state.silence
    this.indispensable = state.indispensable
    this.phase = state.phase
    this.knownSinceMs = state.knownSinceMs
    this.nowMs = state.nowMs
    this.members = state.members
    this.alone = state.alone
  }

  /** The next state, and the actions: the members first, so that what a broken link leaves behind meets the new view. */
  finish(): { state: MembershipState; actions: readonly MembershipAction[] } {
    const { sentinels, known, silence, indispensable, removed, added, phase, knownSinceMs, nowMs, members, alone } =
      this
    const note: MembershipAction[] =
      this.removedChanged && this.publication.length === 0 ? [{ type: 'note removed' }] : []
    return {
      state: { sentinels, known, silence, indispensable, removed, added, phase, knownSinceMs, nowMs, members, alone },
      actions: [...this.logs, ...this.publication, ...this.linkActions, ...note],
    }
  }

  setSentinel(address: string, change: Partial<SentinelState>): SentinelState {
    const next = { ...this.sentinels.get(address)!, ...change }
    this.sentinels.set(address, next)
    return next
  }

  /** What a Sentinel says about one master; undefined when it does not monitor it any more. */
  setWord(address: string, name: string, word: SentinelMaster | undefined): void {
    const masters = new Map(this.sentinels.get(address)!.masters)
    if (word === undefined) masters.delete(name)
    else masters.set(name, word)
    this.setSentinel(address, { masters })
  }

  setKnown(name: string, change: Partial<KnownMaster>): KnownMaster {
    const next = { ...this.known.get(name)!, ...change }
    this.known.set(name, next)
    return next
  }

  publish(members: readonly Member[]): void {
    this.members = members
    this.publication = [{ type: 'publish', members }]
  }

  connect(name: string): void {
    const { host, port } = this.setKnown(name, { link: 'connecting', linkReason: '' })
    this.linkActions.push({ type: 'connect', name, host, port })
  }

  /** Breaks its connection, which is made anew. */
  reset(name: string, reason: string): void {
    this.linkActions.push({ type: 'reset', name, reason })
  }

  disconnect(name: string): void {
    this.linkActions.push({ type: 'disconnect', name })
  }

  forget(name: string): void {
    this.known.delete(name)
    this.removed.add(name)
    this.added.delete(name)
    this.removedChanged = true
    this.linkActions.push({ type: 'forget', name })
  }

  /** Somebody was seen to add it: it is known as soon as a Sentinel monitors it. */
  welcome(name: string): void {
    this.added.add(name)
    if (this.removed.delete(name)) this.removedChanged = true
  }

  log(
    level: LogAction['level'],
    event: EventName,
    message: string,
    about: Pick<LogAction, 'member' | 'sentinel'> = {},
  ): void {
    this.logs.push({ type: 'log', level, event, message, ...about })
  }
}
