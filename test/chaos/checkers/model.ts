import type { Operation, Value } from '../history.js'

/**
 * What one key would do if one server had it: a machine whose states follow from each other by operations. States are
 * immutable values, and equal states have equal keys.
 */
export interface Model<State> {
  readonly name: string
  readonly initial: State
  /** A text that two states share exactly when they are equal. */
  key(state: State): string
  /** Whether the operation leaves every state as it is, whatever it answers. */
  isRead(operation: Operation): boolean
  /** The states that the operation can lead to, given the reply it got: none when it cannot have got that reply. */
  step(state: State, operation: Operation): readonly State[]
  /** The states that the operation can lead to, when nobody knows its reply. */
  outcomes(state: State, unknown: Operation): readonly State[]
  /**
   * Those of `outcomes` that can help `next`, which `state` does not allow, to become possible; more unknown operations
   * may have to follow. An operation of unknown outcome that helps nobody need not have happened.
   */
  assist(state: State, unknown: Operation, next: Operation): readonly State[]
  /** States of which one stands for whatever there may have been before these operations, if there are so few. */
  anyStates?(operations: readonly Operation[]): readonly State[]
  /** Whether unknown operations with the same name and arguments may have different effects, because of their times. */
  readonly timed?: boolean
}

/** The reply of an operation that has one. */
export function replyOf(operation: Operation): Value {
  if (operation.outcome.kind !== 'ok') throw new Error(`operation ${operation.id} has no reply`)
  return operation.outcome.value
}

/** The i-th argument as text. */
export function textArg(operation: Operation, i: number): string {
  return String(operation.args[i])
}

/** Whether two replies are the same value. */
export function equal(a: Value, b: Value): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b
  return a.length === b.length && a.every((item, i) => equal(item, b[i]))
}

/** A state that is impossible: no states. */
export const NONE: readonly never[] = []
