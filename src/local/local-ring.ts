import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { assert } from '../base/assert.js'
import { type Logger, silentLogger } from '../base/log.js'
import { LocalRingError, LocalServer, ringPidFileName, stopNotedIn } from './local-server.js'
import { freePorts } from './ports.js'
import { readPidFile, removePidFile, writePidFile } from './process-mark.js'
import { memberConfig, sentinelConfig } from './server-config.js'

export { LocalRingError, LocalServer }

export interface LocalRingOptions {
  /** Everything is kept below it: a directory for each server, and the pid file of the process that runs the ring. */
  dir: string
  /** Number of members, `dt-1` to `dt-N`. */
  nodes: number
  /** dt-i listens on basePort + i, Sentinel i on basePort + 10000 + i. Without it the ring takes free ports, for tests. */
  basePort?: number
  /** Number of Sentinels (3); two of them, or the only one, must agree that a member is down. */
  sentinels?: number
  downAfterMs?: number
  /** Lines to add to the redis.conf of each member. */
  memberConfig?: readonly string[]
  /** Throw away the data of an earlier ring in `dir` first. */
  fresh?: boolean
  /** Files that say something about the data, and are thrown away with it. */
  notes?: readonly string[]
  log?: Logger
}

/**
 * Real redis-servers and Sentinels on this machine: the ring of `dt up` and of the tests.
 *
 *     const ring = new LocalRing({ dir, nodes: 4 })
 *     await ring.start()
 *     await ring.kill('dt-2')
 *     await ring.stop()
 *
 * Servers that an earlier run with the same `dir` left behind are stopped at start. Every method that fails
 * throws a `LocalRingError` of one sentence; a start that fails leaves no process behind.
 */
export class LocalRing {
  /** In order of their names; known once `start` has chosen the ports. */
  members: readonly LocalServer[] = []
  sentinels: readonly LocalServer[] = []
  private readonly log: Logger
  private starting: Promise<void> | undefined
  private stopping: Promise<void> | undefined
  private holdsLock = false
  private readonly abandon = () => {
    for (const server of this.all()) server.abandon()
  }

  constructor(private readonly options: LocalRingOptions) {
    this.log = options.log ?? silentLogger()
  }

  /** `host:port` of each Sentinel. */
  get sentinelAddresses(): string[] {
    return this.sentinels.map(({ host, port }) => `${host}:${port}`)
  }

