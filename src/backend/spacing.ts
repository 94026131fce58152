import type { LinkOptions } from './link-options.js'

/** When a broken connection is made again: attempts are apart, twice as far each time, so the time for which one was up counts. */
export class Spacing {
  private attempts = 0
  private upSinceMs: number | undefined

  /** The connection is up. */
  up(): void {
    this.upSinceMs = performance.now()
  }

  /** It has broken, or could not be made. @returns how long to wait until the next attempt, in ms */
  pauseMs({ reconnectMinMs, reconnectMaxMs }: Pick<LinkOptions, 'reconnectMinMs' | 'reconnectMaxMs'>): number {
    const upMs = this.upSinceMs === undefined ? 0 : performance.now() - this.upSinceMs
    this.upSinceMs = undefined
    // What breaks as soon as it is used is made anew more and more slowly.
    if (upMs >= reconnectMaxMs) this.attempts = 0
    const apartMs = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(this.attempts++, 20))
    return Math.max(reconnectMinMs, apartMs - upMs)
  }
}
