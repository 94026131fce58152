import { addressText } from '../base/address-text.js'
import { assert } from '../base/assert.js'
import type { Logger } from '../base/log.js'
import type { Config } from '../config/config.js'
import type { TlsTarget } from '../tls/to-servers.js'
import type { Member } from '../view/view.js'
import { namePattern } from './name-pattern.js'
import type { Refusals } from './refusals.js'
import { SentinelSubscriber } from './sentinel-subscriber.js'
import type { Silence } from './silence.js'
import { standingOf } from './standing.js'
import {
  initialState,
  type KnownMaster,
  type MembershipAction,
  type MembershipEvent,
  type SentinelNews,
  type SentinelState,
} from './state.js'
import { step } from './step.js'

/** How often the step function is told the time. */
const TICK_MS = 100

export interface MembershipDeps {
  readonly sentinel: Pick<Config['sentinel'], 'addresses' | 'username' | 'password' | 'masterPattern' | 'pollMs'>
  /** How the connections to the Sentinels are encrypted, if they are. */
  readonly tls?: TlsTarget | undefined
  readonly log: Logger
  /** Who owes replies and says nothing. */
  silence(): Silence
  /** Called before anything that was heard is looked at: calls `paused` when we have not run for a while. */
  checkPause(): void
  /** Who does not take its marker. */
  refusals(): Refusals
  /** Who is a member now, in order of their names, whenever that, an address or a state has changed. */
  publish(members: readonly Member[]): void
  /** No Sentinel monitors it any more: should it come again, it is new. */
  forget(name: string): void
  /** `removed` has changed, and nothing is published. */
  noteRemoved(): void
  /** A server became known or moved: a link to it is wanted from now on, whether or not it is a member. */
  connect(member: { readonly name: string; readonly host: string; readonly port: number }): void
  /**
   * Its link is not wanted any more; what is in flight on it fails. When a `connect` follows at once, the server was
   * taken out of the ring and only a new handshake brings it back.
   */
  disconnect(name: string): void
  /** Its connection says nothing any more, for this reason: it is to be broken, and made anew. */
  reset(name: string, reason: string): void
}

/** What INFO and DT NODES show of the membership. */
export interface MembershipStatus {
  readonly sentinels: readonly {
    readonly address: string
    readonly reachable: boolean
    readonly tilt: boolean
    /** Why it is not reachable, or ''. */
    readonly error: string
  }[]
  readonly masters: readonly {
    readonly name: string
    readonly host: string
    readonly port: number
    readonly link: KnownMaster['link']
    /** What the reachable Sentinels say of it: among `s_down`, `o_down`. */
    readonly flags: readonly string[]
    /** How many Sentinels have to agree before it is down, as those that answer say; 0 when none does. */
    readonly quorum: number
    readonly inRing: boolean
    /** Why it is suspect or not in the ring, or ''. */
    readonly why: string
  }[]
  /** Names that were removed, and that these Sentinels monitor all the same. */
  readonly ignored: readonly {
    readonly name: string
    readonly host: string
    readonly port: number
    readonly sentinels: readonly string[]
  }[]
}

/**
 * The control path, around step (L) of proxy.ts: hears the Sentinels and the links, runs what it hears through `step`,
 * and does what that says. It decides nothing itself.
 */
export class Membership {
  /** How often the Sentinels have told what, by the names of their events, about masters of ours. */
  readonly heard = new Map<SentinelNews['kind'], number>()
  private state
  private readonly subscribers: SentinelSubscriber[]
  private readonly waiting: MembershipEvent[] = []
  private stepping = false
  private stopped = false
  /** The server whose link is being ended by us: that it is down then is no news. */
  private disconnecting: string | undefined
  private timer: NodeJS.Timeout | undefined
  private first: { resolve: () => void; reject: (error: Error) => void } | undefined

  constructor(private readonly deps: MembershipDeps) {
    const { sentinel } = deps
    this.state = initialState(sentinel.addresses.map(addressText), performance.now())
    const matches = namePattern(sentinel.masterPattern)
    const auth = { username: sentinel.username, password: sentinel.password, tls: deps.tls }
    this.subscribers = sentinel.addresses.map((endpoint) => {
      const address = addressText(endpoint)
      return new SentinelSubscriber(endpoint, auth, sentinel.pollMs, {
        onPolled: (masters, tilt) => {
          const ours = masters.filter(({ name }) => matches(name))
          this.feed({ type: 'sentinel polled', sentinel: address, masters: ours, tilt, nowMs: performance.now() })
        },
        onNews: (news) => {
          if ('name' in news && !matches(news.name)) return
          this.heard.set(news.kind, (this.heard.get(news.kind) ?? 0) + 1)
          this.feed({ type: 'sentinel said', sentinel: address, news, nowMs: performance.now() })
        },
        onLost: (reason) => this.feed({ type: 'sentinel lost', sentinel: address, reason, nowMs: performance.now() }),
      })
    })
  }

