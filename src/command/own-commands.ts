import type { ArgumentDoc, CommandDoc, CommandInfo } from './command-info.js'

/**
 * Who may see how the ring is made up, and who may change it, or see what others have sent (as of SLOWLOG), or which keys they have; as Redis has it of containers, whoever
 * may slow ones may ask for help.
 */
const READS = ['@read', '@admin', '@slow']
const CHANGES = ['@admin', '@slow', '@dangerous']
const CONTAINER = ['@slow']
/** Whoever may connect may ask where. */
const FINDS = ['@slow', '@connection']

/** The commands of the proxy itself, described as Redis describes its own. */
export const OWN_COMMANDS: readonly CommandInfo[] = [
  own('dt', -2, CONTAINER, [
    own('dt|add', 4, CHANGES),
    own('dt|bigkeys', -2, CHANGES),
    own('dt|cancel', 3, CHANGES),
    own('dt|doctor', 2, READS),
    own('dt|events', 2, READS),
    own('dt|help', 2, CONTAINER),
    own('dt|hotkeys', -3, CHANGES),
    own('dt|locate', 3, READS),
    own('dt|migrations', 2, READS),
    own('dt|nodes', 2, READS),
    own('dt|plan', -4, READS),
    own('dt|proxies', 2, READS),
    own('dt|reload', 2, CHANGES),
    own('dt|remove', 3, CHANGES),
    own('dt|ring', 2, READS),
    own('dt|slowlog', -2, CHANGES),
    own('dt|verify', -2, CHANGES),
    own('dt|view', 2, READS),
  ]),
  own('sentinel', -2, FINDS, [
    own('sentinel|ckquorum', 3, FINDS),
    own('sentinel|get-master-addr-by-name', 3, FINDS),
    own('sentinel|help', 2, FINDS),
    own('sentinel|master', 3, FINDS),
    own('sentinel|masters', 2, FINDS),
    own('sentinel|myid', 2, FINDS),
    own('sentinel|replicas', 3, FINDS),
    own('sentinel|sentinels', 3, FINDS),
    own('sentinel|slaves', 3, FINDS),
  ]),
]

/**
 * Subcommands of Redis 7.2, which COMMAND shows when the servers have them. `CLIENT SETINFO` is answered always, because client libraries
 * send it.
 */
export const NEWER_OF_CLIENT: readonly CommandInfo[] = [
  own('client|setinfo', 4, ['@slow', '@connection']),
  own('client|no-touch', 3, ['@slow', '@connection']),
]

const NAME: ArgumentDoc = { name: 'name', type: 'string' }
const RING: ArgumentDoc = { name: 'ring', type: 'string' }
const ADDRESS: ArgumentDoc = { name: 'address', type: 'string' }
const ACTIONS: readonly ArgumentDoc[] = ['ADD', 'REMOVE', 'UPGRADE'].map((token) => {
  return { name: token.toLowerCase(), type: 'pure-token', token }
})

