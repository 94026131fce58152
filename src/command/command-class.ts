import type { Replicate, Route } from './row.js'

/** By what commands are told apart where their times and their errors are counted; the number of a class is its place here. */
export const COMMAND_CLASSES = [
  'proxy', // answered by the proxy itself, also with a refusal
  'read',
  'write',
  'script',
  'transaction', // EXEC with all that it executes, WATCH
  'blocking', // may wait for an element
  'keyspace', // goes over all servers
  'channels', // publish and subscribe
] as const

export type CommandClass = (typeof COMMAND_CLASSES)[number]

/** The class of what the proxy answers itself. */
export const OF_PROXY = 0

/** The number of a class. */
export function classNumber(name: CommandClass): number {
  return COMMAND_CLASSES.indexOf(name)
}

/** The number of the class of a command with this row. */
export function classOf(route: Route, replicate: Replicate): number {
  switch (route) {
    case 'key':
    case 'split':
      return classNumber(replicate === 'none' ? 'read' : 'write')
    case 'any':
      return classNumber('read')
    case 'script':
    case 'function':
      return classNumber('script')
    case 'members':
      return classNumber('keyspace')
    case 'blocking':
    case 'channels':
      return classNumber(route)
    default:
      return OF_PROXY
  }
}