  /** Resolves when all servers answer. A ring that was stopped may be started again, on the same ports. */
  async start(): Promise<void> {
    assert(this.starting === undefined, 'the ring is started already')
    this.starting = this.startAll()
    try {
      await this.starting
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Stops the Sentinels, then the members. May be called at any time, also while `start` is on its way. */
  async stop(): Promise<void> {
    if (this.starting === undefined) return
    this.stopping ??= this.stopAll(this.starting)
    await this.stopping
  }

  /** The member or Sentinel of that name. */
  server(name: string): LocalServer {
    const server = this.all().find((candidate) => candidate.name === name)
    assert(server, `there is no server ${name}`)
    return server
  }

  /** kill -9; resolves when the process is gone. */
  async kill(name: string): Promise<void> {
    await this.server(name).kill()
  }

  /** Starts the server again, killing it first if it runs: with its data, or `empty`. Resolves when it answers. */
  async restart(name: string, options: { empty?: boolean } = {}): Promise<void> {
    const server = this.server(name)
    await server.kill()
    if (options.empty) {
      rmSync(server.dir, { recursive: true, force: true })
      this.configure(server)
    }
    await server.start()
  }

  /** SIGSTOP. */
  pause(name: string): void {
    this.server(name).pause()
  }

  /** SIGCONT. */
  resume(name: string): void {
    this.server(name).resume()
  }

  private async startAll(): Promise<void> {
    await checkRedisServer()
    const dir = this.takeDirectory()
    if (this.members.length === 0) await this.layOut(dir)
    process.once('exit', this.abandon)
    await each(this.all(), (server) => server.stopLeftover())
    await each(serverDirectories(dir), stopNotedIn)
    if (this.options.fresh) this.emptyDirectory(dir)
    this.configure()
    await this.startServers(this.members)
    await this.startServers(this.sentinels)
  }

  /** Makes the directory and marks it as in use by this process. Gives its real path, which is the same in every run. */
  private takeDirectory(): string {
    mkdirSync(this.options.dir, { recursive: true })
    const holder = readPidFile(this.lockFile)
    if (holder !== undefined) {
      throw new LocalRingError(
        `the ring in ${this.options.dir} is running already (process ${holder}); --dir chooses another directory`,
      )
    }
    writePidFile(this.lockFile, process.pid)
    this.holdsLock = true
    return realpathSync(this.options.dir)
  }

  /** The notes first: servers without them are a ring that goes on, notes without their servers one that has lost all. */
  private emptyDirectory(dir: string): void {
    for (const file of this.options.notes ?? []) rmSync(file, { force: true })
    for (const path of serverDirectories(dir)) {
      if (existsSync(join(path, 'redis.conf'))) rmSync(path, { recursive: true, force: true })
    }
  }

  private async layOut(dir: string): Promise<void> {
    const { nodes, sentinels = 3, basePort } = this.options
    const free = basePort === undefined ? await freePorts(nodes + sentinels) : []
    const server = (name: string, port: number, role: 'member' | 'sentinel') =>
      new LocalServer(name, port, join(dir, name), role, (...exit) => this.reportExit(...exit))
    this.members = Array.from({ length: nodes }, (_, i) =>
      server(`dt-${i + 1}`, basePort === undefined ? free[i] : basePort + 1 + i, 'member'),
    )
    this.sentinels = Array.from({ length: sentinels }, (_, i) =>
      server(
        `sentinel-${i + 1}`,
        basePort === undefined ? free[nodes + i] : sentinelBase(basePort) + 1 + i,
        'sentinel',
      ),
    )
  }

  private configure(only?: LocalServer): void {
    const { members, sentinels } = this
    const { downAfterMs = 1000 } = this.options
    const settings = { members, sentinels, quorum: Math.min(2, sentinels.length), downAfterMs }
    for (const server of only ? [only] : this.all()) {
      const config = members.includes(server)
        ? memberConfig(server, this.options.memberConfig ?? [])
        : sentinelConfig(server, settings)
      server.configure(config)
    }
  }

  private async startServers(servers: readonly LocalServer[]): Promise<void> {
    await each(servers, async (server) => {
      if (this.stopping) throw new LocalRingError('the ring was stopped while it started')
      await server.start()
      this.log.debug(
        { event: 'server-started', server: server.name, port: server.port, pid: server.pid },
        'server started',
      )
    })
  }

  private async stopAll(starting: Promise<void>): Promise<void> {
    await this.stopServers()
    await starting.catch(() => {})
    // A start on its way may have got one more server going.
    await this.stopServers()
    process.removeListener('exit', this.abandon)
    if (this.holdsLock) removePidFile(this.lockFile)
    this.holdsLock = false
    this.starting = undefined
    this.stopping = undefined
  }

  private async stopServers(): Promise<void> {
    await each(this.sentinels, (server) => server.stop())
    await each(this.members, (server) => server.stop())
  }

  private reportExit(server: LocalServer, how: string): void {
    const restart = `redis-server ${server.configFile}${this.sentinels.includes(server) ? ' --sentinel' : ''}`
    this.log.warn({ event: 'server-stopped' }, `${server.name} has stopped (${how}); to start it again: ${restart}`)
  }

  private all(): LocalServer[] {
    return [...this.members, ...this.sentinels]
  }

  private get lockFile(): string {
    return join(this.options.dir, ringPidFileName)
  }
}

/** Where the Sentinels' ports begin, as Redis's own 26379 stands beside 16379. */
export function sentinelBase(basePort: number): number {
  return basePort + 10_000
}

/** Runs `task` for all at once and waits for all; throws the first error once none is on its way any more. */
async function each<T>(items: readonly T[], task: (item: T) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(items.map(task))
  const failed = results.find((result) => result.status === 'rejected')
  if (failed) throw failed.reason
}

async function checkRedisServer(): Promise<void> {
  const installed = await promisify(execFile)('redis-server', ['--version']).catch((error: Error) => error)
  if (installed instanceof Error) {
    const missing = (installed as NodeJS.ErrnoException).code === 'ENOENT'
    const what = missing ? 'redis-server is not on the PATH' : `redis-server does not run (${installed.message.trim()})`
    throw new LocalRingError(`${what}; install Redis 7.0 or newer, on Debian or Ubuntu: apt-get install redis-server`)
  }
  const version = / v=([0-9]+)\.([0-9.]+)/.exec(installed.stdout)
  if (version && Number(version[1]) < 7) {
    throw new LocalRingError(`redis-server on the PATH is ${version[1]}.${version[2]}; Redis 7.0 or newer is needed`)
  }
}

/** The directories of members and Sentinels of an earlier run; what else somebody may keep in `dir` is not touched. */
function serverDirectories(dir: string): string[] {
  return readdirSync(dir)
    .filter((name) => /^(dt|sentinel)-[1-9][0-9]*$/.test(name))
    .map((name) => join(dir, name))
}
