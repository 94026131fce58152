import { type Reply, verbatim } from '../../resp/encode.js'
import type { Server } from '../server.js'
import { option } from './arguments.js'
import { ringSection } from './info-dt.js'
import { keyspaceLines } from './info-keyspace.js'
import { askMembers, type MemberInfos } from './info-members.js'
import { commandStats, cpu, keySizes, latencyStats, memory, modules, persistence, stats } from './info-merged.js'
import { clientsSection, errorStats, replicationSection, serverSection } from './info-own.js'

/** What of the server these commands touch. */
type Needs = Pick<
  Server,
  | 'address'
  | 'cachedKeys'
  | 'channels'
  | 'clients'
  | 'config'
  | 'coordinator'
  | 'links'
  | 'membership'
  | 'migrator'
  | 'order'
  | 'pause'
  | 'peers'
  | 'runId'
  | 'slowLog'
  | 'startedAtMs'
  | 'stateFileFault'
  | 'stats'
  | 'verifier'
>

type Lines = readonly string[]

interface Section {
  readonly name: string
  /** Behind `# `. */
  readonly title: string
  /** Not shown unless it is named, or all sections are. */
  readonly onDemand?: true
  /** Redis 7.0 does not have it: it is shown when there is something in it. */
  readonly newer?: true
  /** Only from what this process knows. */
  readonly own?: (server: Needs) => Lines
  /** From the members' section of this name. */
  readonly merged?: (members: MemberInfos, server: Needs) => Lines | Promise<Lines>
}

/**
 * The sections of Redis 7.0 in its order, those of newer servers that can be told of a ring, and ours [Redis server.c genRedisInfoString].
 */
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
  { name: 'keysizes', title: 'Keysizes', newer: true, merged: keySizes },
  { name: 'dt', title: 'DT', own: ringSection },
]

/** What newer servers tell of themselves and a ring does not, by the names of fields, with the reason. */
export const OMITTED: readonly (readonly [fields: RegExp, why: string])[] = [
  [/^io_thread_\d+$/, 'threads of one server, which serve our links'],
  [/^tls_/, 'certificates of servers that clients do not see'],
  [/^(?:availability_zone|valkey_release_stage|clients_hz)$/, 'of one server, and there are several'],
  [/^engine(?:s_|_\d)/, 'languages of scripts, of which the proxy has one'],
  [/^paused_/, 'of clients of one server: see CLIENT PAUSE'],
  [/^replicas_waiting_psync$/, 'members have no replicas'],
  [/^cluster_(?!enabled|connections)/, 'the ring is no Redis Cluster'],
]

/**
 * INFO [section …]: what one server would say if it were the whole ring. A member that does not answer in time is left
 * out, and each section that misses it says so.
 */
export async function info(server: Needs, args: readonly Buffer[]): Promise<Reply> {
  const sections = chooseSections(args.slice(1).map(option))
  // Before the client that asks waits for the members itself.
  const own = sections.map((section) => section.own?.(server))
  const asked = sections.filter(({ merged }) => merged !== undefined).map(({ name }) => name)
  const members = await askMembers(server, asked)
  const texts = sections.map(async ({ title, newer, merged }, i) => {
    const lines = own[i] ?? (await merged?.(members, server)) ?? []
    if (newer && lines.length === 0) return []
    const missing = merged === undefined || members.missing.length === 0 ? [] : [`dt_not_answered:${members.missing}`]
    return [[`# ${title}`, ...lines, ...missing].map((line) => `${line}\r\n`).join('')]
  })
  return verbatim('txt', (await Promise.all(texts)).flat().join('\r\n'))
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
