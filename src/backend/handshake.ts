import { fieldOf, textOf } from '../resp/decode.js'
import { encodeReply, isError, MapReply, type Reply, SimpleReply } from '../resp/encode.js'
import { type Call, HandshakeError } from './call.js'
import { unfit, unfitPolicy } from './fitness.js'
import { expiresFields, kindOf, PAYLOAD_QUERY, type ServerKind } from './server-kind.js'
import { readSettings, type Settings } from './server-settings.js'

/** The channels on which a server tells which keys expire, and of which hashes fields do. */
export function expiredChannels(kind: ServerKind): string {
  return `__keyevent@*__:${expiresFields(kind) ? '*' : ''}expired`
}

/** An answer that had to wait for others says as much about the server's clock if it came as soon as this. */
export const TELLING_MS = 20
/** The setting that says how long values may be. */
const MAX_BULK = 'proto-max-bulk-len'
/** The latest moment that a Date knows, in the year 275760. */
const CLOCK_MAX_MS = 8.64e15

/** Asks for the libraries in which proxies note things about the ring; membership/marker.ts reads them. */
export const MARKS_QUERY: readonly string[] = ['FUNCTION', 'LIST', 'LIBRARYNAME', 'dt_[gmo]*', 'WITHCODE']

/** What a link learns about its server before anything is emitted on it [design §5 Links]. */
export interface ServerInfo {
  /** Identifies one run of the server process; another one means that data may have been lost. */
  readonly runId: string
  readonly kind: ServerKind
  /** Whether it tells of what a command caused behind the command's reply, and not before it. */
  readonly pushesFollowReplies: boolean
  /** Number of keys in all databases. */
  readonly keys: number
  readonly databases: number
  /** proto-max-bulk-len: the longest value the server takes, as it was found last. */
  maxBulkBytes: number
  /** This connection's id on the server. */
  readonly clientId: number
  /** The server's clock minus ours, in ms; 0 when the difference is below what the round trip lets us see. */
  readonly clockOffsetMs: number
  /** Settings that the ring has wishes about, as they were found, or set by a client since then: see server-settings. */
  readonly settings: Map<string, string>
  /** The function libraries in which proxies note things about the ring, as FUNCTION LIST told them. */
  readonly marks: Reply
}

export interface HandshakeOptions {
  readonly username?: string | undefined
  readonly password?: string | undefined
  /** The name of this link's connection, `dt:<ring>:<run>`. */
  readonly connectionName: string
}

/**
 * Introduces a fresh connection: RESP3, login, and its name before anything is read, so that whoever looks from then on
 * sees it. Then finds out whether the server lets the database be changed, and is a master that is not loading and never
 * evicts. Nothing is changed there:
 * whose server it is is known later [design §5 Links].
 *
 * @throws HandshakeError when the server refuses or is not fit
 */
export async function handshake(call: Call, options: HandshakeOptions): Promise<ServerInfo> {
  const { username, password, connectionName } = options
  const auth = password === undefined ? [] : ['AUTH', username ?? 'default', password]
  const hello = await call(['HELLO', '3', ...auth, 'SETNAME', connectionName])
  accept('HELLO', hello)
  const proto = hello instanceof MapReply ? fieldOf(hello, 'proto') : undefined
  if (proto !== 3) throw new HandshakeError(`it does not speak RESP3: HELLO was answered by ${describe(hello)}`)

  accept('SELECT', await call(['SELECT', '0']))
  const clientId = integer('CLIENT ID', await call(['CLIENT', 'ID']))
  const info = textIn('INFO', await call(['INFO']))
  const fields = parseInfo(info)
  refuse(unfit(fields))

  const [settings, clock, marks, payload] = await Promise.all([
    readSettings(call),
    readClock(call),
    call(MARKS_QUERY),
    call(PAYLOAD_QUERY),
  ])
  accept('FUNCTION LIST', marks)
  refuse(unfitPolicy(settings.get('maxmemory-policy')))
  return {
    runId: fields.get('run_id') ?? '',
    kind: kindOf(info, payload),
    pushesFollowReplies: pushesFollowReplies(fields.get('redis_version') ?? ''),
    keys: countKeys(fields),
    databases: countIn(settings, 'databases', 16),
    maxBulkBytes: countIn(settings, MAX_BULK, 512 * 1024 * 1024),
    clientId,
    clockOffsetMs: clock,
    settings,
    marks,
  }
}

