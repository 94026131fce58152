import type { Server } from '../server.js'
import type { MemberInfos } from './info-members.js'

/** What of the server these commands touch. */
type Needs = Pick<Server, 'cachedKeys' | 'channels' | 'coordinator' | 'stats'>

/*
 * The sections that tell of the members' work and memory, made of theirs: each field of Redis 7.0 in its order,
 * and in their places those that newer servers have, with the rule that makes one value of several.
 */

type Rule = (members: MemberInfos, field: string, server: Needs) => number | string
/** `newer`: Redis 7.0 does not have it, so it is shown when a member has it. */
type Fields = readonly (readonly [field: string, rule: Rule, newer?: 'newer'])[]

const sum: Rule = (members, field) => members.sum(field)
const perCopy: Rule = (members, field) => members.perCopy(field)
const max: Rule = (members, field) => members.max(field)
const min: Rule = (members, field) => members.min(field)
const first: Rule = (members, field) => members.first(field)
/** What one server says is wrong, is wrong. */
const worst: Rule = (members, field) => members.texts(field).find((text) => text !== 'ok') ?? members.first(field)
const zero: Rule = () => 0
const none: Rule = () => '0.00'
/** Bytes of another field, for people. */
const human =
  (field: string): Rule =>
  (members, _field, server) =>
    bytesToHuman(Number(RULE_OF_BYTES.get(field)?.(members, field, server)))
const ratio =
  (over: string, under: string): Rule =>
  (members) =>
    quotient(members.sum(over), members.sum(under))
const percent =
  (part: (members: MemberInfos) => number, whole: (members: MemberInfos) => number): Rule =>
  (members) =>
    `${quotient(100 * part(members), whole(members))}%`
/** Of this process alone. */
const own =
  (value: (server: Needs) => number): Rule =>
  (_members, _field, server) =>
    value(server)
const ownRate =
  (bytesPerSecond: (server: Needs) => number): Rule =>
  (_members, _field, server) =>
    (bytesPerSecond(server) / 1024).toFixed(2)

/** Servers on one machine share its memory. */
const totalMemory: Rule = (members) => {
  const byHost = new Map<string, number>()
  for (const { link, text } of members.all) {
    const bytes = /^total_system_memory:(\d+)/m.exec(text ?? '')?.[1]
    if (bytes !== undefined) byHost.set(link.host, Number(bytes))
  }
  return [...byHost.values()].reduce((total, bytes) => total + bytes, 0)
}

/** 0 is no limit, and one member without a limit leaves the ring without. */
const maxMemory: Rule = (members, field) => (members.min(field) === 0 ? 0 : members.sum(field))

const RULE_OF_BYTES: ReadonlyMap<string, Rule> = new Map([
  ['used_memory', sum],
  ['used_memory_rss', sum],
  ['used_memory_peak', sum],
  ['total_system_memory', totalMemory],
  ['used_memory_lua', sum],
  ['used_memory_vm_total', sum],
  ['used_memory_scripts', sum],
  ['maxmemory', maxMemory],
])

