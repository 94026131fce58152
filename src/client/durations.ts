import { type Answering, answering } from '../backend/answering.js'
import { coarse, TICKS_PER_MS, tickAt, ticksBetween } from '../base/coarse-clock.js'
import { COMMAND_CLASSES } from '../command/command-class.js'

/** What a command's time is made of, and all of it. */
export const PARTS = ['duration', 'waiting', 'server', 'proxy'] as const
export type Part = (typeof PARTS)[number]

/** Up to 16 s, each twice as long as the one before; what is longer is in the last one. */
const BUCKETS = 22
/** A sum, and the buckets. */
const CELLS = BUCKETS + 1
const CLASS_CELLS = PARTS.length * CELLS
/** While many replies of one read are handed on the clock is read once for so many. */
const ANSWERS_PER_LOOK = 16
const DURATION = 0
const WAITING = CELLS
const SERVER = 2 * CELLS
const PROXY = 3 * CELLS

/** How many took how long: `counts[i]` less than `BOUNDS_S[i]` and not less than the bound before; the last ones any time. */
export interface Histogram {
  readonly counts: readonly number[]
  readonly sumS: number
}

/** The upper bounds of all but the last bucket, in seconds. */
export const BOUNDS_S: readonly number[] = Array.from({ length: BUCKETS - 1 }, (_, i) => 2 ** i / (TICKS_PER_MS * 1000))

/**
 * How long commands took, by their class and by the member whose reply was waited for last, as SLOWLOG has it of one:
 *
 *     its turn ──waiting──> sent to that member ──server──> reply read ──proxy──> answered
 *
 * All times are those of the coarse clock, so they cost no reading of a clock, and commands that came and are answered together are
 * counted together; one that was answered quickly is in the first bucket, of 16 µs, or in the second one. Nothing is ever allocated
 * but for a member that is new.
 */
export class Durations {
  /** Of each member: for each class its parts, each a sum in ticks and the buckets. Who has left stays: sums only grow. */
  private readonly ofMember = new Map<string, Float64Array>()
  private readonly ofNobody = cellsOfAll()
  private by: Answering | undefined
  private cells = this.ofNobody
  /** The read whose replies are handed on, how many have been, and what time it is by now. */
  private readTick = 0
  private answers = 0
  private nowTick = 0
  /** How many like the last one are to be counted yet, and what that one was like: its class, when it was its turn, and when it was sent. */
  private run = 0
  private timedAs = 0
  private sinceTick = 0
  private sentTick = 0

  /** A command of this class, whose turn was then, is answered at this moment. */
  note(timedAs: number, sinceTick: number): void {
    const { tick } = coarse
    const { by } = answering
    if (by !== this.by || tick !== this.readTick) this.begin(by, tick)
    else if (++this.answers % ANSWERS_PER_LOOK === 0) this.look()
    const sentTick = by === undefined ? tick : by.tick
    if (timedAs !== this.timedAs || sinceTick !== this.sinceTick || sentTick !== this.sentTick) {
      this.count()
      this.timedAs = timedAs
      this.sinceTick = sinceTick
      this.sentTick = sentTick
    }
    this.run++
  }

  /** The proxy has answered a command of this class itself, in so many µs. */
  noteOwn(timedAs: number, us: number): void {
    const ticks = Math.min(2 ** 30, Math.floor((us * TICKS_PER_MS) / 1000))
    const at = timedAs * CLASS_CELLS
    add(this.ofNobody, at + DURATION, ticks, 1)
    add(this.ofNobody, at + WAITING, 0, 1)
    add(this.ofNobody, at + SERVER, 0, 1)
    add(this.ofNobody, at + PROXY, ticks, 1)
  }

  /** What commands of a class took, whoever answered them. */
  ofClass(timedAs: number, part: Part): Histogram {
    this.count()
    const at = timedAs * CLASS_CELLS + PARTS.indexOf(part) * CELLS
    return sumOf([this.ofNobody, ...this.ofMember.values()].map((cells) => cells.subarray(at, at + CELLS)))
  }

