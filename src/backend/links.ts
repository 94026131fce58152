import type { Logger } from '../base/log.js'
import type { Turn } from '../base/turn.js'
import { Link, type LinkListener, type LinkOptions } from './link.js'

/** The links of this process, one a member by name, kept as long as the control path knows the member. */
export class Links {
  private readonly byName = new Map<string, Link>()

  constructor(
    private readonly options: LinkOptions,
    private readonly turn: Turn,
    private readonly logger: Logger,
    private readonly listener: LinkListener,
  ) {}

  /** Starts the link of a member that became known, or whose address changed. */
  connect(member: { readonly name: string; readonly host: string; readonly port: number }): void {
    const existing = this.byName.get(member.name)
    if (existing !== undefined && existing.host === member.host && existing.port === member.port) return
    existing?.close()
    const link = this.idle(member)
    this.byName.set(member.name, link)
    link.start()
  }

  /** Ends the link of a member that nobody needs any more. */
  disconnect(name: string): void {
    this.byName.get(name)?.close()
    this.byName.delete(name)
  }

  get(name: string): Link | undefined {
    return this.byName.get(name)
  }

  /**
   * A link that never comes up, for a member that has none: it was removed although nobody else has its data, or its
   * address is another member's.
   */
  idle(member: { readonly name: string; readonly host: string; readonly port: number }): Link {
    return new Link(member.name, member.host, member.port, this.options, this.turn, this.logger, this.listener)
  }

  all(): Link[] {
    return [...this.byName.values()]
  }

  close(): void {
    for (const link of this.all()) link.close()
    this.byName.clear()
  }
}