export const OWN_DOCS: Readonly<Record<string, CommandDoc>> = {
  dt: {
    summary: 'A container for commands on the ring of this proxy',
    group: 'server',
    complexity: 'Depends on subcommand.',
    subcommands: {
      'dt|add': {
        summary: 'Make a server a member of the ring',
        group: 'server',
        complexity: 'O(1); its data comes afterwards',
        arguments: [NAME, ADDRESS],
      },
      'dt|bigkeys': {
        summary: 'Find the biggest keys of each type',
        group: 'server',
        complexity: 'O(N) for N keys',
        arguments: [{ name: 'action', type: 'string', flags: ['optional'] }],
      },
      'dt|cancel': {
        summary: 'Take an ADD or a REMOVE back whose data still moves',
        group: 'server',
        complexity: 'O(1)',
        arguments: [NAME],
      },
      'dt|doctor': {
        summary: 'Tell what is wrong with the ring, and what to do',
        group: 'server',
        complexity: 'O(N) for N members and Sentinels',
      },
      'dt|events': {
        summary: 'List what happened to the ring lately',
        group: 'server',
        complexity: 'O(1)',
      },
      'dt|help': { summary: 'Show helpful text about the different subcommands', group: 'server', complexity: 'O(1)' },
      'dt|hotkeys': {
        summary: 'Count which keys clients ask for most, by commands and by bytes',
        group: 'server',
        complexity: 'O(1) to start and stop, O(N) for N keys that are told',
        arguments: [
          { name: 'action', type: 'string' },
          { name: 'option', type: 'string', flags: ['optional', 'multiple'] },
        ],
      },
      'dt|locate': {
        summary: 'Show where a key lives: its identifier, token and replica set',
        group: 'server',
        complexity: 'O(1)',
        arguments: [{ name: 'key', type: 'string' }],
      },
      'dt|migrations': {
        summary: 'List what data moves at this moment, and how far that is',
        group: 'server',
        complexity: 'O(N) for N migrations',
      },
      'dt|nodes': { summary: 'List the members of the ring', group: 'server', complexity: 'O(N) for N members' },
      'dt|plan': {
        summary: 'Show what data an ADD, a REMOVE or an upgrade would move',
        group: 'server',
        complexity: 'O(N) for N keys, of which samples are taken when they are many',
        arguments: [{ name: 'action', type: 'oneof', arguments: ACTIONS }, NAME, { ...ADDRESS, flags: ['optional'] }],
      },
      'dt|proxies': {
        summary: 'List the proxies of the ring that this one knows',
        group: 'server',
        complexity: 'O(N) for N proxies',
      },
      'dt|reload': {
        summary: 'Read the settings, the ACL file and the certificates anew',
        group: 'server',
        complexity: 'O(N) for N settings and users',
      },
      'dt|remove': {
        summary: 'Move the data of a member away, then let the Sentinels forget it',
        group: 'server',
        complexity: 'O(1); its data moves afterwards',
        arguments: [NAME],
      },
      'dt|ring': {
        summary: 'List the token ranges with their replica sets',
        group: 'server',
        complexity: 'O(N) for N token ranges',
      },
      'dt|slowlog': {
        summary: 'List the commands that were slow, with what they waited for',
        group: 'server',
        complexity: 'O(N) for N entries',
        arguments: [{ name: 'count', type: 'integer', flags: ['optional'] }],
      },
      'dt|verify': {
        summary: 'Compare all copies of all keys, and repair them',
        group: 'server',
        complexity: 'O(N) for N keys',
        arguments: [{ name: 'action', type: 'string', flags: ['optional'] }],
      },
      'dt|view': { summary: 'Show the view that the proxy works with', group: 'server', complexity: 'O(1)' },
    },
  },
  sentinel: {
    summary: 'A container for commands that find a proxy of this ring, as Sentinels find a master',
    group: 'server',
    complexity: 'Depends on subcommand.',
    subcommands: {
      'sentinel|ckquorum': {
        summary: 'Tell whether a proxy serves the ring',
        group: 'server',
        complexity: 'O(N) for N proxies',
        arguments: [RING],
      },
      'sentinel|get-master-addr-by-name': {
        summary: 'Get the address of a proxy that serves the ring',
        group: 'server',
        complexity: 'O(N) for N proxies',
        arguments: [RING],
      },
      'sentinel|help': {
        summary: 'Show helpful text about the different subcommands',
        group: 'server',
        complexity: 'O(1)',
      },
      'sentinel|master': {
        summary: 'Show a proxy that serves the ring, as a Sentinel shows a master',
        group: 'server',
        complexity: 'O(N) for N proxies',
        arguments: [RING],
      },
      'sentinel|masters': {
        summary: 'The same, as the only element of a list',
        group: 'server',
        complexity: 'O(N) for N proxies',
      },
      'sentinel|myid': {
        summary: 'Get the run of the proxy that is asked',
        group: 'server',
        complexity: 'O(N) for N proxies',
      },
      'sentinel|replicas': {
        summary: 'List nothing: no proxy is a replica',
        group: 'server',
        complexity: 'O(1)',
        arguments: [RING],
      },
      'sentinel|sentinels': {
        summary: 'List the other proxies that can be asked',
        group: 'server',
        complexity: 'O(N) for N proxies',
        arguments: [RING],
      },
      'sentinel|slaves': {
        summary: 'List nothing: no proxy is a replica',
        group: 'server',
        complexity: 'O(1)',
        arguments: [RING],
      },
    },
  },
}

/** Whether a command or subcommand with this full name is the proxy's own: no redis-server has it. */
export function isOwn(name: string): boolean {
  return Object.hasOwn(OWN_DOCS, name.split('|', 1)[0])
}

function own(
  name: string,
  arity: number,
  categories: readonly string[],
  subcommands: readonly CommandInfo[] = [],
): CommandInfo {
  return {
    ...{ name, arity, flags: ['noscript', 'loading', 'stale'], firstKey: 0, lastKey: 0, keyStep: 0 },
    ...{ categories, tips: [], keySpecs: [], subcommands },
  }
}
