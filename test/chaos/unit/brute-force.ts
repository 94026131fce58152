import type { Model } from '../checkers/model.js'
import type { Operation } from '../history.js'

/**
 * Whether a small history is linearizable, found by trying every order of every subset of the operations of unknown outcome: slow,
 * and short enough to be seen to be right.
 */
export function isLinearizable<State>(model: Model<State>, operations: readonly Operation[]): boolean {
  const happened = operations.filter(({ outcome }) => outcome.kind !== 'failed')
  const afterOf = new Map(operations.map(({ id, after }) => [id, after]))
  const mustPrecede = (first: Operation, second: Operation): boolean => {
    if (first.returnedMs < second.invokedMs) return true
    if (second.outcome.kind !== 'ok') return false
    let before = second.after
    while (before !== undefined && before !== first.id) before = afterOf.get(before)
    return before !== undefined
  }
  const search = (state: State, left: readonly Operation[]): boolean => {
    if (left.every(({ outcome }) => outcome.kind === 'unknown')) return true
    return left.some((operation) => {
      const others = left.filter((other) => other !== operation)
      if (others.some((other) => other.outcome.kind === 'ok' && mustPrecede(other, operation))) return false
      const states = operation.outcome.kind === 'ok' ? model.step(state, operation) : model.outcomes(state, operation)
      return states.some((next) => search(next, others))
    })
  }
  return search(model.initial, happened)
}
