import { randomBytes } from 'node:crypto'
import type { AclLogEntry } from '../../acl/acl-log.js'
import { CATEGORIES, commandsOf } from '../../acl/command-rights.js'
import { denialOf, explain } from '../../acl/permission.js'
import { hasSpaces, type Selector } from '../../acl/selector.js'
import { joinBrackets } from '../../acl/user.js'
import { applyRules, DEFAULT_USER, NAME_BYTES_MAX } from '../../acl/users.js'
import { wordOf } from '../../base/ascii.js'
import { rowOf } from '../../command/table.js'
import { DoubleReply, error, map, type Reply, set, simple } from '../../resp/encode.js'
import { frameOf } from '../../resp/frame.js'
import type { Connection } from '../connection.js'
import { endSessionsOf, rightsChanged } from '../rules.js'
import type { Server } from '../server.js'
import { cString, errorNaming, NOT_AN_INTEGER, option, parseInt64 } from './arguments.js'
import { type LocalCommand, lastReply, type NO_REPLY } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'acl' | 'clients' | 'log'>

const OK = simple('OK')
const NO_FILE = error(
  'ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store users in the Redis configuration.',
)
const NOT_SAVED = error(
  'ERR There was an error trying to save the ACLs. Please check the server logs for more information',
)
const PASSWORD_BITS = 256n
const PASSWORD_BITS_MAX = 4096n
/** How many entries ACL LOG shows when it is not said. */
const ENTRIES_SHOWN = 10n

/** Beyond that no string can be made of what is shown of all users together. */
const RULE_BYTES_MAX = 64 * 1024
const TOO_LONG = error(
  `ERR a name of more than ${NAME_BYTES_MAX} bytes, or a rule of more than ${RULE_BYTES_MAX}, is not taken; nothing was set`,
)

/** ACL … [Redis acl.c aclCommand]. */
export const aclCommands: Record<string, LocalCommand<Needs>> = {
  'acl|whoami': ({ session }) => latin1(session.user.name),

  'acl|users': (_client, _args, { acl }) => acl.users.all().map(({ name }) => latin1(name)),

  'acl|list': (_client, _args, { acl }) => acl.users.all().map((user) => user.describe()),

  'acl|getuser': (_client, args, { acl }) => {
    const user = acl.users.get(wordOf(args[2]))
    if (user === undefined) return null
    return map([
      ['flags', set(user.flags)],
      ['passwords', [...user.passwords]],
      ...rightsOf(user.root),
      ['selectors', user.selectors.slice(1).map((selector) => map(rightsOf(selector)))],
    ])
  },

  'acl|setuser': (client, args, server) => setUser(client, args, server),

  'acl|deluser': (client, args, server) => deleteUsers(client, args, server),

  'acl|cat': (_client, args) => {
    if (args.length > 3) return wrongNumber(args)
    if (args.length === 2) return [...CATEGORIES]
    const category = cString(args[2])
    return commandsOf(wordOf(category)) ?? errorNaming('Unknown category ', category.subarray(0, 128))
  },

  'acl|dryrun': (_client, args, { acl }) => {
    const user = acl.users.get(wordOf(args[2]))
    if (user === undefined) return errorNaming('User ', args[2], ' not found')
    const asked = args.slice(3)
    const frame = frameOf(asked)
    const row = rowOf(frame)
    if (row === undefined) return errorNaming('Command ', asked[0], ' not found')
    if (row.arity > 0 ? asked.length !== row.arity : asked.length < -row.arity) {
      return error(`ERR wrong number of arguments for '${row.name}' command`)
    }
    const denial = denialOf(user, row, frame)
    return denial === undefined ? OK : explain(denial, row, frame)
  },

  'acl|genpass': (_client, args) => {
    if (args.length > 3) return wrongNumber(args)
    const bits = args.length === 2 ? PASSWORD_BITS : parseInt64(args[2])
    if (bits === undefined) return NOT_AN_INTEGER
    if (bits <= 0n || bits > PASSWORD_BITS_MAX) {
      return error(
        `ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to ${PASSWORD_BITS_MAX}`,
      )
    }
    const digits = Math.ceil(Number(bits) / 4)
    return randomBytes(Math.ceil(digits / 2))
      .toString('hex')
      .slice(0, digits)
  },

  'acl|log': (_client, args, { acl }) => {
    if (args.length > 3) return wrongNumber(args)
    if (args.length === 3 && option(args[2]) === 'reset') {
      acl.log.clear()
      return OK
    }
    const count = args.length === 2 ? ENTRIES_SHOWN : parseInt64(args[2])
    if (count === undefined) return NOT_AN_INTEGER
    const shown = Number(count < 0n ? 0n : count)
    return acl.log.newest(shown).map(entryReply)
  },

  'acl|load': (client, _args, server) => {
    const { acl } = server
    if (acl.file === undefined) return NO_FILE
    const loaded = acl.load()
    if (typeof loaded === 'string') return error(`ERR ${loaded}`)
    server.log.info(
      { event: 'acl-loaded', users: acl.users.count, gone: loaded.gone.length },
      'the users of the ACL file have been loaded',
    )
    let isOver = false
    for (const user of loaded.gone) isOver = endSessionsOf(server, user, client) || isOver
    for (const user of loaded.changed) isOver = rightsChanged(server, user, client) || isOver
    return last(client, OK, isOver)
  },

  'acl|save': (_client, _args, { acl, log }) => {
    if (acl.file === undefined) return NO_FILE
    try {
      acl.save()
      return OK
    } catch (failure) {
      log.warn({ event: 'acl-not-saved', err: failure }, 'the ACL file could not be written')
      return NOT_SAVED
    }
  },
}

