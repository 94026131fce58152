import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Logger, silentLogger } from '../../src/base/log.js'
import { type Config, type ConfigInput, loadConfig } from '../../src/config/config.js'
import { ask } from '../../src/local/ask.js'
import { LocalRing } from '../../src/local/local-ring.js'
import { freePorts } from '../../src/local/ports.js'
import { createProxy } from '../../src/proxy.js'
import type { RingProxy } from '../../src/service.js'
import { buildView } from '../../src/view/build-view.js'
import type { View } from '../../src/view/view.js'
import { RawClient } from './raw-client.js'
import { MEMBER_CONFIG } from './ring.js'
import { PATIENT_MS } from './sentinels.js'
import { serves } from './serves.js'

/** What of a tap test the helpers need. */
export interface Teardown {
  teardown(end: () => Promise<unknown> | unknown): void
}

export interface TestProxyOptions {
  /** Members, 4 if not given. */
  nodes?: number
  /** Backups of each key, 2 if not given. */
  replicas?: number
  sentinels?: number
  /** How long the Sentinels are patient with a server; PATIENT_MS if not given. */
  downAfterMs?: number
  /** Lines to add to the redis.conf of each member. */
  memberConfig?: readonly string[]
  /** Settings of the proxy other than its addresses. */
  config?: ConfigInput
  log?: Logger
  /** Clients connect to a front of the proxy. */
  throughFront?: boolean
  /** What the settings are when they are read anew. */
  readConfig?: (before: Config) => Config
}

export interface TestProxy {
  readonly ring: LocalRing
  readonly proxy: RingProxy
  readonly host: string
  readonly port: number
  /** Where keys belong while all members are there. */
  readonly view: View
  /** A new client of the proxy, closed at the end of the test. */
  connect(proto?: 2 | 3): Promise<RawClient>
  /** A new client of one member. */
  connectTo(member: string, proto?: 2 | 3): Promise<RawClient>
}

/** A ring of real servers in a temporary directory and a proxy in this process; all of it ends with the test. */
export async function startProxy(t: Teardown, options: TestProxyOptions = {}): Promise<TestProxy> {
  const { nodes = 4, replicas = 2, config = {}, log = silentLogger() } = options
  const dir = mkdtempSync(join(tmpdir(), 'dt-test-'))
  const { sentinels, downAfterMs = PATIENT_MS, memberConfig = [] } = options
  const ring = new LocalRing({
    dir,
    nodes,
    downAfterMs,
    memberConfig: [...MEMBER_CONFIG, ...memberConfig],
    ...(sentinels === undefined ? {} : { sentinels }),
  })
  const clients: RawClient[] = []
  let proxy: RingProxy | undefined
  let front: RingProxy | undefined
  t.teardown(async () => {
    for (const client of clients) client.close()
    await front?.stop()
    await proxy?.stop()
    await ring.stop()
    rmSync(dir, { recursive: true, force: true })
  })
  await ring.start()
  const settings = loadConfig({
    env: {},
    overrides: {
      ...config,
      ...(options.throughFront === true && { peers: { port: 0, password: 'known to both of them' } }),
      listen: { port: 0, ...config.listen },
      ring: { stateFile: join(dir, 'state.json'), ...config.ring, replicas },
      sentinel: { ...config.sentinel, addresses: ring.sentinelAddresses, masterPattern: 'dt-*' },
    },
  })
  const { readConfig = (same) => same } = options
  proxy = createProxy(settings, log, { readConfig: () => readConfig(settings) })
  const { host, port: own } = await proxy.start()
  let port = own
  if (options.throughFront === true) {
    front = createProxy(settings, log, { standby: true })
    front.start().catch(() => {}) // It stands by until the test ends.
    for (port = 0; port === 0; await sleep(5)) port = front.address.port
    await serves(port)
  }
  const open = async (to: number, proto: 2 | 3 = 2) => {
    const client = await RawClient.connect(to, proto)
    clients.push(client)
    return client
  }
  const members = ring.members.map((server) => ({ name: server.name, host, port: server.port, state: 'up' as const }))
  return {
    ring,
    proxy,
    host,
    port,
    view: buildView(settings.ring.id, 1, replicas, settings.ring.virtualNodes, members),
    connect: (proto) => open(port, proto),
    connectTo: (member, proto) => open(ring.server(member).port, proto),
  }
}

/** A plain redis-server, started with these options: the one that is always right. */
export interface TestRedis {
  readonly port: number
  connect(proto?: 2 | 3): Promise<RawClient>
}

export async function startRedis(t: Teardown, ...options: string[]): Promise<TestRedis> {
  // That of a cluster listens on another port, too, 10,000 above its own, which may be taken.
  for (let tries = 0; tries < 5; tries++) {
    const server = await startOnePort(t, ...options)
    if (server !== undefined) return server
  }
  throw new Error(`redis-server ${options.join(' ')} does not answer`)
}

async function startOnePort(t: Teardown, ...options: string[]): Promise<TestRedis | undefined> {
  const dir = mkdtempSync(join(tmpdir(), 'dt-redis-'))
  const [port] = await freePorts(1)
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', ...options]
  const child = spawn('redis-server', args, { stdio: 'ignore' })
  const clients: RawClient[] = []
  // A test that takes too long is ended without its teardown.
  const abandon = () => child.kill('SIGKILL')
  process.once('exit', abandon)
  t.teardown(async () => {
    process.removeListener('exit', abandon)
    for (const client of clients) client.close()
    await end(child)
    rmSync(dir, { recursive: true, force: true })
  })
  for (let tries = 0; tries < 400; tries++) {
    if (child.exitCode !== null) break
    // With a password it answers too, only not PONG.
    if ((await ask('127.0.0.1', port, 'PING')) !== undefined) {
      return {
        port,
        connect: async (proto = 2) => {
          const client = await RawClient.connect(port, proto)
          clients.push(client)
          return client
        },
      }
    }
    await sleep(10)
  }
  return undefined
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  child.kill('SIGKILL')
  await gone
}
