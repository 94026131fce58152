import { type ClientCommand, textOf } from './client.js'

/**
 * Everything that can happen in a run, one thing after the other: a run is a list of these. One that is not possible when
 * its turn comes does not happen, so that a list from which some are left out is a run, too.
 */
export type Action =
  /** A client sends a command. */
  | { readonly do: 'send'; readonly client: number; readonly command: ClientCommand }
  /** A server executes what came over one of its connections, the newest of which is 0. */
  | { readonly do: 'execute'; readonly server: number; readonly connection: number; readonly count: number }
  /** The proxy reads what a server has written. */
  | { readonly do: 'read'; readonly server: number; readonly count: number }
  /** The oldest thing that waits for the end of the proxy's turn. */
  | { readonly do: 'immediate' }
  /** Time passes, until the next timer at most. */
  | { readonly do: 'pass'; readonly ms: number }
  /** The proxy's link gets a connection. */
  | { readonly do: 'connect'; readonly server: number }
  /** The connection breaks. So many of the commands that were not executed are on their way, and may be later. */
  | { readonly do: 'break'; readonly server: number; readonly arrives: number }
  /** The server executes nothing, or goes on; it gets no connections, or does. */
  | { readonly do: 'stop' | 'wake' | 'cut off' | 'reach'; readonly server: number }
  /** The Sentinels declare it down. */
  | { readonly do: 'declare down'; readonly server: number }
  /** The process dies, and another one begins with what it had. */
  | { readonly do: 'restart'; readonly server: number; readonly with: 'everything' | 'snapshot' | 'nothing' }
  /** A snapshot is written to its disk. */
  | { readonly do: 'save'; readonly server: number }
  /** Its memory is used up, or not any more. */
  | { readonly do: 'fill up' | 'make room'; readonly server: number }
  /** It refuses these commands; none: it refuses nothing any more. */
  | { readonly do: 'refuse'; readonly server: number; readonly commands: readonly string[] }
  /** The server looks for keys whose deadline has passed. */
  | { readonly do: 'expire'; readonly server: number }
  /** The operator adds a server, lets one leave, or changes his mind. */
  | { readonly do: 'add' | 'leave' | 'stay'; readonly server: number }

/** An action in words. */
export function describe(action: Action, serverName: (i: number) => string): string {
  switch (action.do) {
    case 'send': {
      const { db } = action.command
      return `client ${action.client} sends ${textOf(action.command)}${db === 0 ? '' : ` to database ${db}`}`
    }
    case 'execute': {
      const old = action.connection === 0 ? '' : ' of an old connection'
      return `${serverName(action.server)} executes ${action.count}${old}`
    }
    case 'read':
      return `the proxy reads ${action.count} from ${serverName(action.server)}`
    case 'immediate':
      return 'the turn ends'
    case 'pass':
      return `${action.ms} ms pass`
    case 'break':
      return `the connection to ${serverName(action.server)} breaks, ${action.arrives} commands are on their way`
    case 'restart':
      return `${serverName(action.server)} is another process, with ${action.with}`
    case 'refuse':
      return `${serverName(action.server)} refuses ${action.commands.join(', ') || 'nothing'}`
    default:
      return `${action.do} ${serverName(action.server)}`
  }
}
