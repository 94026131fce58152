const LLONG_MAX = 2n ** 63n - 1n
const ZERO = 0x30
const SMALL_DIGITS = 10

/** The number that the bytes are, NaN when they are none [Redis util.c string2ll]. */
export function parseLongLong(buf: Buffer, start: number, end: number): number {
  const small = smallNumber(buf, start, end)
  if (small !== undefined) return small
  if (end - start > 20) return Number.NaN
  const text = buf.toString('latin1', start, end)
  if (!/^(0|-?[1-9][0-9]*)$/.test(text)) return Number.NaN
  const value = BigInt(text)
  return value > LLONG_MAX || value < -LLONG_MAX - 1n ? Number.NaN : Number(value)
}

/** A number without a sign, nor zeros before it, of at most ten digits; undefined for everything else. */
export function smallNumber(buf: Buffer, start: number, end: number): number | undefined {
  if (end === start || end - start > SMALL_DIGITS || (buf[start] === ZERO && end - start > 1)) return undefined
  let value = 0
  for (let i = start; i < end; i++) {
    const digit = buf[i] - ZERO
    if (digit < 0 || digit > 9) return undefined
    value = value * 10 + digit
  }
  return value
}
