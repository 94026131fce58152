import type { Logger } from '../base/log.js'
import type { Turn } from '../base/turn.js'
import type { ServerInfo } from './handshake.js'
import { Link } from './link.js'
import type { LinkListener, LinkOptions } from './link-options.js'

/** A server that is let go has this long to answer what it was asked. */
const ANSWER_GRACE_MS = 1000
const LOOK_MS = 10

/**
 * Tells those who want to know that a link has come up, one after the other, as long as it is: who is told may break it, and what the others
 * would emit then has nowhere to go.
 */
export function whileUp(link: Pick<Link, 'ready'>, told: readonly (() => void)[]): void {
  for (const tell of told) {
    if (!link.ready) return
    tell()
  }
}

/** The links of this process, one a member by name, kept as long as the control path knows the member. */
export class Links {
  private readonly listener: LinkListener<Link>
  private readonly byName = new Map<string, Link>()
  /** Links that are not wanted any more and still owe answers, by the names of their members. */
  private readonly ending = new Map<string, Link>()

  constructor(
    private readonly options: LinkOptions,
    private readonly turn: Turn,
    private readonly logger: Logger,
    listener: LinkListener<Link>,
  ) {
    this.listener = {
      onUp: (link, info) => this.up(listener, link, info),
      onDown: (link, reason) => listener.onDown(link, reason),
      onStrayed: (link, reason) => listener.onStrayed?.(link, reason),
    }
  }

  /** Where that fails somebody was not told of it: the link is made anew. */
  private up(listener: LinkListener<Link>, link: Link, info: ServerInfo): void {
    try {
      listener.onUp(link, info)
    } catch (failure) {
      this.options.failed?.(failure as Error, { member: link.name, while: 'its link came up' })
      link.reset(`its coming up could not be handled: ${(failure as Error).message}`)
    }
  }

  /** Starts the link of a member that became known, or whose address changed. */
  connect(member: { readonly name: string; readonly host: string; readonly port: number }): void {
    const existing = this.byName.get(member.name)
    if (existing !== undefined && existing.host === member.host && existing.port === member.port) return
    existing?.close()
    this.ending.get(member.name)?.close()
    this.ending.delete(member.name)
    const link = this.idle(member)
    this.byName.set(member.name, link)
    link.start()
  }

  /**
   * Ends the link of a member that nobody needs any more, when it has answered what it was asked; at once if a new link
   * to it is wanted.
   */
  disconnect(name: string): void {
    const link = this.byName.get(name)
    if (link === undefined) return
    this.byName.delete(name)
    this.ending.get(name)?.close()
    this.ending.set(name, link)
    closeWhenAnswered(link)
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
    for (const link of [...this.all(), ...this.ending.values()]) link.close()
    this.byName.clear()
  }
}

/** Closes a link when nothing is in flight any more, or nobody wants to wait longer. */
function closeWhenAnswered(link: Link): void {
  const deadlineMs = performance.now() + ANSWER_GRACE_MS
  const look = () => {
    if (link.outstanding === 0 || performance.now() >= deadlineMs) link.close()
    else setTimeout(look, LOOK_MS)
  }
  look()
}
