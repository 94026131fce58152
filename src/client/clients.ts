import type { Connection } from './connection.js'
import { dismiss } from './dismissal.js'
import { Pace } from './pace.js'
import { hostOf } from './peer.js'
import { ReplyBudget } from './reply-budget.js'
import { Rota } from './rota.js'

/** The connected clients, by their ids. */
export class Clients {
  /** Bytes of commands that were read and wait until their clients have taken replies. */
  keptBytes = 0
  /** What the replies may be that they ask for, in all. */
  readonly replyBudget = new ReplyBudget()
  /** Those that have sent more than is served at once. */
  readonly rota = new Rota()
  /** Those that publish more than who listens can take at once. */
  readonly pace = new Pace()
  /** They are let go, and no others come in. */
  isDraining = false
  private readonly byId = new Map<number, Connection>()
  private readonly byHost = new Map<string, number>()

  get count(): number {
    return this.byId.size
  }

  add(client: Connection): void {
    this.byId.set(client.id, client)
    const host = hostOf(client)
    this.byHost.set(host, this.countFrom(host) + 1)
  }

  /** False when it was not there any more. */
  remove(client: { readonly id: number }): boolean {
    const known = this.byId.get(client.id)
    if (known === undefined) return false
    this.byId.delete(client.id)
    const host = hostOf(known)
    const others = this.countFrom(host) - 1
    if (others > 0) this.byHost.set(host, others)
    else this.byHost.delete(host)
    return true
  }

  get(id: number): Connection | undefined {
    return this.byId.get(id)
  }

  /** In the order in which they connected. */
  all(): Connection[] {
    return [...this.byId.values()]
  }

  /** How many have come from this host. */
  countFrom(host: string): number {
    return this.byHost.get(host) ?? 0
  }

  /**
   * Ends all connections; those whose clients do not take what was written are broken off after `graceMs`.
   *
   * @param shutOut why nothing of what they were to be told may leave any more
   */
  closeAll(graceMs: number, shutOut?: string): void {
    if (shutOut !== undefined) dismiss(this.all(), shutOut)
    for (const client of this.all()) client.close()
    setTimeout(() => {
      for (const client of this.all()) client.drop()
    }, graceMs).unref()
  }
}
