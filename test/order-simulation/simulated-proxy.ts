import type { Link } from '../../src/backend/link.js'
import { silentLogger } from '../../src/base/log.js'
import { Coordinator } from '../../src/coordinator/coordinator.js'
import { Migrator } from '../../src/migration/migrator.js'
import { joiningMembers } from '../../src/migration/plan.js'
import { StallWatch } from '../../src/migration/stall-watch.js'
import type { Order } from '../../src/order/order.js'
import { emptyView } from '../../src/view/build-view.js'
import type { Member, View } from '../../src/view/view.js'
import { ViewKeeper } from '../../src/view/view-keeper.js'
import { ViewStore } from '../../src/view/view-store.js'
import type { Server } from './server.js'
import { type SimulatedLink, SimulatedLinks } from './simulated-link.js'
import { SimulatedMarkers } from './simulated-markers.js'

const log = silentLogger()
const MAX_BLOCK_MS = 50

export interface RingSettings {
  readonly replicas: number
  readonly virtualNodes: number
  readonly unavailableTimeoutMs: number
}

/**
 * The proxy around the order engine, put together as in src/proxy.ts: everything real but the links, the markers, the
 * Sentinels and the clients. Whose word the Sentinels' was is `declareDown` here.
 */
export class SimulatedProxy {
  readonly views: ViewStore
  readonly keeper: ViewKeeper
  readonly links: SimulatedLinks
  readonly coordinator: Coordinator
  readonly order: Order
  readonly migrator: Migrator
  private readonly markers: SimulatedMarkers
  private readonly stallWatch: StallWatch
  /** Who is there by the Sentinels' word, and ours when a handshake brings it back. */
  private readonly present = new Set<string>()
  /** The processes that the ring knows. */
  private readonly processes = new Map<string, string>()
  private running = false

  constructor(
    servers: ReadonlyMap<string, Server>,
    settings: RingSettings,
    /** The ring knows that a server is another process than before: what it holds counts for nothing from the next view on. */
    private readonly lossKnown: (server: Server) => void,
    /** A connection has broken, and what was on its way may not be executed. */
    private readonly broken: (server: Server) => void,
  ) {
    this.views = new ViewStore(emptyView('simulated', settings.replicas, settings.virtualNodes))
    this.keeper = new ViewKeeper(this.views, log)
    this.links = new SimulatedLinks(servers, {
      onUp: (link) => this.linkUp(link as SimulatedLink),
      onDown: (link) => {
        this.broken((link as SimulatedLink).server)
        this.order.linkDown(link)
      },
    })
    this.coordinator = new Coordinator(this.views, this.links, log, {
      unavailableTimeoutMs: settings.unavailableTimeoutMs,
      missing: () => 'the ring has not begun',
      wasRemoved: () => false,
      maxBlockMs: MAX_BLOCK_MS,
      crossServer: 'gather',
      gatherBytes: 1024 * 1024,
      gatherMs: 5000,
      scriptMs: 60_000,
      scriptEffectsBytes: 1024 * 1024,
      loadedScriptsBytes: 64 * 1024 * 1024,
      distrust: (name) => {
        const link = this.links.get(name)
        if (link !== undefined) this.order.restarted(link)
        this.keeper.restarted(name)
      },
      databasesSwapped: () => this.migrator.beginAnew(),
      memoryChanged: (link) => this.memoryChanged(link),
    })
    this.order = this.coordinator.order
    this.markers = new SimulatedMarkers(this.views, this.links, (epoch) =>
      this.order.acknowledgement.markerAnswered(epoch),
    )
    this.migrator = new Migrator({
      views: this.views,
      links: this.links,
      order: this.order,
      log,
      maxBytesPerSecond: 0,
      keeper: this.keeper,
      acknowledged: () => this.markers.whenAcknowledged(),
    })
    this.stallWatch = new StallWatch(
      () => joiningMembers(this.views.current).flatMap((name) => this.links.get(name) ?? []),
      (link) => {
        this.keeper.suspend(link.name)
        link.reset('it did not answer while it was filled')
      },
      MAX_BLOCK_MS,
    )
  }

  /** The ring begins with these members, whose links are up. */
  begin(members: readonly Server[]): void {
    for (const server of members) {
      this.know(server)
      this.present.add(server.name)
      this.links.to(server)?.connect()
    }
    this.running = true
    this.order.opening.open()
    this.keeper.begin(this.views.current, this.members(), [])
    this.migrator.start()
    this.stallWatch.start()
    this.order.memory.start()
  }

  /** The Sentinels know of a server. */
  know(server: Server): void {
    this.links.connect({ name: server.name, host: 'memory', port: 1 })
  }

  isPresent(server: Server): boolean {
    return this.present.has(server.name)
  }

  /** odown: it is out until a new handshake brings it back [membership/decide, leaves]. */
  declareDown(server: Server): void {
    this.present.delete(server.name)
    if (this.links.get(server.name)?.ready === true) {
      this.links.disconnect(server.name)
      this.know(server)
    }
    this.keeper.membersChanged(this.members())
  }

  close(): void {
    this.migrator.stop()
    this.stallWatch.stop()
    this.order.close()
    this.links.close()
  }

  private linkUp(link: SimulatedLink): void {
    const { coordinator, order, keeper } = this
    const { name, server } = link
    const before = this.processes.get(name)
    this.processes.set(name, server.runId)
    if (before !== undefined && before !== server.runId) {
      this.lossKnown(server)
      order.restarted(link)
      if (this.views.current.members.some((member) => member.name === name)) keeper.restarted(name)
    }
    order.owedSweeps.linkUp(link)
    if (this.running && !this.present.has(name)) {
      this.present.add(name)
      keeper.membersChanged(this.members())
    }
    coordinator.linkUp(link)
    keeper.resume(name)
    this.markers.linkUp(name)
    this.migrator.linkUp(name)
  }

  private memoryChanged(link: Link): void {
    if (!link.full) this.keeper.resume(link.name)
    else if (joiningMembers(this.views.current).includes(link.name)) {
      this.order.restarted(link)
      this.keeper.suspend(link.name)
    }
  }

  private members(): Member[] {
    return [...this.present].sort().map((name) => ({ name, host: 'memory', port: 1, state: 'up' }))
  }
}

/** Whether a member is natural for some range. */
export function isNatural(view: View, name: string): boolean {
  return view.replicaSets.some(({ natural }) => natural.some((member) => member.name === name))
}
