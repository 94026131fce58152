import { type Reply, verbatim } from '../../resp/encode.js'
import type { Server } from '../server.js'
import { option } from './arguments.js'
import { ringSection } from './info-dt.js'
import { keyspaceLines } from './info-keyspace.js'
import { askMembers, type MemberInfos } from './info-members.js'
import { commandStats, cpu, latencyStats, memory, modules, persistence, stats } from './info-merged.js'
import { clientsSection, errorStats, replicationSection, serverSection } from './info-own.js'

type Lines = readonly string[]

interface Section {
  readonly name: string
  /** Behind `# `. */
  readonly title: string
  /** Not shown unless it is named, or all sections are. */
  readonly onDemand?: true
  /** Only from what this process knows. */
  readonly own?: (server: Server) => Lines
  /** From the members' section of this name. */
  readonly merged?: (members: MemberInfos, server: Server) => Lines | Promise<Lines>
}

/** The sections of Redis 7.0 in its order, and ours [Redis server.c genRedisInfoString]. */
const SECTIONS: readonly Section[] = [
  { name: 'server', title: 'Server', own: serverSection },
  { name: 'clients', title: 'Clients', own: clientsSection },
  { name: 'memory', title: 'Memory', merged: memory },
  { name: 'persistence', title: 'Persistence', merged: persistence },
  { name: 'stats', title: 'Stats', merged: stats },
  { name: 'replication', title: 'Replication', own: replicationSection },
  { name: 'cpu', title: 'CPU', merged: cpu },
  { name: 'modules', title: 'Modules', merged: modules },
  { name: 'commandstats', title: 'Commandstats', onDemand: true, merged: commandStats },
  { name: 'errorstats', title: 'Errorstats', own: errorStats },
  { name: 'latencystats', title: 'Latencystats', onDemand: true, merged: latencyStats },
  { name: 'cluster', title: 'Cluster', own: () => ['cluster_enabled:0'] },
  { name: 'keyspace', title: 'Keyspace', merged: keyspaceLines },
  { name: 'dt', title: 'DT', own: ringSection },
]

/**
 * INFO [section …]: what one server would say if it were the whole ring. A member that does not answer in time is left
 * out, and each section that misses it says so.
 */
export async function info(server: Server, args: readonly Buffer[]): Promise<Reply> {
  const sections = chooseSections(args.slice(1).map(option))
  // Before the client that asks waits for the members itself.
  const own = sections.map((section) => section.own?.(server))
  const asked = sections.filter(({ merged }) => merged !== undefined).map(({ name }) => name)
  const members = await askMembers(server, asked)
  const texts = sections.map(async ({ title, merged }, i) => {
    const lines = own[i] ?? (await merged?.(members, server)) ?? []
    const missing = merged === undefined || members.missing.length === 0 ? [] : [`dt_not_answered:${members.missing}`]
    return [`# ${title}`, ...lines, ...missing].map((line) => `${line}\r\n`).join('')
  })
  return verbatim('txt', (await Promise.all(texts)).join('\r\n'))
}

/** The sections that the words name, in the order of the table; names that nobody knows are ignored. */
function chooseSections(words: readonly string[]): readonly Section[] {
  if (words.includes('all') || words.includes('everything')) return SECTIONS
  const byDefault = words.length === 0 || words.includes('default')
  return SECTIONS.filter(
    ({ name, onDemand }) =>
      (byDefault && onDemand === undefined) ||
      words.includes(name) ||
      (name === 'modules' && words.includes('module_list')),
  )
}