const MEMORY: Fields = [
  ['used_memory', sum],
  ['used_memory_human', human('used_memory')],
  ['used_memory_rss', sum],
  ['used_memory_rss_human', human('used_memory_rss')],
  ['used_memory_peak', sum],
  ['used_memory_peak_human', human('used_memory_peak')],
  ['used_memory_peak_time', max, 'newer'],
  [
    'used_memory_peak_perc',
    percent(
      (of) => of.sum('used_memory'),
      (of) => of.sum('used_memory_peak'),
    ),
  ],
  ['used_memory_overhead', sum],
  ['used_memory_startup', sum],
  ['used_memory_dataset', sum],
  [
    'used_memory_dataset_perc',
    percent(
      (of) => of.sum('used_memory_dataset'),
      (of) => of.sum('used_memory') - of.sum('used_memory_startup'),
    ),
  ],
  ['allocator_allocated', sum],
  ['allocator_active', sum],
  ['allocator_resident', sum],
  ['allocator_muzzy', sum, 'newer'],
  ['total_system_memory', totalMemory],
  ['total_system_memory_human', human('total_system_memory')],
  ['used_memory_lua', sum],
  ['used_memory_vm_eval', sum],
  ['used_memory_lua_human', human('used_memory_lua')],
  ['used_memory_scripts_eval', sum],
  // Those of clients: the members have each of them wrapped, too.
  ['number_of_cached_scripts', own(({ coordinator }) => coordinator.scripts.kept.size)],
  ['number_of_functions', own(({ coordinator }) => coordinator.functions.functionsCount)],
  ['number_of_libraries', own(({ coordinator }) => coordinator.functions.librariesCount)],
  ['used_memory_vm_functions', sum],
  ['used_memory_vm_total', sum],
  ['used_memory_vm_total_human', human('used_memory_vm_total')],
  ['used_memory_functions', sum],
  ['used_memory_scripts', sum],
  ['used_memory_scripts_human', human('used_memory_scripts')],
  ['maxmemory', maxMemory],
  ['maxmemory_human', human('maxmemory')],
  ['maxmemory_policy', first],
  ['allocator_frag_ratio', ratio('allocator_active', 'allocator_allocated')],
  ['allocator_frag_bytes', sum],
  ['allocator_rss_ratio', ratio('allocator_resident', 'allocator_active')],
  ['allocator_rss_bytes', sum],
  ['rss_overhead_ratio', ratio('used_memory_rss', 'allocator_resident')],
  ['rss_overhead_bytes', sum],
  ['mem_fragmentation_ratio', (of) => fragmentation(of)],
  ['mem_fragmentation_bytes', sum],
  ['mem_not_counted_for_evict', sum],
  ['mem_replication_backlog', sum],
  ['mem_total_replication_buffers', sum],
  ['mem_replica_full_sync_buffer', sum, 'newer'],
  ['mem_replicas_repl_buffer', sum, 'newer'],
  ['mem_clients_slaves', sum],
  ['mem_clients_normal', sum],
  ['mem_cluster_links', sum],
  ['mem_cluster_slot_import', zero, 'newer'],
  ['mem_cluster_slot_export', zero, 'newer'],
  ['mem_cluster_slot_migration_output_buffer', zero, 'newer'],
  ['mem_cluster_slot_migration_input_buffer', zero, 'newer'],
  ['mem_cluster_slot_migration_input_buffer_peak', zero, 'newer'],
  ['mem_aof_buffer', sum],
  ['mem_allocator', first],
  ['mem_overhead_db_hashtable_rehashing', sum, 'newer'],
  ['active_defrag_running', max],
  ['lazyfree_pending_objects', sum],
  ['lazyfreed_objects', sum],
]

const PERSISTENCE: Fields = [
  ['loading', max],
  ['async_loading', max],
  ['current_cow_peak', sum],
  ['current_cow_size', sum],
  ['current_cow_size_age', max],
  ['current_fork_perc', (of) => of.max('current_fork_perc').toFixed(2)],
  ['current_save_keys_processed', sum],
  ['current_save_keys_total', sum],
  ['rdb_changes_since_last_save', sum],
  ['rdb_bgsave_in_progress', max],
  // What was there then has been saved by all of them.
  ['rdb_last_save_time', min],
  ['rdb_last_bgsave_status', worst],
  ['rdb_last_bgsave_time_sec', max],
  ['rdb_current_bgsave_time_sec', max],
  ['rdb_saves', sum],
  ['rdb_saves_consecutive_failures', max, 'newer'],
  ['rdb_last_cow_size', sum],
  ['rdb_last_load_keys_expired', sum],
  ['rdb_last_load_keys_loaded', sum],
  ['aof_enabled', min],
  ['aof_rewrite_in_progress', max],
  ['aof_rewrite_scheduled', max],
  ['aof_last_rewrite_time_sec', max],
  ['aof_current_rewrite_time_sec', max],
  ['aof_last_bgrewrite_status', worst],
  ['aof_rewrites', sum],
  ['aof_rewrites_consecutive_failures', max],
  ['aof_last_write_status', worst],
  ['aof_last_cow_size', sum],
  ['module_fork_in_progress', max],
  ['module_fork_last_cow_size', sum],
  ['slot_migration_fork_in_progress', zero, 'newer'],
]