/** ACL SETUSER name rule …: all rules, or none [Redis acl.c]. */
function setUser(client: Connection, args: readonly Buffer[], server: Needs): Reply | typeof NO_REPLY {
  const { acl, log } = server
  if (hasSpaces(args[2])) return error("ERR Usernames can't contain spaces or null characters")
  if (args[2].length > NAME_BYTES_MAX) return TOO_LONG
  if (args.some((rule) => rule.length > RULE_BYTES_MAX)) return TOO_LONG
  const rules = joinBrackets(args.slice(3))
  if ('open' in rules) return errorNaming('Unmatched parenthesis in acl selector starting at ', rules.open, '.')
  const draft = acl.users.draft(wordOf(args[2]))
  const wrong = applyRules(draft, rules)
  if (wrong !== undefined) return errorNaming('Error in ACL SETUSER modifier ', wrong.rule, `: ${wrong.text}`)
  const user = acl.users.put(draft)
  log.info(
    { event: 'user-set', user: user.name, by: client.session.user.name, client: client.address },
    'the rights of a user were set',
  )
  return last(client, OK, rightsChanged(server, user, client))
}

/** ACL DELUSER name …: gives how many were there. */
function deleteUsers(client: Connection, args: readonly Buffer[], server: Needs): Reply | typeof NO_REPLY {
  const names = args.slice(2)
  if (names.some((name) => wordOf(name) === DEFAULT_USER)) {
    return error("ERR The 'default' user cannot be removed")
  }
  let deleted = 0
  let isOver = false
  for (const name of names) {
    const user = server.acl.users.remove(wordOf(name))
    if (user === undefined) continue
    deleted++
    server.log.info(
      { event: 'user-deleted', user: user.name, by: client.session.user.name, client: client.address },
      'a user was deleted',
    )
    isOver = endSessionsOf(server, user, client) || isOver
  }
  return last(client, deleted, isOver)
}

/** The reply, after which the client is gone if it has lost what it lived on. */
function last(client: Connection, reply: Reply, isOver: boolean): Reply | typeof NO_REPLY {
  return isOver ? lastReply(client, reply) : reply
}

function rightsOf(selector: Selector): [Reply, Reply][] {
  return [
    ['commands', latin1(selector.commands.describe())],
    ['keys', latin1(selector.describeKeys())],
    ['channels', latin1(selector.describeChannels())],
  ]
}

function entryReply(entry: AclLogEntry): Reply {
  return map([
    ['count', entry.count],
    ['reason', entry.reason],
    ['context', entry.context],
    ['object', entry.object],
    ['username', latin1(entry.username)],
    ['age-seconds', seconds(performance.now() - entry.atMs)],
    ['client-info', entry.client],
  ])
}

/** As C prints it with `%.17g`, of whole milliseconds. */
function seconds(ms: number): Reply {
  const text = (Math.round(ms) / 1000).toPrecision(17)
  return new DoubleReply(text.includes('.') ? text.replace(/\.?0+$/, '') : text)
}

/** [Redis networking.c addReplySubcommandSyntaxError] */
function wrongNumber(args: readonly Buffer[]): Reply {
  const named = cString(args[1]).subarray(0, 128)
  return errorNaming('unknown subcommand or wrong number of arguments for ', named, '. Try ACL HELP.')
}

function latin1(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}
