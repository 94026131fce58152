import { tracing } from '../backend/tracing.js'
import { unknownCommandError, unknownSubcommandError, unsupportedError, wrongArityError } from '../command/errors.js'
import { mayReplicate } from '../command/may-replicate.js'
import { readingForm } from '../command/reading-form.js'
import type { CommandRow } from '../command/row.js'
import { isSecurityCommand, lookupCommand, lookupSubcommand, readingRow } from '../command/table.js'
import { encodeReply, error, PONG, type Reply } from '../resp/encode.js'
import { argumentOf, type Frame, ownFrame } from '../resp/frame.js'
import { parseRequest } from '../resp/request-parser.js'
import { isAnyOfTable } from '../serving/certain.js'
import { endCachingOnce, noteCommand } from './caching.js'
import { NORMAL } from './client-state.js'
import { serveChannels } from './commands/channels.js'
import { DEBUG_NOT_ALLOWED, mayDebug } from './commands/debug.js'
import { NO_REPLY } from './commands/local-command.js'
import type { Connection } from './connection.js'
import { isForOwners, refuse, whenSure } from './owners-only.js'
import { offersCommand } from './ring-version.js'
import { refusedByRules, rowUnder } from './rules.js'
import type { Server } from './server.js'
import type { Slot } from './slot.js'
import { whileSubscribed } from './subscribed.js'
import { between, commandOf, refusedHere } from './transaction.js'

const NOAUTH = error('NOAUTH Authentication required.')
const NOAUTH_FOR_EXEC = error(`EXECABORT Transaction discarded because of: ${NOAUTH.message}`)
const NOT_FOR_MONITORS = error("ERR Replica can't interact with the keyspace")
/** For traces: what is answered then is an error of the proxy. */
const FAILED = Buffer.from('-ERR ')
/** Of these SLOWLOG knows by their slots. */
const NOTED: ReadonlySet<string> = new Set(['exec', 'watch'])

/**
 * Serves one command of a client. What goes wrong inside the proxy is an error for this client, a line in the log, and
 * nothing to the others.
 */
export function dispatch(server: Server, client: Connection, frame: Frame): void {
  const { queue } = client
  const takenBefore = queue.taken
  if (tracing.isOn) tracing.ownError = undefined
  try {
    serve(server, client, frame)
  } catch (failure) {
    failed(client, takenBefore, failure as Error)
  }
  if (tracing.isOn) server.traces.refused(client, client.lastCommand?.name)
}

/** Serves one that was held. */
export function dispatchHeld(server: Server, client: Connection, frame: Frame, row: CommandRow): void {
  const takenBefore = client.queue.taken
  server.slowLog.held = frame
  if (tracing.isOn) tracing.ownError = undefined
  try {
    admit(server, client, frame, row)
  } catch (failure) {
    failed(client, takenBefore, failure as Error)
  } finally {
    server.slowLog.held = undefined
  }
  if (tracing.isOn) server.traces.refused(client, row.name)
}

function failed(client: Connection, takenBefore: number, failure: Error): void {
  if (client.queue.taken === takenBefore) {
    client.takeSlot(0)
    if (tracing.isOn) tracing.replied(FAILED)
  }
  client.queue.fail(undefined, failure, false)
}

/** The guards of Redis's processCommand in its order, then to where the row says [Redis server.c processCommand]. */
function serve(server: Server, client: Connection, frame: Frame): void {
  const { session } = client
  client.commands++
  server.stats.commands++
  if (session.replies === 'skip-next') session.replies = 'skip-this'
  else if (session.replies === 'skip-this') session.replies = 'on'

  const row = lookup(server, client, frame)
  if (row === undefined) {
    server.stats.rejectedCommands++
    if (client.lastCommand?.behindMulti === 'executes') session.endTransaction()
    else session.abortTransaction()
    return
  }
  if (row.isProtected && !mayDebug(server, client)) {
    server.stats.rejectedCommands++
    session.abortTransaction()
    client.reply(DEBUG_NOT_ALLOWED)
    return
  }
  admit(server, client, frame, row)
}

