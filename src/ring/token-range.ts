/** Number of identifiers on the circle. */
export const CIRCLE_SIZE = 2 ** 32

/**
 * The identifiers that follow `from` clockwise, up to and including `to`: (from, to] in Chord's notation, across zero
 * when `to` is smaller. `from` equal to `to` is the whole circle; the empty range has no value of this type.
 */
export interface TokenRange {
  readonly from: number
  readonly to: number
}

/** Number of identifiers in the range, 1 … 2^32. */
export function rangeSize(range: TokenRange): number {
  return (range.to - range.from) >>> 0 || CIRCLE_SIZE
}

export function rangeContains(range: TokenRange, identifier: number): boolean {
  // The distance from `from`, less one: `from` itself is the identifier farthest away.
  return (identifier - range.from - 1) >>> 0 < rangeSize(range)
}

export function rangesOverlap(a: TokenRange, b: TokenRange): boolean {
  // Where two ranges have something in common, that ends where one of them ends.
  return rangeContains(a, b.to) || rangeContains(b, a.to)
}

/** What `a` has and `b` has not: none, one or two ranges, clockwise from the beginning of `a`. */
export function rangeDifference(a: TokenRange, b: TokenRange): TokenRange[] {
  if (!rangesOverlap(a, b)) return [a]
  if (b.from === b.to) return []
  // Positions counted from the beginning of `a`, so that nothing crosses zero but `b`.
  const end = rangeSize(a)
  const from = (b.from - a.from) >>> 0
  const to = (b.to - a.from) >>> 0 || CIRCLE_SIZE
  const rest: TokenRange[] = []
  const add = (first: number, last: number): void => {
    if (first < last) rest.push({ from: (a.from + first) >>> 0, to: (a.from + last) >>> 0 })
  }
  if (from < to) {
    add(0, Math.min(from, end))
    add(to, end)
  } else {
    add(to, Math.min(from, end))
  }
  return rest
}
