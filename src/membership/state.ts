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
}

/**
 * What we have of one Sentinel.
 *
 *     never ──> heard <──> lost ──> returning ──> heard
 *
 * A Sentinel that comes back is `returning` until its second answer: a process that was stopped answers what lies in its
 * socket before its timer has noticed the gap and declared TILT, so its first answer may be as old as the stop.
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
  readonly inRing: boolean
  /** A Sentinel whose word counts says, or said last, that it does not reach it. */
  readonly sdown: boolean
  /**
   * Undefined as long as no Sentinel was seen to forget it (SENTINEL REMOVE). Then the Sentinels that answered and still
   * monitored it when that was first seen: if they fall silent later, that is no consent.
   */
  readonly keptBy: readonly string[] | undefined
  /** The log has said that it would have left were it not the last member. */
  readonly keptAsLast: boolean
}

/** A member as a view wants it, see `Member` of view.ts. */
export interface ViewMember {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly state: 'up' | 'suspect'
}

export interface MembershipState {
  /** Number of backups of each key, for what the log says. */
  readonly replicas: number
  /** `starting` until the first view. */
  readonly phase: 'starting' | 'running'
  /** When the members were first known, in ms, or undefined: the grace of the start counts from here. */
  readonly knownSinceMs: number | undefined
  /** The time of the last event, in ms. */
  readonly nowMs: number
  /** Epoch of the last published view; 0 before the first. */
  readonly epoch: number
  /** Members of the last published view, in order of their names. */
  readonly members: readonly ViewMember[]
  readonly sentinels: ReadonlyMap<string, SentinelState>
  readonly known: ReadonlyMap<string, KnownMaster>
  /** Names that were removed. SENTINEL REMOVE is local to each Sentinel: one that was away still reports them. */
  readonly removed: ReadonlySet<string>
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

/** What happened. Every event carries the wall clock in ms: a jump between two events means that we were stopped. */
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
  | { readonly type: 'link down'; readonly name: string; readonly reason: string }
  | { readonly type: 'tick' }
)

/** What is to be done, in this order. */
export type MembershipAction =
  | { readonly type: 'publish'; readonly epoch: number; readonly members: readonly ViewMember[] }
  | { readonly type: 'connect'; readonly name: string; readonly host: string; readonly port: number }
  | { readonly type: 'disconnect'; readonly name: string }
  | {
      readonly type: 'log'
      readonly level: 'debug' | 'info' | 'warn'
      readonly message: string
      readonly member?: string
      readonly sentinel?: string
      readonly epoch?: number
    }

/** Before anything was heard. `sentinels` are their addresses. */
export function initialState(sentinels: readonly string[], replicas: number, nowMs: number): MembershipState {
  const unheard = (address: string): SentinelState => ({
    address,
    contact: 'never',
    tried: false,
    tilt: false,
    masters: new Map(),
    error: 'not reached yet',
  })
  return {
    replicas,
    phase: 'starting',
    knownSinceMs: undefined,
    nowMs,
    epoch: 0,
    members: [],
    sentinels: new Map(sentinels.map((address) => [address, unheard(address)])),
    known: new Map(),
    removed: new Set(),
    alone: false,
  }
}
