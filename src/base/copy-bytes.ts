/**
 * Up to this size a loop is faster than `Buffer.copy`, which costs 63 ns whatever the size, as it makes a view of what
 * it copies first: 12 ns instead for 5 bytes, 32 for 24, 50 for 40. Every command is copied two or three times.
 */
const LOOP_BYTES_MAX = 48

/** Copies the bytes of `from` from `start` up to `end` to `to` at `at`, where there must be room for them. */
export function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): void {
  if (end - start > LOOP_BYTES_MAX) {
    from.copy(to, at, start, end)
    return
  }
  let i = start
  let k = at
  for (const stop = end - 3; i < stop; i += 4, k += 4) {
    to[k] = from[i]
    to[k + 1] = from[i + 1]
    to[k + 2] = from[i + 2]
    to[k + 3] = from[i + 3]
  }
  for (; i < end; i++, k++) to[k] = from[i]
}
