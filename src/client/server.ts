import { Acl } from '../acl/acl.js'
import type { Links } from '../backend/links.js'
import type { Logger } from '../base/log.js'
import type { Turn } from '../base/turn.js'
import { CachedKeys } from '../channels/cached-keys.js'
import type { Channels } from '../channels/channels.js'
import type { Config } from '../config/config.js'
import type { Coordinator } from '../coordinator/coordinator.js'
import type { Membership } from '../membership/membership.js'
import type { SentinelAdmin } from '../membership/sentinel-admin.js'
import type { Upkeep } from '../membership/upkeep.js'
import { BigKeys } from '../migration/big-keys.js'
import type { Migrator } from '../migration/migrator.js'
import type { Outvoted } from '../migration/outvoted.js'
import type { Verifier } from '../migration/verify.js'
import type { Order } from '../order/order.js'
import { KeyspaceEvents } from '../serving/keyspace-events.js'
import type { Tls } from '../tls/tls.js'
import type { ViewKeeper } from '../view/view-keeper.js'
import type { ViewStore } from '../view/view-store.js'
import { ClientStats } from './client-stats.js'
import { Clients } from './clients.js'
import type { ListenAddress } from './doors.js'
import type { PeersSeen } from './forwarding.js'
import { HotKeys } from './hot-keys.js'
import { type LiveConfig, liveConfig } from './live-config.js'
import { Monitors } from './monitors.js'
import { type OutputLimits, pushLimitsOf } from './output-limit.js'
import { Pause } from './pause.js'
import { RecentEvents } from './recent-events.js'
import { SettingsSource } from './settings-source.js'
import { SlowLog } from './slow-log.js'
import { Traces } from './traces.js'

/** Everything that the commands answered by the proxy itself may look at. */
export interface Server {
  /** CONFIG SET changes some of it. */
  readonly config: LiveConfig
  readonly log: Logger
  readonly turn: Turn
  readonly acl: Acl
  readonly views: ViewStore
  readonly links: Links
  readonly coordinator: Coordinator
  readonly order: Order
  readonly membership: Membership
  readonly keeper: ViewKeeper
  readonly migrator: Migrator
  readonly verifier: Verifier
  readonly outvoted: Outvoted
  readonly sentinels: SentinelAdmin
  readonly upkeep: Upkeep
  /** Resolves with true when every start of a proxy finds the present view, with false when that takes too long. */
  readonly noted: () => Promise<boolean>
  /** Why the state file cannot be written; undefined when it can, or there is none. */
  readonly stateFileFault: () => string | undefined
  readonly clients: Clients
  readonly channels: Channels
  readonly cachedKeys: CachedKeys
  readonly keyspaceEvents: KeyspaceEvents
  /** How much may wait for a client that listens; CONFIG SET changes it. */
  readonly pushLimits: OutputLimits
  readonly monitors: Monitors
  readonly hotKeys: HotKeys
  readonly bigKeys: BigKeys
  readonly slowLog: SlowLog
  readonly traces: Traces
  readonly recentEvents: RecentEvents
  readonly pause: Pause
  readonly stats: ClientStats
  /** Something failed inside the proxy that nobody expects: logs it, and ends the proxy in order if it is wrong about itself. */
  failed(failure: Error, about: object): void
  /** Identifies this run of the process, 40 hexadecimal digits as Redis's own run_id. */
  readonly runId: string
  readonly startedAtMs: number
  /** The address on which clients are accepted, known when the listener is open. */
  readonly address: () => ListenAddress
  /** Whether it waits while another proxy serves the ring. */
  readonly standsBy: () => boolean
  /** The other proxies. */
  readonly peers: () => PeersSeen
  readonly tls: Tls
  /** Where the settings are read anew. */
  readonly source: SettingsSource
}

/** What there is of clients when the proxy starts. */
export function clientSide(
  config: Config,
  coordinator: Coordinator,
  views: ViewStore,
  links: Links,
  log: Logger,
  readConfig: () => Config = () => config,
): Pick<
  Server,
  | 'config'
  | 'acl'
  | 'clients'
  | 'stats'
  | 'channels'
  | 'cachedKeys'
  | 'pushLimits'
  | 'keyspaceEvents'
  | 'monitors'
  | 'hotKeys'
  | 'bigKeys'
  | 'slowLog'
  | 'traces'
  | 'recentEvents'
  | 'pause'
  | 'source'
> {
  const { channels, order } = coordinator
  const cachedKeys = new CachedKeys(config.limits.trackedKeys)
  order.caches.listener = cachedKeys
  const pushLimits = pushLimitsOf(config)
  const clients = new Clients()
  return {
    config: liveConfig(config),
    source: new SettingsSource(config, readConfig),
    acl: new Acl(config.acl, config.auth.password),
    clients,
    slowLog: new SlowLog(clients),
    traces: new Traces(config.traces.sampleRatio, (member) => links.get(member)),
    recentEvents: new RecentEvents(),
    pause: new Pause((frame, row) => coordinator.onlyReads(frame, row)),
    stats: new ClientStats(),
    channels,
    cachedKeys,
    pushLimits,
    monitors: new Monitors(pushLimits, log),
    hotKeys: new HotKeys(),
    bigKeys: new BigKeys(() => order.router),
    keyspaceEvents: new KeyspaceEvents(channels, views, links, log),
  }
}
