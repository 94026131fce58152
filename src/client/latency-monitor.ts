import { wallClockUs } from '../base/clock.js'

/** Redis keeps so many samples of an event, one for a second [Redis latency.h LATENCY_TS_LEN]. */
export const SAMPLES_MAX = 160
/** How often is looked whether the event loop runs. */
const BEAT_MS = 100

/** At which second of the day's clock, and how many ms it took. */
export type Sample = readonly [atSeconds: number, ms: number]

/** What the proxy has seen of one kind of event. */
export interface LatencyEvent {
  /** The oldest first. */
  readonly samples: readonly Sample[]
  /** The longest ever. */
  readonly mostMs: number
}

/** What is watched: commands, as clients wait for them, by whether Redis calls them fast; and turns of the proxy's own event loop. */
export type EventName = 'command' | 'fast-command' | 'event-loop'

interface Series {
  samples: [number, number][]
  mostMs: number
}

/** LATENCY of the proxy: what took as long as `latency-monitor-threshold` says, or longer [Redis latency.c]. */
export class LatencyMonitor {
  private readonly series = new Map<EventName, Series>()
  private threshold = 0
  private timer: NodeJS.Timeout | undefined

  /** @param nowMs a clock that nobody sets */
  constructor(private readonly nowMs: () => number = () => performance.now()) {}

  /** 0: nothing is watched. */
  get thresholdMs(): number {
    return this.threshold
  }

  set thresholdMs(ms: number) {
    this.threshold = ms
    clearInterval(this.timer)
    this.timer = undefined
    if (ms > 0) this.watchLoop()
  }

  get events(): ReadonlyMap<string, LatencyEvent> {
    return this.series
  }

  /** It took so long; what was shorter than the threshold is none. */
  note(event: EventName, us: number): void {
    const ms = Math.floor(us / 1000)
    if (this.threshold === 0 || ms < this.threshold) return
    const atSeconds = Math.floor(wallClockUs() / 1e6)
    const series: Series = this.series.get(event) ?? { samples: [], mostMs: 0 }
    this.series.set(event, series)
    series.mostMs = Math.max(series.mostMs, ms)
    const last = series.samples.at(-1)
    if (last?.[0] === atSeconds) last[1] = Math.max(last[1], ms)
    else if (series.samples.push([atSeconds, ms]) > SAMPLES_MAX) series.samples.shift()
  }

  /** Forgets these events, all when none are named; gives which there were. */
  reset(names: readonly string[]): string[] {
    const known = [...this.series.keys()].filter((name) => names.length === 0 || names.includes(name))
    for (const name of known) this.series.delete(name)
    return known
  }

  /** What makes a timer late makes everybody wait. */
  private watchLoop(): void {
    let dueMs = this.nowMs() + BEAT_MS
    this.timer = setInterval(() => {
      const nowMs = this.nowMs()
      this.note('event-loop', (nowMs - dueMs) * 1000)
      dueMs = nowMs + BEAT_MS
    }, BEAT_MS).unref()
  }
}
