import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { AdminServer } from './admin/admin-server.js'
import { Links, whileUp } from './backend/links.js'
import { nameOfKind } from './backend/server-kind.js'
import { AssertionError } from './base/assert.js'
import { becomes } from './base/becomes.js'
import { inlineHotPaths } from './base/engine.js'
import type { Logger } from './base/log.js'
import { PauseWatch } from './base/pause-watch.js'
import { Turn } from './base/turn.js'
import { UserError } from './base/user-error.js'
import { serveScripts } from './client/commands/to-scripts.js'
import { leaveToOthers } from './client/leave-to-others.js'
import { Listener } from './client/listener.js'
import { reloadOrLog } from './client/reload.js'
import { clientSide, type Server } from './client/server.js'
import type { Config } from './config/config.js'
import { Coordinator } from './coordinator/coordinator.js'
import { learnCommands } from './coordinator/learn-commands.js'
import { servingSettings } from './coordinator/serving-settings.js'
import { Entrances, isFollowed, isFront } from './entrances.js'
import { missingContact } from './membership/contact.js'
import { Incidents } from './membership/incidents.js'
import { watchSilence } from './membership/large-reads.js'
import { Markers } from './membership/markers.js'
import { Membership } from './membership/membership.js'
import { originOf } from './membership/origin.js'
import { Ownership } from './membership/ownership.js'
import { refusalsOf } from './membership/refusals.js'
import { SentinelAdmin } from './membership/sentinel-admin.js'
import { Starter } from './membership/starter.js'
import { openStateFile } from './membership/state-file.js'
import { Upkeep } from './membership/upkeep.js'
import { Departures } from './migration/departures.js'
import { isSameOnBoth } from './migration/equal-copies.js'
import { joinsWithMemory } from './migration/joining-memory.js'
import { Migrator } from './migration/migrator.js'
import { Outvoted } from './migration/outvoted.js'
import { Settling } from './migration/settling.js'
import { watchStalls } from './migration/stall-watch.js'
import { Verifier } from './migration/verify.js'
import { isAtRest } from './order/at-rest.js'
import { Peering } from './peer/peering.js'
import type { RingProxy, StartOptions } from './service.js'
import { Tls } from './tls/tls.js'
import { emptyView } from './view/build-view.js'
import type { Member } from './view/view.js'
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
 *            (G) serving/read, apply, …      one reply from those of the replicas
 *            (H) client/reply-queue, outbox      in the order of the client's commands
 *
 *   control  (K) membership/sentinel-subscriber  what the Sentinels say
 *            (L) membership/step                 pure: who is a member
 *            (M) view/view-keeper                who holds which range, and who is to get it
 *            (N) view/view-store                 the new view, read by (D) from then on
 *            (O) membership/markers              the view noted on its members; (G) acknowledges writes after that
 *
 *   at first membership/starter                  is the ring ours, and where did it stop? (M) begins with that
 *   always   membership/ownership                are the members still ours? Else nothing leaves (E) and (H) any more
 */

/** How long clients may take to receive their last replies when the proxy stops. */
const CLOSE_GRACE_MS = 1000
/**
 * A link that came up while it was decided what the ring begins with, of which nobody has asked what its server holds, nor
 * told it whose it is: its next handshake does.
 */
const GREETED_TOO_EARLY = 'it was greeted before the ring began'
/** How long the members may take to answer what they were last sent. */
const QUIET_MS = 3000

