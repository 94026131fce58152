import type { LinkOptions } from './link-options.js'

/** When a broken connection is made again: attempts are apart, twice as far each time, so the time for which one was up counts. */
export class Spacing {
  private attempts = 0
  private upSinceMs: number | undefined

  /** @param now a clock that only goes forward, in ms */
  constructor(private readonly now = () => performance.now()) {}

  /** The connection is up. */
  up(): void {
    this.upSinceMs = this.now()
  }

  /** It has broken, or could not be made. @returns how long to wait until the next attempt, in ms */
  pauseMs({ reconnectMinMs, reconnectMaxMs }: Pick<LinkOptions, 'reconnectMinMs' | 'reconnectMaxMs'>): number {
    const upMs = this.upSinceMs === undefined ? 0 : this.now() - this.upSinceMs
    this.upSinceMs = undefined
    // What breaks as soon as it is used is made anew more and more slowly; the longer one was up, the less of that is left.
    this.attempts -= Math.min(this.attempts, Math.floor(Math.log2(Math.max(1, upMs / reconnectMinMs))))
    const apartMs = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** this.attempts)
    if (apartMs < reconnectMaxMs) this.attempts++
    return Math.max(reconnectMinMs, apartMs - upMs)
  }
}
