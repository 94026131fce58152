import { type Reply, simple } from '../resp/encode.js'

/** The answer of a `<container> HELP`: the lines between those that every HELP of Redis has [Redis networking.c addReplyHelp]. */
export function helpReply(container: string, lines: readonly string[]): Reply {
  return [
    `${container.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`,
    ...lines,
    'HELP',
    '    Prints this help.',
  ].map(simple)
}

/** [Redis server.c commandHelpCommand] */
export const COMMAND_HELP: readonly string[] = [
  '(no subcommand)',
  '    Return details about all Redis commands.',
  'COUNT',
  '    Return the total number of commands in this Redis server.',
  'LIST',
  '    Return a list of all commands in this Redis server.',
  'INFO [<command-name> ...]',
  '    Return details about multiple Redis commands.',
  '    If no command names are given, documentation details for all',
  '    commands are returned.',
  'DOCS [<command-name> ...]',
  '    Return documentation details about multiple Redis commands.',
  '    If no command names are given, documentation details for all',
  '    commands are returned.',
  'GETKEYS <full-command>',
  '    Return the keys from a full Redis command.',
  'GETKEYSANDFLAGS <full-command>',
  '    Return the keys and the access flags from a full Redis command.',
]

export const DT_HELP: readonly string[] = [
  'ADD <name> <host:port>',
  '    Let the Sentinels monitor a server, which makes it a member: its data comes by itself.',
  'BIGKEYS [<count>|STATUS|STOP]',
  '    Return the biggest keys of each type, found by a walk over all servers at a leisurely pace.',
  '    STATUS returns how far that is, or what the last one found; STOP ends it.',
  'CANCEL <name>',
  '    Take an ADD or a REMOVE back whose data still moves.',
  'DOCTOR',
  '    Return what is wrong with the ring, or unwise, and what to do.',
  'EVENTS',
  '    Return what happened to the ring since the proxy began, the latest first; the last 50.',
  'HOTKEYS START [SAMPLE <n>] [SECONDS <s>] | HOTKEYS STOP | HOTKEYS GET [<count>]',
  '    Count which keys clients ask for most, by commands and by bytes: one of n commands (10), for s seconds (60).',
  'LOCATE <key>',
  '    Return the identifier of a key, its token and its replica set.',
  'MIGRATIONS',
  '    Return what data moves at this moment, and how far that is.',
  'NODES',
  '    Return the members of the ring: address, state, share, keys.',
  'PLAN ADD <name> <host:port> | PLAN REMOVE <name> | PLAN UPGRADE <host:port>',
  '    Return what data would move, and how long that would take. UPGRADE: to the version of an example server.',
  'PROXIES',
  '    Return the proxies that this one knows: the owner of the ring, and those that send their clients on to it.',
  'RELOAD',
  '    Read the settings, the ACL file and the certificates anew; returns what has changed, and what needs a restart.',
  'REMOVE <name>',
  '    Move the data of a member to the others, then let the Sentinels forget it.',
  'RING',
  '    Return the token ranges with their replica sets.',
  'SLOWLOG [<count>]',
  '    Return the entries of SLOWLOG GET, with where the time went and which member was waited for.',
  'VERIFY [REPAIR|STATUS|STOP]',
  '    Compare all copies of all keys, and repair those that differ from their masters.',
  '    STATUS returns how far that is, or what the last one found; STOP ends it.',
  'VIEW',
  '    Return the view: epoch, replicas, virtual nodes.',
]

/** Of what a Sentinel does, that which a proxy does [Redis sentinel.c sentinelCommand]. */
export const SENTINEL_HELP: readonly string[] = [
  'CKQUORUM <master-name>',
  '    Check if a proxy serves the ring of that name.',
  'GET-MASTER-ADDR-BY-NAME <master-name>',
  '    Return the ip and port number of a proxy that serves the ring of that name.',
  'MASTER <master-name>',
  '    Show that proxy, as a Sentinel shows a master.',
  'MASTERS',
  '    Show a list of it alone.',
  'MYID',
  '    Return the run of the proxy that is asked.',
  'REPLICAS <master-name>',
  '    Show an empty list: no proxy is a replica.',
  'SENTINELS <master-name>',
  '    Show a list of the other proxies, which can be asked as well.',
]
