import type { CommandRow } from '../command/row.js'
import type { Frame } from '../resp/frame.js'
import { CountedReply, type HotKey, KeyCounting } from './key-counting.js'
import type { Slot } from './slot.js'

/** What was counted, or is being. */
export interface HotKeysReport {
  readonly running: boolean
  /** One of so many commands was looked at. */
  readonly sample: number
  readonly seconds: number
  /** Commands with keys that came, as far as the samples tell. */
  readonly commands: number
  readonly bytes: number
  readonly byCommands: readonly HotKey[]
  readonly byBytes: readonly HotKey[]
}

/** What DT HOTKEYS wants to know. */
interface Asked {
  readonly counting: KeyCounting
  readonly sample: number
  readonly beganMs: number
  endedMs: number | undefined
  readonly timer: NodeJS.Timeout
}

/**
 * Which keys clients ask for most, by commands and by bytes (of commands and replies): for DT HOTKEYS, and for whoever else counts beside it.
 * While nobody wants to know, `isOn` is all that a command costs.
 */
export class HotKeys {
  isOn = false
  private asked: Asked | undefined
  private countings: readonly KeyCounting[] = []

  /** DT HOTKEYS START: begins anew; ends by itself. */
  start(sample: number, seconds: number): void {
    this.stop()
    const timer = setTimeout(() => this.stop(), seconds * 1000)
    timer.unref()
    const counting = new KeyCounting(sample)
    this.asked = { counting, sample, beganMs: performance.now(), endedMs: undefined, timer }
    this.begin(counting)
  }

  /** False when nothing was counted for it at the moment. What was counted can still be looked at. */
  stop(): boolean {
    const { asked } = this
    if (asked === undefined || asked.endedMs !== undefined) return false
    clearTimeout(asked.timer)
    asked.endedMs = performance.now()
    this.end(asked.counting)
    return true
  }

  /** From now on this one counts. */
  begin(counting: KeyCounting): void {
    this.countings = [...this.countings, counting]
    this.isOn = true
  }

  end(counting: KeyCounting): void {
    this.countings = this.countings.filter((other) => other !== counting)
    this.isOn = this.countings.length > 0
  }

  /** A command that goes to servers, which is answered in this slot. */
  see(frame: Frame, row: CommandRow, db: number, slot: Slot): void {
    for (const counting of this.countings) {
      const looked = counting.look(frame, row, db)
      if (looked !== undefined) slot.written = new CountedReply(slot.written, counting, looked)
    }
  }

  /** Commands of a transaction: of their replies nothing is known but the whole. */
  seeQueued(queued: Iterable<{ readonly frame: Frame; readonly row: CommandRow }>, db: number): void {
    for (const { frame, row } of queued) {
      if (row.route === 'local') continue
      for (const counting of this.countings) counting.look(frame, row, db)
    }
  }

  /** Undefined when DT HOTKEYS has never counted anything. */
  report(count: number): HotKeysReport | undefined {
    const { asked } = this
    if (asked === undefined) return undefined
    const { counting, sample, beganMs, endedMs } = asked
    return {
      running: endedMs === undefined,
      sample,
      seconds: ((endedMs ?? performance.now()) - beganMs) / 1000,
      commands: counting.commands,
      bytes: counting.bytes,
      byCommands: counting.top('commands', count),
      byBytes: counting.top('bytes', count),
    }
  }
}
