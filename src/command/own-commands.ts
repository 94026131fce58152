import type { CommandDoc, CommandInfo } from './command-info.js'

/** The commands of the proxy itself, described as Redis describes its own. */
export const OWN_COMMANDS: readonly CommandInfo[] = [
  own('dt', -2, [own('dt|help', 2), own('dt|locate', 3), own('dt|nodes', 2), own('dt|ring', 2), own('dt|verify', -2), own('dt|view', 2)]),
]

/** `CLIENT SETINFO` of Redis 7.2: client libraries send it, so it is answered, but COMMAND does not show it. */
export const CLIENT_SETINFO: CommandInfo = own('client|setinfo', 4)

export const OWN_DOCS: Readonly<Record<string, CommandDoc>> = {
  dt: {
    summary: 'A container for commands on the ring of this proxy',
    group: 'server',
    complexity: 'Depends on subcommand.',
    subcommands: {
      'dt|help': { summary: 'Show helpful text about the different subcommands', group: 'server', complexity: 'O(1)' },
      'dt|locate': {
        summary: 'Show where a key lives: its identifier, token and replica set',
        group: 'server',
        complexity: 'O(1)',
        arguments: [{ name: 'key', type: 'string' }],
      },
      'dt|nodes': { summary: 'List the members of the ring', group: 'server', complexity: 'O(N) for N members' },
      'dt|ring': {
        summary: 'List the token ranges with their replica sets',
        group: 'server',
        complexity: 'O(N) for N token ranges',
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
}

function own(name: string, arity: number, subcommands: readonly CommandInfo[] = []): CommandInfo {
  return {
    ...{ name, arity, flags: ['noscript', 'loading', 'stale'], firstKey: 0, lastKey: 0, keyStep: 0 },
    ...{ categories: ['@slow', '@connection'], tips: [], keySpecs: [], subcommands },
  }
}
