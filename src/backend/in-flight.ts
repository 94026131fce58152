import { coarse, TICKS_PER_MS, tickAt, ticksBetween } from '../base/coarse-clock.js'
import type { Answering } from './answering.js'
import type { ReplySink } from './reply-sink.js'
import type { Segment } from './send-log.js'
import { type SentTrace, tracing } from './tracing.js'

/** A server may have read so many commands, and answered none of them, before it executes what takes it long. */
const OLDEST = 1000
/** A server that has not answered its oldest command for so long may be busy with it. */
const SLOW_MS = 300

/** In so many bytes its name stands. */
const NAME_BYTES_MAX = 64

/** Is shown who waits for a reply, and where the command lies. */
export type EntryVisitor = (sink: ReplySink, tag: number, buf: Buffer, start: number, end: number) => void

/**
 * The queue of what was emitted on a link and not answered yet: one entry a command, in parallel arrays that grow by
 * doubling, so that a command costs no object here.
 */
export class InFlight implements Answering {
  /** The entry that `shift` took last. */
  sink!: ReplySink
  tag = 0
  segment!: Segment
  start = 0
  end = 0
  /** When it was pushed, as the coarse clock had it. */
  tick = 0
  /** So many of those that were pushed last have not been given to the socket. */
  unsent = 0

  private capacity = 256
  private head = 0
  private count = 0
  private sinks: (ReplySink | undefined)[] = new Array(this.capacity).fill(undefined)
  private segments: (Segment | undefined)[] = new Array(this.capacity).fill(undefined)
  private tags = new Int32Array(this.capacity)
  private starts = new Int32Array(this.capacity)
  private ends = new Int32Array(this.capacity)
  private ticks = new Int32Array(this.capacity)
  /** Those that are traced, by how many were pushed before them. */
  private traced: Map<number, SentTrace> | undefined
  /** That of the entry which is taken, while commands are traced; none where the link broke. */
  private reply: { readonly buf: Buffer; readonly start: number; readonly end: number } | undefined

  /**
   * @param taken how many were put into and taken from the queues before this one, which count on
   * @param name of the member
   */
  constructor(
    public taken = 0,
    readonly name = '',
  ) {}

  /** How many were ever put into it. */
  get pushed(): number {
    return this.taken + this.count
  }

  /** Who waits for the next reply. */
  get first(): ReplySink | undefined {
    return this.sinks[this.head]
  }

  /** The beginning of its command. */
  firstBytes(bytesMax: number): Buffer {
    const { head, segments, starts, ends } = this
    return segments[head]!.buf.subarray(starts[head], Math.min(ends[head], starts[head] + bytesMax))
  }

  get length(): number {
    return this.count
  }

  /** Whether a reply may come: something was sent that has none. */
  get isAsked(): boolean {
    return this.count > this.unsent
  }

  /** For how many ms the first one has waited; 0 when nobody waits. Not by the coarse clock, which stands still while nothing is read. */
  get firstWaitsMs(): number {
    return this.count === 0 ? 0 : ticksBetween(this.ticks[this.head], tickAt(performance.now())) / TICKS_PER_MS
  }

  push(sink: ReplySink, tag: number, segment: Segment, start: number, end: number): void {
    if (this.count === this.capacity) this.grow()
    const i = (this.head + this.count) & (this.capacity - 1)
    this.sinks[i] = sink
    this.segments[i] = segment
    this.tags[i] = tag
    this.starts[i] = start
    this.ends[i] = end
    this.ticks[i] = coarse.tick
    if (tracing.isOn) this.trace(segment.buf, start, end)
    this.count++
  }

  /** The same, but before the `behind` entries that were pushed last. */
  insert(behind: number, sink: ReplySink, tag: number, segment: Segment, start: number, end: number): void {
    this.push(sink, tag, segment, start, end)
    if (this.traced !== undefined) this.traced = movedBehind(this.traced, this.pushed - 1 - behind, this.pushed - 1)
    const { sinks, segments, tags, starts, ends, ticks, capacity, head, count } = this
    for (let k = count - 1; k > count - 1 - behind; k--) {
      const i = (head + k) & (capacity - 1)
      const before = (head + k - 1) & (capacity - 1)
      swap(sinks, i, before)
      swap(segments, i, before)
      for (const column of [tags, starts, ends, ticks]) swap(column, i, before)
    }
  }

