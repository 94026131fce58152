import { Collector } from '../base/collect.js'
import { memoryOf } from './client-memory.js'
import { queuedBytesOf } from './client-socket.js'
import type { Connection } from './connection.js'
import { exceeds, outputLimitsOf } from './output-limit.js'
import type { Server } from './server.js'

/** How often clients are looked at; more often where a limit of all their memory is to be kept. */
const SWEEP_MS = 1000
const MEMORY_SWEEP_MS = 100
/** Half a command may take as long again for each so many bytes of it that have come. */
const PROGRESS_BYTES = 1024 * 1024

type Limits = Server['config']['limits']

/** What was seen of a client that may have to be closed, if the time goes on so. */
interface Seen {
  /** How many commands it had given then: the half one is another one when it is more. */
  commands: number
  halfSinceMs: number | undefined
  /** It has had more to take than its soft limit says since then, and may for so long. */
  softSinceMs: number | undefined
  softMs: number
  /** Bytes that it had taken then. */
  takenBytes: number
  /** Bytes that were written and that the system had not taken. */
  queuedBytes: number
}

/**
 * Closes clients that keep what others could have: for too long without a word, a login, or the rest of a command; too many
 * replies for too long; or the most memory when all have too much together. Nothing is kept of a client of which there is nothing to say.
 */
export class Sweeper {
  private readonly seen = new Map<Connection, Seen>()
  private timer: NodeJS.Timeout | undefined
  private due: NodeJS.Immediate | undefined
  private sweptMs = 0
  /** What they had is given back. */
  private readonly collector = new Collector()

  constructor(private readonly server: Pick<Server, 'acl' | 'config' | 'pushLimits' | 'clients' | 'stats' | 'log'>) {}

  start(): void {
    this.collector.start()
    this.timer = setInterval(() => {
      // After a turn that took long timers come before what the clients have said meanwhile: that is read first.
      this.due ??= setImmediate(() => this.lookAround())
    }, MEMORY_SWEEP_MS)
  }

  stop(): void {
    this.collector.stop()
    clearInterval(this.timer)
    clearImmediate(this.due)
  }

  private lookAround(): void {
    this.due = undefined
    const nowMs = performance.now()
    if (nowMs - this.sweptMs >= SWEEP_MS - MEMORY_SWEEP_MS / 2) this.sweep(nowMs)
    this.evict()
  }

  /** Looks at each client once. */
  sweep(nowMs: number): void {
    this.sweptMs = nowMs
    const { acl, clients, config, log } = this.server
    const { needLogin } = acl.users
    for (const client of clients.all()) {
      const seen = this.look(client, nowMs)
      const why = reasonToClose(client, needLogin, seen, config.limits, nowMs)
      if (why === undefined) continue
      if (why !== 'idle') log.warn({ event: 'client-closed', client: client.address }, `a client is closed: ${why}`)
      // What waits for one who does not read would keep the connection for ever.
      if (why === 'idle' && client.pendingBytes === 0) client.close()
      else client.drop()
    }
    for (const client of this.seen.keys()) if (clients.get(client.id) !== client) this.seen.delete(client)
  }

  /** Closes those that take the most, until all others together have no more than they may. [Redis server.c evictClients] */
  evict(): void {
    const { clients, config, stats, log } = this.server
    const { clientMemoryBytes } = config.limits
    if (clientMemoryBytes === 0) return
    const sizes = clients.all().map((client) => ({ client, bytes: memoryOf(client) }))
    let sum = sizes.reduce((bytes, each) => bytes + each.bytes, 0)
    if (sum <= clientMemoryBytes) return
    const most = sizes.filter(({ client }) => !client.session.noEvict).sort((a, b) => b.bytes - a.bytes)
    for (const { client, bytes } of most) {
      if (sum <= clientMemoryBytes || bytes === 0) return
      sum -= bytes
      stats.clientsEvicted++
      log.warn(
        { event: 'client-evicted', client: client.address, bytes },
        'a client is closed: it takes the most of what all clients may (maxmemory-clients)',
      )
      client.drop()
    }
  }

