import { CIRCLE_SIZE, rangeSize, type TokenRange } from './token-range.js'

/** A set of identifiers, given as ranges of the circle; asks are answered by binary search. */
export class RangeSet {
  /** Fraction of the circle that it covers, 0 … 1. */
  readonly share: number
  /** First and last identifiers of intervals that do not cross zero, in ascending order. */
  private readonly firsts: Uint32Array
  private readonly lasts: Uint32Array

  /** `ranges` must not overlap. */
  constructor(readonly ranges: readonly TokenRange[]) {
    const intervals: (readonly [number, number])[] = []
    for (const range of ranges) {
      const first = (range.from + 1) >>> 0
      if (first <= range.to) intervals.push([first, range.to])
      else intervals.push([first, CIRCLE_SIZE - 1], [0, range.to])
    }
    intervals.sort((a, b) => a[0] - b[0])
    this.firsts = Uint32Array.from(intervals, ([first]) => first)
    this.lasts = Uint32Array.from(intervals, ([, last]) => last)
    this.share = ranges.reduce((sum, range) => sum + rangeSize(range), 0) / CIRCLE_SIZE
  }

  has(identifier: number): boolean {
    const { firsts, lasts } = this
    let low = 0
    let high = firsts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (firsts[middle] <= identifier) low = middle + 1
      else high = middle
    }
    return low > 0 && identifier <= lasts[low - 1]
  }
}
