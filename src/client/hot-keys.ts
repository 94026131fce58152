import { type Heavy, HeavyHitters } from '../base/heavy-hitters.js'
import { findKeys } from '../command/keys.js'
import type { CommandRow } from '../command/row.js'
import type { Frame } from '../resp/frame.js'
import type { Slot, Written } from './slot.js'

/** Counters of each of both lists. */
const COUNTERS = 1000
/** Of a key no more is kept: longer ones that begin alike count as one. */
const KEY_BYTES = 512

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

/** `count` commands or bytes, of which up to `error` may be other keys'. */
export interface HotKey {
  readonly db: number
  readonly key: Buffer
  readonly count: number
  readonly error: number
}

interface Counting {
  readonly sample: number
  readonly beganMs: number
  endedMs: number | undefined
  commands: number
  bytes: number
  readonly byCommands: HeavyHitters
  readonly byBytes: HeavyHitters
  readonly timer: NodeJS.Timeout
}

/**
 * DT HOTKEYS: which keys clients ask for most, by commands and by bytes (of commands and replies). While nobody wants to know, `isOn` is all that a command
 * costs. Then one of `sample` commands is looked at, in irregular distances, so that no rhythm of a client is taken for a habit.
 */
export class HotKeys {
  isOn = false
  private counting: Counting | undefined
  /** So many commands come before the next one that is looked at. */
  private skip = 0
  private readonly places: number[] = []

  /** Begins anew; ends by itself. */
  start(sample: number, seconds: number): void {
    this.stop()
    const timer = setTimeout(() => this.stop(), seconds * 1000)
    timer.unref()
    this.counting = {
      ...{ sample, beganMs: performance.now(), endedMs: undefined, commands: 0, bytes: 0, timer },
      ...{ byCommands: new HeavyHitters(COUNTERS), byBytes: new HeavyHitters(COUNTERS) },
    }
    this.skip = this.distance(sample)
    this.isOn = true
  }

  /** False when nothing was counted at the moment. What was counted can still be looked at. */
  stop(): boolean {
    if (!this.isOn) return false
    this.isOn = false
    clearTimeout(this.counting?.timer)
    if (this.counting !== undefined) this.counting.endedMs = performance.now()
    return true
  }

  /** A command that goes to servers, which is answered in this slot. */
  see(frame: Frame, row: CommandRow, db: number, slot: Slot): void {
    if (--this.skip > 0) return
    const { counting } = this
    if (counting === undefined) return
    this.skip = this.distance(counting.sample)
    const ids = this.count(counting, frame, row, db)
    if (ids.length > 0) slot.written = new CountedReply(slot.written, counting, ids)
  }

  /** Commands of a transaction: of their replies nothing is known but the whole. */
  seeQueued(queued: Iterable<{ readonly frame: Frame; readonly row: CommandRow }>, db: number): void {
    const { counting } = this
    if (counting === undefined) return
    for (const { frame, row } of queued) {
      if (row.route === 'local' || --this.skip > 0) continue
      this.skip = this.distance(counting.sample)
      this.count(counting, frame, row, db)
    }
  }

  /** Undefined when nothing was ever counted. */
  report(count: number): HotKeysReport | undefined {
    const { counting } = this
    if (counting === undefined) return undefined
    return {
      running: this.isOn,
      sample: counting.sample,
      seconds: ((counting.endedMs ?? performance.now()) - counting.beganMs) / 1000,
      commands: counting.commands,
      bytes: counting.bytes,
      byCommands: counting.byCommands.top(count).map(named),
      byBytes: counting.byBytes.top(count).map(named),
    }
  }

  private count(counting: Counting, frame: Frame, row: CommandRow, db: number): readonly string[] {
    const { places } = this
    const keys = findKeys(row, frame, places)
    if (keys <= 0) return []
    const { sample } = counting
    const bytes = ((frame.end - frame.start) * sample) / keys
    const ids: string[] = []
    for (let i = 0; i < keys; i++) {
      const [start, end] = [frame.argStart[places[i]], frame.argEnd[places[i]]]
      const id = `${db} ${frame.buf.latin1Slice(start, Math.min(end, start + KEY_BYTES))}`
      ids.push(id)
      counting.byCommands.add(id, sample)
      counting.byBytes.add(id, bytes)
    }
    counting.commands += sample
    counting.bytes += bytes * keys
    return ids
  }

  /** On average `sample`. */
  private distance(sample: number): number {
    return 1 + Math.floor(Math.random() * (2 * sample - 1))
  }
}

/** Is told of the answer to a command that was looked at, and tells who else wants to know. */
export class CountedReply implements Written {
  constructor(
    /** CLIENT TRACKING, if somebody has a cache. */
    public also: Written | undefined,
    private readonly counting: Counting,
    private readonly ids: readonly string[],
  ) {}

  /** [Written] */
  wrote(ids: Parameters<Written['wrote']>[0]): void {
    this.also?.wrote(ids)
  }

  /** [Written] */
  answered(buf: Buffer, start: number, end: number): Buffer | undefined {
    const { counting, ids } = this
    const bytes = ((end - start) * counting.sample) / ids.length
    for (const id of ids) counting.byBytes.add(id, bytes)
    counting.bytes += bytes * ids.length
    return this.also?.answered(buf, start, end)
  }
}

function named({ key, count, error }: Heavy): HotKey {
  const space = key.indexOf(' ')
  return { db: Number(key.slice(0, space)), key: Buffer.from(key.slice(space + 1), 'latin1'), count, error }
}
