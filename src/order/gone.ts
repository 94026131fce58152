import type { LinkState } from '../backend/link-state.js'
import type { Links } from '../backend/links.js'
import type { ViewStore } from '../view/view-store.js'

/** A server that is there says its first word on a connection within this time. */
const FIRST_WORD_MS = 500
/** How often who waits for one looks again, as no event tells that nothing was heard. */
const LOOK_MS = 100

/**
 * Members that were declared down and hold what nobody else has [design §8 The last natural replica]. Who asks for that is told so at
 * once, but not before it is known that they are not just coming back: what the Sentinels say is as old as their last question, and our
 * last try to reach the server may be older than its start.
 *
 *     declared down ──> the next try to reach it ──> fails, or for 500 ms nothing is heard: who asks is told
 *                                               └──> it answers: who asks waits for it, as for any server that is away
 */
export class Gone {
  /** Since when, by their names, in ms of `performance.now`. */
  private readonly sinceMs = new Map<string, number>()
  private timer: NodeJS.Timeout | undefined

  /**
   * @param wasRemoved whether a member is none any more for the Sentinels, for the errors about keys that it alone has
   * @param again who waits for one of them looks again whether it is still coming
   */
  constructor(
    views: ViewStore,
    private readonly links: Links,
    readonly wasRemoved: (name: string) => boolean,
    private readonly again: () => void,
  ) {
    views.onChange(({ members }) => {
      const names = new Set(members.filter(({ state }) => state === 'gone').map(({ name }) => name))
      for (const name of this.sinceMs.keys()) if (!names.has(name)) this.sinceMs.delete(name)
      for (const name of names) if (!this.sinceMs.has(name)) this.sinceMs.set(name, performance.now())
    })
  }

  /** Whether nobody knows yet that this member, which was declared down, is not coming back. */
  isComing(name: string): boolean {
    const link = this.links.get(name)
    const isComing = link !== undefined && (link.ready || this.mayAnswer(link.state, link.lastReceivedMs, name))
    if (isComing) this.timer ??= setTimeout(() => this.look(), LOOK_MS)
    return isComing
  }

  /** A connection has ended, or could not be made. */
  linkDown(name: string): void {
    if (this.sinceMs.has(name)) this.again()
  }

  close(): void {
    clearTimeout(this.timer)
  }

  /** @param heardMs when its server said something last on this connection, or that was begun */
  private mayAnswer(state: LinkState, heardMs: number, name: string): boolean {
    if (state.kind === 'waiting') return state.sinceMs < (this.sinceMs.get(name) ?? 0)
    return state.kind !== 'closed' && performance.now() - heardMs < FIRST_WORD_MS
  }

  private look(): void {
    this.timer = undefined
    this.again()
  }
}
