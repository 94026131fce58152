import type { Operation } from '../history.js'
import { checkLinearizable } from './linearizable.js'
import type { Model } from './model.js'
import { VALUE_PATTERN } from './provenance.js'

/** How many steps all searches for a smaller witness may try together. */
const STEPS_MAX = 1_500_000

/**
 * A small part of a history that is not linearizable, for people: what is left out is only what the rest can do
 * without and stays impossible. The steps keep it honest: time is cut after the first moment at which it had gone wrong, and
 * before the last from which on it goes wrong whatever was there; reads are dropped (they change nothing, so dropping
 * one cannot make a history wrong); writes become operations of unknown outcome, which may or may not have happened.
 */
export function findWitness<State>(model: Model<State>, operations: readonly Operation[]): Operation[] {
  let stepsLeft = STEPS_MAX
  const wrongFrom = (initials: readonly State[] | undefined) => (candidate: readonly Operation[]) => {
    if (stepsLeft <= 0) return false
    const verdict = checkLinearizable(model, candidate, Math.min(stepsLeft, STEPS_MAX / 10), initials)
    stepsLeft -= verdict.steps
    return verdict.kind === 'violation'
  }
  const happened = operations.filter(({ outcome }) => outcome.kind !== 'failed')
  const early = cutEnd(model, happened, wrongFrom(undefined))
  const wrongFromAny = wrongFrom(model.anyStates?.(early))
  const late = model.anyStates === undefined ? early : cutBeginning(model, early, wrongFromAny)
  const wrong = late === early ? wrongFrom(undefined) : wrongFromAny
  const isKnownRead = (operation: Operation) => model.isRead(operation) && operation.outcome.kind === 'ok'
  const withoutReads = shrink(late, isKnownRead, () => undefined, wrong)
  const isKnown = (operation: Operation) => !model.isRead(operation) && operation.outcome.kind === 'ok'
  return showing(shrink(withoutReads, isKnown, forgetReply, wrong), operations)
}

/** A reply with more values than this says little about each of them. */
const TELLING_MAX = 3

/** The operations that say something, and all that wrote what these speak of. */
function showing(small: readonly Operation[], operations: readonly Operation[]): Operation[] {
  const known = small.filter(({ outcome }) => outcome.kind === 'ok')
  const told = new Set(
    known.flatMap(({ outcome, args }) => {
      const values = outcome.kind === 'ok' ? [outcome.value].flat(9) : []
      return [...args, ...(values.length <= TELLING_MAX ? values : [])]
    }),
  )
  const ids = new Set(known.map(({ id }) => id))
  return operations.filter(
    ({ id, args }) => ids.has(id) || args.some((arg) => VALUE_PATTERN.test(String(arg)) && told.has(arg)),
  )
}

/** The operations from the latest moment on at which anything may have been there, and it still goes wrong. */
function cutBeginning<State>(
  model: Model<State>,
  operations: readonly Operation[],
  wrong: (candidate: readonly Operation[]) => boolean,
): readonly Operation[] {
  const starts = operations.map(({ invokedMs }) => invokedMs).sort((a, b) => a - b)
  // Whoever was under way at that moment may have run before it, or after.
  const suffix = (first: number) =>
    operations.flatMap((operation) => {
      if (operation.invokedMs >= starts[first]) return [operation]
      if (operation.outcome.kind === 'ok' && operation.returnedMs < starts[first]) return []
      return model.isRead(operation) ? [] : [forgetReply(operation)]
    })
  let wrongAt = -1
  let right = starts.length
  while (right - wrongAt > 1) {
    const middle = (right + wrongAt) >> 1
    if (wrong(suffix(middle))) wrongAt = middle
    else right = middle
  }
  return wrongAt < 0 ? operations : suffix(wrongAt)
}

/** What was known when the n-th operation returned, for the smallest n that is already wrong. */
function cutEnd<State>(
  model: Model<State>,
  operations: readonly Operation[],
  wrong: (candidate: readonly Operation[]) => boolean,
): readonly Operation[] {
  const returns = operations.flatMap(({ returnedMs, outcome }) => (outcome.kind === 'ok' ? [returnedMs] : []))
  returns.sort((a, b) => a - b)
  const prefix = (count: number) => {
    const endMs = returns[count - 1]
    return operations.flatMap((operation) => {
      if (operation.invokedMs > endMs) return []
      if (operation.outcome.kind !== 'ok' || operation.returnedMs <= endMs) return [operation]
      return model.isRead(operation) ? [] : [forgetReply(operation)]
    })
  }
  let right = 0
  let wrongAt = returns.length
  while (wrongAt - right > 1) {
    const middle = (right + wrongAt) >> 1
    if (wrong(prefix(middle))) wrongAt = middle
    else right = middle
  }
  const smallest = prefix(wrongAt)
  return wrong(smallest) ? smallest : operations
}

/** Replaces operations, many at a time and then fewer, as long as the rest stays wrong [delta debugging]. */
function shrink(
  operations: readonly Operation[],
  mayReplace: (operation: Operation) => boolean,
  replace: (operation: Operation) => Operation | undefined,
  wrong: (candidate: readonly Operation[]) => boolean,
): readonly Operation[] {
  let current = operations
  for (let size = Math.ceil(current.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    let ids = current.filter(mayReplace).map(({ id }) => id)
    while (ids.length > 0) {
      const batch = new Set(ids.slice(0, size))
      ids = ids.slice(size)
      const candidate = current.flatMap((operation) =>
        batch.has(operation.id) ? (replace(operation) ?? []) : [operation],
      )
      if (wrong(candidate)) current = candidate
    }
  }
  return current
}

function forgetReply(operation: Operation): Operation {
  return { ...operation, returnedMs: Number.POSITIVE_INFINITY, outcome: { kind: 'unknown', reason: 'left open' } }
}
