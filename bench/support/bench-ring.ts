import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Fields, Json } from '../../src/cli/answers.js'
import { ProxyClient } from '../../src/cli/proxy-client.js'
import type { ConfigInput } from '../../src/config/config.js'
import { ask } from '../../src/local/ask.js'
import { LocalRing, LocalServer } from '../../src/local/local-ring.js'
import { freePorts } from '../../src/local/ports.js'
import { memberConfig } from '../../src/local/server-config.js'
import { ProxyProcess } from '../../test/chaos/proxy-process.js'
import { cpuSeconds } from './process-figures.js'

export interface BenchRingOptions {
  readonly nodes: number
  readonly replicas: number
  /** Lines to add to the redis.conf of each member. */
  readonly memberConfig?: readonly string[]
  /** Arguments of node itself for the proxy, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[]
  /** Clients that the proxy accepts, when it is not the default number. */
  readonly maxClients?: number
  /** More settings of the proxy. */
  readonly settings?: ConfigInput
  /** The directory of another build, when the proxy shall not be of this one. */
  readonly program?: string
}

/** What one member received, as the proxy has logged it. */
export interface Received {
  readonly keys: number
  readonly bytes: number
  readonly seconds: number
  /** When it had everything, in ms of `Date.now`. */
  readonly completeAtMs: number
  /** CPU time in seconds that was used meanwhile. */
  readonly cpu: CpuTimes
}

export interface CpuTimes {
  readonly proxy: number
  readonly servers: number
}

/** Asking takes time from what is measured. */
const POLL_MS = 100
const PATIENCE_MS = 280_000

/** A ring of real processes, redis-servers, Sentinels and `dt serve`, that members can join and leave. */
export class BenchRing {
  readonly dir = mkdtempSync(join(tmpdir(), 'dt-bench-'))
  private readonly ring: LocalRing
  private readonly joined: LocalServer[] = []
  private proxy!: ProxyProcess
  private client!: ProxyClient
  private readonly logFile = join(this.dir, 'proxy.log')
  private readonly configFile = join(this.dir, 'dt.yaml')
  /** For the moment in which our own process ends and nothing can be waited for. */
  private readonly abandon = () => this.proxy.harm('SIGTERM')

  private constructor(private readonly options: BenchRingOptions) {
    const { nodes, memberConfig: lines } = options
    this.ring = new LocalRing({ dir: this.dir, nodes, ...(lines === undefined ? {} : { memberConfig: lines }) })
  }

  /** Runs `task` with a ring that is stopped, and removed from the disk, afterwards. */
  static async with<T>(options: BenchRingOptions, task: (ring: BenchRing) => Promise<T>): Promise<T> {
    const ring = new BenchRing(options)
    try {
      await ring.start()
      return await task(ring)
    } finally {
      await ring.stop()
    }
  }

  get port(): number {
    return this.proxy.port
  }

  /** The process id of the proxy. */
  get proxyPid(): number {
    return this.proxy.pid as number
  }

  get replicas(): number {
    return this.options.replicas
  }

  get sentinelAddresses(): readonly string[] {
    return this.ring.sentinelAddresses
  }

  /** The members that run, with the ports on which they can be asked directly. */
  get members(): readonly LocalServer[] {
    return [...this.ring.members, ...this.joined]
  }

  /** What DT with these arguments answers. */
  dt(...args: string[]): Promise<Json> {
    return this.client.dt(...args)
  }

