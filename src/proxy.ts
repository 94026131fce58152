import { randomBytes } from 'node:crypto'
import { Links } from './backend/links.js'
import type { Logger } from './base/log.js'
import { Turn } from './base/turn.js'
import { Clients } from './client/clients.js'
import { Listener } from './client/listener.js'
import { ClientStats, type Server } from './client/server.js'
import type { Config } from './config/config.js'
import { Coordinator } from './coordinator/coordinator.js'
import { Membership } from './membership/membership.js'
import { SentinelAdmin } from './membership/sentinel-admin.js'
import { Departures } from './migration/departures.js'
import { Migrator } from './migration/migrator.js'
import { joiningMembers } from './migration/plan.js'
import { StallWatch } from './migration/stall-watch.js'
import { Verifier } from './migration/verify.js'
import { emptyView } from './view/build-view.js'
import { ViewKeeper } from './view/view-keeper.js'
import { ViewStore } from './view/view-store.js'

/*
 * The parts of the proxy and the two paths through them; the letters come back in the files that do the steps.
 *
 *   data     (A) client/listener, connection     bytes of one client
 *            (B) resp/request-framer             where a command begins and ends
 *            (C) client/dispatch                 the command table's row; answered here, or
 *            (D) coordinator/coordinator         which replicas, in which way of serving
 *            (E) backend/link                    one FIFO connection per member ──────> redis-server
 *            (F) resp/reply-framer               where a reply begins and ends  <────── redis-server
 *            (G) coordinator/read, apply, …      one reply from those of the replicas
 *            (H) client/reply-queue, outbox      in the order of the client's commands
 *
 *   control  (K) membership/sentinel-subscriber  what the Sentinels say
 *            (L) membership/step                 pure: who is a member
 *            (M) view/view-keeper                who holds which range, and who is to get it
 *            (N) view/view-store                 the new view, read by (D) from then on
 */

/** How long clients may take to receive their last replies when the proxy stops. */
const CLOSE_GRACE_MS = 1000

export interface Proxy {
  /** Resolves when clients are accepted. Rejects when the address cannot be listened on, and when stopped before. */
  start(): Promise<{ host: string; port: number }>
  /** Answers nobody any more, and ends all connections. */
  stop(): Promise<void>
}

/** A proxy for the ring and on the address of `config`. */
export function createProxy(config: Config, log: Logger): Proxy {
  const runId = randomBytes(20).toString('hex')
  const turn = new Turn()
  const { ring, backend } = config
  const views = new ViewStore(emptyView(ring.id, ring.replicas, ring.virtualNodes))
  const keeper = new ViewKeeper(views, log)
  /** The process that each member was when it last answered. */
  const runs = new Map<string, string>()
  const links: Links = new Links({ ...backend, ringId: ring.id, runId }, turn, log, {
    onUp: (link, info) => {
      log.info({ member: link.name, version: link.info?.version, runId: link.info?.runId }, 'link up')
      const before = runs.get(link.name)
      runs.set(link.name, info.runId)
      if (before !== undefined && before !== info.runId) {
        coordinator.restarted(link)
        if (views.current.members.some(({ name }) => name === link.name)) keeper.restarted(link.name)
      }
      membership.linkUp(link.name)
      coordinator.linkUp(link)
      keeper.resume(link.name)
      migrator.linkUp()
    },
    onDown: (link, reason) => {
      // A link that is not wanted any more may outlive its place for a moment.
      if (links.get(link.name) === link) membership.linkDown(link.name, reason)
      coordinator.linkDown(link)
    },
  })
  const coordinator: Coordinator = new Coordinator(views, links, log, {
    unavailableTimeoutMs: config.limits.unavailableTimeoutMs,
    distrust: (member, reason) => {
      log.warn({ member, reason }, `${member} is filled anew`)
      const link = links.get(member)
      if (link !== undefined) coordinator.restarted(link)
      keeper.restarted(member)
    },
  })
  /** A server that holds keys and never was a member may be somebody else's: nothing is written to it, or emptied. */
  const isAdmitted = (name: string) => {
    const { current } = views
    if (current.epoch === 0 || admitted.has(name)) return true
    const keys = links.get(name)?.info?.keys ?? 0
    if (keys === 0) return true
    log.error({ member: name, keys }, `${name} is refused: it holds keys and is not known as a member; empty it first`)
    return false
  }
  const admitted = new Set<string>()
  views.onChange((view) => {
    for (const { name } of view.members) admitted.add(name)
  })
  const membership: Membership = new Membership({
    sentinel: config.sentinel,
    log,
    publish: (members) => keeper.membersChanged(members.filter(({ name }) => isAdmitted(name))),
    forget: (name) => keeper.forget(name),
    connect: (member) => links.connect(member),
    disconnect: (name) => links.disconnect(name),
  })
  const stallWatch = new StallWatch(
    () => joiningMembers(views.current).flatMap((name) => links.get(name) ?? []),
    (link) => {
      log.warn(
        { member: link.name },
        `${link.name} does not keep up while it is filled: let go until it is connected anew`,
      )
      keeper.suspend(link.name)
      link.reset('it did not answer while it was filled')
    },
  )
  const acknowledged = async () => {}
  const migrator: Migrator = new Migrator({
    views,
    links,
    coordinator,
    log,
    maxBytesPerSecond: config.migration.maxBytesPerSecond,
    filled: (member, ranges) => keeper.filled(member, ranges),
    acknowledged,
  })
  const verifier = new Verifier({
    coordinator,
    log,
    ...config.verify,
    acknowledged,
    isSweeping: (name) => migrator.isSweeping(name),
  })

  const sentinels = new SentinelAdmin(config.sentinel, backend)
  const departures = new Departures({ views, keeper, log, forget: (name) => sentinels.remove(name) })

  let address = { host: config.listen.host, port: config.listen.port }
  const server: Server = {
    config,
    log,
    turn,
    views,
    links,
    coordinator,
    membership,
    keeper,
    migrator,
    verifier,
    sentinels,
    clients: new Clients(),
    stats: new ClientStats(),
    runId,
    startedAtMs: Date.now(),
    address: () => address,
  }
  const listener = new Listener(server)

  return {
    async start() {
      await membership.start()
      migrator.start()
      stallWatch.start()
      departures.start()
      verifier.start()
      address = await listener.open()
      server.clients.closeIdle(config.limits.idleTimeoutMs)
      return address
    },
    async stop() {
      const closed = listener.close()
      server.clients.closeAll(CLOSE_GRACE_MS)
      verifier.stop()
      departures.stop()
      migrator.stop()
      stallWatch.stop()
      await membership.stop()
      coordinator.close()
      links.close()
      await closed
    },
  }
}