  /** Takes the oldest entry into the fields above, which has this reply; false when there is none. */
  answered(buf: Buffer, start: number, end: number): boolean {
    if (tracing.isOn) this.reply = { buf, start, end }
    return this.shift()
  }

  /** The same of one that has no reply. */
  shift(): boolean {
    if (this.count === 0) return false
    const i = this.head
    this.sink = this.sinks[i] as ReplySink
    this.segment = this.segments[i] as Segment
    this.tag = this.tags[i]
    this.start = this.starts[i]
    this.end = this.ends[i]
    this.tick = this.ticks[i]
    this.sinks[i] = undefined
    this.segments[i] = undefined
    this.head = (i + 1) & (this.capacity - 1)
    this.count--
    if (tracing.isOn) this.endTrace()
    this.taken++
    return true
  }

  private trace(buf: Buffer, start: number, end: number): void {
    const { current } = tracing
    if (current === undefined) return
    const name = nameIn(buf, start, end)
    // It says in which database the next one is executed.
    if (name === 'SELECT') return
    this.traced ??= new Map()
    this.traced.set(this.pushed, current.sent(this.name, name))
  }

  private endTrace(): void {
    const { reply } = this
    this.reply = undefined
    const sent = this.traced?.get(this.taken)
    tracing.answersFor(sent?.of)
    if (sent === undefined) return
    this.traced!.delete(this.taken)
    if (reply === undefined) sent.lost()
    else sent.answered(reply.buf, reply.start, reply.end)
  }

  /** Tells everybody, oldest first, that the link broke when the oldest one had waited for so many ms. */
  lose(waitedMs: number): void {
    for (let isStuck = waitedMs > SLOW_MS; this.shift(); isStuck = false) {
      const { sink, tag, segment, start, end } = this
      if (isStuck && sink.onStuck !== undefined) sink.onStuck(tag, segment.buf, start, end)
      else sink.onLost(tag, segment.buf, start, end)
    }
  }

  /** For how many ms one of the oldest commands may keep the server from saying anything. */
  get patienceMs(): number {
    let most = 0
    for (let k = 0; k < Math.min(OLDEST, this.count); k++) {
      most = Math.max(most, this.sinks[(this.head + k) & (this.capacity - 1)]?.patienceMs ?? 0)
    }
    return most
  }

  /** Shows the oldest entries: those among which may be what the server executes. */
  visitOldest(visit: EntryVisitor): void {
    for (let k = 0; k < Math.min(OLDEST, this.count); k++) {
      const i = (this.head + k) & (this.capacity - 1)
      visit(this.sinks[i] as ReplySink, this.tags[i], this.segments[i]!.buf, this.starts[i], this.ends[i])
    }
  }

  /** How many there are before the first of this sink, or in all. */
  countTo(sink: ReplySink): number {
    for (let k = 0; k < this.count; k++) if (this.sinks[(this.head + k) & (this.capacity - 1)] === sink) return k
    return this.count
  }

  private grow(): void {
    const { capacity, head, count } = this
    const move = <T>(from: ArrayLike<T>, to: { [i: number]: T }) => {
      for (let i = 0; i < count; i++) to[i] = from[(head + i) & (capacity - 1)]
    }
    const { sinks, segments, tags, starts, ends, ticks } = this
    this.capacity = capacity * 2
    move(sinks, (this.sinks = new Array(this.capacity).fill(undefined)))
    move(segments, (this.segments = new Array(this.capacity).fill(undefined)))
    move(tags, (this.tags = new Int32Array(this.capacity)))
    move(starts, (this.starts = new Int32Array(this.capacity)))
    move(ends, (this.ends = new Int32Array(this.capacity)))
    move(ticks, (this.ticks = new Int32Array(this.capacity)))
    this.head = 0
  }
}

function swap<T>(list: { [i: number]: T }, i: number, k: number): void {
  const value = list[i]
  list[i] = list[k]
  list[k] = value
}

/** One that was pushed last has gone before some others. */
function movedBehind(traced: Map<number, SentTrace>, to: number, from: number): Map<number, SentTrace> {
  return new Map([...traced].map(([at, sent]) => [at === from ? to : at >= to ? at + 1 : at, sent]))
}

/** That of a command. */
function nameIn(buf: Buffer, start: number, end: number): string {
  const text = buf.latin1Slice(start, Math.min(end, start + NAME_BYTES_MAX))
  return /^\*\d+\r\n\$\d+\r\n(\S+)\r\n/.exec(text)?.[1].toUpperCase() ?? ''
}
