import type { AclLogEntry } from '../acl/acl-log.js'
import { luaAccesses, luaRightsOf } from '../acl/lua-rights.js'
import { type Denial, denialOf, mayListen, refusalText, sortDenial } from '../acl/permission.js'
import type { User } from '../acl/user.js'
import type { CommandRow } from '../command/row.js'
import { rowsCount } from '../command/table.js'
import { type ErrorReply, error, type Reply } from '../resp/encode.js'
import { argumentOf, type Frame } from '../resp/frame.js'
import type { Refused } from '../serving/script/questions.js'
import { aborted } from '../serving/transaction/refusal.js'
import { describeClient } from './commands/client-line.js'
import type { Connection } from './connection.js'
import type { Server } from './server.js'

/** What of the server is touched here. */
type Needs = Pick<Server, 'acl' | 'clients' | 'config' | 'order' | 'stats'>

/*
 * What the rules of a client's user do to it: a command is refused, or the client is cut off when it loses a right that it uses.
 */

const WAITED_IN_VAIN = error(
  'NOPERM the rights of this user have changed while the command waited; nothing was applied',
)
const CHANGED =
  'NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no longer allowed for the following reason: '

/** In EXEC, of a command that was allowed when it was queued [Redis multi.c execCommand]. */
const REASONS: Readonly<Record<Denial['reason'], string>> = {
  command: 'no permission to execute the command or subcommand',
  key: 'no permission to touch the specified keys',
  channel: 'no permission to access one of the channels used as arguments',
}

/** What a client is answered that may not send this command; undefined when it may. */
export function refusedByRules(server: Needs, client: Connection, frame: Frame, row: CommandRow): Reply | undefined {
  const { session } = client
  const denial = denialOf(session.user, row, frame)
  if (denial === undefined) {
    return session.transaction === undefined ? sortRefusal(session.user, frame, row) : undefined
  }
  note(server, client, denial, frame, row, session.transaction === undefined ? 'toplevel' : 'multi')
  const text = refusalText(denial, row)
  return row.behindMulti === 'executes' ? aborted(text) : error(text)
}

/** What stands in the reply to EXEC for a command that its user may not execute any more. */
export function refusedInExec(server: Needs, client: Connection, frame: Frame, row: CommandRow): Reply | undefined {
  const { user } = client.session
  if (user.mayAll) return undefined
  const denial = denialOf(user, row, frame)
  if (denial === undefined) return sortRefusal(user, frame, row)
  note(server, client, denial, frame, row, 'multi')
  return error(CHANGED + REASONS[denial.reason])
}

interface Rows {
  readonly version: number
  /** How many rows the table had: with what is learnt rights change as well. */
  readonly rowsKnown: number
  readonly rows: Map<string, CommandRow>
}

const rowsOfUsers = new WeakMap<User, Rows>()

/** The row of a command under which it is served for this user: with a script, or a function, goes what that may do. */
export function rowUnder(user: User, row: CommandRow): CommandRow {
  if (row.script !== 'run' && row.script !== 'run-kept' && row.script !== 'call') return row
  if (user.mayAll) return row.rights === undefined ? row : { ...row, rights: undefined }
  let known = rowsOfUsers.get(user)
  const { version } = user
  const rowsKnown = rowsCount()
  if (known?.version !== version || known.rowsKnown !== rowsKnown)
    rowsOfUsers.set(user, (known = { version, rowsKnown, rows: new Map() }))
  let own = known.rows.get(row.name)
  if (own === undefined) {
    own = { ...row, rights: { user: user.name, rights: luaRightsOf(user), accesses: luaAccesses() } }
    known.rows.set(row.name, own)
  }
  return own
}

function sortRefusal(user: User, frame: Frame, row: CommandRow): Reply | undefined {
  const option = sortDenial(user, row, frame)
  if (option === undefined) return undefined
  return error(`ERR ${option} option of SORT denied due to insufficient ACL permissions.`)
}

function note(
  server: Needs,
  client: Connection,
  { reason, at }: Denial,
  frame: Frame,
  row: CommandRow,
  context: AclLogEntry['context'],
): void {
  const object = reason === 'command' ? Buffer.from(row.name) : Buffer.from(argumentOf(frame, at))
  noteRefusal(server, client, { reason, context, object, username: client.session.user.name })
}

/** Notes for ACL LOG that a client was refused something. */
export function noteRefusal(
  server: Needs,
  client: Connection,
  what: Pick<AclLogEntry, 'reason' | 'context' | 'object' | 'username'>,
): void {
  server.stats.denied[what.reason]++
  server.acl.log.add({ ...what, count: 1, atMs: performance.now(), client: describeClient(server, client) })
}

/** The same of what a script of this user was refused; it ran for who has this queue of replies, and may be gone. */
export function noteRefusedInScript(
  server: Needs,
  queue: unknown,
  username: string,
  refused: readonly Refused[],
): void {
  const { acl, stats, clients } = server
  const ran = clients.all().find((client) => client.queue === queue)
  const client = ran === undefined ? '' : describeClient(server, ran)
  for (const each of refused) {
    stats.denied[each.reason] += each.count
    acl.log.add({ ...each, context: 'lua', username, atMs: performance.now(), client })
  }
}

/** A user is not there any more: who has logged in as this one is cut off. Gives whether `current` is one of those, which has to be ended yet. */
export function endSessionsOf(
  { clients, acl }: Pick<Server, 'acl' | 'clients'>,
  user: User,
  current: Connection | undefined,
): boolean {
  let isCurrent = false
  for (const client of clients.all()) {
    const { session } = client
    if (session.user !== user) continue
    session.user = acl.users.default
    session.authenticated = false
    if (client === current) isCurrent = true
    else client.drop()
  }
  return isCurrent
}

/** Of a client that waits: why its user may not wait for that any more; undefined when he may. */
function waitDenied({ session, commands }: Connection): ErrorReply | undefined {
  const { waited, user } = session
  // Before its user could do everything, nothing was noted.
  if (waited?.number !== commands) return WAITED_IN_VAIN
  const denial = denialOf(user, waited.row, waited.frame)
  return denial === undefined ? undefined : error(refusalText(denial, waited.row))
}

/**
 * A user may do less than before: who waits for what he may not take any more is told so, and who listens to what he may not is cut
 * off [Redis acl.c ACLKillPubsubClientsIfNeeded].
 */
export function rightsChanged(
  { clients }: Pick<Server, 'clients'>,
  user: User,
  current: Connection | undefined,
): boolean {
  if (user.mayAll) return false
  let isCurrent = false
  for (const client of clients.all()) {
    const { session } = client
    if (session.user !== user) continue
    const denied = session.wait === undefined ? undefined : waitDenied(client)
    if (denied !== undefined) void session.wait!.unblock(denied)
    const isFine = session.subscriber?.every((kind, name) => mayListen(user, name, kind === 'pattern')) ?? true
    if (isFine) continue
    if (client === current) isCurrent = true
    else client.drop()
  }
  return isCurrent
}
