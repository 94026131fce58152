/** Microseconds between the monotonic clock's zero and 1970, moved along when the system's clock is set. */
let epochUs = 0

/**
 * The system's clock in whole microseconds since 1970, as gettimeofday has it. Node gives the wall clock in
 * milliseconds and the monotonic clock in microseconds: the latter counts on, kept within the former's millisecond.
 */
export function wallClockUs(): number {
  const wallUs = Date.now() * 1000
  const monotonicUs = Math.floor(performance.now() * 1000)
  const us = epochUs + monotonicUs
  if (us >= wallUs && us < wallUs + 1000) return us
  const clamped = us < wallUs ? wallUs : wallUs + 999
  epochUs = clamped - monotonicUs
  return clamped
}