/** The command is one: whether its client may send it, and now. */
function admit(server: Server, client: Connection, frame: Frame, row: CommandRow): void {
  const { session } = client
  if (!session.authenticated && !row.flags.includes('no_auth') && server.acl.users.needLogin) {
    server.stats.rejectedCommands++
    client.reply(row.behindMulti === 'executes' ? NOAUTH_FOR_EXEC : NOAUTH)
    showRefused(server, client, frame, row)
    return
  }
  if (session.user.mayAll) serveAllowed(server, client, frame, row)
  else if (!isRefused(server, client, frame, row)) serveAllowed(server, client, frame, rowUnder(session.user, row))
}

/** Its user may do that. */
function serveAllowed(server: Server, client: Connection, frame: Frame, row: CommandRow): void {
  if (server.pause.any && server.pause.concerns(client, frame, row)) {
    server.pause.hold(client, ownFrame(frame), row)
    return
  }
  if (!server.order.opening.isSure && isForOwners(client.session, row)) {
    whenSure(server, client, ownFrame(frame), row)
    return
  }
  const reading = row.reading === undefined ? undefined : readingForm(row, frame)
  const isServed =
    reading === undefined ? pass(server, client, frame, row) : pass(server, client, reading, readingRow(row)!)
  if (isServed && server.monitors.any) server.monitors.show(client, frame, row)
  if (server.cachedKeys.any) endCachingOnce(client, row)
}

/** Whether its user may not do that, and the client has been told so. */
function isRefused(server: Server, client: Connection, frame: Frame, row: CommandRow): boolean {
  const { session } = client
  // In Redis this comes first, with the same end.
  if (session.transaction !== undefined && row.flags.includes('no_multi')) return false
  const refusal = refusedByRules(server, client, frame, row)
  if (refusal === undefined) {
    if (row.flags.includes('blocking')) session.waited = { row, frame: ownFrame(frame), number: client.commands }
    return false
  }
  refuse(server, client, row, refusal)
  showRefused(server, client, frame, row)
  return true
}

/** Of what is refused Redis shows to monitors the end of a transaction, which they have seen begin [Redis multi.c execCommandAbort]. */
function showRefused({ monitors }: Server, client: Connection, frame: Frame, row: CommandRow): void {
  if (monitors.any && row.behindMulti === 'executes') monitors.show(client, frame, row)
}

/** False when it is not served now: it was refused, or is one of a transaction. */
function pass(server: Server, client: Connection, frame: Frame, row: CommandRow): boolean {
  const { session } = client
  if (server.monitors.any && isRefusedToMonitor(server, client, frame, row)) return false
  if (session.state !== NORMAL && isAnsweredByState(server, client, frame, row)) return false
  if (row.route !== 'local') {
    if (row.route === 'channels') {
      serveChannels(server, client, frame, row)
      return true
    }
    const slot = client.takeSlot(frame.end - frame.start)
    slot.timedAs = row.timedAs
    if (row.replicate !== 'none') client.queue.newestWrite = slot.number
    if (server.cachedKeys.any) noteCommand(server, client, frame, row, slot)
    if (server.hotKeys.isOn) server.hotKeys.see(frame, row, session.db, slot)
    if (tracing.isOn) server.traces.serve(client, row.name, slot, () => server.coordinator.submit(frame, row, slot))
    else server.coordinator.submit(frame, row, slot)
    return true
  }
  if (row.whileListening === 'as a message' && frame.argc === 1 && server.slowLog.ticks !== 0 && !tracing.isOn) {
    const slot = client.takeSlot(0)
    slot.finish(PONG, 0, PONG.length, true)
    return true
  }
  const refusal = refusedHere(server, frame, row)
  if (refusal !== undefined) {
    server.stats.rejectedCommands++
    client.reply(refusal)
    return false
  }
  // Some of them make long replies.
  client.stint.isAnsweredHere()
  // The name alone needs no parser.
  const args = frame.argc === 1 ? [Buffer.from(argumentOf(frame, 0))] : parseRequest(ownFrame(frame))
  const beganMs = performance.now()
  if (serveLocal(server, client, row, args)) {
    server.slowLog.served(client, frame, row, beganMs)
    if (tracing.isOn) server.traces.served(client, row.name, beganMs)
  }
  return true
}

