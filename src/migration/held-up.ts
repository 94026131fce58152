import { RangeSet } from '../ring/range-set.js'
import { rangeDifference, type TokenRange } from '../ring/token-range.js'

/** How long it is waited before keys that a member did not take are offered to it again: longer each time. */
const FIRST_MS = 2000
const LATEST_MS = 60_000

interface Waiting {
  readonly ranges: RangeSet
  readonly pauseMs: number
  readonly untilMs: number
}

/**
 * Ranges that a member has received but for some keys which it does not take. They wait, longer each time, so that what cannot
 * be copied harms nothing else; until the member is connected anew, which may have changed it.
 */
export class HeldUp {
  private readonly byMember = new Map<string, Waiting>()

  constructor(private readonly nowMs: () => number = () => performance.now()) {}

  note(member: string, ranges: readonly TokenRange[]): void {
    const before = this.byMember.get(member)
    const pauseMs = before === undefined ? FIRST_MS : Math.min(LATEST_MS, before.pauseMs * 2)
    // What waits already goes on waiting with it.
    const others = (before?.ranges.ranges ?? []).flatMap((range) => without(range, ranges))
    const untilMs = this.nowMs() + pauseMs
    this.byMember.set(member, { ranges: new RangeSet([...others, ...ranges]), pauseMs, untilMs })
  }

  /** It is connected anew, which may have changed it. */
  forget(member: string): void {
    this.byMember.delete(member)
  }

  /** Those for whose keys it is being waited. */
  get members(): string[] {
    return [...this.byMember].filter(([, { untilMs }]) => this.nowMs() < untilMs).map(([member]) => member)
  }

  isWaiting(member: string, range: TokenRange): boolean {
    const waiting = this.byMember.get(member)
    return waiting !== undefined && this.nowMs() < waiting.untilMs && waiting.ranges.has(range.to)
  }
}

/** What is left of a range: every plan cuts the ring anew, and the ranges of a set must not overlap. */
function without(range: TokenRange, others: readonly TokenRange[]): TokenRange[] {
  return others.reduce((left, other) => left.flatMap((each) => rangeDifference(each, other)), [range])
}