  /** What commands took whose last reply was that of a member. */
  of(member: string, part: Part): Histogram {
    this.count()
    const cells = this.ofMember.get(member)
    const starts = COMMAND_CLASSES.map((_, i) => i * CLASS_CELLS + PARTS.indexOf(part) * CELLS)
    return sumOf(cells === undefined ? [] : starts.map((at) => cells.subarray(at, at + CELLS)))
  }

  /** What one has sent that was read then is handed on from now on. */
  private begin(by: Answering | undefined, tick: number): void {
    this.count()
    if (by !== this.by) this.turnTo(by)
    if (tick === this.readTick) return
    this.readTick = tick
    this.nowTick = tick
    this.answers = 0
  }

  /** Who is answered from now on was not answered at the same moment as those before. */
  private look(): void {
    this.count()
    this.nowTick = tickAt(performance.now())
  }

  /** Counts those that were alike: commands that came together in one read, and are answered together. */
  private count(): void {
    const { run, timedAs, sinceTick, readTick, nowTick } = this
    this.run = 0
    if (run === 0) return
    // What is answered now was sent before its turn: then it is not the command's own answer.
    const isOwn = this.by !== undefined && ticksBetween(sinceTick, this.sentTick) >= 0
    const cells = isOwn ? this.cells : this.ofNobody
    const sentTick = isOwn ? this.sentTick : readTick
    const at = timedAs * CLASS_CELLS
    add(cells, at + DURATION, ticksBetween(sinceTick, nowTick), run)
    add(cells, at + WAITING, ticksBetween(sinceTick, sentTick), run)
    add(cells, at + SERVER, ticksBetween(sentTick, readTick), run)
    add(cells, at + PROXY, ticksBetween(readTick, nowTick), run)
  }

  private turnTo(by: Answering | undefined): void {
    this.by = by
    if (by === undefined) {
      this.cells = this.ofNobody
      return
    }
    let cells = this.ofMember.get(by.name)
    if (cells === undefined) {
      cells = cellsOfAll()
      this.ofMember.set(by.name, cells)
    }
    this.cells = cells
  }
}

/** What has come since the earlier one of two. */
export function since(before: Histogram, now: Histogram): Histogram {
  return { counts: now.counts.map((count, i) => count - before.counts[i]), sumS: now.sumS - before.sumS }
}

/** The time below which so large a part of them stayed, from 0 to 1, as far as the buckets tell; undefined when there are none. */
export function quantile({ counts }: Histogram, part: number): number | undefined {
  const all = counts.reduce((sum, count) => sum + count, 0)
  if (all === 0) return undefined
  let below = 0
  for (let i = 0; i < BOUNDS_S.length; i++) {
    if (below + counts[i] >= part * all) {
      const from = i === 0 ? 0 : BOUNDS_S[i - 1]
      return from + ((BOUNDS_S[i] - from) * (part * all - below)) / counts[i]
    }
    below += counts[i]
  }
  return BOUNDS_S[BOUNDS_S.length - 1]
}

function cellsOfAll(): Float64Array {
  return new Float64Array(COMMAND_CLASSES.length * CLASS_CELLS)
}

/** So many took that. A clock that is read now and then may seem to go back by a tick. */
function add(cells: Float64Array, at: number, ticks: number, count: number): void {
  const took = Math.max(ticks, 0)
  const bucket = 32 - Math.clz32(took)
  cells[at] += took * count
  cells[at + 1 + (bucket < BUCKETS ? bucket : BUCKETS - 1)] += count
}

function sumOf(all: readonly Float64Array[]): Histogram {
  const total = (i: number) => all.reduce((sum, cells) => sum + cells[i], 0)
  return {
    counts: Array.from({ length: BUCKETS }, (_, i) => total(i + 1)),
    sumS: total(0) / (TICKS_PER_MS * 1000),
  }
}
