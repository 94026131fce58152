import type { CommandRow } from '../command/row.js'
import type { Reply } from '../resp/encode.js'
import type { Frame } from '../resp/frame.js'
import { answer } from './replies.js'
import type { ReplySlot } from './reply-slot.js'

/** A command that cannot be emitted now because servers of its range are not reachable. */
export interface WaitingCommand {
  readonly frame: Frame
  readonly row: CommandRow
  readonly slot: ReplySlot
  /** When it is answered with an error instead, in ms of `performance.now`. */
  readonly deadlineMs: number
  /** Whether it is still in vain to try it again: for one that takes much time to try, and costs next to nothing. */
  readonly isStopped?: (() => boolean) | undefined
}

/** How often it is looked at deadlines, and at what no event tells (a client that has gone). */
const SWEEP_MS = 100

/** Somebody who is served step by step and waits; `isStopped` tells without much ado whether there is still no need to wake him. */
interface Sleeper {
  readonly wake: () => void
  readonly isStopped: (() => boolean) | undefined
}

/**
 * Commands whose range has no reachable server (reads) or not all of its replicas (writes): kept in the order of
 * their arrival, tried again when a link comes up or a new view is published, and given up at their deadline. A
 * client that has a command here is not read from, so there are never more of one client than it may have outstanding.
 */
export class Waiting {
  private queue: WaitingCommand[] = []
  private readonly sleepers = new Set<Sleeper>()
  private sweeper: NodeJS.Timeout | undefined
  private soon = false
  private isRousing = false

  constructor(
    private readonly timeoutMs: number,
    private readonly submit: (command: WaitingCommand) => void,
    /** What is answered to a command at its deadline. */
    private readonly tooLate: () => Reply,
  ) {}

  get length(): number {
    return this.queue.length
  }

  deadline(): number {
    return performance.now() + this.timeoutMs
  }

  park(command: WaitingCommand): void {
    command.slot.pauseClient()
    this.queue.push(command)
    this.beginSweeping()
  }

  /** Something changed: everybody tries again, and whoever still cannot go on parks again. */
  retry(): void {
    const { queue } = this
    this.queue = []
    for (const command of queue) {
      if (!command.slot.abandoned && command.isStopped?.() === true) this.queue.push(command)
      else if (!command.slot.abandoned) this.submit(command)
      // Nobody sees that, but what is expected for the command is expected no more.
      else answer(command.slot, this.tooLate())
    }
    this.wake()
  }

  /** `retry` when this turn of the event loop is over, once for all that ask for it. */
  retrySoon(): void {
    if (this.soon || (this.queue.length === 0 && this.sleepers.size === 0)) return
    this.soon = true
    setImmediate(() => {
      this.soon = false
      this.retry()
    })
  }

  /** Something changed that only concerns commands served step by step. */
  wake(): void {
    for (const sleeper of this.sleepers) if (sleeper.isStopped === undefined) this.rouse(sleeper)
    this.rouseNext()
  }

  /**
   * For commands that are served step by step: resolves at the next `retry` or `wake`, or at the deadline with false.
   *
   * @param isStopped whether what it waits for still stands in its way: asked each time, and now and then besides, so it should
   *   cost next to nothing; as long as it says so nothing is resolved. Those that may go on, and may have much to do then, go on one
   *   in a turn of the event loop
   */
  change(deadlineMs: number, isStopped?: () => boolean): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => {
          this.sleepers.delete(sleeper)
          resolve(false)
        },
        Math.max(0, deadlineMs - performance.now()),
      )
      const wake = () => {
        clearTimeout(timer)
        resolve(true)
      }
      const sleeper: Sleeper = { wake, isStopped }
      this.sleepers.add(sleeper)
      if (isStopped !== undefined) this.beginSweeping()
    })
  }

  close(): void {
    clearInterval(this.sweeper)
  }

  /** Who has waited longest, of those that need not any more; the others in the turns that follow, so that all are served in between. */
  private rouseNext(): void {
    if (this.isRousing) return
    for (const sleeper of this.sleepers) {
      if (sleeper.isStopped?.() !== false) continue
      this.rouse(sleeper)
      this.isRousing = true
      setImmediate(() => {
        this.isRousing = false
        this.rouseNext()
      })
      return
    }
  }

  private rouse(sleeper: Sleeper): void {
    this.sleepers.delete(sleeper)
    sleeper.wake()
  }

  private beginSweeping(): void {
    this.sweeper ??= setInterval(() => this.sweep(), SWEEP_MS)
  }

  private sweep(): void {
    const now = performance.now()
    const late = this.queue.filter((command) => command.deadlineMs <= now)
    this.queue = this.queue.filter((command) => command.deadlineMs > now)
    for (const command of late) answer(command.slot, this.tooLate())
    this.rouseNext()
    if (this.queue.length === 0 && this.sleepers.size === 0) {
      clearInterval(this.sweeper)
      this.sweeper = undefined
    }
  }
}
