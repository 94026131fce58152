import { answering } from '../backend/answering.js'
import { wallClockUs } from '../base/clock.js'
import { coarse, readClock, TICKS_PER_MS, tickAt, ticksBetween } from '../base/coarse-clock.js'
import type { CommandRow } from '../command/row.js'
import { rowOf } from '../command/table.js'
import { argumentOf, type CutFrame, type Frame, frameOf } from '../resp/frame.js'
import type { RequestFramer } from '../resp/request-framer.js'
import { ARGUMENT_BYTES_MAX, ARGUMENTS_MAX, AskedBytes } from './asked-bytes.js'
import { Durations } from './durations.js'
import { type EventName, LatencyMonitor } from './latency-monitor.js'
import { REDACTED, secretsIn } from './redaction.js'
import { DESCRIBED, type Described, type Slot, TIMED } from './slot.js'
import type { Named } from './surroundings.js'

/** When everything is slow, no more than so many are noted in a second: nobody could read them. */
const NOTED_PER_SECOND = 1000
/** Redis's own defaults. */
const SLOWER_THAN_US = 10_000
const ENTRIES_MAX = 128
const NEVER_US = Number.POSITIVE_INFINITY

/** A command that was slow. */
export interface SlowCommand extends Described {
  readonly id: number
  readonly timeS: number
  /** From its turn to its reply, but for what its client's earlier ones took of that. */
  readonly tookUs: number
  /** Of these: before it was sent to the member whose reply was waited for last; from then until that was read; and from then on. */
  readonly waitedUs: number
  readonly serverUs: number
  readonly proxyUs: number
  /** Empty when no member's reply was waited for. */
  readonly member: string
  readonly address: string
  readonly name: Buffer
}

/**
 * SLOWLOG: the commands that took long [Redis slowlog.c]. Of every command the time of the read that brought it and the place of its
 * bytes are noted in its slot; the time of the read that brought its reply says whether it was slow.
 */
export class SlowLog {
  /** From so many ticks on a command is looked at. */
  ticks = 0
  /** Whether it may have to be told what a command was. */
  private keeps = true
  entriesMax = ENTRIES_MAX
  /** The newest first. */
  readonly entries: SlowCommand[] = []
  /** A command that was held is served, not that of the framer. */
  held: Frame | undefined
  readonly durations = new Durations()
  /** LATENCY, to which the same commands are slow, or others. */
  readonly latency = new LatencyMonitor()
  private slowerThan = 0
  private nextId = 0
  private second = 0
  private notedInSecond = 0
  private readonly bytes: AskedBytes

  constructor(clients: { all(): readonly { readonly queue: { visit(show: (slot: Slot) => void): void } }[] }) {
    this.slowerThanUs = SLOWER_THAN_US
    this.bytes = new AskedBytes(() => {
      for (const { queue } of clients.all()) queue.visit((slot) => this.keepOld(slot))
    })
  }

  /** Below 0: nothing is noted. */
  get slowerThanUs(): number {
    return this.slowerThan
  }

  set slowerThanUs(us: number) {
    this.slowerThan = us
    this.look()
  }

  /** `latency-monitor-threshold`; 0: nothing is watched. */
  get latencyThresholdMs(): number {
    return this.latency.thresholdMs
  }

  set latencyThresholdMs(ms: number) {
    this.latency.thresholdMs = ms
    this.look()
  }

  get isOn(): boolean {
    return this.slowerThan >= 0
  }

  /** A client's commands are served, and nobody else's before; gives the time. */
  begin(): number {
    this.bytes.forgetRead()
    return readClock()
  }

  /** The command that the framer has just given takes this slot. */
  note(slot: Slot, framer: RequestFramer): void {
    slot.askedTick = coarse.tick
    if (!this.keeps) slot.asked = TIMED
    else if (this.held !== undefined) describeIn(slot, { frame: this.held })
    else slot.asked = this.bytes.keep(framer)
  }

