import { setTimeout as sleep } from 'node:timers/promises'
import { CheckingClient } from '../helpers/checking-client.js'
import type { RawClient } from '../helpers/raw-client.js'
import type { Phase } from './equal-load.js'

/** The first bucket is up to so many ms, each is larger than the one before by 2 %, and the last one has all that is longer. */
const FIRST_MS = 0.01
const GROWTH = Math.log(1.02)
const BUCKETS = 1024

/** How long each of very many things took, for asking often. */
class Times {
  private readonly counts = new Uint32Array(BUCKETS)
  private all = 0

  note(ms: number): void {
    const bucket = Math.ceil(Math.log(Math.max(ms, FIRST_MS) / FIRST_MS) / GROWTH)
    this.counts[Math.min(bucket, BUCKETS - 1)]++
    this.all++
  }

  /** 99 of 100 took at most so many ms; 0 when there are none. */
  p99(): number {
    let left = this.all * 0.99
    for (const [i, count] of this.counts.entries())
      if (count > 0 && (left -= count) <= 0) return FIRST_MS * Math.exp(GROWTH * i)
    return 0
  }
}

/** When a well-behaved client was answered: while there is nobody else, beside ordinary clients, and beside attacks. */
export class Latencies {
  private readonly alone = new Times()
  private readonly ordinary = new Times()
  private readonly beside = new Times()
  /** The same since the last `endRound`. */
  private now = { ordinary: new Times(), beside: new Times() }
  /** Of each round, how much longer it took beside attacks than beside ordinary clients. */
  private readonly ratios: number[] = []
  /** Where the next one counts; undefined: nowhere, things are changing. */
  into: Phase | undefined

  note(ms: number): void {
    if (this.into === undefined) return
    this[this.into].note(ms)
    if (this.into !== 'alone') this.now[this.into].note(ms)
  }

  /** All phases have been there once more. */
  endRound(): void {
    const { ordinary, beside } = this.now
    if (ordinary.p99() > 0 && beside.p99() > 0) this.ratios.push(beside.p99() / ordinary.p99())
    this.now = { ordinary: new Times(), beside: new Times() }
  }

  /** The median of the rounds: what else a machine does meanwhile disturbs one of them. 0 when there was none. */
  get ratio(): number {
    const sorted = [...this.ratios].sort((a, b) => a - b)
    const middle = sorted.length / 2
    return sorted.length === 0
      ? 0
      : (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(Math.min(middle, sorted.length - 1))]) / 2
  }

  p99(of: Phase): number {
    return this[of].p99()
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
