import type { EventName } from '../base/events.js'
import type { Member } from '../view/view.js'
import type { Refusals } from './refusals.js'
import { NO_SILENCE, type Silence } from './silence.js'

/**
 * The values that the membership step works on: what was seen, what follows from it, and what happened.
 * All of them are immutable; `step` gives a new state.
 */

/** What one Sentinel says about one master. */
export interface SentinelMaster {
  readonly name: string
  readonly host: string
  readonly port: number
  /** Subjectively down: this Sentinel does not reach it. */
  readonly sdown: boolean
  /** Objectively down: the quorum's word. */
  readonly odown: boolean
  /** Its down-after-milliseconds, when it was told. */
  readonly downAfterMs?: number
  /** How many Sentinels have to agree that it is down, when it was told. */
  readonly quorum?: number
  /** How long ago, in ms, it had answered this Sentinel last when that was told. */
  readonly answeredAgoMs?: number
  /** When that was, at the latest, by the clock of the events. */
  readonly answeredAtMs?: number
}

/**
 * What we have of one Sentinel.
 *
 *     never ──> heard <──> lost ──> returning ──> heard
 *
 * A Sentinel that comes back is `returning` until its second answer: a process that was stopped answers what lies in its
 * socket before its timer has noticed the gap and declared TILT, so its first answer may be as old as the stop. So is one that
 * has left TILT: it looked at no master in it, and tells that it is over before it has looked.
 */
export type Contact = 'never' | 'heard' | 'lost' | 'returning'

export interface SentinelState {
  /** `host:port`, as configured. */
  readonly address: string
  readonly contact: Contact
  /** It has answered or failed at least once. */
  readonly tried: boolean
  readonly tilt: boolean
  /** The masters of its last word whose names match the pattern, by name; kept while it is not reachable. */
  readonly masters: ReadonlyMap<string, SentinelMaster>
  /** Why it is not reachable, or '' */
  readonly error: string
}

/** A master whose name matches the pattern, and that nobody removed. */
export interface KnownMaster {
  readonly name: string
  readonly host: string
  readonly port: number
  /** `idle`: no link is wanted, because its address is another member's. */
  readonly link: 'idle' | 'connecting' | 'up' | 'down'
  /** Why the link is down, or '' */
  readonly linkReason: string
  /** Since when no link to it could be made, in ms; undefined when there is one, or none was tried yet. */
  readonly unreachedSinceMs: number | undefined
  readonly inRing: boolean
  /** A Sentinel whose word counts says, or said last, that it does not reach it. */
  readonly sdown: boolean
  /** Declared down and kept, until then at least, because it is busy together with the other replicas of a range. */
  readonly sparedUntilMs: number | undefined
  /** It does not take the marker of the present view, for this reason; undefined when it does. */
  readonly refusal: { readonly sinceMs: number; readonly reason: string } | undefined
  /**
   * Undefined as long as no Sentinel was seen to forget it (SENTINEL REMOVE). Then the Sentinels that answered and still
   * monitored it when that was first seen: if they fall silent later, that is no consent.
   */
  readonly keptBy: readonly string[] | undefined
}

export interface MembershipState {
  /** `starting` until the first members are published. */
  readonly phase: 'starting' | 'running'
  /** When the members were first known, in ms, or undefined: the grace of the start counts from here. */
  readonly knownSinceMs: number | undefined
  /** The time of the last event, in ms. */
  readonly nowMs: number
  /** The members that were published last, in order of their names. */
  readonly members: readonly Member[]
  readonly sentinels: ReadonlyMap<string, SentinelState>
  readonly known: ReadonlyMap<string, KnownMaster>
  /** Who owes us replies and says nothing, as it was last looked at. */
  readonly silence: Silence
  /** Members that do not take their marker, and that nobody could take the place of. */
  readonly indispensable: ReadonlySet<string>
  /**
   * Names that were removed, in this run or before it. SENTINEL REMOVE is local to each Sentinel: one that was away still
   * reports them. They come back when somebody is seen to add them, and not because a Sentinel has them.
   */
  readonly removed: ReadonlySet<string>
  /** Names that somebody was seen to add in this run: what was noted before it does not count for them. */
  readonly added: ReadonlySet<string>
  /** The log has said that no Sentinel can be reached. */
  readonly alone: boolean
}

/** What a Sentinel's pub/sub tells about a master. */
export type MasterNews =
  | {
      readonly kind: '+monitor' | '+switch-master'
      readonly name: string
      readonly host: string
      readonly port: number
    }
  | { readonly kind: '-monitor' | '+sdown' | '-sdown' | '+odown' | '-odown' | '+reboot'; readonly name: string }

/** What it tells about itself. */
export interface TiltNews {
  readonly kind: '+tilt' | '-tilt'
}

export type SentinelNews = MasterNews | TiltNews

/** What happened. Every event carries the monotonic clock in ms: a gap between two events means that we were stopped. */
export type MembershipEvent = { readonly nowMs: number } & (
  | {
      readonly type: 'sentinel polled'
      readonly sentinel: string
      readonly masters: readonly SentinelMaster[]
      readonly tilt: boolean
    }
  | { readonly type: 'sentinel lost'; readonly sentinel: string; readonly reason: string }
  | { readonly type: 'sentinel said'; readonly sentinel: string; readonly news: SentinelNews }
  | { readonly type: 'link up'; readonly name: string }
  /** The ring's markers say that these names were removed before this run. */
  | { readonly type: 'removed before'; readonly names: readonly string[] }
  /** The operator has added the name, whether or not a Sentinel had to be told of it. */
  | { readonly type: 'added'; readonly name: string }
  /** We have told these Sentinels to forget the name, and they have said that they do. */
  | { readonly type: 'told to forget'; readonly name: string; readonly sentinels: readonly string[] }
  | { readonly type: 'link down'; readonly name: string; readonly reason: string }
  | { readonly type: 'tick'; readonly silence?: Silence; readonly refusals?: Refusals }
  /** We did not run for so long, which the monotonic clock does not tell of when the machine slept. */
  | { readonly type: 'paused'; readonly ms: number }
)

/** What is to be done, in this order. */
export type MembershipAction =
  | { readonly type: 'publish'; readonly members: readonly Member[] }
  | { readonly type: 'connect'; readonly name: string; readonly host: string; readonly port: number }
  | { readonly type: 'disconnect'; readonly name: string }
  /** Its connection is worth nothing any more: to be broken, and made anew. */
  | { readonly type: 'reset'; readonly name: string; readonly reason: string }
  | { readonly type: 'forget'; readonly name: string }
  /** Which names are removed has changed, and nothing is published that would be noted with it. */
  | { readonly type: 'note removed' }
  | {
      readonly type: 'log'
      readonly level: 'debug' | 'info' | 'warn'
      readonly event: EventName
      readonly message: string
      readonly member?: string
      readonly sentinel?: string
    }

/** Before anything was heard. `sentinels` are their addresses. */
export function initialState(sentinels: readonly string[], nowMs: number): MembershipState {
  const unheard = (address: string): SentinelState => ({
    address,
    contact: 'never',
    tried: false,
    tilt: false,
    masters: new Map(),
    error: 'not reached yet',
  })
  return {
    phase: 'starting',
    knownSinceMs: undefined,
    nowMs,
    members: [],
    sentinels: new Map(sentinels.map((address) => [address, unheard(address)])),
    known: new Map(),
    silence: NO_SILENCE,
    indispensable: new Set(),
    removed: new Set(),
    added: new Set(),
    alone: false,
  }
}
