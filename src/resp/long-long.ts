const LLONG_MAX = 2n ** 63n - 1n

/** The number that the bytes are, NaN when they are none [Redis util.c string2ll]. */
export function parseLongLong(buf: Buffer, start: number, end: number): number {
  if (end - start > 20) return Number.NaN
  const text = buf.toString('latin1', start, end)
  if (!/^(0|-?[1-9][0-9]*)$/.test(text)) return Number.NaN
  const value = BigInt(text)
  return value > LLONG_MAX || value < -LLONG_MAX - 1n ? Number.NaN : Number(value)
}
