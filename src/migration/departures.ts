import { noteFailure } from '../base/inner-failure.js'
import type { Logger } from '../base/log.js'
import { UserError } from '../base/user-error.js'
import type { ViewKeeper } from '../view/view-keeper.js'
import type { ViewStore } from '../view/view-store.js'

const RETRY_MS = 2000

export interface DeparturesDeps {
  readonly views: ViewStore
  readonly keeper: ViewKeeper
  readonly log: Logger
  /** Resolves when the present view is noted: a start that finds the one before it still counts on who has left. */
  acknowledged(): Promise<void>
  /** Lets the Sentinels forget a server. */
  forget(name: string): Promise<{ readonly failed: readonly { readonly sentinel: string }[] }>
}

/**
 * Sees members off that were asked to leave [design §8 Leave]: when all that they had has moved, and the view says so,
 * the Sentinels are told to forget them. One that is not told in time is told again, as long as the server is known.
 */
export class Departures {
  private readonly telling = new Set<string>()
  private stopped = false
  private timer: NodeJS.Timeout | undefined
  private unsubscribe: (() => void) | undefined

  constructor(private readonly deps: DeparturesDeps) {}

  start(): void {
    this.unsubscribe = this.deps.views.onChange(() => this.look())
    this.look()
  }

  stop(): void {
    this.stopped = true
    this.unsubscribe?.()
    clearTimeout(this.timer)
  }

  private look(): void {
    for (const name of this.deps.keeper.departed()) if (!this.telling.has(name)) void this.tell(name)
  }

  private async tell(name: string): Promise<void> {
    const { acknowledged, forget, log } = this.deps
    this.telling.add(name)
    await acknowledged()
    if (this.stopped) return
    try {
      const { failed } = await forget(name)
      const missing = failed.map(({ sentinel }) => sentinel)
      log.info(
        { event: 'member-left', member: name, notTold: missing },
        `${name} has left: the Sentinels were told to forget it`,
      )
    } catch (error) {
      if (!(error instanceof UserError))
        noteFailure(log, error, { member: name, while: 'the Sentinels were told to forget it' })
      log.warn(
        { event: 'member-left-untold', member: name, cause: (error as Error).message },
        `${name} has left, but the Sentinels could not be told`,
      )
    }
    // Who is known still is told of anew: a Sentinel may have been away.
    this.timer ??= setTimeout(() => {
      this.timer = undefined
      this.telling.clear()
      this.look()
    }, RETRY_MS)
  }
}
