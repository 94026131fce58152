/** So many of them are a millisecond. */
export const TICKS_PER_MS = 64

/**
 * When what is being handled was read from its socket: a clock that costs nothing to read, for what is noted of every command.
 * Whole numbers of 32 bits, which wrap around: only differences mean something, see `ticksBetween`.
 */
export const coarse = { tick: 0 }

/** What the coarse clock shows, or would show, at a time in ms of `performance.now`. */
export function tickAt(ms: number): number {
  return (ms * TICKS_PER_MS) | 0
}

/** The time in ms of `performance.now`; the coarse clock shows it from now on. */
export function readClock(): number {
  const ms = performance.now()
  coarse.tick = tickAt(ms)
  return ms
}

/** From one reading to a later one. */
export function ticksBetween(from: number, to: number): number {
  return (to - from) | 0
}
