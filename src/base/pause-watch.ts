/** How often we look whether we run at all. */
const BEAT_MS = 100
/** Who has not run for this long may have been replaced in the meantime [design §9]. */
const PAUSE_MS = 500

/**
 * Notices that this process has not run for a while: it was stopped, or its machine was, or it was busy with one
 * thing. The system's clock counts as well as the monotonic one, which stands still while a machine sleeps; that a
 * clock set forward looks like a pause does no harm.
 */
export class PauseWatch {
  private wallMs = Date.now()
  private monotonicMs = performance.now()
  private timer: NodeJS.Timeout | undefined

  /** `onPause` gets its length in ms, before anything else that happens after it and asks `check`. */
  constructor(private readonly onPause: (ms: number) => void) {}

  start(): void {
    this.forget()
    this.timer = setInterval(() => this.check(), BEAT_MS)
  }

  stop(): void {
    clearInterval(this.timer)
    this.timer = undefined
  }

  /** To be called before anything is done that only a process that was not paused may do. */
  check(): void {
    const { wallMs, monotonicMs } = this
    this.forget()
    const gapMs = Math.max(this.wallMs - wallMs, this.monotonicMs - monotonicMs)
    if (gapMs > PAUSE_MS && this.timer !== undefined) this.onPause(Math.round(gapMs))
  }

  private forget(): void {
    this.wallMs = Date.now()
    this.monotonicMs = performance.now()
  }
}
