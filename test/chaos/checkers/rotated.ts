import type { Operation } from '../history.js'
import { PLACES } from '../several-keys.js'
import { type Model, NONE, replyOf, textArg } from './model.js'

/** The elements of each list, in their order. */
type Lists = Readonly<Record<string, readonly string[]>>

/**
 * RPUSH of a new element, LPOP, LMOVE (`lmove from to LEFT RIGHT`), RPOPLPUSH, LMPOP over all lists (`lmpop LEFT`), and a look at
 * all of them at once. Whoever moves an element leaves it in one of the lists, for everybody who looks. When the outcome is
 * unknown it may be at its old place as well, and is never at none [README Several keys].
 */
export const rotatedModel: Model<Lists> = {
  name: 'rotated',
  initial: Object.fromEntries(PLACES.map((place) => [place, []])),
  key: (state) => PLACES.map((place) => state[place].join(' ')).join('|'),
  isRead: ({ name }) => name === 'look',
  step(state, operation) {
    const [then, reply] = execute(state, operation)
    return isSame(reply, replyOf(operation)) ? [then] : NONE
  },
  outcomes(state, unknown) {
    const [then, moved] = execute(state, unknown)
    const [from, to, side] = [textArg(unknown, 0), textArg(unknown, 1), unknown.args[3] ?? 'LEFT']
    if (!isMove(unknown) || moved === null || from === to) return [then]
    return [then, { ...state, [to]: put(state[to], String(moved), side) }]
  },
  assist(state, unknown, next) {
    // Who only looks needs nobody if he may see what is there; others may find another order behind them.
    if (this.isRead(next) && this.step(state, next).length > 0) return NONE
    return this.outcomes(state, unknown).filter((then) => this.key(then) !== this.key(state))
  },
}

type Reply = null | number | string | readonly (readonly string[])[]

/** The lists then, and what is answered. */
function execute(state: Lists, operation: Operation): [Lists, Reply] {
  const [place, to] = [textArg(operation, 0), textArg(operation, 1)]
  switch (operation.name) {
    case 'rpush': {
      const list = [...state[place], to]
      return [{ ...state, [place]: list }, list.length]
    }
    case 'lpop':
      return pop(state, place, 'LEFT')
    case 'lmpop': {
      const first = PLACES.find((each) => state[each].length > 0)
      return first === undefined ? [state, null] : pop(state, first, place)
    }
    case 'lmove':
      return move(state, place, to, operation.args[2], operation.args[3])
    case 'rpoplpush':
      return move(state, place, to, 'RIGHT', 'LEFT')
    case 'look':
      return [state, PLACES.map((each) => state[each])]
    default:
      throw new Error(`the model of rotated lists does not know '${operation.name}'`)
  }
}

function isMove({ name }: Operation): boolean {
  return name === 'lmove' || name === 'rpoplpush'
}

function move(
  state: Lists,
  from: string,
  to: string,
  side: string | number,
  otherSide: string | number,
): [Lists, string | null] {
  const [then, element] = pop(state, from, side)
  return element === null ? [state, null] : [{ ...then, [to]: put(then[to], element, otherSide) }, element]
}

function pop(state: Lists, place: string, side: string | number): [Lists, string | null] {
  const list = state[place]
  if (list.length === 0) return [state, null]
  const [element, rest] = side === 'LEFT' ? [list[0], list.slice(1)] : [list[list.length - 1], list.slice(0, -1)]
  return [{ ...state, [place]: rest }, element]
}

function put(list: readonly string[], element: string, side: string | number): readonly string[] {
  return side === 'LEFT' ? [element, ...list] : [...list, element]
}

function isSame(one: Reply, other: unknown): boolean {
  return typeof one === 'object' && one !== null ? JSON.stringify(one) === JSON.stringify(other) : one === other
}
