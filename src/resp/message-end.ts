const LF = 10
const CR = 13
const DOLLAR = 36
const ZERO = 48
const COLON = 58
const GREATER = 62

/** Where the push of strings at `p` ends, as messages and events are; -1 when none stands there, or not all of it. */
export function messageEnd(buf: Buffer, p: number, limit: number): number {
  let end = p
  for (let left = 1; left > 0; left--) {
    if (end >= limit || buf[end] !== (end === p ? GREATER : DOLLAR)) return -1
    const first = end + 1
    let length = 0
    for (end = first; end < limit && buf[end] >= ZERO && buf[end] < COLON; end++) length = length * 10 + buf[end] - ZERO
    if (end === first || end - first > 9 || end + 1 >= limit || buf[end] !== CR || buf[end + 1] !== LF) return -1
    end += 2
    if (buf[first - 1] === GREATER) {
      left = length + 1
      continue
    }
    end += length + 2
    if (end > limit || buf[end - 2] !== CR || buf[end - 1] !== LF) return -1
  }
  return end
}
