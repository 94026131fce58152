import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LocalServer } from '../../src/local/local-ring.js'
import { freePorts } from '../../src/local/ports.js'
import { memberConfig } from '../../src/local/server-config.js'
import { BenchRing } from '../support/bench-ring.js'
import { Twemproxy } from './twemproxy.js'

/** Servers behind each proxy. */
export const NODES = 4
/** Connections that the benchmark holds to DT without using them. */
export const IDLE_CONNECTIONS = 10_000
/** Clients that DT with three copies accepts: some more, so that it can be seen how it refuses one too many. */
export const CLIENTS_MAX = IDLE_CONNECTIONS + 200
/** Nothing is kept on disk: it is the proxies that are measured. The same for all servers. */
export const IN_MEMORY = ['appendonly no']

/** In the order of the table. */
export const SYSTEM_NAMES = ['redis', 'twemproxy', 'dt-r0', 'dt-r2'] as const
export type SystemName = (typeof SYSTEM_NAMES)[number]

export const SYSTEM_TITLES: Record<SystemName, string> = {
  redis: 'Redis',
  twemproxy: 'twemproxy',
  'dt-r0': 'DT, 1 copy',
  'dt-r2': 'DT, 3 copies',
}

/** Something that answers Redis commands on a port, and the process whose costs are counted. */
export interface System {
  readonly name: SystemName
  readonly port: number
  readonly pid: number
  /** Where FLUSHALL empties it: twemproxy does not know that command, its servers do. */
  readonly flushPorts: readonly number[]
}

export interface Systems {
  readonly all: readonly System[]
  /** The one with three copies. */
  readonly ring: BenchRing
}

/**
 * Runs `task` with all systems: one Redis server by itself, twemproxy with four of its own, and two rings of DT with four
 * each. Twemproxy is left out where it is not installed. Afterwards everything is stopped and removed.
 */
export async function withSystems<T>(task: (systems: Systems) => Promise<T>): Promise<T> {
  return withServers(1 + NODES, ([redis, ...behind], dir) =>
    Twemproxy.with({ dir, servers: behind.map(({ port }) => port) }, (twemproxy) =>
      BenchRing.with({ nodes: NODES, replicas: 0, memberConfig: IN_MEMORY }, (r0) =>
        BenchRing.with({ nodes: NODES, replicas: 2, memberConfig: IN_MEMORY, maxClients: CLIENTS_MAX }, (r2) => {
          const all: System[] = [
            { name: 'redis', port: redis.port, pid: redis.pid as number, flushPorts: [redis.port] },
            ...(twemproxy === undefined ? [] : [{ name: 'twemproxy' as const, ...twemproxy }]),
            { name: 'dt-r0', port: r0.port, pid: r0.proxyPid, flushPorts: [r0.port] },
            { name: 'dt-r2', port: r2.port, pid: r2.proxyPid, flushPorts: [r2.port] },
          ]
          return task({ all, ring: r2 })
        }),
      ),
    ),
  )
}

/** Runs `task` with so many Redis servers that keep nothing on disk; they are stopped and removed afterwards. */
export async function withServers<T>(
  count: number,
  task: (servers: LocalServer[], dir: string) => Promise<T>,
): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'dt-bench-'))
  const servers = (await freePorts(count)).map((port, i) => {
    const server = new LocalServer(`redis-${i}`, port, join(dir, `redis-${i}`), 'member', () => {})
    server.configure(memberConfig(server, IN_MEMORY))
    return server
  })
  const abandon = () => {
    for (const server of servers) server.abandon()
  }
  process.once('exit', abandon)
  try {
    await Promise.all(servers.map((server) => server.start()))
    return await task(servers, dir)
  } finally {
    await Promise.all(servers.map((server) => server.kill()))
    process.removeListener('exit', abandon)
    rmSync(dir, { recursive: true, force: true })
  }
}
