import { lowerCase, lowerWord, wordOf } from '../base/ascii.js'
import { Glob } from '../base/glob.js'
import { bytesOf, fieldOf } from '../resp/decode.js'
import { error, KeptReply, MapReply, map, type Reply, set, simple } from '../resp/encode.js'
import type { ArgumentDoc, CommandDoc, CommandInfo, KeySpec } from './command-info.js'
import { DOCS } from './docs.generated.js'
import { COMMAND_HELP, helpReply } from './help.js'
import { canHaveKeys, type KeyReference, keyReferences } from './introspection-keys.js'
import { isOwn, OWN_COMMANDS, OWN_DOCS } from './own-commands.js'
import type { CommandRow } from './row.js'
import { allInfos, infoNamed, lookupCommand, lookupSubcommand } from './table.js'

interface Offered {
  has(name: string): boolean
}

const ALL: Offered = { has: () => true }

/** What servers say that are newer than the table. */
export interface Description {
  /** Of all their commands. */
  readonly infos: readonly CommandInfo[]
  /** Their answer to COMMAND DOCS, where that was asked. */
  readonly docs: Reply
}

/**
 * Answers COMMAND and its subcommands as Redis 7.0 does, byte for byte except for the order of commands (Redis's is that
 * of a hash table), with the proxy's own commands and the learnt ones. `row` is the row of the (sub)command; `args` are
 * all arguments, from `COMMAND` on; their number has been checked against the row's arity.
 *
 * @param offered which commands there are, by their full names in lower case
 * @param described what takes the place of the table, but for the proxy's own commands
 */
export function answerCommand(
  row: CommandRow,
  args: readonly Buffer[],
  offered: Offered = ALL,
  described?: Description,
): Reply {
  const all = described === undefined ? allInfos() : [...described.infos, ...OWN_COMMANDS]
  const infos = all.filter(({ name }) => offered.has(name))
  const find = described === undefined ? infoNamed : finderIn(infos)
  switch (row.name) {
    case 'command':
      return infos.map(infoReply)
    case 'command|count':
      return infos.length
    case 'command|docs':
      return docsReply(infos, args.slice(2), find, described?.docs)
    case 'command|getkeys':
      return keysReply(args.slice(2), find, (key, arg) => arg[key.index])
    case 'command|getkeysandflags':
      return keysReply(args.slice(2), find, (key, arg) => [arg[key.index], statusSet(key.flags)])
    case 'command|info':
      if (args.length === 2) return infos.map(infoReply)
      return args.slice(2).map((name) => infoReply(infoOfName(name, find, offered)))
    case 'command|list':
      return listReply(infos, args.slice(2))
    default:
      return helpReply('command', COMMAND_HELP)
  }
}

/** What is said of commands, by what it is made of: all of them together are some 200 KB. */
const kept = new WeakMap<CommandInfo | CommandDoc, KeptReply>()

function keptReply<T extends CommandInfo | CommandDoc>(of: T, make: (of: T) => Reply): Reply {
  let reply = kept.get(of)
  if (reply === undefined) kept.set(of, (reply = new KeptReply(make(of))))
  return reply
}

function infoReply(info: CommandInfo | undefined): Reply {
  return info === undefined ? null : keptReply(info, describedInfo)
}

/** [Redis server.c addReplyCommandInfo] */
function describedInfo(info: CommandInfo): Reply {
  return [
    info.name,
    info.arity,
    statusSet(info.flags),
    info.firstKey,
    info.lastKey,
    info.keyStep,
    statusSet(info.categories),
    set(info.tips),
    set(info.keySpecs.map(keySpecReply)),
    info.subcommands.length === 0 ? set([]) : info.subcommands.map(infoReply),
  ]
}

function keySpecReply({ notes, flags, beginSearch, findKeys }: KeySpec): Reply {
  return map([
    ...(notes === undefined ? [] : [['notes', notes] as const]),
    ['flags', statusSet(flags)],
    ['begin_search', searchReply(beginSearch)],
    ['find_keys', searchReply(findKeys)],
  ])
}

function searchReply({ type, ...spec }: KeySpec['beginSearch'] | KeySpec['findKeys']): Reply {
  return map([
    ['type', type],
    ['spec', map(Object.entries(spec))],
  ])
}

/** What servers say of the commands that are learnt of them, by the names in lower case. */
const learntDocs = new Map<string, Reply>()

/** Keeps what a server answers to COMMAND DOCS. */
export function learnDocs(reply: Reply): void {
  if (!(reply instanceof MapReply)) return
  for (const [name, doc] of reply.entries) learntDocs.set(lowerCase(bytesOf(name) ?? Buffer.alloc(0)), doc)
}

/** COMMAND DOCS: of the named commands that exist, or of all. */
function docsReply(
  all: readonly CommandInfo[],
  names: readonly Buffer[],
  find: Find,
  described: Reply | undefined,
): Reply {
  const infos = names.length === 0 ? all : names.map((name) => infoOfName(name, find, ALL))
  const theirs = described instanceof MapReply ? docsByName(described) : learntDocs
  const entries: [Reply, Reply][] = []
  for (const info of infos) {
    const doc = info && (described === undefined ? docOf(info.name) : ownDocOf(info.name))
    const learnt = info && (theirs.get(info.name) ?? subcommandIn(theirs, info.name))
    if (doc !== undefined) entries.push([info!.name, keptReply(doc, docReply)])
    else if (learnt !== undefined) entries.push([info!.name, learnt])
  }
  return map(entries)
}

