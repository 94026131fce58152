import { type Heavy, HeavyHitters } from '../base/heavy-hitters.js'
import { findKeys } from '../command/keys.js'
import type { CommandRow } from '../command/row.js'
import type { Frame } from '../resp/frame.js'
import type { Written } from './slot.js'

/** Counters of each of both lists. */
const COUNTERS = 1000
/** Of a key no more is kept: longer ones that begin alike count as one. */
export const KEY_BYTES = 512

/** `count` commands or bytes, of which up to `error` may be other keys'. */
export interface HotKey {
  readonly db: number
  readonly key: Buffer
  readonly count: number
  readonly error: number
}

/** A command that was looked at. */
interface Looked {
  readonly ids: readonly string[]
  /** It stands for so many. */
  readonly weight: number
}

/**
 * Counts which keys clients ask for most, with memory that is bounded: one of `sample` commands is looked at, in irregular distances, so that
 * no rhythm of a client is taken for a habit.
 */
export class KeyCounting {
  /** Commands with keys that came, as far as the samples tell, and the bytes of these and of their replies. */
  commands = 0
  bytes = 0
  private readonly byCommands = new HeavyHitters(COUNTERS)
  private readonly byBytes = new HeavyHitters(COUNTERS)
  /** So many commands come before the next one that is looked at, which stands for `weight`. */
  private skip = 0
  private weight = 1
  private readonly places: number[] = []

  constructor(private sample: number) {
    this.choose()
  }

  /** From the next command on that is looked at. */
  sampleOneOf(sample: number): void {
    this.sample = sample
  }

  /** Undefined for one that is not looked at, or has no keys. */
  look(frame: Frame, row: CommandRow, db: number): Looked | undefined {
    if (--this.skip > 0) return undefined
    const { weight } = this
    this.choose()
    return this.count(frame, row, db, weight)
  }

  /** The reply to a command that was looked at has so many bytes. */
  replied({ ids, weight }: Looked, size: number): void {
    const bytes = (size * weight) / ids.length
    for (const id of ids) this.byBytes.add(id, bytes)
    this.bytes += bytes * ids.length
  }

  /** What was counted so far counts for so much of it, from 0 to 1. */
  fade(part: number): void {
    this.commands *= part
    this.bytes *= part
    this.byCommands.scale(part)
    this.byBytes.scale(part)
  }

  /** The first ones, the hottest first. */
  top(by: 'commands' | 'bytes', count: number): HotKey[] {
    return (by === 'commands' ? this.byCommands : this.byBytes).top(count).map(named)
  }

  private count(frame: Frame, row: CommandRow, db: number, weight: number): Looked | undefined {
    const { places } = this
    const keys = findKeys(row, frame, places)
    if (keys <= 0) return undefined
    const bytes = ((frame.end - frame.start) * weight) / keys
    const ids: string[] = []
    for (let i = 0; i < keys; i++) {
      const [start, end] = [frame.argStart[places[i]], frame.argEnd[places[i]]]
      const id = `${db} ${frame.buf.latin1Slice(start, Math.min(end, start + KEY_BYTES))}`
      ids.push(id)
      this.byCommands.add(id, weight)
      this.byBytes.add(id, bytes)
    }
    this.commands += weight
    this.bytes += bytes * keys
    return { ids, weight }
  }

  /** The distance to the next one, on average `sample`. */
  private choose(): void {
    this.weight = this.sample
    this.skip = 1 + Math.floor(Math.random() * (2 * this.sample - 1))
  }
}

/** Is told of the answer to a command that was looked at, and tells who else wants to know. */
export class CountedReply implements Written {
  constructor(
    /** CLIENT TRACKING, if somebody has a cache, or another counting. */
    private also: Written | undefined,
    private readonly counting: KeyCounting,
    private readonly looked: Looked,
  ) {}

  /** Who wants to know of writes as well, if nobody does yet. */
  tell(written: Written): void {
    if (this.also instanceof CountedReply) this.also.tell(written)
    else this.also ??= written
  }

  /** [Written] */
  wrote(ids: Parameters<Written['wrote']>[0]): void {
    this.also?.wrote(ids)
  }

  /** [Written] */
  tellNow(): void {
    this.also?.tellNow()
  }

  /** [Written] */
  get isToBeTold(): boolean {
    return this.also?.isToBeTold ?? false
  }

  /** [Written] */
  answered(buf: Buffer, start: number, end: number): Buffer | undefined {
    this.counting.replied(this.looked, end - start)
    return this.also?.answered(buf, start, end)
  }
}

function named({ key, count, error }: Heavy): HotKey {
  const space = key.indexOf(' ')
  return { db: Number(key.slice(0, space)), key: Buffer.from(key.slice(space + 1), 'latin1'), count, error }
}
