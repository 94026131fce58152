import type { Operation } from '../history.js'
import { type Model, NONE, replyOf, textArg } from './model.js'

type Fields = ReadonlyMap<string, string>

/** HSET and HSETNX of one field, HDEL, HGET and HGETALL (flat, in any order) on one key. */
export const hashModel: Model<Fields> = {
  name: 'hash',
  initial: new Map(),
  key: fieldsKey,
  isRead: ({ name }) => name === 'hget' || name === 'hgetall',
  step: (state, operation) => (allows(state, operation) ? [after(state, operation)] : NONE),
  outcomes: (state, unknown) => [after(state, unknown)],
  assist(state, unknown, next) {
    if (allows(state, next)) return NONE
    const field = textArg(unknown, 0)
    const then = after(state, unknown)
    const value = then.get(field)
    if (value === state.get(field)) return NONE
    if (next.name === 'hgetall') {
      // A field that goes, so that a HSETNX may set it, helps as well.
      const wanted = fieldsOf(next).get(field)
      return value === wanted || (value === undefined && wanted !== state.get(field)) ? [then] : NONE
    }
    if (textArg(next, 0) !== field) return NONE
    return value === undefined || allows(then, next) ? [then] : NONE
  },
}

function allows(state: Fields, operation: Operation): boolean {
  const reply = replyOf(operation)
  const value = state.get(textArg(operation, 0))
  switch (operation.name) {
    case 'hset':
    case 'hsetnx':
      return (value === undefined) === (reply === 1)
    case 'hdel':
      return (value === undefined) === (reply === 0)
    case 'hget':
      return (value ?? null) === reply
    case 'hgetall':
      return fieldsKey(fieldsOf(operation)) === fieldsKey(state)
    default:
      throw new Error(`the hash model does not know '${operation.name}'`)
  }
}

function after(state: Fields, operation: Operation): Fields {
  const { name } = operation
  const field = textArg(operation, 0)
  if (name === 'hset' || (name === 'hsetnx' && !state.has(field))) {
    return new Map(state).set(field, textArg(operation, 1))
  }
  if (name !== 'hdel' || !state.has(field)) return state
  const rest = new Map(state)
  rest.delete(field)
  return rest
}

function fieldsOf(hgetall: Operation): Fields {
  const flat = replyOf(hgetall) as readonly string[]
  const fields = new Map<string, string>()
  for (let i = 0; i < flat.length; i += 2) fields.set(flat[i], flat[i + 1])
  return fields
}

function fieldsKey(fields: Fields): string {
  return [...fields]
    .map(([field, value]) => `${field}=${value}`)
    .sort()
    .join(' ')
}
