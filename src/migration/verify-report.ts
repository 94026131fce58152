import type { View } from '../view/view.js'

/**
 * What may be wrong with a copy of a key: it is `missing` on a backup, or there although the master has no such key
 * (`extra`); it has another `type`, `value` or deadline (`ttl`) than the master's; it is the master's, which has something
 * else than all backups, at least two, who are equal (`outvoted`); or it is on a member that is no replica of the key at
 * all (`orphaned`).
 */
export const DIFFERENCE_KINDS = ['missing', 'extra', 'type', 'value', 'ttl', 'outvoted', 'orphaned'] as const
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number]

export interface Difference {
  readonly kind: DifferenceKind
  readonly db: number
  readonly key: Buffer
  /** Where the copy is, or should be. */
  readonly member: string
}

/** Of each kind so many are kept to be shown. */
const EXAMPLES_MAX = 5
/** Different reasons for which keys could not be compared. */
const REASONS_MAX = 20

/** What a verification has found so far. */
export class VerifyReport {
  readonly startedAtMs = performance.now()
  /** Copies that are to be looked through on all members, estimated before, and those that were. */
  copiesTotal = 0
  copiesSeen = 0
  /** Keys whose copies were compared. */
  keys = 0
  /** Keys that could not be compared. */
  unchecked = 0
  /** Why keys, or whole members, were not compared: each reason once. */
  readonly reasons = new Set<string>()
  readonly counts = Object.fromEntries(DIFFERENCE_KINDS.map((kind) => [kind, 0])) as Record<DifferenceKind, number>
  readonly examples: Difference[] = []
  /** Differences that were repaired; the others are left. */
  repaired = 0
  private endedAtMs: number | undefined
  private end: 'running' | 'done' | 'cancelled' = 'running'

  constructor(
    /** Whether what is found is also repaired. */
    readonly repair: boolean,
    /** Whether it is done without anybody having asked. */
    readonly background: boolean,
  ) {}

  get state(): 'running' | 'done' | 'cancelled' {
    return this.end
  }

  get differences(): number {
    return DIFFERENCE_KINDS.reduce((sum, kind) => sum + this.counts[kind], 0)
  }

  /** Differences that are still there. */
  get left(): number {
    return this.differences - this.repaired
  }

  /** Whether every key was compared. */
  get complete(): boolean {
    return this.end === 'done' && this.reasons.size === 0
  }

  get seconds(): number {
    return ((this.endedAtMs ?? performance.now()) - this.startedAtMs) / 1000
  }

  /** Estimated; undefined as long as there is nothing to estimate from. */
  get secondsLeft(): number | undefined {
    if (this.end !== 'running' || this.copiesSeen === 0) return undefined
    return (Math.max(0, this.copiesTotal - this.copiesSeen) * this.seconds) / this.copiesSeen
  }

  /** All members are looked through, perhaps not for the first time; differences that were found before stay. */
  begin(copiesTotal: number): void {
    this.copiesTotal = copiesTotal
    this.copiesSeen = 0
    this.keys = 0
    this.unchecked = 0
    this.reasons.clear()
  }

  ended(how: 'done' | 'cancelled'): void {
    this.end = how
    this.endedAtMs = performance.now()
  }

  found(difference: Difference): void {
    const { kind } = difference
    this.counts[kind]++
    if (this.examples.filter((example) => example.kind === kind).length < EXAMPLES_MAX) this.examples.push(difference)
  }

  /** @param keys 0 when nobody knows how many */
  notChecked(keys: number, why: string): void {
    this.unchecked += keys
    if (this.reasons.size < REASONS_MAX) this.reasons.add(why)
  }
}

/** Whether every key has the same natural replicas in both views. */
export function samePlaces(a: View, b: View): boolean {
  if (a === b) return true
  if (a.ring.size !== b.ring.size) return false
  for (let i = 0; i < a.ring.size; i++) {
    const [before, after] = [a.setOfRange[i].natural, b.setOfRange[i].natural]
    if (a.ring.tokens[i] !== b.ring.tokens[i] || before.length !== after.length) return false
    if (before.some(({ name }, k) => name !== after[k].name)) return false
  }
  return true
}
