import { type Accuracy, type KeySample, surveyKeys } from '../order/key-count.js'
import type { Router } from '../order/router.js'
import { identifierOfKey } from '../ring/identifier.js'
import { RangeSet } from '../ring/range-set.js'
import { Ring } from '../ring/ring.js'
import { nextView } from '../view/placement.js'
import type { Member } from '../view/view.js'
import { planIntakes, type Reason } from './plan.js'
import type { Speed } from './speed.js'

/** Keys whose sizes are asked for. */
const SIZES_MAX = 1000

/** What one member would get from another. */
export interface Move {
  readonly member: string
  readonly source: string
  readonly reason: Reason
  /** Number of token ranges. */
  readonly ranges: number
  keys: number
  bytes: number
}

/** What would move if the members changed. */
export interface Forecast {
  readonly moves: readonly Move[]
  /** Copies of keys that would be made, and about how much memory they take. */
  readonly keys: number
  readonly bytes: number
  readonly seconds: number
  /** Keys that would get another master, and their share of all keys, 0 … 1. */
  readonly mastered: number
  readonly share: number
  /** The share that a perfectly even ring would have: 1/N, of the ring with the member that joins or leaves. */
  readonly ideal: number
  readonly how: Accuracy
}

/**
 * What would move if these members were there and `wanted` made up the ring; nothing is done. Data that moves already is
 * left out.
 *
 * @throws LinkLostError when a server does not answer
 */
export async function forecast(
  router: Router,
  members: readonly Member[],
  wanted: readonly string[],
  speed: Speed,
): Promise<Forecast> {
  const { view } = router
  const next = nextView(view, { members, wanted })
  const isServing = (name: string) => router.links.some((link) => link.name === name && link.serving)
  const plans = planIntakes(next, isServing, (member, { to }) =>
    view.setOfRange[view.ring.rangeOf(to)].pending.some(({ name }) => name === member),
  )
  const parts = plans.flatMap(({ member, reason, sources }) =>
    sources.map(({ source, ranges }) => ({
      set: new RangeSet(ranges),
      move: { member, source, reason, ranges: ranges.length, keys: 0, bytes: 0 },
    })),
  )
  const [before, after] = [Ring.of(view.wanted, view.virtualNodes), Ring.of(wanted, view.virtualNodes)]
  const { how, samples } = await surveyKeys(router)
  const moving: Moving[] = []
  let total = 0
  let mastered = 0
  for (const sample of samples) {
    for (const key of sample.keys) {
      const identifier = identifierOfKey(key, 0, key.length)
      total += sample.weight
      if (before.owner(before.rangeOf(identifier)) !== after.owner(after.rangeOf(identifier))) mastered += sample.weight
      const moves = parts.flatMap(({ set, move }) => (set.has(identifier) ? [move] : []))
      for (const move of moves) move.keys += sample.weight
      if (moves.length > 0) moving.push({ sample, key })
    }
  }
  const bytesEach = await averageSize(moving)
  for (const { move } of parts) {
    move.bytes = Math.round(move.keys * bytesEach)
    move.keys = Math.round(move.keys)
  }
  const keys = parts.reduce((sum, { move }) => sum + move.keys, 0)
  const bytes = parts.reduce((sum, { move }) => sum + move.bytes, 0)
  return {
    moves: parts.map(({ move }) => move).sort((a, b) => compare(a.member, b.member) || compare(a.source, b.source)),
    ...{ keys, bytes, seconds: speed.secondsFor(keys, bytes) },
    ...{ mastered: Math.round(mastered), share: total === 0 ? 0 : mastered / total },
    ideal: 1 / Math.max(1, wanted.length, view.wanted.length),
    how,
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

interface Moving {
  readonly sample: KeySample
  readonly key: Buffer
}

/** The average memory that a key takes, of some that lie evenly among those that move; keys stand for others by weight. */
async function averageSize(moving: readonly Moving[]): Promise<number> {
  const step = Math.max(1, Math.ceil(moving.length / SIZES_MAX))
  const chosen = moving.filter((_, i) => i % step === 0)
  const sizes = await Promise.all(
    chosen.map(({ sample, key }) => sample.link.call(['MEMORY', 'USAGE', key, 'SAMPLES', '1'], sample.db)),
  )
  let bytes = 0
  let weights = 0
  for (const [i, size] of sizes.entries()) {
    // A key that is gone in the meantime has no size.
    if (typeof size !== 'number') continue
    bytes += size * chosen[i].sample.weight
    weights += chosen[i].sample.weight
  }
  return weights === 0 ? 0 : bytes / weights
}
