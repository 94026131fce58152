import type { Connection } from './connection.js'
import { dismiss } from './dismissal.js'
import { ReplyBudget } from './reply-budget.js'

/** How often idle clients are looked for. */
const SWEEP_MS = 1000

/** The connected clients, by their ids. */
export class Clients {
  /** Bytes of commands that were read and wait until their clients have taken replies. */
  keptBytes = 0
  /** What the replies may be that they ask for, in all. */
  readonly replyBudget = new ReplyBudget()
  private readonly byId = new Map<number, Connection>()
  private sweeper: NodeJS.Timeout | undefined

  get count(): number {
    return this.byId.size
  }

  add(client: Connection): void {
    this.byId.set(client.id, client)
  }

  /** False when it was not there any more. */
  remove(client: { readonly id: number }): boolean {
    return this.byId.delete(client.id)
  }

  get(id: number): Connection | undefined {
    return this.byId.get(id)
  }

  /** In the order in which they connected. */
  all(): Connection[] {
    return [...this.byId.values()]
  }

  /** Closes clients that have sent nothing for `limits.idleTimeoutMs` as it is then, and neither wait for something, nor listen, nor monitor. */
  closeIdle(limits: { readonly idleTimeoutMs: number }): void {
    this.sweeper = setInterval(() => {
      if (limits.idleTimeoutMs === 0) return
      const before = performance.now() - limits.idleTimeoutMs
      for (const client of this.all()) {
        const { subscriber, monitoring } = client.session
        const isWaiting =
          client.queue.length > 0 || client.isBlocked || subscriber !== undefined || monitoring !== undefined
        if (client.lastActiveMs < before && !isWaiting) client.close()
      }
    }, SWEEP_MS)
  }

  /**
   * Ends all connections; those whose clients do not take what was written are broken off after `graceMs`.
   *
   * @param shutOut why nothing of what they were to be told may leave any more
   */
  closeAll(graceMs: number, shutOut?: string): void {
    clearInterval(this.sweeper)
    if (shutOut !== undefined) dismiss(this.all(), shutOut)
    for (const client of this.all()) client.close()
    setTimeout(() => {
      for (const client of this.all()) client.drop()
    }, graceMs).unref()
  }
}
