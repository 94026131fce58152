import { setTimeout as sleep } from 'node:timers/promises'
import { CheckingClient } from '../helpers/checking-client.js'
import type { RawClient } from '../helpers/raw-client.js'

/** So many times are kept of each kind: a run may take an hour. */
const SAMPLES_MAX = 200_000

/** When a well-behaved client was answered: while nobody attacks, and beside attacks. */
export class Latencies {
  readonly alone: number[] = []
  readonly beside: number[] = []
  /** Where the next one counts; undefined: nowhere, things are changing. */
  into: 'alone' | 'beside' | undefined

  note(ms: number): void {
    const { into } = this
    if (into !== undefined && this[into].length < SAMPLES_MAX) this[into].push(ms)
  }

  p99(of: 'alone' | 'beside'): number {
    const sorted = this[of].toSorted((a, b) => a - b)
    return sorted[Math.floor(sorted.length * 0.99)] ?? 0
  }
}

/** Says one command after the other, without haste, knows each reply, and how long it took. */
export class WellBehaved {
  private isOver = false
  private readonly checking: CheckingClient

  private constructor(
    client: RawClient,
    name: string,
    proto: 2 | 3,
    private readonly latencies: Latencies,
  ) {
    this.checking = new CheckingClient(client, name, proto)
  }

  static async start(client: RawClient, name: string, proto: 2 | 3, latencies: Latencies): Promise<WellBehaved> {
    await client.ask('AUTH', 'all', 'secret')
    await client.ask('CLIENT', 'NO-EVICT', 'ON')
    return new WellBehaved(client, name, proto, latencies)
  }

  /** Until `stop`; rejects when it is not answered. */
  async run(): Promise<void> {
    while (!this.isOver) {
      const { into } = this.latencies
      const beganMs = performance.now()
      await this.checking.pipeline(1)
      if (into === this.latencies.into) this.latencies.note(performance.now() - beganMs)
      await sleep(2)
    }
    await this.checking.readAll()
  }

  stop(): void {
    this.isOver = true
  }

  /** What was answered wrongly. */
  get violations(): readonly string[] {
    return this.checking.violations
  }

  get replies(): number {
    return this.checking.replies
  }

  /** Commands that were refused, or of which it was not said what became of them. */
  get refused(): number {
    return this.checking.notApplied + this.checking.unknown
  }
}
