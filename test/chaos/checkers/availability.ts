import type { Operation } from '../history.js'
import type { Violation } from './violation.js'

/** Something that went wrong, as to who may notice it. */
export interface Harm {
  readonly what: string
  /** Keys of which no copy is on these members do not notice it; undefined: every key may. */
  readonly members: readonly string[] | undefined
  readonly fromMs: number
  /** When everything was as before. */
  readonly untilMs: number
}

/** How late a timer of the harness itself came: for so long nothing of this machine can be blamed on the proxy. */
export interface Lag {
  readonly atMs: number
  readonly lateMs: number
}

export interface Circumstances {
  readonly harms: readonly Harm[]
  readonly lags: readonly Lag[]
  /** The members that have a copy of a key at that time. */
  holdersOf(key: string, atMs: number): readonly string[]
}

/** Keys that nothing has touched are there within this time [design §2 G4]. */
export const AVAILABLE_WITHIN_MS = 1000
const EXAMPLES = 3

/**
 * G4: "other keys notice nothing". Whatever is asked of keys no copy of which is on a harmed member has to be answered
 * in time, and with an answer. What was sent together is one thing, because replies come in order.
 */
export function checkAvailability(
  operations: readonly Operation[],
  { harms, lags, holdersOf }: Circumstances,
): { judged: number; violations: Violation[] } {
  const batches = new Map<string, Operation[]>()
  for (const operation of operations) {
    const id = `${operation.client} ${operation.invokedMs}`
    const batch = batches.get(id)
    if (batch === undefined) batches.set(id, [operation])
    else batch.push(operation)
  }
  const late: { operations: Operation[]; tookMs: number }[] = []
  let judged = 0
  for (const batch of batches.values()) {
    const { invokedMs } = batch[0]
    const returnedMs = Math.max(...batch.map((operation) => operation.returnedMs))
    const endMs = Math.min(returnedMs, invokedMs + AVAILABLE_WITHIN_MS)
    const near = harms.filter(({ fromMs, untilMs }) => fromMs <= endMs && untilMs >= invokedMs)
    const isTouched = batch.some((operation) => {
      const holders = holdersOf(operation.key, invokedMs)
      return near.some(({ members }) => members === undefined || members.some((name) => holders.includes(name)))
    })
    if (isTouched) continue
    judged++
    const allowedMs = AVAILABLE_WITHIN_MS + lagWithin(lags, invokedMs, endMs)
    const isAnswered = batch.every(isThere)
    if (isAnswered && returnedMs - invokedMs <= allowedMs) continue
    late.push({ operations: batch, tookMs: isAnswered ? returnedMs - invokedMs : Infinity })
  }
  if (late.length === 0) return { judged, violations: [] }
  late.sort((a, b) => b.tookMs - a.tookMs)
  const message = `${late.length} of ${judged} times, what no fault touched was not there within ${AVAILABLE_WITHIN_MS} ms`
  const witness = late.slice(0, EXAMPLES).flatMap((batch) => batch.operations.slice(0, EXAMPLES))
  return { judged, violations: [{ check: 'availability', key: witness[0].key, message, witness }] }
}

/** Redis's own word that something cannot be done is an answer, too. */
function isThere({ outcome }: Operation): boolean {
  return outcome.kind === 'ok' || (outcome.kind === 'failed' && !/not applied|CLUSTERDOWN/.test(outcome.error))
}

function lagWithin(lags: readonly Lag[], fromMs: number, toMs: number): number {
  let sum = 0
  for (const { atMs, lateMs } of lags) if (atMs >= fromMs && atMs - lateMs <= toMs) sum += lateMs
  return 2 * sum
}

/** At most this share of the operations may end without anybody knowing whether they were applied. */
export const UNKNOWN_MAX_SHARE = 0.1

/** A proxy that answered everything with "unknown" would break no other promise. */
export function checkUnknownShare(operations: readonly Operation[]): Violation[] {
  const unknown = operations.filter(({ outcome }) => outcome.kind === 'unknown')
  if (unknown.length <= operations.length * UNKNOWN_MAX_SHARE) return []
  const share = `${unknown.length} of ${operations.length} operations`
  const message = `the outcome of ${share} is unknown, more than ${UNKNOWN_MAX_SHARE * 100} %`
  return [{ check: 'unknown share', key: '', message, witness: unknown.slice(0, EXAMPLES) }]
}
