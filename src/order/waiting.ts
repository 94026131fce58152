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
}

/** How often the deadlines are looked at. */
const SWEEP_MS = 100

/**
 * Commands whose range has no reachable server (reads) or not all of its replicas (writes): kept in the order of
 * their arrival, tried again when a link comes up or a new view is published, and given up at their deadline. A
 * client that has a command here is not read from, so there are never more of one client than it may have outstanding.
 */
export class Waiting {
  private queue: WaitingCommand[] = []
  private readonly sleepers = new Set<() => void>()
  private sweeper: NodeJS.Timeout | undefined
  private soon = false

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
    this.sweeper ??= setInterval(() => this.sweep(), SWEEP_MS)
  }

  /** Something changed: everybody tries again, and whoever still cannot go on parks again. */
  retry(): void {
    const { queue } = this
    this.queue = []
    for (const command of queue) {
      if (!command.slot.abandoned) this.submit(command)
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
    const sleepers = [...this.sleepers]
    this.sleepers.clear()
    for (const wake of sleepers) wake()
  }

  /** For commands that are served step by step: resolves at the next `retry` or `wake`, or at the deadline with false. */
  change(deadlineMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        resolve(true)
      }
      const timer = setTimeout(
        () => {
          this.sleepers.delete(wake)
          resolve(false)
        },
        Math.max(0, deadlineMs - performance.now()),
      )
      this.sleepers.add(wake)
    })
  }

  close(): void {
    clearInterval(this.sweeper)
  }

  private sweep(): void {
    const now = performance.now()
    const late = this.queue.filter((command) => command.deadlineMs <= now)
    this.queue = this.queue.filter((command) => command.deadlineMs > now)
    for (const command of late) answer(command.slot, this.tooLate())
    if (this.queue.length === 0) {
      clearInterval(this.sweeper)
      this.sweeper = undefined
    }
  }
}
