const INTERVAL_MS = 250
const SAMPLES = 8

/** How fast counters grow: read at intervals, compared over the last two seconds [Redis server.c trackInstantaneousMetric]. */
export class RateMeter {
  private samples: { readonly atMs: number; readonly values: readonly number[] }[] = []
  private timer: NodeJS.Timeout | undefined

  /** `read` gives the counters, always as many. */
  constructor(private readonly read: () => readonly number[]) {}

  start(): void {
    this.sample()
    this.timer = setInterval(() => this.sample(), INTERVAL_MS)
  }

  stop(): void {
    clearInterval(this.timer)
  }

  /** What there was until now does not count. */
  reset(): void {
    this.samples = []
    this.sample()
  }

  /** The growth of each counter in a second. */
  perSecond(): number[] {
    const first = this.samples[0]
    const last = this.samples[this.samples.length - 1]
    if (first === last) return this.read().map(() => 0)
    return last.values.map((value, i) => ((value - first.values[i]) * 1000) / (last.atMs - first.atMs))
  }

  private sample(): void {
    this.samples.push({ atMs: performance.now(), values: this.read() })
    if (this.samples.length > SAMPLES + 1) this.samples.shift()
  }
}
