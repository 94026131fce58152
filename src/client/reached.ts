import type { IsReached } from '../view/share.js'
import type { Server } from './server.js'

/** Whether there is a connection to a member that can be used. */
export function isReachedBy({ links }: Pick<Server, 'links'>): IsReached {
  return (name) => links.get(name)?.ready === true
}