  /** A command that was noted is answered, and took more ticks than may be. */
  answered(client: Named, slot: Slot, sinceTick: number): void {
    if (slot.asked === TIMED) return
    const nowMs = performance.now()
    const nowTick = tickAt(nowMs)
    const { by } = answering
    const readTick = coarse.tick
    const sentTick = by === undefined || ticksBetween(sinceTick, by.tick) < 0 ? undefined : by.tick
    const tookUs = microseconds(sinceTick, nowTick)
    const { described } = slot
    const asked =
      described === undefined ? this.bytes.askedAt(slot.asked) : { frame: frameOf(described.args.slice(0, 2)) }
    this.latency.note(eventOf(rowOf(asked.frame)), tookUs)
    if (tookUs < this.slowerThan || !this.isOn) return
    this.add(client, {
      tookUs,
      waitedUs: microseconds(sinceTick, sentTick ?? readTick),
      serverUs: sentTick === undefined ? 0 : microseconds(sentTick, readTick),
      proxyUs: microseconds(readTick, nowTick),
      member: by?.name ?? '',
      described: () => described ?? describe(asked),
    })
  }

  /** The proxy has served a command itself, at once. */
  served(client: Named, frame: Frame, row: CommandRow, beganMs: number): void {
    const tookUs = Math.floor((performance.now() - beganMs) * 1000)
    this.durations.noteOwn(row.timedAs, tookUs)
    this.latency.note(eventOf(row), tookUs)
    if (tookUs < this.slowerThan || !this.isOn) return
    const whole = { tookUs, waitedUs: 0, serverUs: 0, proxyUs: tookUs }
    this.add(client, { ...whole, member: '', described: () => describe({ frame }) })
  }

  /** The same for what cannot have taken long: that costs no reading of a clock. Not while everything is slow. */
  servedQuickly(row: CommandRow): void {
    this.durations.note(row.timedAs, coarse.tick)
  }

  reset(): void {
    this.entries.length = 0
  }

  /** From when on a command is looked at. */
  private look(): void {
    const { thresholdMs } = this.latency
    const us = Math.min(this.isOn ? this.slowerThan : NEVER_US, thresholdMs > 0 ? thresholdMs * 1000 : NEVER_US)
    this.keeps = us < NEVER_US
    this.ticks = Math.min(2 ** 31 - 1, Math.floor((us * TICKS_PER_MS) / 1000))
  }

  private add(
    { address, session }: Named,
    {
      described,
      ...times
    }: Omit<SlowCommand, 'id' | 'timeS' | 'address' | 'name' | keyof Described> & {
      described: () => Described
    },
  ): void {
    const id = this.nextId++
    const timeS = Math.floor(wallClockUs() / 1e6)
    if (timeS !== this.second) this.notedInSecond = 0
    this.second = timeS
    if (++this.notedInSecond > NOTED_PER_SECOND) return
    this.entries.unshift({ id, timeS, ...times, ...described(), address, name: session.name })
    if (this.entries.length > this.entriesMax) this.entries.length = this.entriesMax
  }

  /** Its bytes will soon be overwritten. */
  private keepOld(slot: Slot): void {
    if (slot.asked >= 0 && this.bytes.isOld(slot.asked)) describeIn(slot, this.bytes.askedAt(slot.asked))
  }
}

/** Its arguments are kept in its slot. */
function describeIn(slot: Slot, asked: CutFrame): void {
  slot.asked = DESCRIBED
  slot.described = describe(asked)
}

function microseconds(from: number, to: number): number {
  return Math.floor((Math.max(0, ticksBetween(from, to)) * 1000) / TICKS_PER_MS)
}

/** What is shown of a command: the first arguments, and the beginnings of long ones [Redis slowlog.c slowlogCreateEntry]. */
function describe({ frame, was }: CutFrame): Described {
  const argc = was?.argc ?? frame.argc
  const row = rowOf(frame)
  const secrets = row === undefined ? [] : secretsIn(row, frame)
  const shown = Math.min(argc, ARGUMENTS_MAX)
  const args = Array.from({ length: shown }, (_, i) => {
    if (i === ARGUMENTS_MAX - 1 && argc > ARGUMENTS_MAX) {
      return Buffer.from(`... (${argc - ARGUMENTS_MAX + 1} more arguments)`)
    }
    const argument = argumentOf(frame, i)
    return secrets.includes(i) ? REDACTED : beginning(argument, was?.sizes[i] ?? argument.length)
  })
  return { args, argc }
}

/** As which event it counts. */
function eventOf(row: CommandRow | undefined): EventName {
  return row?.flags.includes('fast') ? 'fast-command' : 'command'
}

function beginning(argument: Buffer, sizeBytes: number): Buffer {
  const more = sizeBytes - ARGUMENT_BYTES_MAX
  if (more <= 0) return Buffer.from(argument)
  return Buffer.concat([argument.subarray(0, ARGUMENT_BYTES_MAX), Buffer.from(`... (${more} more bytes)`)])
}