/** Shown by a server that has an append-only file. */
const APPEND_ONLY: Fields = [
  ['aof_current_size', sum],
  ['aof_base_size', sum],
  ['aof_pending_rewrite', max],
  ['aof_buffer_length', sum],
  ['aof_pending_bio_fsync', sum],
  ['aof_delayed_fsync', sum],
]

const STATS: Fields = [
  ['total_connections_received', own(({ stats }) => stats.connectionsAccepted)],
  ['total_commands_processed', own(({ stats }) => stats.sinceReset().commands - stats.rejectedCommands)],
  ['instantaneous_ops_per_sec', own(({ stats }) => Math.round(stats.rates().commands))],
  ['total_net_input_bytes', own(({ stats }) => stats.sinceReset().receivedBytes)],
  ['total_net_output_bytes', own(({ stats }) => stats.sinceReset().sentBytes)],
  ['total_net_repl_input_bytes', zero],
  ['total_net_repl_output_bytes', zero],
  ['total_net_cluster_slot_import_bytes', zero, 'newer'],
  ['total_net_cluster_slot_export_bytes', zero, 'newer'],
  ['instantaneous_input_kbps', ownRate(({ stats }) => stats.rates().receivedBytes)],
  ['instantaneous_output_kbps', ownRate(({ stats }) => stats.rates().sentBytes)],
  ['instantaneous_input_repl_kbps', none],
  ['instantaneous_output_repl_kbps', none],
  ['rejected_connections', own(({ stats }) => stats.connectionsRejected)],
  ['sync_full', zero],
  ['sync_partial_ok', zero],
  ['sync_partial_err', zero],
  // Of hashes whose fields have deadlines of their own: Redis's word, and Valkey's.
  ['expired_subkeys', perCopy, 'newer'],
  ['expired_fields', perCopy, 'newer'],
  ['expired_keys', perCopy],
  ['expired_keys_active', perCopy, 'newer'],
  ['expired_subkeys_active', perCopy, 'newer'],
  ['expired_stale_perc', (of) => of.max('expired_stale_perc').toFixed(2)],
  ['expired_keys_with_volatile_items_stale_perc', (of, field) => of.max(field).toFixed(2), 'newer'],
  ['expired_time_cap_reached_count', sum],
  ['expire_cycle_cpu_milliseconds', sum],
  ['evicted_keys', perCopy],
  ['evicted_clients', own(({ stats }) => stats.clientsEvicted)],
  // Of the proxy: scripts that members forget are sent to them again.
  ['evicted_scripts', zero, 'newer'],
  ['total_eviction_exceeded_time', sum],
  ['current_eviction_exceeded_time', max],
  // Counted by what reads, and a read goes to one replica.
  ['keyspace_hits', sum],
  ['keyspace_misses', sum],
  ['pubsub_channels', own(({ channels }) => channels.count('channel'))],
  ['pubsub_patterns', own(({ channels }) => channels.count('pattern'))],
  ['pubsubshard_channels', own(({ channels }) => channels.count('shard'))],
  ['latest_fork_usec', max],
  ['total_forks', sum],
  ['migrate_cached_sockets', zero],
  ['slave_expires_tracked_keys', zero],
  ['active_defrag_hits', sum],
  ['active_defrag_misses', sum],
  ['active_defrag_key_hits', sum],
  ['active_defrag_key_misses', sum],
  ['total_active_defrag_time', sum],
  ['current_active_defrag_time', max],
  ['tracking_total_keys', own(({ cachedKeys }) => cachedKeys.keyCount)],
  ['tracking_total_items', own(({ cachedKeys }) => cachedKeys.itemCount)],
  ['tracking_total_prefixes', own(({ cachedKeys }) => cachedKeys.prefixCount)],
  ['unexpected_error_replies', zero],
  ['total_error_replies', own(({ stats }) => stats.errorReplies)],
  ['dump_payload_sanitizations', sum],
  ['total_reads_processed', sum],
  ['total_writes_processed', sum],
  ['io_threaded_reads_processed', sum],
  ['io_threaded_writes_processed', sum],
  ['reply_buffer_shrinks', sum],
  ['reply_buffer_expands', sum],
  ['io_threaded_freed_objects', sum, 'newer'],
  ['io_threaded_accept_processed', sum, 'newer'],
  ['io_threaded_poll_processed', sum, 'newer'],
  ['io_threaded_total_prefetch_batches', sum, 'newer'],
  ['io_threaded_total_prefetch_entries', sum, 'newer'],
  // Links, of which nobody is disconnected for that; clients are the proxy's.
  ['client_query_buffer_limit_disconnections', sum, 'newer'],
  ['client_output_buffer_limit_disconnections', sum, 'newer'],
  ['eventloop_cycles', sum, 'newer'],
  ['eventloop_duration_sum', sum, 'newer'],
  ['eventloop_duration_cmd_sum', sum, 'newer'],
  ['instantaneous_eventloop_cycles_per_sec', sum, 'newer'],
  ['instantaneous_eventloop_duration_usec', max, 'newer'],
  // Clients and their rules are the proxy's.
  ['acl_access_denied_auth', own(({ stats }) => stats.denied.auth), 'newer'],
  ['acl_access_denied_cmd', own(({ stats }) => stats.denied.command), 'newer'],
  ['acl_access_denied_key', own(({ stats }) => stats.denied.key), 'newer'],
  ['acl_access_denied_channel', own(({ stats }) => stats.denied.channel), 'newer'],
  ['acl_access_denied_tls_cert', zero, 'newer'],
  ['acl_access_denied_db', zero, 'newer'],
]