function docsByName({ entries }: MapReply): Map<string, Reply> {
  return new Map(entries.map(([name, doc]) => [lowerCase(bytesOf(name) ?? Buffer.alloc(0)), doc]))
}

/** That of a subcommand stands in that of its container. */
function subcommandIn(docs: ReadonlyMap<string, Reply>, name: string): Reply | undefined {
  const all = fieldOf(docs.get(name.split('|', 1)[0]) ?? null, 'subcommands')
  return fieldOf(all ?? null, name)
}

function ownDocOf(name: string): CommandDoc | undefined {
  return isOwn(name) ? docOf(name) : undefined
}

/** The documentation of a command or subcommand of the table. */
function docOf(name: string): CommandDoc | undefined {
  const container = name.split('|', 1)[0]
  const doc = own(OWN_DOCS, container) ?? own(DOCS, container)
  return container === name ? doc : own(doc?.subcommands ?? {}, name)
}

/** [Redis server.c addReplyCommandDocs]; the fields stand in its order in the generated table already. */
function docReply(doc: CommandDoc): Reply {
  return map(
    Object.entries(doc).map(([field, value]): [Reply, Reply] => {
      switch (field) {
        case 'doc_flags':
          return [field, statusSet(value)]
        case 'history':
          return [field, set(value)]
        case 'arguments':
          return [field, value.map(argumentReply)]
        case 'subcommands':
          return [field, map(Object.entries<CommandDoc>(value).map(([name, sub]) => [name, docReply(sub)]))]
        default:
          return [field, value]
      }
    }),
  )
}

/** [Redis server.c addReplyCommandArgList] */
function argumentReply(argument: ArgumentDoc): Reply {
  return map(
    Object.entries(argument).map(([field, value]): [Reply, Reply] => {
      if (field === 'flags') return [field, statusSet(value)]
      return [field, field === 'arguments' ? value.map(argumentReply) : value]
    }),
  )
}

/** COMMAND LIST [FILTERBY MODULE name | ACLCAT category | PATTERN glob]. */
function listReply(infos: readonly CommandInfo[], filter: readonly Buffer[]): Reply {
  const test = filterOf(filter)
  if (test === undefined) return error('ERR syntax error')
  return infos.flatMap((info) => [info, ...info.subcommands].filter(test).map((each) => each.name))
}

/** No command has a longer name, with its container. */
const NAME_BYTES_MAX = 128

function namesLike(pattern: Buffer): (info: CommandInfo) => boolean {
  const glob = new Glob(pattern, true, NAME_BYTES_MAX)
  return ({ name }) => glob.matches(Buffer.from(name))
}

function filterOf(filter: readonly Buffer[]): ((info: CommandInfo) => boolean) | undefined {
  if (filter.length === 0) return () => true
  if (filter.length !== 3 || lowerWord(filter[0]) !== 'filterby') return undefined
  switch (lowerWord(filter[1])) {
    case 'module': {
      const module = wordOf(filter[2])
      return ({ name }) => infoNamed(name.split('|', 1)[0])?.module === module
    }
    case 'aclcat': {
      const category = `@${lowerWord(filter[2])}`
      return (info) => info.categories.includes(category)
    }
    case 'pattern':
      return namesLike(filter[2])
    default:
      return undefined
  }
}

/** COMMAND GETKEYS and GETKEYSANDFLAGS [Redis server.c getKeysSubcommandImpl]; `args` is the command that is asked about. */
function keysReply(
  args: readonly Buffer[],
  find: Find,
  show: (key: KeyReference, args: readonly Buffer[]) => Reply,
): Reply {
  const info = infoOfCommand(args, find)
  if (info === undefined) return error('ERR Invalid command specified')
  if (!canHaveKeys(info)) return error('ERR The command has no key arguments')
  if (info.arity > 0 ? info.arity !== args.length : args.length < -info.arity) {
    return error('ERR Invalid number of arguments specified for command')
  }
  const keys = keyReferences(info, args)
  if (keys.length === 0 && !info.flags.includes('no_mandatory_keys')) {
    return error('ERR Invalid arguments specified for command')
  }
  return keys.map((key) => show(key, args))
}

/** The command that a whole command line names, as the dispatcher would find it. */
function infoOfCommand(args: readonly Buffer[], find: Find): CommandInfo | undefined {
  const row = lookupCommand(args[0], 0, args[0].length)
  if (row?.subcommands === undefined || args.length === 1) return row && find(row.name)
  const sub = lookupSubcommand(row, args[1], 0, args[1].length)
  return sub && find(sub.name)
}

type Find = (name: string) => CommandInfo | undefined

function finderIn(infos: readonly CommandInfo[]): Find {
  const byName = new Map(infos.flatMap((info) => [info, ...info.subcommands]).map((info) => [info.name, info]))
  return (name) => byName.get(name)
}

/** The command with this name, `container|sub` for a subcommand, in any case [Redis server.c lookupCommandBySds]. */
function infoOfName(name: Buffer, find: Find, offered: Offered): CommandInfo | undefined {
  const info = find(lowerCase(name))
  return info !== undefined && offered.has(info.name) ? info : undefined
}

function statusSet(words: readonly string[]): Reply {
  return set(words.map(simple))
}

function own<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined
}
