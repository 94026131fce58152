import { tracing } from '../backend/tracing.js'
import { classNumber } from '../command/command-class.js'
import type { CommandRow } from '../command/row.js'
import { encodeReply, error, type Reply, simple } from '../resp/encode.js'
import type { Frame } from '../resp/frame.js'
import { parseRequest } from '../resp/request-parser.js'
import { PlainCommands } from '../serving/transaction/plain.js'
import type { QueuedCommand } from '../serving/transaction/plan.js'
import { Watched } from '../serving/transaction/watched.js'
import { Noting } from './caching.js'
import { ENDING, type Transaction } from './client-state.js'
import { channelsInExec } from './commands/channels.js'
import { localCommands } from './commands/index.js'
import { type LocalCommand, NO_REPLY } from './commands/local-command.js'
import type { Connection } from './connection.js'
import { refusedInExec, rowUnder } from './rules.js'
import type { Server } from './server.js'
import type { Slot } from './slot.js'
import { pingInExec } from './subscribed.js'

/*
 * MULTI, and what follows it up to EXEC or DISCARD [Redis multi.c]:
 *
 *     none ──MULTI──> open ──EXEC──> none: all commands are executed
 *                      │  └─DISCARD, RESET──> none
 *                      └──a command is refused──> aborted ──EXEC──> none: nothing is executed, and EXEC says so
 *
 * WATCH stands before it: EXEC executes nothing if one of the keys has changed since [serving/transaction/watched.ts].
 */

const TRANSACTION = classNumber('transaction')
const OK = simple('OK')
const OK_BYTES = encodeReply(OK, 2)
const QUEUED = encodeReply(simple('QUEUED'), 2)
const NOT_ALLOWED = error('ERR Command not allowed inside a transaction')
const ABORTED = error('EXECABORT Transaction discarded because of previous errors.')
const NESTED = error('ERR MULTI calls can not be nested')
const WATCH_INSIDE = error('ERR WATCH inside MULTI is not allowed')

/** By the names of their rows. */
const transactionCommands: ReadonlyMap<string, LocalCommand<Server>> = new Map<string, LocalCommand<Server>>([
  [
    'multi',
    (client) => {
      if (client.session.transaction !== undefined) return NESTED
      client.session.beginTransaction()
      client.replyBytes(OK_BYTES)
      return NO_REPLY
    },
  ],
  [
    'discard',
    ({ session }) => {
      if (session.transaction === undefined) return error('ERR DISCARD without MULTI')
      session.endTransaction()
      return OK
    },
  ],
  [
    'exec',
    (client, _args, server) => {
      const { session } = client
      if (session.transaction === undefined) return error('ERR EXEC without MULTI')
      if (session.transaction.isAborted) {
        session.endTransaction()
        return ABORTED
      }
      const isBroken = session.watched?.isBroken === true
      if (server.monitors.any && !isBroken) server.monitors.showQueued(client, session.transaction.queued)
      if (server.hotKeys.isOn && !isBroken) server.hotKeys.seeQueued(session.transaction.queued, session.db)
      if (session.transaction.queued.isPlain && session.user.mayAll) executePlain(server, client, session.transaction)
      else void execute(server, client, session.transaction)
      return NO_REPLY
    },
  ],
  [
    'watch',
    (client, args, { coordinator, order, traces }) => {
      const { session } = client
      if (session.transaction !== undefined) return WATCH_INSIDE
      session.watched ??= new Watched(order)
      const bytes = args.reduce((sum, { length }) => sum + length, 0)
      const slot = client.takeSlot(bytes)
      slot.timedAs = TRANSACTION
      const { watched } = session
      const watch = () => coordinator.watch(args.slice(1), watched, slot)
      if (tracing.isOn) traces.serve(client, 'watch', slot, watch)
      else watch()
      return NO_REPLY
    },
  ],
  [
    'unwatch',
    ({ session }) => {
      session.unwatch()
      return OK
    },
  ],
])

/** Why a command that the proxy answers itself is not looked at: each of its words would cost as much as a small command. */
export function tooManyWords({ argc }: Frame, { name, wordsMax }: CommandRow): Reply | undefined {
  if (wordsMax === 0 || argc <= wordsMax) return undefined
  return error(`ERR '${name}' may have ${wordsMax} words at most with this proxy; ask for less at a time`)
}

/** Why the proxy does not answer a command itself that it answers as a rule; undefined when it does. */
export function refusedHere(
  { coordinator }: Pick<Server, 'coordinator'>,
  frame: Frame,
  row: CommandRow,
): Reply | undefined {
  return tooManyWords(frame, row) ?? (row.learnt ? coordinator.offered.refusal(frame, row) : undefined)
}

