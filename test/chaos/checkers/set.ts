import type { Operation } from '../history.js'
import { type Model, NONE, replyOf, textArg } from './model.js'

/** The members in order, and as one text. */
interface Members {
  readonly members: readonly string[]
  readonly text: string
}

/** SADD, SREM, SPOP (without count), SISMEMBER and SMEMBERS on one key. The members are texts without spaces. */
export const setModel: Model<Members> = {
  name: 'set',
  initial: { members: [], text: '' },
  key: ({ text }) => text,
  isRead: ({ name }) => name === 'smembers' || name === 'sismember',
  step(state, operation) {
    const reply = replyOf(operation)
    const has = (member: string) => state.members.includes(member)
    switch (operation.name) {
      case 'sadd':
        return has(textArg(operation, 0)) === (reply === 0) ? [add(state, textArg(operation, 0))] : NONE
      case 'srem':
        return has(textArg(operation, 0)) === (reply === 1) ? [remove(state, textArg(operation, 0))] : NONE
      case 'sismember':
        return has(textArg(operation, 0)) === (reply === 1) ? [state] : NONE
      case 'spop':
        if (reply === null) return state.members.length === 0 ? [state] : NONE
        return has(reply as string) ? [remove(state, reply as string)] : NONE
      case 'smembers':
        return textOfReply(operation) === state.text ? [state] : NONE
      default:
        throw new Error(`the set model does not know '${operation.name}'`)
    }
  },
  outcomes(state, unknown) {
    switch (unknown.name) {
      case 'sadd':
        return [add(state, textArg(unknown, 0))]
      case 'srem':
        return [remove(state, textArg(unknown, 0))]
      case 'spop':
        return state.members.length === 0 ? [state] : state.members.map((member) => remove(state, member))
      default:
        return [state]
    }
  },
  assist(state, unknown, next) {
    if (this.step(state, next).length > 0) return NONE
    const { present, absent } = need(next)
    const { members } = state
    const member = String(unknown.args[0])
    switch (unknown.name) {
      case 'sadd':
        return !members.includes(member) && present(member) ? [add(state, member)] : NONE
      case 'srem':
        return members.includes(member) && absent(member) ? [remove(state, member)] : NONE
      case 'spop':
        return members.filter(absent).map((popped) => remove(state, popped))
      default:
        return NONE
    }
  },
}

/** Which members the operation must have found, and which not, to answer as it did. */
function need(operation: Operation): { present(member: string): boolean; absent(member: string): boolean } {
  const reply = replyOf(operation)
  const its = (member: string) => member === textArg(operation, 0)
  const none = () => false
  switch (operation.name) {
    case 'sadd':
      return reply === 0 ? { present: its, absent: none } : { present: none, absent: its }
    case 'srem':
    case 'sismember':
      return reply === 1 ? { present: its, absent: none } : { present: none, absent: its }
    case 'spop':
      return reply === null
        ? { present: none, absent: () => true }
        : { present: (member) => member === reply, absent: none }
    default: {
      const there = new Set(reply as readonly string[])
      return { present: (member) => there.has(member), absent: (member) => !there.has(member) }
    }
  }
}

function add(state: Members, member: string): Members {
  if (state.members.includes(member)) return state
  return stateOf([...state.members, member].sort())
}

function remove(state: Members, member: string): Members {
  if (!state.members.includes(member)) return state
  return stateOf(state.members.filter((other) => other !== member))
}

function stateOf(members: readonly string[]): Members {
  return { members, text: members.join(' ') }
}

const replyTexts = new WeakMap<Operation, string>()

/** The members of a SMEMBERS in order, as one text: it is asked for again and again. */
function textOfReply(smembers: Operation): string {
  let text = replyTexts.get(smembers)
  if (text === undefined) {
    text = [...(replyOf(smembers) as readonly string[])].sort().join(' ')
    replyTexts.set(smembers, text)
  }
  return text
}