  /** What has been seen of a client up to now; undefined when it keeps nothing. */
  private look(client: Connection, nowMs: number): Seen | undefined {
    const { framer, pendingBytes, commands } = client
    const half = client.serving && framer.bufferedBytes > 0
    if (!half && pendingBytes === 0) {
      this.seen.delete(client)
      return undefined
    }
    const takenBytes = client.outbox.totalBytes - pendingBytes
    const queuedBytes = queuedBytesOf(client)
    let seen = this.seen.get(client)
    if (seen === undefined) {
      seen = { commands, halfSinceMs: undefined, softSinceMs: undefined, softMs: 0, takenBytes, queuedBytes }
      this.seen.set(client, seen)
      // Replies have been written since it was last looked at.
      if (pendingBytes > 0) client.lastActiveMs = nowMs
    }
    if (!half) seen.halfSinceMs = undefined
    else if (seen.halfSinceMs === undefined || seen.commands !== commands) seen.halfSinceMs = nowMs
    seen.commands = commands
    // Who takes replies does something [Redis networking.c writeToClient].
    if (takenBytes !== seen.takenBytes || queuedBytes < seen.queuedBytes) client.lastActiveMs = nowMs
    seen.takenBytes = takenBytes
    seen.queuedBytes = queuedBytes
    // Also of who listens or monitors: nothing more may be published that would show it.
    const { softBytes, softMs } = outputLimitsOf(client.session, this.server)
    seen.softSinceMs = exceeds(pendingBytes, softBytes) ? (seen.softSinceMs ?? nowMs) : undefined
    seen.softMs = softMs
    return seen
  }
}

/** Why a client is to be closed now; undefined when it is not. */
export function reasonToClose(
  client: Pick<
    Connection,
    'session' | 'queue' | 'framer' | 'isBlocked' | 'closed' | 'createdAtMs' | 'lastActiveMs' | 'stint'
  >,
  needLogin: boolean,
  seen: Readonly<Seen> | undefined,
  limits: Pick<Limits, 'idleTimeoutMs' | 'loginTimeoutMs' | 'commandTimeoutMs'>,
  nowMs: number,
): string | undefined {
  const { session, queue } = client
  const { loginTimeoutMs, commandTimeoutMs, idleTimeoutMs } = limits
  const loggedOutMs = Math.max(client.createdAtMs, session.loggedOutMs)
  if (loginTimeoutMs > 0 && needLogin && !session.authenticated && nowMs - loggedOutMs > loginTimeoutMs) {
    return 'it has not logged in (limits.loginTimeoutMs)'
  }
  if (seen?.halfSinceMs !== undefined && commandTimeoutMs > 0) {
    const allowedMs = commandTimeoutMs * (1 + client.framer.bufferedBytes / PROGRESS_BYTES)
    if (nowMs - seen.halfSinceMs > allowedMs)
      return 'half a command has come, and the rest does not (limits.commandTimeoutMs)'
  }
  if (seen?.softSinceMs !== undefined && nowMs - seen.softSinceMs > seen.softMs) {
    return 'it has had too much to take for too long (client-output-buffer-limit)'
  }
  // Who waits for something, listens or monitors may be silent [Redis timeout.c clientsCronHandleTimeout]; one that is closed
  // and has not taken its last replies does none of that any more. Whose turn has to come again has asked for more than was served.
  const mayBeSilent =
    !client.closed &&
    (queue.length > 0 ||
      client.stint.isOver ||
      client.isBlocked ||
      session.subscriber !== undefined ||
      session.monitoring !== undefined)
  if (idleTimeoutMs > 0 && !mayBeSilent && nowMs - client.lastActiveMs > idleTimeoutMs) return 'idle'
  return undefined
}
