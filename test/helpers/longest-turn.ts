/** Looks at every turn of the event loop of this process, until it is stopped. */
export class LongestTurn {
  /** The CPU time in ms of the longest one: other programs on a busy machine do not count. */
  ms = 0
  private stopped = false
  private lastMs = cpuMs()

  constructor() {
    this.look()
  }

  stop(): void {
    this.stopped = true
  }

  private look(): void {
    if (this.stopped) return
    const nowMs = cpuMs()
    this.ms = Math.max(this.ms, nowMs - this.lastMs)
    this.lastMs = nowMs
    setImmediate(() => this.look())
  }
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
