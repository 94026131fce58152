import { error, type Reply, simple, verbatim } from '../../resp/encode.js'
import type { Connection } from '../connection.js'
import { isValidName, parseInt64 } from './connection.js'
import { type LocalCommand, NO_REPLY } from './index.js'

const OK = simple('OK')
const SYNTAX = error('ERR syntax error')

/** CLIENT … [Redis networking.c clientCommand]. */
export const clientCommands: Record<string, LocalCommand> = {
  'client|id': (client) => client.id,

  'client|getname': (client) => (client.session.name === '' ? null : Buffer.from(client.session.name, 'latin1')),

  'client|setname': (client, args) => {
    if (!isValidName(args[2])) return error('ERR Client names cannot contain spaces, newlines or special characters.')
    client.session.name = args[2].toString('latin1')
    return OK
  },

  'client|setinfo': (client, args) => {
    const attribute = args[2].toString('latin1').toLowerCase()
    if (attribute !== 'lib-name' && attribute !== 'lib-ver') {
      return error(Buffer.concat([Buffer.from("ERR Unrecognized option '"), args[2], Buffer.from("'")]))
    }
    if (!isValidName(args[3])) {
      return error(`ERR ${attribute} cannot contain spaces, newlines or special characters.`)
    }
    if (attribute === 'lib-name') client.session.libName = args[3].toString('latin1')
    else client.session.libVersion = args[3].toString('latin1')
    return OK
  },

  'client|info': (client) => verbatim('txt', `${describeClient(client)}\n`),

  'client|list': (client, args) => {
    const chosen = chooseForList(client, args)
    if (!Array.isArray(chosen)) return chosen as Reply
    return verbatim('txt', chosen.map((each: Connection) => `${describeClient(each)}\n`).join(''))
  },

  'client|kill': (client, args) => kill(client, args),

  'client|no-evict': (client, args) => {
    const word = args[2].toString('latin1').toLowerCase()
    if (word !== 'on' && word !== 'off') return SYNTAX
    client.session.noEvict = word === 'on'
    return OK
  },

  'client|reply': (client, args) => {
    const { session } = client
    switch (args[2].toString('latin1').toLowerCase()) {
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
        return SYNTAX
    }
  },
}

/** One line of CLIENT LIST. What the proxy does not have (buffers of Redis's own making) is 0. */
function describeClient(client: Connection): string {
  const { session } = client
  const now = Date.now()
  const fields: [string, string | number][] = [
    ['id', client.id],
    ['addr', client.address],
    ['laddr', client.localAddress],
    ['fd', -1],
    ['name', session.name],
    ['age', Math.floor((now - client.createdAtMs) / 1000)],
    ['idle', Math.floor((now - client.lastActiveMs) / 1000)],
    ['flags', session.noEvict ? 'e' : 'N'],
    ['db', session.db],
    ['sub', 0],
    ['psub', 0],
    ['ssub', 0],
    ['multi', -1],
    ['qbuf', client.framer.bufferedBytes],
    ['qbuf-free', 0],
    ['argv-mem', client.queue.requestBytes],
    ['multi-mem', 0],
    ['rbs', 0],
    ['rbp', 0],
    ['obl', 0],
    ['oll', client.queue.length],
    ['omem', client.pendingBytes],
    ['tot-mem', client.framer.bufferedBytes + client.queue.requestBytes + client.pendingBytes],
    ['events', 'r'],
    ['cmd', client.lastCommand?.name ?? 'NULL'],
    ['user', session.authenticated ? session.user : '(superuser)'],
    ['redir', -1],
    ['resp', session.proto],
    ['lib-name', session.libName],
    ['lib-ver', session.libVersion],
  ]
  return fields.map(([name, value]) => `${name}=${value}`).join(' ')
}

/** CLIENT LIST [TYPE type] [ID id …]: the clients, or the error. */
function chooseForList(client: Connection, args: readonly Buffer[]): Connection[] | Reply {
  const { clients } = client.server
  if (args.length === 2) return clients.all()
  const filter = args[2].toString('latin1').toLowerCase()
  if (filter === 'type' && args.length === 4) {
    const type = args[3].toString('latin1').toLowerCase()
    if (type === 'normal') return clients.all()
    if (['master', 'replica', 'slave', 'pubsub'].includes(type)) return []
    return unknownType(args[3])
  }
  if (filter === 'id' && args.length > 3) {
    const chosen: Connection[] = []
    for (const arg of args.slice(3)) {
      const id = parseInt64(arg)
      if (id === undefined) return error('ERR Invalid client ID')
      const found = clients.get(Number(id))
      if (found !== undefined) chosen.push(found)
    }
    return chosen
  }
  return SYNTAX
}

/** CLIENT KILL ip:port, or CLIENT KILL filter value …; a client that kills itself still gets the answer. */
function kill(client: Connection, args: readonly Buffer[]): Reply | typeof NO_REPLY {
  const all = client.server.clients.all()
  if (args.length === 3) {
    const address = args[2].toString('latin1')
    const target = all.find((each) => each.address === address)
    if (target === undefined) return error('ERR No such client')
    if (target === client) {
      client.replyAndEnd(OK)
      return NO_REPLY
    }
    target.drop()
    return OK
  }
  let skipMe = true
  const filters: ((each: Connection) => boolean)[] = []
  for (let i = 2; i < args.length; i += 2) {
    if (i + 1 === args.length) return SYNTAX
    const value = args[i + 1].toString('latin1')
    switch (args[i].toString('latin1').toLowerCase()) {
      case 'id': {
        const id = parseInt64(args[i + 1])
        if (id === undefined || id < 1n) return error('ERR client-id should be greater than 0')
        filters.push((each) => each.id === Number(id))
        break
      }
      case 'type': {
        const type = value.toLowerCase()
        if (!['normal', 'master', 'replica', 'slave', 'pubsub'].includes(type)) return unknownType(args[i + 1])
        filters.push(() => type === 'normal')
        break
      }
      case 'addr':
        filters.push((each) => each.address === value)
        break
      case 'laddr':
        filters.push((each) => each.localAddress === value)
        break
      case 'user':
        if (value !== 'default') return error(Buffer.concat([Buffer.from("ERR No such user '"), args[i + 1], Buffer.from("'")]))
        filters.push((each) => each.session.user === value)
        break
      case 'skipme':
        if (value.toLowerCase() !== 'yes' && value.toLowerCase() !== 'no') return SYNTAX
        skipMe = value.toLowerCase() === 'yes'
        break
      default:
        return SYNTAX
    }
  }
  const targets = all.filter((each) => filters.every((filter) => filter(each)) && !(skipMe && each === client))
  for (const target of targets) if (target !== client) target.drop()
  if (!targets.includes(client)) return targets.length
  client.replyAndEnd(targets.length)
  return NO_REPLY
}

function unknownType(type: Buffer): Reply {
  return error(Buffer.concat([Buffer.from("ERR Unknown client type '"), type, Buffer.from("'")]))
}
