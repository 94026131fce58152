import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { dirname, join } from 'node:path'
import { type ConfigInput, loadConfig } from '../../src/config/config.js'
import type { LocalRing } from '../../src/local/local-ring.js'
import { freePorts } from '../../src/local/ports.js'
import { createProxy } from '../../src/proxy.js'
import type { RingProxy, StartOptions } from '../../src/service.js'
import { LogLines } from './log-lines.js'
import type { Teardown } from './proxy.js'
import { RawClient } from './raw-client.js'
import { MAIN } from './serve-process.js'
import { serves } from './serves.js'
import { until } from './until.js'

export interface AnotherOptions extends StartOptions {
  readonly replicas?: number
  readonly keyGroups?: string[]
  /** One beside the members' directories if it is not given: proxies of one ring are on one machine. */
  readonly stateFile?: string
  /** Only these of the ring's Sentinels. */
  readonly sentinels?: readonly string[]
  readonly unavailableTimeoutMs?: number
  readonly connectTimeoutMs?: number
  /** Other settings. */
  readonly config?: ConfigInput
}

/** The state file of all proxies of a ring that do not say another one. */
export function stateFileOf(ring: LocalRing): string {
  return join(dirname(ring.server('dt-1').dir), 'state.json')
}

/** A proxy in this process in front of a ring that is there already; it is to be started by the test. */
export class AnotherProxy {
  readonly log = new LogLines()
  readonly proxy: RingProxy
  port = 0

  private constructor(t: Teardown, ring: LocalRing, options: AnotherOptions) {
    const { replicas = 2, stateFile = stateFileOf(ring), keyGroups, unavailableTimeoutMs, connectTimeoutMs } = options
    const config = loadConfig({
      env: {},
      overrides: {
        ...options.config,
        listen: { ...options.config?.listen, port: 0 },
        ring: { ...options.config?.ring, replicas, stateFile, ...(keyGroups !== undefined && { keyGroups }) },
        sentinel: { ...options.config?.sentinel, addresses: [...(options.sentinels ?? ring.sentinelAddresses)] },
        ...(unavailableTimeoutMs !== undefined && { limits: { unavailableTimeoutMs } }),
        backend: { ...options.config?.backend, ...(connectTimeoutMs !== undefined && { connectTimeoutMs }) },
      },
    })
    this.proxy = createProxy(config, this.log.log, options)
    t.teardown(() => this.proxy.stop())
  }

  static of(t: Teardown, ring: LocalRing, options: AnotherOptions = {}): AnotherProxy {
    return new AnotherProxy(t, ring, options)
  }

  static async started(t: Teardown, ring: LocalRing, options: AnotherOptions = {}): Promise<AnotherProxy> {
    const another = new AnotherProxy(t, ring, options)
    await another.start()
    return another
  }

  async start(): Promise<void> {
    this.port = (await this.proxy.start()).port
  }

  /** Begins to start it; resolves when it listens, with what becomes of the start. */
  async listens(): Promise<{ readonly started: Promise<void> }> {
    const started = this.start()
    started.catch(() => {}) // Whoever waits for it hears of it.
    this.port = await until('it listens', () => this.proxy.address.port || undefined)
    return { started }
  }

  connect(proto: 2 | 3 = 2): Promise<RawClient> {
    return RawClient.connect(this.port, proto)
  }
}

/** `dt serve` as a process that can be paused, in front of a ring that is there already. */
export class PausableProxy {
  output = ''
  readonly exit: Promise<number | null>

  private constructor(
    readonly port: number,
    readonly child: ChildProcess,
  ) {
    child.stdout?.on('data', (chunk) => (this.output += chunk))
    child.stderr?.on('data', (chunk) => (this.output += chunk))
    this.exit = once(child, 'close').then(([code]) => code as number | null)
  }

  static async start(
    t: Teardown,
    ring: LocalRing,
    settings: Record<string, string> = {},
    options: readonly string[] = [],
  ): Promise<PausableProxy> {
    const port = Number(settings.DT_LISTEN_PORT ?? (await freePorts(1))[0])
    const env = {
      PATH: process.env.PATH,
      DT_LISTEN_PORT: String(port),
      DT_SENTINEL_ADDRESSES: ring.sentinelAddresses.join(','),
      DT_RING_STATE_FILE: stateFileOf(ring),
      DT_LOG_FORMAT: 'json',
      ...settings,
    }
    const child = spawn(process.execPath, [MAIN, 'serve', ...options], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const paused = new PausableProxy(port, child)
    t.teardown(async () => {
      child.kill('SIGKILL')
      await paused.exit
    })
    await serves(port, settings.DT_AUTH_PASSWORD)
    return paused
  }

  pause(): void {
    this.child.kill('SIGSTOP')
  }

  wake(): void {
    this.child.kill('SIGCONT')
  }

  connect(): Promise<RawClient> {
    return RawClient.connect(this.port)
  }
}
