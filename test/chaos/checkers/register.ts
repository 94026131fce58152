import type { Operation, Value } from '../history.js'
import { type Model, NONE, replyOf, textArg } from './model.js'

/** A string key: its value, or null when it is missing. */
type Register = string | null

/** That the key holds something, no matter what. */
const ANYTHING = Symbol('anything')

/**
 * SET, SETNX, GET, GETDEL, DEL and `SET … GET` (`swap`) on one string key, FLUSHDB and FLUSHALL, and DEL (`wipe`) and
 * UNLINK of several keys, whose reply does not say which of them there were.
 */
export const registerModel: Model<Register> = {
  name: 'register',
  initial: null,
  key: (state) => (state === null ? '-' : `=${state}`),
  isRead: ({ name }) => name === 'get' || name === 'watch',
  step(state, operation) {
    const needed = need(operation)
    if (needed === ANYTHING ? state === null : needed !== undefined && needed !== state) return NONE
    return [after(state, operation)]
  },
  outcomes: (state, unknown) => [after(state, unknown)],
  assist(state, unknown, next) {
    const needed = need(next)
    const allowed = needed === undefined || (needed === ANYTHING ? state !== null : needed === state)
    const then = after(state, unknown)
    if (allowed || then === state) return NONE
    // What removes the value helps who finds none, and a SETNX that may have come between.
    return then === null || needed === ANYTHING || then === needed ? [then] : NONE
  },
  anyStates: findable,
}

/**
 * The same with `cas value expected`, which is executed if what is expected is there (`nil`: nothing). What it finds others of unknown
 * outcome may have prepared.
 */
export const casModel: Model<Register> = {
  ...registerModel,
  name: 'cas',
  assist(state, unknown, next) {
    const then = after(state, unknown)
    if (then === state || (this.isRead(next) && this.step(state, next).length > 0)) return NONE
    return [then]
  },
}

/** The values that somebody finds, and one that nobody does. */
function findable(operations: readonly Operation[]): Register[] {
  const values = operations.flatMap((operation) => (operation.outcome.kind === 'ok' ? [need(operation)] : []))
  return [null, 'another', ...new Set(values.filter((value) => typeof value === 'string'))]
}

/** What must be there for the reply that was given; undefined when anything may. */
function need(operation: Operation): Register | typeof ANYTHING | undefined {
  const reply: Value = replyOf(operation)
  switch (operation.name) {
    case 'get':
    case 'watch':
    case 'getdel':
    case 'swap':
      return reply as Register
    case 'setnx':
      return reply === 1 ? null : ANYTHING
    case 'del':
      return reply === 1 ? ANYTHING : null
    case 'cas':
      return expected(operation)
    default:
      return undefined
  }
}

function after(state: Register, operation: Operation): Register {
  switch (operation.name) {
    case 'get':
    case 'watch':
      return state
    case 'cas':
      return state === expected(operation) ? textArg(operation, 0) : state
    case 'set':
    case 'swap':
      return textArg(operation, 0)
    case 'setnx':
      return state ?? textArg(operation, 0)
    case 'getdel':
    case 'del':
    case 'wipe':
    case 'unlink':
    case 'flushall':
    case 'flushdb':
      return null
    default:
      throw new Error(`the register model does not know '${operation.name}'`)
  }
}

function expected(cas: Operation): Register {
  return cas.args[1] === 'nil' ? null : textArg(cas, 1)
}