/** What serves a command that the proxy answers itself. */
export function commandOf({ name }: CommandRow): LocalCommand<Server> | undefined {
  return localCommands.get(name) ?? transactionCommands.get(name)
}

/** What is answered to a command between MULTI and EXEC, which is kept or refused; undefined when it is served at once. */
export function between(
  server: Server,
  client: Connection,
  transaction: Transaction,
  frame: Frame,
  row: CommandRow,
): Buffer | undefined {
  if (row.behindMulti === 'at once' || row.behindMulti === 'executes') return undefined
  const { session } = client
  const unfit = refusalOf(server, frame, row)
  if (unfit !== undefined) {
    session.abortTransaction()
    return encodeReply(unfit, session.proto)
  }
  if (!transaction.isAborted) transaction.queued.push(frame, row)
  return QUEUED
}

function refusalOf(server: Server, frame: Frame, row: CommandRow): Reply | undefined {
  if (row.flags.includes('no_multi')) return NOT_ALLOWED
  if (row.route === 'channels') return undefined
  if (row.route !== 'local') return server.coordinator.refusalInTransaction(frame, row)
  if (row.behindMulti === 'refused') {
    return error(`ERR '${row.name}' is not supported yet by this proxy between MULTI and EXEC`)
  }
  return refusedHere(server, frame, row)
}

/** There is nothing that the proxy answers itself. */
function executePlain(server: Server, client: Connection, { queued }: Transaction): void {
  const { session } = client
  const slot = client.takeSlot(queued.bytes)
  slot.timedAs = TRANSACTION
  if (queued.hasWrites) client.queue.newestWrite = slot.number
  const { db, proto, watched } = session
  // It ends with the transaction, which is not the client's any more.
  session.watched = undefined
  session.endTransaction()
  const commands = watched?.isBroken === true ? [] : new PlainCommands(queued, db, proto)
  if (server.cachedKeys.any) {
    const noting = new Noting(server, client, slot)
    for (const { frame, row } of queued) noting.note(frame, row, db)
  }
  if (tracing.isOn) {
    server.traces.serve(client, 'exec', slot, () => {
      server.coordinator.transact(commands, slot, watched, nothingToTakeBack)
    })
  } else server.coordinator.transact(commands, slot, watched, nothingToTakeBack)
}

function nothingToTakeBack(): void {}

/**
 * What the proxy answers itself is answered first, in the order of the commands, and then all others are executed at once. What is
 * published and subscribed to waits for what becomes of these.
 */
async function execute(server: Server, client: Connection, transaction: Transaction): Promise<void> {
  const { session } = client
  const slot = client.takeSlot(transaction.queued.bytes)
  slot.timedAs = TRANSACTION
  transaction.place = slot
  const takeBack = session.remember()
  const { watched } = session
  // Up to the end of the transaction it is not the client's any more.
  session.watched = undefined
  try {
    const commands: QueuedCommand[] = []
    const noting = new Noting(server, client, slot)
    const queued = watched?.isBroken === true ? [] : transaction.queued
    for (const { frame, row } of queued) {
      if (row.replicate !== 'none') client.queue.newestWrite = slot.number
      let reply: QueuedCommand['reply']
      const refusal = refusedInExec(server, client, frame, row)
      if (refusal !== undefined) reply = encodeReply(refusal, session.proto)
      else if (row.route === 'channels') {
        slot.pauseClient()
        // What it tells of may be in caches still.
        if (slot.untoldBefore()) await slot.whenFirst()
        reply = channelsInExec(server, client, frame, row, slot)
      } else if (row.route === 'local') {
        let value = commandOf(row)!(client, parseRequest(frame), server)
        if (value instanceof Promise) {
          slot.pauseClient()
          value = await value
        }
        reply = encodeReply(value === NO_REPLY ? OK : value, session.proto)
        if (row.whileListening === 'as a message') reply = pingInExec(session, frame, reply)
      } else if (server.cachedKeys.any) noting.note(frame, row, session.db)
      commands.push({ frame, row: rowUnder(session.user, row), db: session.db, proto: session.proto, reply })
    }
    endExecution(client, transaction, slot)
    const transact = () => server.coordinator.transact(commands, slot, watched, takeBack)
    if (tracing.isOn) server.traces.serve(client, 'exec', slot, transact)
    else transact()
  } catch (failure) {
    endExecution(client, transaction, slot)
    watched?.end()
    slot.fail(failure as Error, false)
  }
}

/** The client may send commands again, unless it has ended its connection. */
function endExecution(client: Connection, { endsClient }: Transaction, slot: Slot): void {
  client.session.endTransaction()
  if (!endsClient) return
  if (!client.deaf) client.session.become(ENDING)
  slot.last = true
}
