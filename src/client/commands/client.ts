import { wordOf } from '../../base/ascii.js'
import { wrongWordsError } from '../../command/errors.js'
import { error, type Reply, simple, verbatim } from '../../resp/encode.js'
import type { Clients } from '../clients.js'
import type { Connection } from '../connection.js'
import { offers } from '../ring-version.js'
import type { Server } from '../server.js'
import { cString, errorNaming, NOT_AN_INTEGER, option, parseInt64, SYNTAX_ERROR } from './arguments.js'
import { describeClient } from './client-line.js'
import { isPlain, setNameReply } from './connection.js'
import { type LocalCommand, lastReply, NO_REPLY } from './local-command.js'
import { timeoutOf } from './time-out.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'acl' | 'clients' | 'config' | 'order' | 'pause'>

const OK = simple('OK')
/** Kinds of clients that Redis has; ours are `normal`, or `pubsub` while they listen [Redis networking.c getClientTypeByName]. */
const CLIENT_TYPES = ['normal', 'slave', 'replica', 'pubsub', 'master']

/** CLIENT … [Redis networking.c clientCommand]. */
export const clientCommands: Record<string, LocalCommand<Needs>> = {
  'client|id': (client) => client.id,

  'client|getname': (client) => (client.session.name.length === 0 ? null : client.session.name),

  'client|setname': (client, args) => setNameReply(client, args[2]),

  'client|setinfo': (client, args) => setInfo(client, args[2], args[3]),

  'client|info': (client, _args, server) => verbatim('txt', `${describeClient(server, client)}\n`),

  'client|list': (_client, args, server) => list(server, args),

  'client|kill': (client, args, server) => kill(server, client, args),

  'client|unblock': (_client, args, { clients }) => unblock(clients, args),

  'client|pause': (_client, args, server) => pauseClients(server, args),

  'client|unpause': (_client, _args, { pause }) => {
    pause.end()
    return OK
  },

  'client|no-evict': (client, args) => {
    const isOn = onOrOff(args[2])
    if (isOn === undefined) return SYNTAX_ERROR
    client.session.noEvict = isOn
    return OK
  },

  'client|no-touch': (client, args) => {
    const isOn = onOrOff(args[2])
    if (isOn === undefined) return SYNTAX_ERROR
    client.session.noTouch = isOn
    return OK
  },

  // Valkey's only one is to be told to go elsewhere, which nobody is.
  'client|capa': () => OK,

  'client|reply': (client, args) => {
    const { session } = client
    switch (option(args[2])) {
      case 'on':
        session.replies = 'on'
        return OK
      case 'off':
        session.replies = 'off'
        return NO_REPLY
      case 'skip':
        if (session.replies !== 'off') session.replies = 'skip-next'
        return NO_REPLY
      default:
        return SYNTAX_ERROR
    }
  },
}

function onOrOff(arg: Buffer): boolean | undefined {
  const word = option(arg)
  return word === 'on' || word === 'off' ? word === 'on' : undefined
}

/** CLIENT PAUSE ms [WRITE|ALL]. */
function pauseClients(server: Needs, args: readonly Buffer[]): Reply {
  if (args.length > 4) return wrongWordsError('client', args[1])
  const mode = args.length === 4 ? option(args[3]) : 'all'
  if (mode !== 'write' && mode !== 'all') return error('ERR CLIENT PAUSE mode must be WRITE or ALL')
  const ms = timeoutOf(server, args[2])
  if (typeof ms !== 'number') return ms
  server.pause.begin(ms, mode === 'all')
  return OK
}

/** CLIENT SETINFO LIB-NAME|LIB-VER value, of Redis 7.2 [Redis 7.2 networking.c clientSetinfoCommand]. */
function setInfo(client: Connection, attribute: Buffer, value: Buffer): Reply {
  const word = option(attribute)
  if (word !== 'lib-name' && word !== 'lib-ver') return errorNaming('Unrecognized option ', attribute)
  if (!isPlain(value)) {
    const rest = Buffer.from(' cannot contain spaces, newlines or special characters.')
    return error(Buffer.concat([Buffer.from('ERR '), cString(attribute), rest]))
  }
  if (word === 'lib-name') client.session.libName = Buffer.from(value)
  else client.session.libVersion = Buffer.from(value)
  return OK
}

function typeOf({ session }: Connection): string {
  return session.subscriber === undefined ? 'normal' : 'pubsub'
}

