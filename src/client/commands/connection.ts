import type { User } from '../../acl/user.js'
import { DEFAULT_USER } from '../../acl/users.js'
import { wordOf } from '../../base/ascii.js'
import { wallClockUs } from '../../base/clock.js'
import { error, map, type Reply, simple } from '../../resp/encode.js'
import type { Connection } from '../connection.js'
import { ringVersion } from '../ring-version.js'
import { noteRefusal } from '../rules.js'
import type { Server } from '../server.js'
import { errorNaming, option, parseInt32, parseInt64, SYNTAX_ERROR } from './arguments.js'
import { type LocalCommand, NO_REPLY } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'acl' | 'clients' | 'config' | 'order' | 'stats'>

const OK = simple('OK')
const WRONGPASS = error('WRONGPASS invalid username-password pair or user is disabled.')
const NO_PASSWORD_SET = error(
  'ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?',
)
const HELLO_NOAUTH = error(
  'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time',
)
const BAD_NAME = error('ERR Client names cannot contain spaces, newlines or special characters.')

/** Commands about the connection itself [Redis networking.c, acl.c, server.c]. */
export const connectionCommands: Record<string, LocalCommand<Needs>> = {
  ping: (_client, args) => {
    if (args.length > 2) return error("ERR wrong number of arguments for 'ping' command")
    return args.length === 2 ? args[1] : simple('PONG')
  },

  echo: (_client, args) => args[1],

  time: () => {
    const us = wallClockUs()
    return [String(Math.floor(us / 1e6)), String(us % 1e6)]
  },

  select: (client, args, { order }) => {
    const index = parseInt32(args[1])
    if (typeof index !== 'number') return index
    const choose = () => {
      if (index < 0 || index >= order.databases) return error('ERR DB index is out of range')
      client.session.db = index
      return OK
    }
    // How many there are is not known before the ring is.
    if (order.opening.isOpen || index < order.databases) return choose()
    return order.opening.whenOpen().then((refusal) => refusal ?? choose())
  },

  auth: (client, args, server) => {
    if (args.length > 3) return SYNTAX_ERROR
    if (args.length === 2 && server.acl.users.default.hasNoPassword) return NO_PASSWORD_SET
    const name = args.length === 3 ? args[1] : Buffer.from(DEFAULT_USER)
    return logIn(server, client, args[0], name, args[args.length - 1]) ? OK : WRONGPASS
  },

  hello: (client, args, server) => hello(client, args, server),

  reset: (client, _args, { acl }) => {
    client.session.reset(acl.users.default, !acl.users.needLogin)
    client.framer.authenticated = client.session.authenticated
    return simple('RESET')
  },

  quit: (client) => {
    client.replyAndEnd(OK)
    return NO_REPLY
  },
}

/**
 * HELLO [protover [AUTH user pass] [SETNAME name]]. As in Redis, options take effect one by one: those before a wrong
 * one have been obeyed, and only the protocol waits for the end [Redis networking.c helloCommand].
 */
function hello(client: Connection, args: readonly Buffer[], server: Needs): Reply {
  const { session } = client
  const version = args.length === 1 ? BigInt(session.proto) : parseInt64(args[1])
  if (version === undefined) return error('ERR Protocol version is not an integer or out of range')
  if (version < 2n || version > 3n) return error('NOPROTO unsupported protocol version')
  for (let i = 2; i < args.length; i++) {
    const word = option(args[i])
    if (word === 'auth' && i + 2 < args.length) {
      if (!logIn(server, client, args[0], args[i + 1], args[i + 2])) return WRONGPASS
      i += 2
    } else if (word === 'setname' && i + 1 < args.length) {
      if (!setName(client, args[++i])) return BAD_NAME
    } else {
      return errorNaming('Syntax error in HELLO option ', args[i])
    }
  }
  if (!session.authenticated && server.acl.users.needLogin) return HELLO_NOAUTH
  session.proto = version === 2n ? 2 : 3
  session.listeningChanged()
  const is = ringVersion(server)
  return map([
    ['server', is.server],
    ['version', is.version],
    ['proto', session.proto],
    ['id', client.id],
    ['mode', 'standalone'],
    ['role', 'master'],
    ['modules', []],
  ])
}

/** CLIENT SETNAME, alone or as an option of HELLO. An empty name takes the name away. */
export function setNameReply(client: Connection, name: Buffer): Reply {
  return setName(client, name) ? OK : BAD_NAME
}

function setName(client: Connection, name: Buffer): boolean {
  if (!isPlain(name)) return false
  client.session.name = Buffer.from(name)
  return true
}

/** What may stand in a line of CLIENT LIST: printable ASCII without spaces [Redis networking.c clientSetName]. */
export function isPlain(bytes: Buffer): boolean {
  // Not by the iterator, which takes ten times as long: a name may have 512 MB.
  for (let i = 0; i < bytes.length; i++) if (bytes[i] < 0x21 || bytes[i] > 0x7e) return false
  return true
}

/** AUTH, or HELLO with it, which `word` says: whether the client is this user from now on. */
function logIn(server: Needs, client: Connection, word: Buffer, name: Buffer, password: Buffer): boolean {
  const username = wordOf(name)
  const user = server.acl.users.get(username)
  if (user?.isLogin(password) === true) {
    becomeUser(client, user)
    return true
  }
  const context = client.session.transaction === undefined ? 'toplevel' : 'multi'
  noteRefusal(server, client, { reason: 'auth', context, object: Buffer.from(word), username })
  return false
}

/** The client has shown that it is this user. */
export function becomeUser({ session, framer }: Connection, user: User): void {
  session.user = user
  session.authenticated = true
  framer.authenticated = true
}
