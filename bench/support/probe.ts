import { setTimeout as sleep } from 'node:timers/promises'
import { Connection } from '../../test/chaos/connection.js'
import { command } from '../../test/helpers/raw-client.js'
import { textOf } from '../../test/helpers/raw-reply.js'

/** How often a probe asks, and how soon it asks again after an error. */
const PROBE_EVERY_MS = 5

/**
 * A client that reads, or writes, one key every 5 ms, and keeps on with each request until it is answered: after an error
 * reply it sends it again, after a broken connection it connects again. How long a request took so is the time for which
 * the key was unavailable.
 */
export class Probe {
  /** The longest that a request took since `reset`, in ms. */
  longestMs = 0
  /** Error replies and broken connections since `reset`. */
  failures = 0
  readonly messages = new Set<string>()
  private connection: Connection | undefined
  private stopped = false
  private running: Promise<void> | undefined
  private writes = 0
  private sentAtMs = performance.now()

  constructor(
    private readonly port: () => number,
    readonly key: string,
    readonly kind: 'read' | 'write',
  ) {}

  start(): void {
    this.running = this.run()
  }

  get started(): boolean {
    return this.running !== undefined
  }

  async stop(): Promise<void> {
    this.stopped = true
    this.connection?.close('the measurement is over')
    await this.running
  }

  reset(): void {
    this.longestMs = 0
    this.failures = 0
  }

  /** For how long the present request has not been answered. */
  get waitingMs(): number {
    return performance.now() - this.sentAtMs
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      this.sentAtMs = performance.now()
      while (!this.stopped && !(await this.request())) {
        this.failures++
        await sleep(PROBE_EVERY_MS)
      }
      const tookMs = performance.now() - this.sentAtMs
      if (!this.stopped) this.longestMs = Math.max(this.longestMs, tookMs)
      await sleep(Math.max(0, PROBE_EVERY_MS - tookMs))
    }
  }

  /** Whether it was answered, by something other than an error. */
  private async request(): Promise<boolean> {
    try {
      if (this.connection?.lost !== undefined) this.connection = undefined
      this.connection ??= await Connection.open(this.port())
      const bytes = this.kind === 'read' ? command('GET', this.key) : command('SET', this.key, String(this.writes++))
      const [reply] = await Promise.all(this.connection.send(bytes, 1))
      if (reply.type !== '-') return true
      this.messages.add(textOf(reply))
    } catch {
      // No proxy, or the connection was broken.
    }
    return false
  }
}
