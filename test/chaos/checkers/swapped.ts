import { SWAPPED_DBS } from '../databases.js'
import type { Operation } from '../history.js'
import { type Model, NONE } from './model.js'
import { registerModel } from './register.js'

/** What the two databases have under one name. */
type Pair = readonly [string | null, string | null]

/**
 * The operations of a register on a key that two databases have, which SWAPDB swaps.
 *
 * A write of unknown outcome may have been executed before a swap or after it, so it may have changed the one or the
 * other: it is taken to have changed the one where that helps. Swaps of unknown outcome are tried where they help at once,
 * which is not everywhere where they may have been: see `untilUnknownSwap`.
 */
export const swappedModel: Model<Pair> = {
  name: 'swapped',
  initial: [null, null],
  key: (state) => state.map(registerModel.key).join(' '),
  isRead: registerModel.isRead,
  step(state, operation) {
    if (isSwap(operation)) return [swap(state)]
    const at = sideOf(operation)
    return registerModel.step(state[at], operation).map((content) => withSide(state, at, content))
  },
  outcomes(state, unknown) {
    if (isSwap(unknown)) return [swap(state)]
    const at = sideOf(unknown)
    return registerModel.outcomes(state[at], unknown).map((content) => withSide(state, at, content))
  },
  assist(state, unknown, next) {
    if (isSwap(next)) return NONE
    if (isSwap(unknown)) return [swap(state)]
    const at = sideOf(next)
    return registerModel.assist(state[at], unknown, next).map((content) => withSide(state, at, content))
  },
}

/** What happened before anybody may have swapped without saying so; what was under way then is of unknown outcome. */
export function untilUnknownSwap(operations: readonly Operation[]): Operation[] {
  const unknown = operations.filter((operation) => isSwap(operation) && operation.outcome.kind === 'unknown')
  const endMs = Math.min(...unknown.map(({ invokedMs }) => invokedMs))
  return operations.flatMap((operation): Operation[] => {
    if (operation.invokedMs >= endMs) return []
    if (operation.returnedMs < endMs) return [operation]
    return [{ ...operation, returnedMs: Infinity, outcome: { kind: 'unknown', reason: 'a swap was under way' } }]
  })
}

function swap([first, second]: Pair): Pair {
  return [second, first]
}

function isSwap({ name }: Operation): boolean {
  return name === 'swapdb'
}

function sideOf({ db }: Operation): 0 | 1 {
  return db === SWAPPED_DBS[1] ? 1 : 0
}

function withSide(state: Pair, at: 0 | 1, content: string | null): Pair {
  return at === 0 ? [content, state[1]] : [state[0], content]
}