/** A proxy for the ring and on the address of `config`. */
export function createProxy(config: Config, plainLog: Logger, startOptions: StartOptions = {}): RingProxy {
  inlineHotPaths()
  const runId = randomBytes(20).toString('hex')
  const where = `process ${process.pid} on ${hostname()}`
  const turn = new Turn()
  const { ring, backend } = config
  const views = new ViewStore(emptyView(ring.id, ring.replicas, ring.virtualNodes, ring.keyGroups))
  const isReached = (name: string) => links.get(name)?.ready === true
  const incidents = new Incidents(plainLog, () => views.current, isReached)
  const { log } = incidents
  const tls = new Tls(config, log)
  const keeper = new ViewKeeper(views, log)
  /** Who is there now; not placed on the ring before it is known what the ring begins with. */
  let members: readonly Member[] = []
  let running = false
  let starter: Starter | undefined
  const usable = () => members.filter(({ name }) => !ownership.refused.has(name))
  const place = () => {
    if (running) keeper.membersChanged(usable())
    else starter?.changed()
  }
  let end: (reason: Error) => void
  const ended = new Promise<Error>((resolve) => {
    end = resolve
  })
  let deposed: Error | undefined
  const whereReached = () => ({ peer: peering.address, ...(tls.peers !== undefined && { peerTls: true }) })
  const ownership: Ownership = new Ownership({
    ringId: ring.id,
    run: runId,
    where,
    peer: whereReached,
    wipe: startOptions.wipe === true,
    turn,
    log,
    links: () => links,
    view: () => (running ? views.current : (starter?.newest ?? views.current)),
    serving: () => running,
    lastTaken: (name) => markers.lastTaken(name),
    isStray: (marker) => markers.isStray(marker),
    refusedChanged: place,
    deposed: (reason) => fail(new UserError(reason)),
  })
  const failed = (failure: Error, about: object) => {
    log.error({ event: 'internal-error', err: failure, ...about }, 'something failed inside the proxy')
    if (failure instanceof AssertionError) fail(failure)
  }
  /** It was shut out, or what it takes for granted does not hold, which ends it alike: it notes nothing more anywhere. */
  const fail = (failure: Error) => {
    deposed ??= failure
    markers.stop()
    starter?.stop()
    end(failure)
  }
  views.onChange((view) => ownership.viewChanged(view))
  views.onChange(() => incidents.look())
  const pauseWatch = new PauseWatch((ms) => {
    ownership.stalled(ms)
    membership.paused(ms)
  })
  turn.guard = () => pauseWatch.check()

  const admit: Ownership['admit'] = (name, info, call) => ownership.admit(name, info, call)
  const links: Links = new Links({ ...backend, tls: tls.servers, ringId: ring.id, runId, admit, failed }, turn, log, {
    onUp: (link, info) => {
      if (running && !ownership.servers.has(link.name)) return link.reset(GREETED_TOO_EARLY)
      log.info({ event: 'link-up', member: link.name, version: nameOfKind(info.kind), runId: info.runId }, 'link up')
      if (ownership.isStrange(link.name)) {
        const refusal = ownership.refuseLate(link.name)
        if (refusal !== undefined) return link.reset(`it is refused: ${refusal}`)
        order.restarted(link)
        if (views.current.members.some(({ name }) => name === link.name)) keeper.restarted(link.name)
      }
      whileUp(link, [
        () => order.owedSweeps.linkUp(link),
        () => membership.linkUp(link.name),
        () => coordinator.linkUp(link),
        () => keeper.resume(link.name),
        () => markers.linkUp(link),
        () => coordinator.functions.kept.makeEqual(link),
        () => upkeep.linkUp(link),
        () => void learnCommands(link, config.commands.moduleWrites, log).then(() => coordinator.offered.changed()),
        () => migrator.linkUp(link.name),
        () => listening.keyspaceEvents.linkUp(link),
        () => starter?.changed(),
      ])
    },
    onDown: (link, reason) => {
      // A link that is not wanted any more may outlive its place for a moment.
      if (links.get(link.name) === link) membership.linkDown(link.name, reason)
      order.linkDown(link)
    },
    onStrayed: (link, reason) => order.linkStrayed(link, reason),
  })
  /** What a member has does not count any more. */
  const distrust = (member: string, reason: string) => {
    log.warn({ event: 'member-distrusted', member, reason }, `${member} is filled anew: ${reason}`)
    const link = links.get(member)
    if (link !== undefined) order.restarted(link)
    keeper.restarted(member)
  }
  const stateFile = openStateFile(ring.stateFile, runId, log, (reason) => ownership.cease('', reason))
  // Who has left is removed, also when the Sentinels have not been told yet.
  const removed = () => [...new Set([...membership.removed(), ...keeper.departed()])]
  const followed = isFollowed(config, startOptions)
  const markers = new Markers({
    ...{ ringId: ring.id, run: runId, where, links, views, log, stateFile, removed },
    unguarded: ring.withoutMajority === 'serve',
    isFollowed: followed,
    peer: whereReached,
    cutOff: (isCutOff, reason) => coordinator.cutOff(isCutOff, reason),
    doubted(isUnsure, reason) {
      order.opening.doubt(isUnsure, reason)
      if (reason !== undefined) leaveToOthers(server, reason)
    },
  })
  const coordinator: Coordinator = new Coordinator(views, links, log, {
    ...servingSettings(config, tls.servers),
    isFollowed: followed,
    wasRemoved: (name) => membership.removed().includes(name),
    isSameOnBoth,
    missing: () => missingContact(membership.status(), config.sentinel.masterPattern),
    distrust,
    databasesSwapped: () => migrator.beginAnew(),
    memoryChanged: joinsWithMemory({ views, keeper, log }, () => order),
  })
  const { order } = coordinator
  markers.onAcknowledged((epoch) => order.acknowledgement.markerAnswered(epoch))
  const membership: Membership = new Membership({
    ...{ sentinel: config.sentinel, tls: tls.sentinels },
    log,
    checkPause: () => pauseWatch.check(),
    silence: watchSilence(links, order),
    refusals: () => refusalsOf(markers.refusals(), views.current),
    publish: (present) => {
      members = present
      place()
    },
    forget: (name) => {
      keeper.forget(name)
      ownership.forget(name)
      order.absences.forget(name) // Who was removed may serve others before it is added again.
    },
    noteRemoved: place,
    connect: (member) => links.connect(member),
    disconnect: (name) => links.disconnect(name),
    reset: (name, reason) => links.get(name)?.reset(reason),
  })
  const stallWatch = watchStalls(views, links, keeper, log, config.migration.maxBlockMs)
  const acknowledged = () => markers.whenAcknowledged()
  const migrator: Migrator = new Migrator({
    views,
    links,
    order,
    log,
    maxBytesPerSecond: config.migration.maxBytesPerSecond,
    keeper,
    acknowledged,
  })
  const verifier = new Verifier({
    order,
    log,
    ...config.verify,
    acknowledged,
    isSweeping: (name) => migrator.isSweeping(name),
    outvoted: (name) => outvoted.note(name),
  })

  const settling: Settling = new Settling(order, verifier, log, () => outvoted.settled())
  const outvoted = new Outvoted({ log, order, lookAtAll: () => settling.lookAtAll(), distrust })
  const upkeep: Upkeep = new Upkeep({
    log,
    links: () => links.all(),
    markerLost: (name) => {
      markers.writeAgain(name)
      coordinator.functions.kept.makeEqual(links.get(name)!)
    },
    diverged: (member) => {
      log.warn(
        { event: 'copies-doubted', member },
        'copies may differ since then: all of them are looked at, and each key before it is used',
      )
      settling.doubtAll()
    },
    emptied: (name) => order.isMember(name) && distrust(name, 'somebody emptied or swapped its databases'),
  })

  const forgotten: Membership['toldToForget'] = (name, told) => membership.toldToForget(name, told)
  const sentinels = new SentinelAdmin(config.sentinel, backend, tls.sentinels, () => turn.mayLeave(), forgotten)
  const departures = new Departures({ views, keeper, log, acknowledged, forget: (name) => sentinels.remove(name) })

  const listening = clientSide(config, coordinator, views, links, log, startOptions.readConfig)
  const server: Server = {
    log,
    turn,
    views,
    links,
    coordinator,
    order,
    membership,
    keeper,
    migrator,
    verifier,
    outvoted,
    sentinels,
    upkeep,
    noted: () => markers.acknowledgedWithin(config.limits.unavailableTimeoutMs),
    ...listening,
    ...{ tls, runId, failed, startedAtMs: performance.now(), stateFileFault: () => stateFile?.fault },
    ...{ address: () => entrances.address, standsBy: () => entrances.standsBy, peers: () => peering.seen },
  }
  serveScripts(server)
  const listener = new Listener(server)
  const admin = new AdminServer(server)
  const peering = new Peering(server, listener, where, isFront(config, startOptions))
  const entrances = new Entrances(listener, admin, peering, config, startOptions, log)

  const known = () => membership.status().masters.filter(({ link }) => link !== 'idle')
  /** Finds out what the ring is, and whether it is ours, and publishes the first view [design §8 Start]. */
  const begin = async () => {
    starter = new Starter({
      ring,
      run: runId,
      links,
      ownership,
      log,
      stateFile,
      takeover: startOptions.takeover === true,
      standby: startOptions.standby === true,
      acceptEpoch: startOptions.acceptEpoch,
      known,
      expected: () => known().filter(({ flags }) => !flags.includes('o_down')).length,
      refused: (reason) => peering.refuse(reason),
      ownedBy: (owner) => peering.follow(owner),
      ready: startOptions.ready,
      async vacant() {
        order.opening.expect()
        await entrances.vacant()
      },
      removedBefore: (names) => membership.removedBefore(names),
    })
    await membership.start()
    const decision = await starter.run()
    markers.begin(originOf(decision, ownership.term, stateFile?.where))
    if (decision.kind === 'resume') ownership.refuseStrays(decision.strays)
    running = true
    for (const link of links.all()) if (link.ready && !ownership.servers.has(link.name)) link.reset(GREETED_TOO_EARLY)
    order.opening.open()
    if (decision.kind === 'resume' && decision.unclean) order.uncertainty.begin()
    keeper.begin(decision.view, usable(), decision.kind === 'resume' ? decision.leaving : [])
  }
  return {
    ended,
    get address() {
      return entrances.address
    },
    get adminAddress() {
      return entrances.adminAddress
    },
    async start() {
      await entrances.begin()
      pauseWatch.start()
      try {
        await begin()
      } catch (failure) {
        // Whoever waits for the ring is told before the connections end.
        order.opening.refuse((failure as Error).message)
        throw failure
      }
      migrator.start()
      // What the last proxy was deleting is not noted anywhere.
      migrator.sweepAll()
      stallWatch.start()
      departures.start()
      verifier.start()
      void settling.run()
      upkeep.start()
      order.memory.start()
      return entrances.address
    },
    fail(failure) {
      log.fatal({ event: 'fatal', err: failure }, 'an exception that nobody caught: the proxy stops')
      turn.hold()
      fail(failure)
    },

    reload: () => reloadOrLog(server),
    handOver: async (env) => running && markers.passTo(await entrances.handOver(env)),
    async stop(inOrder = false) {
      settling.stop()
      upkeep.stop()
      if (!running) order.opening.refuse('the proxy stops')
      const closed = listener.close()
      if (inOrder && running && deposed === undefined) await entrances.drain()
      server.clients.closeAll(CLOSE_GRACE_MS, deposed?.message)
      peering.part()
      verifier.stop()
      departures.stop()
      migrator.stop()
      stallWatch.stop()
      await membership.stop()
      starter?.stop()
      if (running && deposed === undefined && (await becomes(() => isAtRest(order, links), QUIET_MS)))
        await markers.close()
      markers.stop()
      ownership.stop()
      pauseWatch.stop()
      order.close()
      links.close()
      await stateFile?.idle()
      await Promise.all([admin.close(), peering.close()])
      await closed
    },
  }
}
