/** What copies less does not wait for others, nor they for it. */
export const LARGE_BYTES = 1024 * 1024

interface Waiter {
  readonly bytes: number
  readonly timer: NodeJS.Timeout
  readonly entered: (isIn: boolean) => void
}

/**
 * How many bytes of large values may be on their way at once, for all commands together: whoever asks the same servers for
 * anything waits behind these. One that takes more than there is has all of it.
 */
export class Room {
  private used = 0
  private readonly queue: Waiter[] = []

  constructor(private readonly limit: number) {}

  /** False when others are before it. */
  take(bytes: number): boolean {
    if (this.queue.length > 0 || !this.fits(bytes)) return false
    this.used += bytes
    return true
  }

  /** Takes it past all who wait. */
  takeAnyway(bytes: number): void {
    this.used += bytes
  }

  /** Waits for it; resolves with false at the deadline, in ms of `performance.now`. */
  enter(bytes: number, deadlineMs: number): Promise<boolean> {
    return new Promise((entered) => {
      const tooLate = () => {
        this.queue.splice(this.queue.indexOf(waiter), 1)
        entered(false)
        this.drain()
      }
      const timer = setTimeout(tooLate, Math.max(0, deadlineMs - performance.now()))
      const waiter = { bytes, timer, entered }
      this.queue.push(waiter)
      this.drain()
    })
  }

  leave(bytes: number): void {
    this.used -= bytes
    this.drain()
  }

  private drain(): void {
    while (this.queue.length > 0 && this.fits(this.queue[0].bytes)) {
      const { bytes, timer, entered } = this.queue.shift()!
      clearTimeout(timer)
      this.used += bytes
      entered(true)
    }
  }

  private fits(bytes: number): boolean {
    return this.used === 0 || this.used + bytes <= this.limit
  }
}
