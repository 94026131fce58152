import { timingSafeEqual } from 'node:crypto'
import { error, map, type Reply, simple } from '../../resp/encode.js'
import type { Connection } from '../connection.js'
import { type LocalCommand, NO_REPLY } from './index.js'

/** What HELLO says we are: the version whose commands and texts we follow. */
export const REDIS_VERSION = '7.0.15'

const OK = simple('OK')
const WRONGPASS = error('WRONGPASS invalid username-password pair or user is disabled.')
const NO_PASSWORD_SET = error(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
)
const HELLO_NOAUTH = error(
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
)
const BAD_NAME = error('ERR Client names cannot contain spaces, newlines or special characters.')

/** Commands about the connection itself [Redis networking.c, acl.c, server.c]. */
export const connectionCommands: Record<string, LocalCommand> = {
  ping: (_client, args) => (args.length > 2 ? error("ERR wrong number of arguments for 'ping' command") : args[1]),

  echo: (_client, args) => args[1],

  time: () => {
    const microseconds = Math.floor((performance.timeOrigin + performance.now()) * 1000)
    return [String(Math.floor(microseconds / 1e6)), String(microseconds % 1e6)]
  },

  select: (client, args) => {
    const index = parseInt32(args[1])
    if (index === undefined) return error('ERR value is not an integer or out of range')
    if (index < 0 || index >= client.server.coordinator.databases) return error('ERR DB index is out of range')
    client.session.db = index
    return OK
  },

  auth: (client, args) => {
    if (args.length > 3) return error('ERR syntax error')
    if (args.length === 2 && client.server.config.auth.password === undefined) return NO_PASSWORD_SET
    const user = args.length === 3 ? args[1].toString() : 'default'
    if (!passwordIsRight(client, user, args[args.length - 1])) return WRONGPASS
    logIn(client, user)
    return OK
  },

  hello: (client, args) => hello(client, args),

  reset: (client) => {
    client.session.reset(client.server.config.auth.password === undefined)
    client.framer.authenticated = client.session.authenticated
    return simple('RESET')
  },

  quit: (client) => {
    client.replyAndEnd(OK)
    return NO_REPLY
  },
}

/** HELLO [protover [AUTH user pass] [SETNAME name]]: nothing is changed unless everything is right [Redis helloCommand]. */
function hello(client: Connection, args: readonly Buffer[]): Reply {
  const { session } = client
  let proto: 2 | 3 = session.proto
  let name: Buffer | undefined
  let user: string | undefined
  if (args.length > 1) {
    const version = parseInt64(args[1])
    if (version === undefined) return error('ERR Protocol version is not an integer or out of range')
    if (version !== 2n && version !== 3n) return error('NOPROTO unsupported protocol version')
    proto = version === 2n ? 2 : 3
    for (let i = 2; i < args.length; i++) {
      const option = args[i].toString('latin1').toUpperCase()
      if (option === 'AUTH' && i + 2 < args.length) {
        user = args[i + 1].toString()
        if (!passwordIsRight(client, user, args[i + 2])) return WRONGPASS
        i += 2
      } else if (option === 'SETNAME' && i + 1 < args.length) {
        name = args[++i]
        if (!isValidName(name)) return BAD_NAME
      } else {
        return error(Buffer.concat([Buffer.from("ERR Syntax error in HELLO option '"), args[i], Buffer.from("'")]))
      }
    }
  }
  if (user !== undefined) logIn(client, user)
  if (!session.authenticated) return HELLO_NOAUTH
  if (name !== undefined) session.name = name.toString('latin1')
  session.proto = proto
  return map([
    ['server', 'redis'],
    ['version', REDIS_VERSION],
    ['proto', proto],
    ['id', client.id],
    ['mode', 'standalone'],
    ['role', 'master'],
    ['modules', []],
  ])
}

/** A name for CLIENT SETNAME: printable ASCII without spaces, or nothing [Redis networking.c validateClientAttr]. */
export function isValidName(name: Buffer): boolean {
  return name.every((byte) => byte >= 0x21 && byte <= 0x7e)
}

/** There is one user, `default`, with the configured password, or with any when none is configured. */
function passwordIsRight(client: Connection, user: string, password: Buffer): boolean {
  if (user !== 'default') return false
  const wanted = client.server.config.auth.password
  if (wanted === undefined) return true
  const wantedBytes = Buffer.from(wanted)
  return wantedBytes.length === password.length && timingSafeEqual(wantedBytes, password)
}

function logIn(client: Connection, user: string): void {
  client.session.authenticated = true
  client.session.user = user
  client.framer.authenticated = true
}

/** An integer as Redis reads it, strict decimal; undefined when it is none or does not fit into 64 bits [Redis util.c string2ll]. */
export function parseInt64(bytes: Buffer): bigint | undefined {
  const text = bytes.length <= 20 ? bytes.toString('latin1') : ''
  if (!/^(0|-?[1-9][0-9]*)$/.test(text)) return undefined
  const value = BigInt(text)
  return value === BigInt.asIntN(64, value) ? value : undefined
}

function parseInt32(bytes: Buffer): number | undefined {
  const value = parseInt64(bytes)
  return value === undefined || value !== BigInt.asIntN(32, value) ? undefined : Number(value)
}