  /** CPU time in seconds since the start of the processes. */
  private cpuTimes(): CpuTimes {
    const servers = this.members.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0)
    return { proxy: cpuSeconds(this.proxy.pid), servers }
  }

  /** Starts an empty server and makes it a member. Resolves when all data is where it belongs. */
  async join(name: string): Promise<Received> {
    const [port] = await freePorts(1)
    const server = new LocalServer(name, port, join(this.dir, name), 'member', () => {})
    server.configure(memberConfig(server, this.options.memberConfig ?? []))
    await server.start()
    this.joined.push(server)
    const from = this.logLength()
    const used = [{ atMs: Date.now(), ...this.cpuTimes() }]
    const sampling = setInterval(() => used.push({ atMs: Date.now(), ...this.cpuTimes() }), POLL_MS)
    await this.dt('ADD', name, `127.0.0.1:${port}`)
    await this.until(`${name} has joined`, async () => {
      return (await this.isSettled()) && (await this.memberNames()).has(name)
    }).finally(() => clearInterval(sampling))
    let received: Omit<Received, 'cpu'> | undefined
    // What is logged is written a little later.
    await this.until(`the log says what ${name} received`, async () => {
      received = this.received(from).findLast(({ member }) => member === name)
      return received !== undefined
    })
    used.push({ atMs: Date.now(), ...this.cpuTimes() })
    const { completeAtMs, seconds } = received!
    const first = used.findLast(({ atMs }) => atMs <= completeAtMs - seconds * 1000) ?? used[0]
    const last = used.find(({ atMs }) => atMs >= completeAtMs) ?? used[used.length - 1]
    return { ...received!, cpu: { proxy: last.proxy - first.proxy, servers: last.servers - first.servers } }
  }

  /** Lets a member that had joined go, and stops its server. Resolves when all data is where it belongs. */
  async leave(name: string): Promise<void> {
    await this.dt('REMOVE', name)
    await this.until(`${name} has left`, async () => {
      if ((await this.memberNames()).has(name) || !(await this.isSettled())) return false
      return !((await this.dt('NODES')) as Fields[]).some((node) => node.name === name)
    })
    const i = this.joined.findIndex((server) => server.name === name)
    const [server] = this.joined.splice(i, 1)
    await server.kill()
    rmSync(server.dir, { recursive: true, force: true })
  }

  /**
   * Stops the proxy as an operator would and starts it again, accepting so many clients from now on. Resolves with the ms
   * until it answers a GET.
   */
  async restartProxy(maxClients = this.options.maxClients): Promise<number> {
    this.client.close()
    await this.proxy.kill('SIGTERM')
    this.configureProxy(maxClients)
    const beganAtMs = performance.now()
    const started = this.proxy.start()
    started.catch(() => {})
    while (!/^[$]/.test((await ask('127.0.0.1', this.port, 'GET key')) ?? '')) await sleep(1)
    const tookMs = performance.now() - beganAtMs
    await started
    this.client = await ProxyClient.connect({ proxy: `127.0.0.1:${this.port}` })
    return tookMs
  }

  /** Whether every range has its replicas, nothing moves, and no displaced copy is left to delete. */
  private async isSettled(): Promise<boolean> {
    const view = (await this.dt('VIEW')) as Fields
    return view['pending-ranges'] === 0 && ((await this.dt('MIGRATIONS')) as Json[]).length === 0
  }

  private async memberNames(): Promise<Set<string>> {
    return new Set(((await this.dt('VIEW')) as Fields).members as string[])
  }

  private async until(what: string, condition: () => Promise<boolean>): Promise<void> {
    for (const deadlineMs = Date.now() + PATIENCE_MS; !(await condition()); await sleep(POLL_MS)) {
      if (Date.now() > deadlineMs) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`)
    }
  }

  private logLength(): number {
    return readFileSync(this.logFile).length
  }

  private received(from: number): (Omit<Received, 'cpu'> & { readonly member: string })[] {
    const lines = readFileSync(this.logFile).subarray(from).toString().trimEnd().split('\n')
    return lines
      .filter((line) => line.includes('migration: complete'))
      .map((line) => {
        const { member, keys, bytes, ms, time } = JSON.parse(line)
        return { member, keys, bytes, seconds: ms / 1000, completeAtMs: new Date(time).getTime() }
      })
  }

  private async start(): Promise<void> {
    await this.ring.start()
    const { dir, logFile, configFile, options } = this
    const [port] = await freePorts(1)
    const { nodeArgs = [], program } = options
    const files = { configFile, logFile, cwd: dir }
    this.proxy = new ProxyProcess({ port, ...files, nodeArgs, program, ownSession: true }, (proxy) => {
      throw new Error(`the proxy has ended: ${proxy.lastWords()}`)
    })
    this.configureProxy(options.maxClients)
    process.once('exit', this.abandon)
    await this.proxy.start()
    this.client = await ProxyClient.connect({ proxy: `127.0.0.1:${port}` })
  }

  private configureProxy(maxClients: number | undefined): void {
    const settings = {
      listen: { port: this.port },
      ring: { id: 'bench', replicas: this.options.replicas },
      sentinel: { addresses: this.ring.sentinelAddresses, masterPattern: 'dt-*' },
      log: { level: 'info', format: 'json' },
      ...this.options.settings,
      ...(maxClients === undefined ? {} : { limits: { maxClients } }),
    }
    writeFileSync(this.configFile, JSON.stringify(settings))
  }

  private async stop(): Promise<void> {
    this.client?.close()
    await this.proxy?.kill('SIGTERM')
    process.removeListener('exit', this.abandon)
    await Promise.all(this.joined.map((server) => server.kill()))
    await this.ring.stop()
    rmSync(this.dir, { recursive: true, force: true })
  }
}