/** Who monitors counts as a replica, which may not touch keys [Redis server.c processCommand]; a subscribed client is refused them before. */
function isRefusedToMonitor(server: Server, client: Connection, frame: Frame, row: CommandRow): boolean {
  const { session } = client
  if (session.monitoring === undefined || session.state.kind === 'subscribed') return false
  const mayWrite = mayReplicate(row) && !server.coordinator.onlyReads(frame, row)
  if (!mayWrite && !row.flags.includes('readonly')) return false
  session.abortTransaction()
  client.reply(NOT_FOR_MONITORS)
  return true
}

/** Whether the state of the client says what becomes of the command. */
function isAnsweredByState(server: Server, client: Connection, frame: Frame, row: CommandRow): boolean {
  const { state } = client.session
  if (state.kind === 'subscribed') {
    const reply = whileSubscribed(row, frame)
    if (reply === undefined) return false
    client.reply(reply)
    if (server.monitors.any && row.whileListening === 'as a message') server.monitors.show(client, frame, row)
    showRefused(server, client, frame, row)
    return true
  }
  if (state.kind !== 'transaction') return false
  const reply = between(server, client, state, frame, row)
  if (reply === undefined) return false
  client.replyBytes(reply)
  if (state.queued.bytes > server.config.limits.queryBufferBytes) {
    server.log.warn(
      { event: 'client-transaction-full', client: client.address },
      'the commands behind MULTI exceed the query buffer limit: closed',
    )
    client.drop()
  }
  return true
}

/** The row of the command, or undefined when the client has been answered, or closed, because it cannot be served. */
function lookup(server: Server, client: Connection, frame: Frame): CommandRow | undefined {
  const { buf, argStart, argEnd, argc } = frame
  client.lastCommand = undefined
  let row = lookupCommand(buf, argStart[0], argEnd[0])
  if (row === undefined) {
    // Somebody makes a browser talk to us: no word, and the replies of this batch are dropped [Redis securityWarningCommand].
    if (isSecurityCommand(buf, argStart[0], argEnd[0])) {
      server.log.warn(
        { event: 'client-attack', client: client.address },
        'possible cross-protocol attack (POST or Host:): connection closed',
      )
      client.drop()
    } else client.replyBytes(unknownCommandError(frame))
    return undefined
  }
  if (row.subcommands !== undefined && argc > 1) {
    const sub = lookupSubcommand(row, buf, argStart[1], argEnd[1])
    if (sub === undefined || !offersCommand(server, sub.name)) {
      client.replyBytes(unknownSubcommandError(row.name, frame))
      return undefined
    }
    row = sub
  }
  client.lastCommand = row
  const { arity, oldArity } = row
  const isNewer = oldArity !== arity && !fits(argc, oldArity)
  if (!fits(argc, arity) || (isNewer && isAnyOfTable(server.order.router.links))) {
    client.replyBytes(wrongArityError(row))
    showRefused(server, client, frame, row)
    return undefined
  }
  return row
}

function fits(argc: number, arity: number): boolean {
  return arity > 0 ? argc === arity : argc >= -arity
}

/** False when it may be answered later. */
function serveLocal(server: Server, client: Connection, row: CommandRow, args: Buffer[]): boolean {
  const command = commandOf(row)
  if (command === undefined) {
    client.replyBytes(unsupportedError(row.name))
    return true
  }
  const reply = command(client, args, server)
  if (reply === NO_REPLY) return !NOTED.has(row.name)
  if (reply instanceof Promise) {
    const slot = client.takeSlot(0)
    server.slowLog.note(slot, client.framer)
    if (tracing.isOn) server.traces.serve(client, row.name, slot, () => {})
    slot.pauseClient()
    reply.then(
      (value) => finish(slot, value),
      (failure: Error) => {
        slot.fail(failure, false)
      },
    )
    return false
  }
  client.reply(reply)
  return true
}

function finish(slot: Slot, reply: Reply): void {
  const bytes = encodeReply(reply, slot.proto)
  slot.finish(bytes, 0, bytes.length, true)
}
