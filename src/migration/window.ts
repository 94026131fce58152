/** Bounds what is under way: by number, and by bytes; one piece may be larger than the bound. */
export class Window {
  private count = 0
  private bytes = 0
  private readonly waiting: (() => void)[] = []

  constructor(
    private readonly countMax: number,
    private readonly bytesMax: number,
  ) {}

  /** Resolves when a piece of this size, of so many parts, may be started; `leave` must follow. */
  async enter(bytes: number, count = 1): Promise<void> {
    while (this.count > 0 && (this.count + count > this.countMax || this.bytes + bytes > this.bytesMax)) {
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
    this.count += count
    this.bytes += bytes
  }

  leave(bytes: number, count = 1): void {
    this.count -= count
    this.bytes -= bytes
    for (const resume of this.waiting.splice(0)) resume()
  }

  /** Resolves when nothing is under way. */
  async empty(): Promise<void> {
    while (this.count > 0) await new Promise<void>((resolve) => this.waiting.push(resolve))
  }
}

const BURST_SECONDS = 0.1

/** Lets through so many bytes a second, with bursts of a tenth of a second; 0 lets everything through. */
export class Rate {
  /** What may be taken at once without making more of a burst than that. */
  readonly burstBytes: number
  private dueMs = 0

  constructor(private readonly bytesPerSecond: number) {
    this.burstBytes = bytesPerSecond === 0 ? Number.POSITIVE_INFINITY : bytesPerSecond * BURST_SECONDS
  }

  async take(bytes: number): Promise<void> {
    if (this.bytesPerSecond === 0) return
    const now = performance.now()
    this.dueMs = Math.max(this.dueMs, now - BURST_SECONDS * 1000) + (bytes / this.bytesPerSecond) * 1000
    if (this.dueMs > now) await new Promise((resolve) => setTimeout(resolve, this.dueMs - now))
  }
}
