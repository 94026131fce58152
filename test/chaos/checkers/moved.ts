import type { Operation } from '../history.js'
import { PLACES } from '../several-keys.js'
import { type Model, NONE, replyOf, textArg } from './model.js'

/** Of each element, in which sets it is: `ab`. */
type Whereabouts = Readonly<Record<string, string>>

/**
 * SADD and SREM of one element, SMOVE (`smove from to element`), SUNIONSTORE (`sunionstore to from from`), and a look at all sets at
 * once, or (SUNION) at what is in any of them. Whoever moves an element
 * leaves it in one of the two, for everybody who looks. An SMOVE of unknown outcome may have left it in both, and never in neither
 * [README Several keys].
 */
export const movedModel: Model<Whereabouts> = {
  name: 'moved',
  initial: {},
  key: (state) =>
    Object.keys(state)
      .sort()
      .map((element) => `${element}:${state[element]}`)
      .join(' '),
  isRead: ({ name }) => name === 'look' || name === 'sunion',
  step: (state, operation) => (allows(state, operation) ? [after(state, operation)] : NONE),
  outcomes(state, unknown) {
    const then = after(state, unknown)
    if (unknown.name !== 'smove' || then === state) return [then]
    const [, to, element] = unknown.args
    return [then, put(state, String(element), String(to))]
  },
  assist(state, unknown, next) {
    if (this.isRead(next) && allows(state, next)) return NONE
    const [one, other] = [elementOf(unknown), elementOf(next)]
    return one === undefined || other === undefined || one === other ? changing(this, state, unknown) : NONE
  },
}

function changing(model: Model<Whereabouts>, state: Whereabouts, unknown: Operation): Whereabouts[] {
  return model.outcomes(state, unknown).filter((then) => model.key(then) !== model.key(state))
}

function allows(state: Whereabouts, operation: Operation): boolean {
  const reply = replyOf(operation)
  const has = (place: string) => (state[elementOf(operation) ?? ''] ?? '').includes(place)
  switch (operation.name) {
    case 'sadd':
      return has(textArg(operation, 0)) === (reply === 0)
    case 'srem':
    case 'smove':
      return has(textArg(operation, 0)) === (reply === 1)
    case 'sunionstore':
      return reply === Object.values(state).filter((places) => isInOne(places, operation)).length
    case 'sunion':
      return [...(reply as readonly string[])].sort().join() === Object.keys(state).sort().join()
    case 'look': {
      const elements = new Set([...Object.keys(state), ...(reply as readonly string[][]).flat()])
      return [...elements].every((element) => placesIn(operation, element) === (state[element] ?? ''))
    }
    default:
      throw new Error(`the model of moved elements does not know '${operation.name}'`)
  }
}

function after(state: Whereabouts, operation: Operation): Whereabouts {
  const [place, to] = [textArg(operation, 0), textArg(operation, 1)]
  const element = elementOf(operation) ?? ''
  switch (operation.name) {
    case 'sadd':
      return put(state, element, place)
    case 'srem':
      return take(state, element, place)
    case 'smove':
      return (state[element] ?? '').includes(place) ? put(take(state, element, place), element, to) : state
    case 'sunionstore': {
      let then = state
      for (const [each, places] of Object.entries(state)) {
        then = isInOne(places, operation) ? put(then, each, place) : take(then, each, place)
      }
      return then
    }
    default:
      return state
  }
}

/** The element that it is about; undefined when it is about all of them. */
function elementOf({ name, args }: Operation): string | undefined {
  return ['sadd', 'srem', 'smove'].includes(name) ? String(args[args.length - 1]) : undefined
}

/** Whether what is in these sets is in one of those that a SUNIONSTORE reads. */
function isInOne(places: string, { args }: Operation): boolean {
  return args.slice(1).some((place) => places.includes(String(place)))
}

/** In which sets a look has found the element. */
function placesIn(look: Operation, element: string): string {
  const found = replyOf(look) as readonly (readonly string[])[]
  return PLACES.filter((_, i) => found[i].includes(element)).join('')
}

function put(state: Whereabouts, element: string, place: string): Whereabouts {
  return { ...state, [element]: [...new Set([...(state[element] ?? ''), place])].sort().join('') }
}

function take(state: Whereabouts, element: string, place: string): Whereabouts {
  const { [element]: places = '', ...others } = state
  const left = places.replace(place, '')
  return left === '' ? others : { ...others, [element]: left }
}