/**
 * How long values may be is changed on a server while it runs: what its link knows of that is true again.
 *
 * @returns whether it was not
 * @throws HandshakeError
 */
export function noteMaxBulk(info: ServerInfo, settings: Settings): boolean {
  const text = settings.get(MAX_BULK)
  const bytes = countIn(settings, MAX_BULK, info.maxBulkBytes)
  if (text === undefined || bytes === info.maxBulkBytes) return false
  info.maxBulkBytes = bytes
  info.settings.set(MAX_BULK, text)
  return true
}

/** A setting that is a number of something. */
function countIn(settings: Settings, name: string, otherwise: number): number {
  const text = settings.get(name)
  if (text === undefined) return otherwise
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new HandshakeError(`its ${name} is ${JSON.stringify(text)}`)
  return value
}

/** The sum of `db<n>:keys=<count>,…`. */
function countKeys(fields: ReadonlyMap<string, string>): number {
  let keys = 0
  for (const [name, value] of fields) if (/^db\d+$/.test(name)) keys += Number(/^keys=(\d+)/.exec(value)?.[1] ?? 0)
  return keys
}

/** The `field:value` lines of INFO. */
export function parseInfo(info: string): Map<string, string> {
  const fields = new Map<string, string>()
  for (const line of info.split('\r\n')) {
    const colon = line.indexOf(':')
    if (colon > 0 && line[0] !== '#') fields.set(line.slice(0, colon), line.slice(colon + 1))
  }
  return fields
}

/**
 * The server's clock minus ours in ms, from the reply of TIME and our clock before and after. A difference that the
 * round trip alone may explain is 0: on one machine expiry times then come out exact.
 */
export function clockOffset(reply: Reply, sentAtMs: number, receivedAtMs: number): number {
  const [seconds, microseconds] = Array.isArray(reply) ? reply.map((part) => Number(textOf(part) ?? Number.NaN)) : []
  const serverMs = seconds * 1000 + microseconds / 1000
  // A clock beyond what servers can say of a deadline would make one of each.
  if (!(Math.abs(serverMs) < CLOCK_MAX_MS)) throw new HandshakeError(`TIME was answered by ${describe(reply)}`)
  const offset = serverMs - (sentAtMs + receivedAtMs) / 2
  const uncertainty = (receivedAtMs - sentAtMs) / 2 + 1
  return Math.abs(offset) <= uncertainty ? 0 : Math.round(offset)
}

/** Our clock in ms with fractions. */
export function preciseNowMs(): number {
  return performance.timeOrigin + performance.now()
}

async function readClock(call: Call): Promise<number> {
  const sentAtMs = preciseNowMs()
  const reply = await call(['TIME'])
  return clockOffset(reply, sentAtMs, preciseNowMs())
}

function refuse(reason: string | undefined): void {
  if (reason !== undefined) throw new HandshakeError(reason)
}

function accept(command: string, reply: Reply): void {
  if (isError(reply)) throw new HandshakeError(`${command} was answered by: ${reply.message}`)
}

function integer(command: string, reply: Reply): number {
  accept(command, reply)
  if (typeof reply !== 'number') throw new HandshakeError(`${command} was answered by ${describe(reply)}`)
  return reply
}

function textIn(command: string, reply: Reply): string {
  accept(command, reply)
  const text = reply instanceof SimpleReply ? undefined : textOf(reply)
  if (text === undefined) throw new HandshakeError(`${command} was answered by ${describe(reply)}`)
  return text
}

function describe(reply: Reply): string {
  return `something unexpected (${reply === undefined ? 'nothing' : encodeReply(reply, 3).toString('latin1', 0, 80)})`
}

/** Redis does from 7.2 on [networking.c pending_push_messages], and Valkey, which says that it is a Redis 7.2. */
function pushesFollowReplies(version: string): boolean {
  const [major, minor] = version.split('.').map(Number)
  return major > 7 || (major === 7 && minor >= 2)
}
