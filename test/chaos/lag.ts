import type { Lag } from './checkers/availability.js'
import { nowMs } from './history.js'

const EVERY_MS = 50
/** Less than this is nothing. */
const NOTED_MS = 50

/** Notes when this process itself, and so probably the whole machine, was held up. */
export class LagWatch {
  readonly lags: Lag[] = []
  private dueMs = nowMs() + EVERY_MS
  private readonly timer = setInterval(() => this.tick(), EVERY_MS)

  stop(): void {
    clearInterval(this.timer)
  }

  private tick(): void {
    const now = nowMs()
    if (now - this.dueMs > NOTED_MS) this.lags.push({ atMs: now, lateMs: now - this.dueMs })
    this.dueMs = now + EVERY_MS
  }
}