/** CLIENT LIST [TYPE type] [ID id …]. */
function list(server: Needs, args: readonly Buffer[]): Reply {
  const { clients } = server
  let chosen: Connection[]
  const filter = args.length > 2 ? option(args[2]) : ''
  if (args.length === 2) {
    chosen = clients.all()
  } else if (filter === 'type' && args.length === 4) {
    const type = option(args[3])
    if (!CLIENT_TYPES.includes(type)) return errorNaming('Unknown client type ', args[3])
    chosen = clients.all().filter((each) => typeOf(each) === type)
  } else if (filter === 'id' && args.length > 3) {
    const ids = args.slice(3).map(parseInt64)
    if (ids.includes(undefined)) return error('ERR Invalid client ID')
    chosen = ids.flatMap((id) => clients.get(Number(id)) ?? [])
  } else {
    return SYNTAX_ERROR
  }
  return verbatim('txt', Buffer.concat(chosen.map((each) => Buffer.from(`${describeClient(server, each)}\n`))))
}

/** CLIENT KILL ip:port, or CLIENT KILL filter value …; a client that kills itself still gets the answer. */
function kill(server: Needs, client: Connection, args: readonly Buffer[]): Reply | typeof NO_REPLY {
  const { clients } = server
  const chosen = args.length === 3 ? { matches: hasAddress(args[2]), skipMe: false } : killFilter(server, args)
  if (!('matches' in chosen)) return chosen.error
  const targets = clients.all().filter(chosen.matches)
  const others = targets.filter((target) => target !== client)
  const killsItself = others.length < targets.length && !chosen.skipMe
  for (const target of others) target.drop()
  const killed = others.length + (killsItself ? 1 : 0)
  const oldForm = killed === 0 ? error('ERR No such client') : OK
  const reply = args.length === 3 ? oldForm : killed
  return killsItself ? lastReply(client, reply) : reply
}

/** CLIENT UNBLOCK id [TIMEOUT|ERROR]: 1 when the client waited, and nothing has come for it. */
function unblock(clients: Clients, args: readonly Buffer[]): Reply | Promise<Reply> {
  const how = args.length > 3 ? option(args[3]) : 'timeout'
  if (args.length > 4) return wrongWordsError('client', args[1])
  if (how !== 'timeout' && how !== 'error') return error('ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR')
  const id = parseInt64(args[2])
  if (id === undefined) return NOT_AN_INTEGER
  const wait = clients.get(Number(id))?.session.wait
  if (wait === undefined) return 0
  return wait.unblock(how === 'error' ? 'error' : 'time-out').then((ended) => (ended ? 1 : 0))
}

type Filter = (client: Connection) => boolean

const hasAddress = (arg: Buffer): Filter => {
  const address = wordOf(cString(arg))
  return (client) => client.address === address
}

/** The filters of CLIENT KILL: of the same kind the last one counts, and of different kinds all must match. */
function killFilter(
  server: Needs,
  args: readonly Buffer[],
): { readonly matches: Filter; readonly skipMe: boolean } | { readonly error: Reply } {
  const filters = new Map<string, Filter>()
  let skipMe = true
  for (let i = 2; i < args.length; i += 2) {
    if (i + 1 === args.length) return { error: SYNTAX_ERROR }
    const word = option(args[i])
    const value = args[i + 1]
    switch (word) {
      case 'id': {
        const id = parseInt64(value)
        if (id === undefined || id < 1n) return { error: error('ERR client-id should be greater than 0') }
        filters.set(word, (client) => client.id === Number(id))
        break
      }
      case 'type': {
        const type = option(value)
        if (!CLIENT_TYPES.includes(type)) return { error: errorNaming('Unknown client type ', value) }
        filters.set(word, (client) => typeOf(client) === type)
        break
      }
      case 'addr':
        filters.set(word, hasAddress(value))
        break
      case 'laddr': {
        const address = wordOf(cString(value))
        filters.set(word, (client) => client.localAddress === address)
        break
      }
      case 'user': {
        const user = server.acl.users.get(wordOf(value))
        if (user === undefined) return { error: errorNaming('No such user ', value) }
        filters.set(word, (client) => client.session.user === user)
        break
      }
      case 'maxage': {
        if (!offers(server, 'CLIENT KILL MAXAGE')) return { error: SYNTAX_ERROR }
        const seconds = parseInt64(value)
        if (seconds === undefined) return { error: error('ERR maxage is not an integer or out of range') }
        if (seconds < 1n) return { error: error('ERR maxage should be greater than 0') }
        filters.set(word, ({ createdAtMs }) => (performance.now() - createdAtMs) / 1000 >= Number(seconds))
        break
      }
      case 'skipme': {
        const answer = option(value)
        if (answer !== 'yes' && answer !== 'no') return { error: SYNTAX_ERROR }
        skipMe = answer === 'yes'
        break
      }
      default:
        return { error: SYNTAX_ERROR }
    }
  }
  const all = [...filters.values()]
  return { matches: (client) => all.every((filter) => filter(client)), skipMe }
}
