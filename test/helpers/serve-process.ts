import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { environmentName } from '../../src/config/settings.js'
import { LocalRing, type LocalRingOptions } from '../../src/local/local-ring.js'
import { freePorts } from '../../src/local/ports.js'
import type { Teardown } from './proxy.js'
import { RawClient } from './raw-client.js'
import { MEMBER_CONFIG } from './ring.js'
import { PATIENT_MS } from './sentinels.js'
import { serves } from './serves.js'

/** The program `dt`. */
export const MAIN = fileURLToPath(new URL('../../bin/dt.js', import.meta.url))

/** `dt serve` as a process of its own, in front of a ring of real servers: for what concerns the whole process. */
export class ServeProcess {
  /** What it has printed. */
  output = ''
  private readonly clients: RawClient[] = []

  child: ChildProcess

  private constructor(
    readonly ring: LocalRing,
    readonly port: number,
    private readonly launch: () => ChildProcess,
  ) {
    this.child = this.spawn()
  }

  /** `settings` are `section.name` and value; `nodeOptions` go to Node; `openFiles` is what `ulimit -n` says, if anything. */
  static async start(
    t: Teardown,
    ringOptions: Omit<LocalRingOptions, 'dir'>,
    settings: Record<string, string> = {},
    nodeOptions: readonly string[] = [],
    openFiles?: number,
  ): Promise<ServeProcess> {
    const dir = mkdtempSync(join(tmpdir(), 'dt-serve-'))
    const ring = new LocalRing({ dir, downAfterMs: PATIENT_MS, memberConfig: MEMBER_CONFIG, ...ringOptions })
    let serve: ServeProcess | undefined
    t.teardown(async () => {
      await serve?.stop()
      await ring.stop()
      rmSync(dir, { recursive: true, force: true })
    })
    await ring.start()
    const [port] = await freePorts(1)
    const all = {
      'listen.port': String(port),
      'sentinel.addresses': ring.sentinelAddresses.join(','),
      'log.format': 'json',
      ...settings,
    }
    const variables = Object.entries(all).map(([setting, value]) => {
      const [section, name] = setting.split('.')
      return [environmentName(section, name), value]
    })
    const limit = openFiles === undefined ? '' : `ulimit -n ${openFiles}; `
    serve = new ServeProcess(ring, port, () =>
      spawn('sh', ['-c', `${limit}exec "$@"`, 'sh', process.execPath, ...nodeOptions, MAIN, 'serve'], {
        cwd: dir,
        env: { PATH: process.env.PATH, ...Object.fromEntries(variables) },
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    )
    await serve.answers()
    return serve
  }

  /** kill -9; resolves when the process is gone. */
  async kill(): Promise<void> {
    const gone = once(this.child, 'exit')
    this.child.kill('SIGKILL')
    await gone
  }

  /** Starts it again, after it was killed; resolves when it answers. */
  async startAgain(): Promise<void> {
    this.child = this.spawn()
    await this.answers()
  }

  private spawn(): ChildProcess {
    const child = this.launch()
    child.stdout?.on('data', (chunk) => (this.output += chunk))
    child.stderr?.on('data', (chunk) => (this.output += chunk))
    return child
  }

  private answers(): Promise<unknown> {
    return serves(this.port)
  }

  async connect(proto: 2 | 3 = 2): Promise<RawClient> {
    const client = await RawClient.connect(this.port, proto)
    this.clients.push(client)
    return client
  }

  /** Memory of the process now, and at its highest since `resetPeak`, in bytes. */
  memory(): { rssBytes: number; peakBytes: number } {
    const status = readFileSync(`/proc/${this.child.pid}/status`, 'latin1')
    const kilobytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
    return { rssBytes: kilobytes('VmRSS') * 1024, peakBytes: kilobytes('VmHWM') * 1024 }
  }

  get alive(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.close()
    if (!this.alive) return
    const gone = once(this.child, 'exit')
    this.child.kill('SIGTERM')
    await gone
  }
}
