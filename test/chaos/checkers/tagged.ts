import type { Operation } from '../history.js'
import { type Model, NONE, replyOf, textArg } from './model.js'

/** What is under each of the names that share a tag; a name that has nothing is not there. */
type Tagged = Readonly<Record<string, string>>

/**
 * What only looks, and is possible, needs nobody. Before all others it matters what was there although they are possible
 * anyway: they carry it to another name, or overwrite a part of what an operation of unknown outcome has left.
 */
const LOOKS = new Set(['get', 'mget'])

/**
 * Strings under several names with one tag: SET (`set name value`), GET, MGET of all names, RENAME, RENAMENX, COPY …
 * REPLACE and BITOP OR of one source (`rename from to`; a source that is not there answers `none`), DEL and UNLINK of
 * several (`dels`, `unlinks`), MSET of one value to two names (`mset name name value`).
 */
export const taggedModel: Model<Tagged> = {
  name: 'tagged',
  initial: {},
  key: (state) =>
    Object.keys(state)
      .sort()
      .map((name) => `${name}=${state[name]}`)
      .join(' '),
  isRead: ({ name }) => name === 'get' || name === 'mget',
  step: (state, operation) => (allows(state, operation) ? [after(state, operation)] : NONE),
  /** Its deletions may be undone, when the proxy died as the master alone had executed it [design §2 G3]. */
  outcomes(state, unknown) {
    const done = after(state, unknown)
    const undone = { ...state, ...done }
    return this.key(undone) === this.key(done) ? [done] : [done, undone]
  },
  assist(state, unknown, next) {
    if (LOOKS.has(next.name) && allows(state, next)) return NONE
    return this.outcomes(state, unknown).filter((then) => this.key(then) !== this.key(state))
  },
}

/** The same with names on different servers: what concerns several of them may be done in part, when its outcome is unknown. */
export const ringModel: Model<Tagged> = {
  ...taggedModel,
  name: 'ring',
  outcomes(state, unknown) {
    const [one, other, value] = unknown.args.map(String)
    if (unknown.name === 'mset') {
      return [after(state, unknown), { ...state, [one]: value }, { ...state, [other]: value }]
    }
    if (unknown.name !== 'dels' && unknown.name !== 'unlinks') return taggedModel.outcomes(state, unknown)
    let parts: Tagged[] = [state]
    for (const name of unknown.args) {
      if (name in state) parts = parts.flatMap((part) => [without(part, [name]), part])
    }
    return parts
  },
}

/** All names under one tag. */
export const NAMES: readonly string[] = ['a', 'b', 'c']

function allows(state: Tagged, operation: Operation): boolean {
  const reply = replyOf(operation)
  const [from, to] = [textArg(operation, 0), textArg(operation, 1)]
  switch (operation.name) {
    case 'set':
    case 'mset':
      return true
    case 'get':
      return reply === (state[from] ?? null)
    case 'mget':
      return NAMES.every((name, i) => (reply as readonly unknown[])[i] === (state[name] ?? null))
    case 'rename':
      return (reply === 'OK') === from in state
    case 'renamenx':
      return reply === (!(from in state) ? 'none' : to in state ? 0 : 1)
    case 'copy':
      return (reply === 1) === from in state
    case 'bitop':
      return (reply !== 0) === from in state
    case 'dels':
    case 'unlinks':
      return reply === operation.args.filter((name) => name in state).length
    default:
      throw new Error(`the tagged model does not know '${operation.name}'`)
  }
}

function after(state: Tagged, operation: Operation): Tagged {
  const [from, to] = [textArg(operation, 0), textArg(operation, 1)]
  switch (operation.name) {
    case 'set':
      return { ...state, [from]: to }
    case 'mset':
      return { ...state, [from]: textArg(operation, 2), [to]: textArg(operation, 2) }
    case 'rename':
      return from in state ? { ...without(state, [from]), [to]: state[from] } : state
    case 'renamenx':
      return from in state && !(to in state) ? { ...without(state, [from]), [to]: state[from] } : state
    case 'copy':
      return from in state ? { ...state, [to]: state[from] } : state
    case 'bitop':
      return from in state ? { ...state, [to]: state[from] } : without(state, [to])
    case 'dels':
    case 'unlinks':
      return without(state, operation.args)
    default:
      return state
  }
}

function without(state: Tagged, names: readonly (string | number)[]): Tagged {
  return Object.fromEntries(Object.entries(state).filter(([name]) => !names.includes(name)))
}
