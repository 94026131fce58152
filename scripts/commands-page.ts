import type { CommandDoc, CommandInfo } from '../src/command/command-info.js'
import { COMMANDS } from '../src/command/commands.generated.js'
import { DOCS } from '../src/command/docs.generated.js'
import { NEWER_OVERLAY } from '../src/command/overlay-newer.js'
import { NEWER_OF_CLIENT, OWN_COMMANDS, OWN_DOCS } from '../src/command/own-commands.js'
import type { CommandRow } from '../src/command/row.js'
import { rowNamed, shownName } from '../src/command/table.js'

/** The groups of commands that Redis has, in the order in which somebody looks for them, with our titles. */
const GROUPS: Readonly<Record<string, string>> = {
  generic: 'Keys',
  string: 'Strings',
  bitmap: 'Bitmaps',
  hyperloglog: 'HyperLogLogs',
  list: 'Lists',
  hash: 'Hashes',
  set: 'Sets',
  'sorted-set': 'Sorted sets',
  geo: 'Places',
  stream: 'Streams',
  transactions: 'Transactions',
  scripting: 'Scripts and functions',
  pubsub: 'Publish and subscribe',
  connection: 'Connections',
  server: 'Servers',
  cluster: 'Redis Cluster',
}

const HEADER = `# Commands

Made from the command table by \`npm run docs\`: change the table, not this page.

Every command and subcommand of Redis 7.0, and DT's own:

- **redis**: works as in Redis; the servers that have the key execute it.
- **differs**: works, and what is said beside it is not as in Redis.
- **proxy**: answered by the proxy itself, as Redis would answer.
- **refused**: never served; the error gives the reason, and says that nothing was done.
- **not yet**: not supported yet; the error says so, and nothing was done.

Wrong arguments are answered as Redis answers them, by all of them. Commands that only newer servers have are
[learnt from these](differences.md#newer-servers).
`

/** docs/commands.md: which of four groups each command of the table is in, and why. */
export function commandsPage(): string {
  const sections = Object.entries(GROUPS).map(([group, title]) => {
    const infos = [...COMMANDS, ...OWN_COMMANDS].filter(({ name }) => docOf(name)?.group === group)
    return `## ${title}\n\n| command | | |\n|---|---|---|\n${infos.flatMap(linesOf).join('')}`
  })
  return [HEADER, ...sections, newerSection()].join('\n')
}

/** What is known by hand of what only newer servers have. */
function newerSection(): string {
  const lines = NEWER_OVERLAY.map(([name, route, replicate, more]) => {
    const remark = more?.note ?? ''
    return `| ${shownName(name)} | ${groupOf({ route, replicate }, remark)} | ${linked(remark)} |\n`
  })
  return `## Of newer servers\n\nThese are there when all servers know them; all others are [learnt](differences.md#newer-servers).\n\n| command | | |\n|---|---|---|\n${lines.sort().join('')}`
}

function docOf(name: string): CommandDoc | undefined {
  return DOCS[name] ?? OWN_DOCS[name]
}

function linesOf(info: CommandInfo): string[] {
  const more = info.name === 'client' ? NEWER_OF_CLIENT : []
  return [info, ...[...info.subcommands, ...more].sort((a, b) => (a.name < b.name ? -1 : 1))].map(({ name }) =>
    lineOf(rowNamed(name) as CommandRow),
  )
}

function lineOf(row: CommandRow): string {
  const name = shownName(row.name)
  if (row.subcommands !== undefined && row.name !== 'command') return `| ${name} … | | |\n`
  const remark = remarkOf(row)
  return `| ${name} | ${groupOf(row, remark)} | ${linked(remark)} |\n`
}

function groupOf({ route }: Pick<CommandRow, 'route' | 'replicate'>, remark: string): string {
  if (route === 'refused') return 'refused'
  if (route === 'unsupported') return 'not yet'
  if (remark !== '') return 'differs'
  return route === 'local' || route === 'channels' ? 'proxy' : 'redis'
}

/** What the table says in words, or what follows from its columns. */
function remarkOf(row: CommandRow): string {
  if (row.note !== '') return row.note
  if (row.waits !== undefined) return 'waits in the proxy [Waiting for data]'
  if (row.merge === 'streams')
    return 'waits in the proxy; streams on several servers are read in one moment [Waiting for data]'
  if (row.gather !== undefined) return 'keys on several servers: their values are copied for that moment [Several keys]'
  if (row.plan !== undefined) return 'keys on several servers: one element after the other [Several keys]'
  if (row.route === 'split' && row.replicate !== 'none')
    return 'keys on several servers: one may refuse its part [Several keys]'
  if (row.script === 'run' || row.script === 'run-kept') return 'may be run more than once [Scripts]'
  if (row.script === 'call') return 'may be run more than once [Functions]'
  if (row.route === 'function') return 'all servers keep the libraries [Functions]'
  return ''
}

/** `[Topic]` becomes a link to what is said of it. */
function linked(remark: string): string {
  return remark.replace(/\[([^\]]+)\]/g, (_, topic: string) => {
    return `([${topic}](differences.md#${topic.toLowerCase().replaceAll(' ', '-')}))`
  })
}