const CHILD_CPU = ['used_cpu_sys_children', 'used_cpu_user_children']
/** Of newer servers. */
const ACTIVE_TIME = ['used_active_time_main_thread']

export const memory = (members: MemberInfos, server: Needs): string[] => merge(MEMORY, members, server)

export const stats = (members: MemberInfos, server: Needs): string[] => merge(STATS, members, server)

export function persistence(members: MemberInfos, server: Needs): string[] {
  const appendOnly = members.max('aof_enabled') > 0 ? APPEND_ONLY : []
  return merge([...PERSISTENCE, ...appendOnly], members, server)
}

/** The time of all members and of the proxy. */
export function cpu(members: MemberInfos): string[] {
  const { system, user } = process.cpuUsage()
  const line = (field: string, ownUs: number) => `${field}:${(members.sum(field) + ownUs / 1e6).toFixed(6)}`
  return [
    line('used_cpu_sys', system),
    line('used_cpu_user', user),
    ...CHILD_CPU.map((field) => line(field, 0)),
    line('used_cpu_sys_main_thread', system),
    line('used_cpu_user_main_thread', user),
    ...ACTIVE_TIME.filter((field) => members.texts(field).length > 0).map((field) => line(field, 0)),
  ]
}

/** How many keys there are of which size: buckets of all members, each key counted once as far as copies are complete. */
export function keySizes(members: MemberInfos): string[] {
  const sums = new Map<string, Map<string, number>>()
  for (const line of members.lines) {
    const match = /^(db\d+_distrib_[^:]+):(.*)$/.exec(line)
    if (match === null) continue
    const buckets = sums.get(match[1]) ?? new Map<string, number>()
    for (const [size, count] of match[2].split(',').map((pair) => pair.split('='))) {
      buckets.set(size, (buckets.get(size) ?? 0) + Number(count))
    }
    sums.set(match[1], buckets)
  }
  const keys = (count: number) => Math.max(1, Math.round(count / Math.max(1, members.copies)))
  return [...sums].map(([name, buckets]) => {
    const bySize = [...buckets].sort(([a], [b]) => Number.parseFloat(a) - Number.parseFloat(b))
    return `${name}:${bySize.map(([size, count]) => `${size}=${keys(count)}`).join(',')}`
  })
}

