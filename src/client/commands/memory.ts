import { integerOf } from '../../resp/decode.js'
import { DoubleReply, double, isError, MapReply, map, type Reply, simple } from '../../resp/encode.js'
import type { Server } from '../server.js'
import { type Answer, allDid, askEach, entriesOf, merged, textsOf } from './every-member.js'
import { countedDatabases } from './info-keyspace.js'
import { askMembers } from './info-members.js'
import type { LocalCommand } from './local-command.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'coordinator' | 'order'>

/** MEMORY …: of all members; MEMORY USAGE is asked of the key's own. */
export const memoryCommands: Record<string, LocalCommand<Needs>> = {
  'memory|doctor': (_client, _args, server) => textsOf(server, ['MEMORY', 'DOCTOR']),
  'memory|malloc-stats': (_client, _args, server) => textsOf(server, ['MEMORY', 'MALLOC-STATS']),
  'memory|purge': async (_client, _args, server) =>
    allDid(await askEach(server, ['MEMORY', 'PURGE']), 'it') ?? simple('OK'),
  'memory|stats': (_client, _args, server) => stats(server),
}

/** What the members say by the names of fields, each summed up. */
type Sums = ReadonlyMap<string, number>
type Field = readonly [name: string, rule: (sums: Sums, keys: number) => Reply]

const of = (sums: Sums, name: string) => sums.get(name) ?? 0
const quotient = (over: number, under: number) => double(under === 0 ? 0 : over / under)
const percent = (part: number, whole: number) => quotient(100 * part, whole)
const sum = (name: string): Field => [name, (sums) => of(sums, name)]
const ratio = (name: string, over: string, under: string): Field => [
  name,
  (sums) => quotient(of(sums, over), of(sums, under)),
]
const grown = (sums: Sums) => of(sums, 'total.allocated') - of(sums, 'startup.allocated')
/** What the processes have of the machines. */
const resident = (sums: Sums) => of(sums, 'allocator.resident') + of(sums, 'rss-overhead.bytes')

/** The fields of Redis 7.0 in its order: those before the databases, and those behind [Redis object.c memoryCommand]. */
const BEFORE: readonly Field[] = [
  'peak.allocated',
  'total.allocated',
  'startup.allocated',
  'replication.backlog',
  'clients.slaves',
  'clients.normal',
  'cluster.links',
  'aof.buffer',
  'lua.caches',
  'functions.caches',
].map(sum)
const BEHIND: readonly Field[] = [
  sum('overhead.total'),
  ['keys.count', (_sums, keys) => keys],
  // With all copies of the key.
  ['keys.bytes-per-key', (sums, keys) => (keys === 0 ? 0 : Math.trunc(grown(sums) / keys))],
  sum('dataset.bytes'),
  ['dataset.percentage', (sums) => percent(of(sums, 'dataset.bytes'), grown(sums))],
  ['peak.percentage', (sums) => percent(of(sums, 'total.allocated'), of(sums, 'peak.allocated'))],
  sum('allocator.allocated'),
  sum('allocator.active'),
  sum('allocator.resident'),
  ratio('allocator-fragmentation.ratio', 'allocator.active', 'allocator.allocated'),
  sum('allocator-fragmentation.bytes'),
  ratio('allocator-rss.ratio', 'allocator.resident', 'allocator.active'),
  sum('allocator-rss.bytes'),
  ['rss-overhead.ratio', (sums) => quotient(resident(sums), of(sums, 'allocator.resident'))],
  sum('rss-overhead.bytes'),
  ['fragmentation', (sums) => quotient(resident(sums), resident(sums) - of(sums, 'fragmentation.bytes'))],
  sum('fragmentation.bytes'),
]

/** MEMORY STATS: bytes are summed up, ratios made of the sums, and keys counted once, as in INFO. */
async function stats(server: Needs): Promise<Reply> {
  const databases = await countedDatabases(await askMembers(server, ['keyspace']), server)
  const keys = databases.reduce((all, database) => all + database.keys, 0)
  return merged(server, ['MEMORY', 'STATS'], (replies, answers) => summedUp(replies, answers, keys))
}

function summedUp(replies: readonly Reply[], answers: readonly Answer[], keys: number): Reply {
  const sums = new Map<string, number>()
  const databases = new Map<string, Map<string, number>>()
  for (const [name, value] of replies.flatMap(entriesOf)) {
    if (!name.startsWith('db.')) add(sums, name, value)
    else if (value instanceof MapReply) {
      const database = databases.get(name) ?? new Map<string, number>()
      databases.set(name, database)
      for (const [field, bytes] of entriesOf(value)) add(database, field, bytes)
    }
  }
  const missing = answers.filter(({ reply }) => reply === undefined || isError(reply)).map(({ link }) => link.name)
  const shown = (fields: readonly Field[]) => fields.map(([name, rule]) => [name, rule(sums, keys)] as const)
  const byNumber = [...databases].sort(([a], [b]) => Number(a.slice(3)) - Number(b.slice(3)))
  return map([
    ...shown(BEFORE),
    ...byNumber.map(([name, fields]) => [name, map([...fields])] as const),
    ...shown(BEHIND),
    ...(missing.length === 0 ? [] : [['dt.not-answered', missing.join()] as const]),
  ])
}

function add(sums: Map<string, number>, name: string, value: Reply): void {
  const number = value instanceof DoubleReply ? Number(value.text) : (integerOf(value) ?? 0)
  sums.set(name, (sums.get(name) ?? 0) + number)
}