  /** Starts to follow the Sentinels; resolves when the first members have been published, however long that takes. */
  start(): Promise<void> {
    assert(this.timer === undefined, 'membership starts once')
    for (const subscriber of this.subscribers) subscriber.start()
    this.timer = setInterval(() => {
      const { deps } = this
      this.feed({ type: 'tick', nowMs: performance.now(), silence: deps.silence(), refusals: deps.refusals() })
    }, TICK_MS)
    return new Promise((resolve, reject) => {
      this.first = { resolve, reject }
    })
  }

  /** Hears and does nothing any more. A `start` that still waits for members is rejected. */
  async stop(): Promise<void> {
    this.stopped = true
    clearInterval(this.timer)
    for (const subscriber of this.subscribers) subscriber.stop()
    this.first?.reject(new Error('stopped before the first view'))
    this.first = undefined
  }

  /** The handshake of the link to this server is done. */
  linkUp(name: string): void {
    this.feed({ type: 'link up', name, nowMs: performance.now() })
  }

  /** The link to this server broke or could not be made. */
  linkDown(name: string, reason: string): void {
    if (name !== this.disconnecting) this.feed({ type: 'link down', name, reason, nowMs: performance.now() })
  }

  /** Names that were removed and have not been added again, in order. */
  removed(): string[] {
    return [...this.state.removed].sort()
  }

  /** The ring's markers say that these names were removed before this run: no Sentinel brings them back. */
  removedBefore(names: readonly string[]): void {
    if (names.length > 0) this.feed({ type: 'removed before', names, nowMs: performance.now() })
  }

  /** The operator has added this name: should it have been removed before, that is over. */
  added(name: string): void {
    this.feed({ type: 'added', name, nowMs: performance.now() })
  }

  /** These Sentinels have said that they forget this name, as we told them. */
  toldToForget(name: string, sentinels: readonly string[]): void {
    this.feed({ type: 'told to forget', name, sentinels, nowMs: performance.now() })
  }

  /** We did not run for so long: what is heard first is old. */
  paused(ms: number): void {
    this.feed({ type: 'paused', ms, nowMs: performance.now() })
  }

  status(): MembershipStatus {
    const { state } = this
    const sentinels = [...state.sentinels.values()]
    const reachable = ({ contact }: SentinelState) => contact === 'heard' || contact === 'returning'
    return {
      sentinels: sentinels.map((sentinel) => {
        const { address, tilt, error } = sentinel
        return { address, reachable: reachable(sentinel), tilt, error }
      }),
      masters: [...state.known.values()]
        .sort((a, b) => (a.name < b.name ? -1 : 1))
        .map((master) => {
          const { name, host, port, link, inRing } = master
          const words = sentinels.filter(reachable).flatMap(({ masters }) => masters.get(name) ?? [])
          const flags: string[] = []
          if (words.some(({ sdown }) => sdown)) flags.push('s_down')
          if (words.some(({ odown }) => odown)) flags.push('o_down')
          const quorum = Math.max(0, ...words.map(({ quorum }) => quorum ?? 0))
          return { name, host, port, link, flags, quorum, inRing, why: standingOf(state, master) }
        }),
      ignored: this.removed().flatMap((name) => {
        const monitoring = sentinels.filter((sentinel) => reachable(sentinel) && sentinel.masters.has(name))
        const word = monitoring[0]?.masters.get(name)
        if (word === undefined) return []
        return [{ name, host: word.host, port: word.port, sentinels: monitoring.map(({ address }) => address) }]
      }),
    }
  }

  /** An action may cause an event at once (a listener of the new view breaks a link): events wait for their turn. */
  private feed(event: MembershipEvent): void {
    if (this.stopped) return
    this.deps.checkPause()
    this.waiting.push(event)
    if (this.stepping) return
    this.stepping = true
    try {
      for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) {
        const { state, actions } = step(this.state, next)
        this.state = state
        for (const action of actions) this.act(action)
      }
    } finally {
      this.stepping = false
    }
  }

  private act(action: MembershipAction): void {
    const { deps } = this
    switch (action.type) {
      case 'publish':
        deps.publish(action.members)
        this.first?.resolve()
        this.first = undefined
        return
      case 'connect':
        deps.connect({ name: action.name, host: action.host, port: action.port })
        return
      case 'disconnect':
        this.disconnecting = action.name
        deps.disconnect(action.name)
        this.disconnecting = undefined
        return
      case 'reset':
        deps.reset(action.name, action.reason)
        return
      case 'forget':
        deps.forget(action.name)
        return
      case 'note removed':
        deps.noteRemoved()
        return
      case 'log': {
        const { type: _, level, message, ...fields } = action
        deps.log[level](fields, message)
        return
      }
    }
  }
}
