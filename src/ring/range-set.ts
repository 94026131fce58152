import { CIRCLE_SIZE, rangeSize, type TokenRange } from './token-range.js'

/** Before the first interval. */
const NONE = -1

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
    const isStart = (i: number) => i === 0 || intervals[i - 1][1] + 1 !== intervals[i][0]
    const isEnd = (i: number) => i === intervals.length - 1 || isStart(i + 1)
    this.firsts = Uint32Array.from(
      intervals.filter((_, i) => isStart(i)),
      ([first]) => first,
    )
    this.lasts = Uint32Array.from(
      intervals.filter((_, i) => isEnd(i)),
      ([, last]) => last,
    )
    this.share = ranges.reduce((sum, range) => sum + rangeSize(range), 0) / CIRCLE_SIZE
  }

  get isEmpty(): boolean {
    return this.firsts.length === 0
  }

  has(identifier: number): boolean {
    const at = this.intervalOf(identifier)
    return at !== NONE && identifier <= this.lasts[at]
  }

  /** Whether all identifiers of the range are in the set. */
  covers(range: TokenRange): boolean {
    const first = (range.from + 1) >>> 0
    if (first > range.to) return this.hasAll(first, CIRCLE_SIZE - 1) && this.hasAll(0, range.to)
    return this.hasAll(first, range.to)
  }

  private hasAll(first: number, last: number): boolean {
    const at = this.intervalOf(first)
    return at !== NONE && last <= this.lasts[at]
  }

  /** The last interval that begins at or before the identifier. */
  private intervalOf(identifier: number): number {
    const { firsts } = this
    let low = 0
    let high = firsts.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (firsts[middle] <= identifier) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}
