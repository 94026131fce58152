import type { Logger } from '../base/log.js'

/** The same is said once in this time, with how often it was then. */
const PAUSE_MS = 60_000
/** So many reasons are remembered: some of them are in the words of whoever was refused. */
const REASONS_MAX = 64

/** Logs why connections were refused that are no clients yet: the first of a kind at once, of a flood one line a minute. */
export class RefusedLog {
  private readonly byReason = new Map<string, { saidMs: number; count: number }>()

  constructor(
    private readonly log: Logger,
    /** By what. */
    private readonly by = 'TLS',
  ) {}

  say(client: string, reason: string): void {
    const nowMs = performance.now()
    const before = this.byReason.get(reason)
    if (before !== undefined && nowMs - before.saidMs < PAUSE_MS) {
      before.count++
      return
    }
    const more = before === undefined || before.count === 0 ? {} : { more: before.count }
    this.log.warn({ event: 'client-refused', client, reason, ...more }, `a client is refused by ${this.by}: ${reason}`)
    if (before === undefined && this.byReason.size >= REASONS_MAX) this.byReason.clear()
    this.byReason.set(reason, { saidMs: nowMs, count: 0 })
  }
}
