import { createHash } from 'node:crypto'
import { arch, machine, release, type } from 'node:os'
import { isOlder } from '../../backend/server-kind.js'
import { wallClockUs } from '../../base/clock.js'
import { maxClients } from '../max-clients.js'
import { REDIS_VERSION, ringVersion } from '../ring-version.js'
import type { Server } from '../server.js'

/** What of the server these commands touch. */
type Needs = Pick<
  Server,
  | 'address'
  | 'cachedKeys'
  | 'clients'
  | 'config'
  | 'coordinator'
  | 'links'
  | 'order'
  | 'pause'
  | 'runId'
  | 'startedAtMs'
  | 'stats'
>

/** The number of timer ticks a second that Redis would have; what we do at intervals we do at our own. */
const HZ = 10
const LRU_CLOCK_BITS = 24

/** The process that clients talk to: ours. */
export function serverSection(server: Needs): string[] {
  const { config } = server
  const uptime = Math.floor((performance.now() - server.startedAtMs) / 1000)
  const is = ringVersion(server)
  return [
    `redis_version:${is.redisVersion}`,
    ...(is.server === 'valkey' ? ['server_name:valkey', `valkey_version:${is.version}`] : []),
    'redis_git_sha1:00000000',
    'redis_git_dirty:0',
    'redis_build_id:0',
    is.server === 'valkey' ? 'server_mode:standalone' : 'redis_mode:standalone',
    `os:${type()} ${release()} ${machine()}`,
    `arch_bits:${/64|s390x/.test(arch()) ? 64 : 32}`,
    'monotonic_clock:POSIX clock_gettime',
    `multiplexing_api:${process.platform === 'linux' ? 'epoll' : 'kqueue'}`,
    'atomicvar_api:none',
    'gcc_version:0.0.0',
    `process_id:${process.pid}`,
    'process_supervised:no',
    `run_id:${server.runId}`,
    `tcp_port:${server.address().port}`,
    `server_time_usec:${wallClockUs()}`,
    `uptime_in_seconds:${uptime}`,
    `uptime_in_days:${Math.floor(uptime / 86_400)}`,
    `hz:${HZ}`,
    `configured_hz:${HZ}`,
    `lru_clock:${Math.floor(Date.now() / 1000) % 2 ** LRU_CLOCK_BITS}`,
    `executable:${process.argv[1] ?? process.execPath}`,
    'config_file:',
    'io_threads_active:0',
    ...(isNewer(server) ? [`listener0:name=tcp,bind=${config.listen.host},port=${server.address().port}`] : []),
  ]
}

export function clientsSection(server: Needs): string[] {
  const { clients, coordinator, order, pause } = server
  const all = clients.all()
  const most = (sizes: readonly number[]) => sizes.reduce((max, size) => Math.max(max, size), 0)
  return [
    `connected_clients:${all.length}`,
    'cluster_connections:0',
    `maxclients:${maxClients(server)}`,
    `client_recent_max_input_buffer:${most(all.map((client) => client.framer.bufferedBytes))}`,
    `client_recent_max_output_buffer:${most(all.map((client) => client.pendingBytes))}`,
    `blocked_clients:${coordinator.blockedCount + order.waiting.length + pause.heldCount}`,
    `tracking_clients:${server.cachedKeys.clientCount}`,
    'clients_in_timeout_table:0',
    ...(isNewer(server) ? newerClients(server) : []),
  ]
}

/** Whether all members are newer than Redis 7.0: then fields are shown that it does not have. */
function isNewer(server: Needs): boolean {
  return isOlder(REDIS_VERSION, ringVersion(server).redisVersion)
}

function newerClients({ clients, coordinator }: Needs): string[] {
  const sessions = clients.all().map(({ session }) => session)
  const watching = sessions.flatMap(({ watched }) => watched ?? [])
  return [
    `pubsub_clients:${sessions.filter(({ subscriber }) => subscriber !== undefined).length}`,
    `watching_clients:${watching.length}`,
    `total_watched_keys:${watching.reduce((sum, { ids }) => sum + ids.length, 0)}`,
    `total_blocking_keys:${coordinator.blocking.lines.keyCount}`,
    'total_blocking_keys_on_nokey:0',
  ]
}

/** To a client the ring is one master; that each key has copies is the `DT` section's to say. */
export function replicationSection(server: Needs): string[] {
  const replicationId = createHash('sha1').update(server.runId).digest('hex')
  return [
    'role:master',
    'connected_slaves:0',
    'master_failover_state:no-failover',
    `master_replid:${replicationId}`,
    `master_replid2:${'0'.repeat(40)}`,
    'master_repl_offset:0',
    'second_repl_offset:-1',
    'repl_backlog_active:0',
    'repl_backlog_size:0',
    'repl_backlog_first_byte_offset:0',
    'repl_backlog_histlen:0',
  ]
}

/** The errors that clients got, from servers and from us. */
export function errorStats({ stats }: Needs): string[] {
  // Characters that would break the line are replaced as Redis does [Redis server.c getSafeInfoString].
  return stats.errorCounts().map(([code, count]) => `errorstat_${code.replace(/[#:\n\r]/g, '_')}:count=${count}`)
}