/** The modules that all members have, as the first one tells of them. */
export function modules(members: MemberInfos): string[] {
  const lists = members.all.flatMap(({ text }) =>
    text === undefined ? [] : [text.split('\r\n').filter((line) => line.startsWith('module:'))],
  )
  const nameOf = (line: string) => line.split(',', 1)[0]
  return (lists[0] ?? []).filter((line) => lists.every((list) => list.some((other) => nameOf(other) === nameOf(line))))
}

/** What the members executed: a write counts on each replica. */
export function commandStats(members: MemberInfos): string[] {
  const sums = new Map<string, number[]>()
  for (const line of members.lines) {
    const match = /^(cmdstat_[^:]+):calls=(\d+),usec=(\d+),.*rejected_calls=(\d+),failed_calls=(\d+)/.exec(line)
    if (match === null) continue
    const numbers = match.slice(2).map(Number)
    sums.set(match[1], sums.get(match[1])?.map((each, i) => each + numbers[i]) ?? numbers)
  }
  return [...sums].map(([name, [calls, usec, rejected, failed]]) => {
    const perCall = quotient(usec, calls)
    return `${name}:calls=${calls},usec=${usec},usec_per_call=${perCall},rejected_calls=${rejected},failed_calls=${failed}`
  })
}

/** Percentiles cannot be merged: each is that of the slowest member. */
export function latencyStats(members: MemberInfos): string[] {
  const slowest = new Map<string, Map<string, number>>()
  for (const line of members.lines) {
    const match = /^(latency_percentiles_usec_[^:]+):(.*)$/.exec(line)
    if (match === null) continue
    const percentiles = slowest.get(match[1]) ?? new Map<string, number>()
    for (const [name, value] of match[2].split(',').map((pair) => pair.split('='))) {
      percentiles.set(name, Math.max(percentiles.get(name) ?? 0, Number(value)))
    }
    slowest.set(match[1], percentiles)
  }
  const shown = (percentiles: Map<string, number>) =>
    [...percentiles].map(([name, value]) => `${name}=${value.toFixed(3)}`).join(',')
  return [...slowest].map(([name, percentiles]) => `${name}:${shown(percentiles)}`)
}

function merge(fields: Fields, members: MemberInfos, server: Needs): string[] {
  const shown = fields.filter(([field, , newer]) => newer === undefined || members.texts(field).length > 0)
  return shown.map(([field, rule]) => `${field}:${rule(members, field, server)}`)
}

/** Redis divides by what the allocator had given out when the resident size was measured [Redis object.c getMemoryOverheadData]. */
function fragmentation(members: MemberInfos): string {
  const rss = members.sum('used_memory_rss')
  return quotient(rss, rss - members.sum('mem_fragmentation_bytes'))
}

function quotient(over: number, under: number): string {
  return (under === 0 ? 0 : over / under).toFixed(2)
}

/** [Redis object.c bytesToHuman] */
function bytesToHuman(bytes: number): string {
  const units = ['K', 'M', 'G', 'T', 'P']
  if (bytes < 1024) return `${bytes}B`
  const power = Math.min(units.length, Math.floor(Math.log2(bytes) / 10))
  return `${(bytes / 1024 ** power).toFixed(2)}${units[power - 1]}`
}
